"""The wide shallow network against a loop over filters, and in a texture run."""

import numpy as np
import pytest
import torch

import nst_utils as nst
from nst_utils.backbones.shallow import LARGE, ShallowBackbone

LAYER = "relu1_1"


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def response(image, network, weight, row, column):
    """One filter at one position, from the definition: border pixels repeated, negatives cut."""
    x = ((image - network.mean) / network.std)[0].double().numpy()
    reach = weight.shape[-1] // 2
    rows = np.clip(np.arange(row - reach, row + reach + 1), 0, x.shape[1] - 1)
    columns = np.clip(np.arange(column - reach, column + reach + 1), 0, x.shape[2] - 1)
    window = x[:, rows][:, :, columns]
    return max(0.0, float((window * weight.double().numpy()).sum()))


@pytest.mark.parametrize("size", [1, 5, LARGE - 2, LARGE, LARGE + 8])
def test_features_are_the_filters_responses(size):
    network = ShallowBackbone([size], filters=3)
    image = draw(1, 3, 20, 27)
    features = network(image)[LAYER]
    assert features.shape == (1, 3, 20, 27)
    for n, weight in enumerate(network.filters[0]):
        for row, column in [(0, 0), (19, 26), (0, 26), (7, 11), (12, 3)]:
            expected = response(image, network, weight, row, column)
            assert features[0, n, row, column].item() == pytest.approx(expected, abs=1e-4)


def test_all_sizes_stand_side_by_side():
    network = ShallowBackbone([3, 17], filters=2)
    features = network(draw(2, 3, 24, 24))[LAYER]
    assert network.channels() == 4
    assert features.shape == (2, 4, 24, 24)
    expected = [
        response(draw(2, 3, 24, 24)[1:], network, w, 9, 9) for f in network.filters for w in f
    ]
    assert features[1, :, 9, 9].tolist() == pytest.approx(expected, abs=1e-4)


def test_normalised_filters_have_mean_activation_1():
    images = [draw(1, 3, 30, 40, seed=seed) for seed in range(2)]
    network = ShallowBackbone([3, 15], filters=4).normalise_filters(images, floor=0)
    means = torch.stack([network(image)[LAYER].mean((0, 2, 3)) for image in images]).mean(0)
    torch.testing.assert_close(means, torch.ones(8), rtol=1e-3, atol=1e-3)


def test_a_nearly_dead_filter_is_not_blown_up():
    network = ShallowBackbone([3], filters=4)
    network.filters[0][1] *= 1e-6
    network.normalise_filters([draw(1, 3, 20, 20)])
    assert network(draw(1, 3, 20, 20))[LAYER][:, 1].mean() < 0.01


def test_filters_follow_the_seed_and_hes_rule():
    first, again, other = (ShallowBackbone([11], 64, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.filters[0], again.filters[0])
    assert not torch.equal(first.filters[0], other.filters[0])
    assert first.filters[0].std().item() == pytest.approx((2 / (3 * 11 * 11)) ** 0.5, rel=0.02)
    assert not any(weight.requires_grad for weight in first.parameters())


def test_a_texture_run_takes_it():
    network = ShallowBackbone([3, 15], filters=4).normalise_filters([draw(1, 3, 32, 32)])
    result = nst.synthesize_texture(
        draw(1, 3, 40, 40, seed=1) ** 4,
        [LAYER],
        size=None,
        steps=15,
        backbone=network,
        tile=None,
        progress=False,
    )
    assert result.stopped == "finished"
    assert result.history[-1]["style"] < 0.5 * result.history[0]["style"]


def test_mistakes_are_refused():
    with pytest.raises(nst.NSTError, match="no layer 'relu2_1'"):
        ShallowBackbone([3], 1)(draw(1, 3, 8, 8), ["relu2_1"])
    for sizes, filters in (([], 1), ([4], 1), ([-3], 1), ([3], 0)):
        with pytest.raises(nst.NSTError, match="must be odd"):
            ShallowBackbone(sizes, filters)
