"""Transformer networks, their loss and their training."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_networks import SMALL, WAVE, picture

import nst_utils as nst
from nst_utils.errors import NSTError
from nst_utils.fast import (
    PerceptualLoss,
    Settings,
    Training,
    TransformerNetwork,
    count_parameters,
    train_step,
)
from nst_utils.fast.network import InstanceNorm


def train(photographs, settings=SMALL, **how):
    return Training(WAVE, photographs, settings, progress=False, **how)


# the network


@pytest.mark.parametrize("shape", [(16, 16), (64, 64), (65, 98), (67, 131), (64, 2048)])
def test_the_painting_has_the_photographs_size(small_network, shape):
    assert small_network(picture(*shape)).shape == (1, 3, *shape)


@pytest.mark.parametrize("shape", [(1, 3, 15, 64), (1, 1, 64, 64), (3, 64, 64)])
def test_what_cannot_be_painted_is_said(small_network, shape):
    with pytest.raises(NSTError, match="cannot be painted"):
        small_network(torch.rand(shape))


def test_its_parameters_are_those_of_its_convolutions_and_norms():
    convolutions = [
        (3, 4, 9),
        (4, 8, 3),
        (8, 16, 3),
        (16, 16, 3),
        (16, 16, 3),
        (16, 8, 3),
        (8, 4, 3),
    ]
    count = sum(a * b * k * k + 2 * b for a, b, k in convolutions) + 4 * 3 * 81 + 3
    assert count_parameters(TransformerNetwork(4, 1)) == count


def test_contrast_and_brightness_of_the_photograph_do_not_matter(small_network):
    photo = picture(64, 64)
    assert torch.allclose(small_network(photo), small_network(0.5 * photo + 0.3), atol=1e-3)


def test_instance_normalisation_is_pytorchs():
    ours, theirs = InstanceNorm(5, affine=True), torch.nn.InstanceNorm2d(5, affine=True)
    torch.nn.init.normal_(ours.weight)
    torch.nn.init.normal_(ours.bias)
    theirs.load_state_dict(ours.state_dict())
    features = (torch.rand(3, 5, 9, 7) * 3 + 1).requires_grad_()
    assert torch.allclose(ours(features), theirs(features), atol=1e-5)
    slopes = [torch.autograd.grad(n(features).pow(3).sum(), features)[0] for n in (ours, theirs)]
    assert torch.allclose(*slopes, rtol=1e-3, atol=1e-3)


def test_the_layout_that_convolutions_are_fast_with_is_kept():
    features = torch.rand(1, 5, 9, 7).to(memory_format=torch.channels_last)
    assert InstanceNorm(5, affine=True)(features).is_contiguous(memory_format=torch.channels_last)


def test_other_pictures_of_a_batch_do_not_matter(small_network):
    one, other = picture(32, 32), picture(32, 32, seed=1)
    assert torch.allclose(small_network(torch.cat([one, other]))[:1], small_network(one), atol=1e-5)


def test_a_plain_picture_gets_neither_frame_nor_checkerboard(small_network):
    painted = small_network(torch.full((1, 3, 48, 48), 0.4))
    assert painted.flatten(2).std(dim=2).max() < 1e-5


# loss and training step


def test_the_loss_is_the_sum_of_the_three_written_out():
    backbone = nst.load_backbone("tiny_vgg19")
    style, photo, painted = picture(48, 64, 1), picture(64, 48, 2), picture(64, 48, 3)
    total, _ = PerceptualLoss(backbone, style, alpha=0.2, variation=0.7)(photo, painted)

    def features(image, layer):
        return backbone(image, [layer])[layer][0].flatten(1).double().numpy()

    f, p = features(painted, "relu4_2"), features(photo, "relu4_2")
    expected = 0.2 * np.mean((f - p) ** 2)
    for layer, weight in nst.TRANSFER_WEIGHTS.items():
        f, a = features(painted, layer), features(style, layer)
        gram, target = f @ f.T / f.shape[1], a @ a.T / a.shape[1]
        expected += weight * np.linalg.norm(gram - target) / np.linalg.norm(target)
    x = painted[0].double().numpy()
    expected += 0.7 * sum(np.mean(np.diff(x, axis=axis) ** 2) for axis in (1, 2))
    assert total.item() == pytest.approx(expected, rel=1e-4)


def test_a_step_goes_down_the_mean_of_the_photographs_losses(small_network):
    loss = PerceptualLoss(nst.load_backbone("tiny_vgg19"), picture(48, 48, 5), alpha=0.2)
    photos = torch.cat([picture(32, 32, seed) for seed in (1, 2)])
    mean = sum(loss(photo, small_network(photo))[0] for photo in photos.split(1)) / 2
    slopes = torch.autograd.grad(mean, list(small_network.parameters()))
    before = [p.detach().clone() for p in small_network.parameters()]
    value = train_step(
        small_network, torch.optim.SGD(small_network.parameters(), lr=0.1), photos, loss
    )
    assert value == pytest.approx(mean.item(), rel=1e-5)
    for p, old, slope in zip(small_network.parameters(), before, slopes, strict=True):
        assert torch.allclose(p, old - 0.1 * slope, atol=1e-4)


def test_training_lowers_the_loss(photographs):
    training = train(photographs, replace(SMALL, steps=40, rate=0.01))
    photo = nst.load_image(photographs / "china.png")
    first = training.loss(photo, training.network(photo))[0].item()
    trained = training.run()
    assert training.loss(photo, trained(photo))[0].item() < 0.8 * first


def test_a_training_goes_on_from_its_checkpoint_bit_for_bit(photographs, tmp_path):
    def stop(done, _):
        if done == 3:
            raise KeyboardInterrupt

    straight = train(photographs).run()
    checkpoint = tmp_path / "training.pt"
    with pytest.raises(KeyboardInterrupt):
        train(photographs, checkpoint=checkpoint).run(stop)
    resumed = train(photographs, checkpoint=checkpoint)
    assert resumed.done == 3
    again = resumed.run().state_dict()
    for name, weights in straight.state_dict().items():
        assert torch.equal(weights, again[name]), name


def test_crops_show_as_much_of_a_photograph_as_the_zoom_says(tmp_path):
    ramp = torch.linspace(0, 1, 256).expand(1, 3, 256, 256)  # the range in a crop is its extent
    nst.save_image(ramp, tmp_path / "ramp.png")
    extents = {}
    for zoom in (1.0, 4.0):
        training = train(tmp_path, replace(SMALL, zoom=zoom))
        crops = []
        for training.done in range(40):
            crops += training._batch()
        extents[zoom] = [float(crop.max() - crop.min()) for crop in crops]
    assert min(extents[1.0]) > 0.95
    assert 0.23 < min(extents[4.0]) < 0.4
    assert max(extents[4.0]) > 0.85
    for zoom in (0.5, float("nan")):
        with pytest.raises(NSTError, match="1 or more"):
            Settings(zoom=zoom)


def test_training_leaves_the_global_generator_alone(photographs):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    train(photographs, replace(SMALL, steps=1)).run()
    assert torch.equal(torch.rand(1), expected)


def test_a_training_can_start_from_a_model_and_leaves_it_as_it_is(photographs):
    start = TransformerNetwork(SMALL.width)
    before = start.colours.weight.clone()
    training = train(photographs, start=start)
    assert torch.equal(training.network.colours.weight, before)
    training.run()
    assert torch.equal(start.colours.weight, before)


def test_a_start_of_another_width_is_refused(photographs):
    with pytest.raises(NSTError, match="width 4, the settings 2"):
        train(photographs, start=TransformerNetwork(4))


@pytest.mark.parametrize("content", [b"", b"no checkpoint"])
def test_a_broken_checkpoint_is_refused(photographs, tmp_path, content):
    path = tmp_path / "training.pt"
    path.write_bytes(content)
    with pytest.raises(NSTError, match="delete it"):
        train(photographs, checkpoint=path)


def test_a_checkpoint_of_other_settings_is_refused(photographs, tmp_path):
    path = tmp_path / "training.pt"
    train(photographs, checkpoint=path).save()
    with pytest.raises(NSTError, match="other settings"):
        train(photographs, replace(SMALL, alpha=0.5), checkpoint=path)


@pytest.mark.parametrize("name", ["steps", "batch", "side", "rate", "width"])
def test_settings_must_be_above_zero(name):
    with pytest.raises(NSTError, match=f"{name} is 0"):
        Settings(**{name: 0})
