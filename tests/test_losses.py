"""Losses against plain float64 loops, finite differences and the paper's identities."""

import itertools

import numpy as np
import pytest
import torch

import nst_utils as nst
from nst_utils.backbones import Backbone
from nst_utils.errors import NSTError
from nst_utils.losses import (
    Objective,
    Term,
    content_loss,
    content_term,
    features_of,
    gram_matrix,
    style_loss,
    style_term,
    total_variation,
    variation_term,
)


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Backbone({"conv1_1": 4, "conv1_2": 5, "conv2_1": 6})


# Written from the paper's equations with indices, in float64.


def gram_by_loops(features):
    flat = features.double().flatten(1).numpy()  # F, N x M
    gram = np.zeros((len(flat), len(flat)))
    for i, j in itertools.product(range(len(flat)), repeat=2):
        for k in range(flat.shape[1]):
            gram[i, j] += flat[i, k] * flat[j, k]
    return gram


def style_by_loops(features, target):
    """E_l of equation 4, from raw sums; both images of one size."""
    channels, positions = len(features), features[0].numel()
    squares = (gram_by_loops(features) - gram_by_loops(target)) ** 2
    return sum(squares.flat) / (4 * channels**2 * positions**2)


def content_by_loops(features, target):
    pairs = zip(features.double().flatten(), target.double().flatten(), strict=True)
    return sum(0.5 * float(f - p) ** 2 for f, p in pairs)


def variation_by_loops(image):
    values = image.double()[0].numpy()
    channels, height, width = values.shape
    across = [
        (values[c, i, j + 1] - values[c, i, j]) ** 2
        for c, i, j in itertools.product(range(channels), range(height), range(width - 1))
    ]
    down = [
        (values[c, i + 1, j] - values[c, i, j]) ** 2
        for c, i, j in itertools.product(range(channels), range(height - 1), range(width))
    ]
    return sum(across) / len(across) + sum(down) / len(down)


def gradient_by_differences(function, x, step=1e-5):
    """Central differences of a float64 function, element by element."""
    gradient = torch.zeros(x.shape, dtype=torch.float64)
    for index in itertools.product(*map(range, x.shape)):
        high, low = x.double().clone(), x.double().clone()
        high[index] += step
        low[index] -= step
        gradient[index] = (function(high) - function(low)) / (2 * step)
    return gradient


def gradient_of(function, x):
    x = x.clone().requires_grad_()
    function(x).backward()
    return x.grad


# Gram matrices


@pytest.mark.parametrize(
    ("convention", "divisor"), [("positions", 20), ("sum", 1), ("elements", 3 * 20)]
)
def test_gram_matrix_is_the_sum_over_positions(convention, divisor):
    features = draw(2, 3, 4, 5)
    gram = gram_matrix(features, convention)
    assert gram.shape == (2, 3, 3)
    for one, feature in zip(gram, features, strict=True):
        np.testing.assert_allclose(one, gram_by_loops(feature) / divisor, rtol=1e-5, atol=1e-6)


def test_gram_matrix_is_symmetric_and_positive_semidefinite():
    gram = gram_matrix(draw(1, 8, 2, 2))[0]  # rank 4: half of its eigenvalues are zero
    torch.testing.assert_close(gram, gram.T)
    eigenvalues = torch.linalg.eigvalsh(gram.double())
    assert eigenvalues.min() > -1e-6
    assert eigenvalues.max() > 0.1


def test_gram_matrix_does_not_see_where_things_are():
    features = draw(1, 3, 6, 7)
    order = torch.randperm(42, generator=torch.Generator().manual_seed(1))
    shuffled = features.flatten(2)[..., order].reshape(1, 3, 7, 6)
    torch.testing.assert_close(gram_matrix(shuffled), gram_matrix(features))


def test_gram_matrix_does_not_depend_on_the_size():
    features = draw(1, 3, 4, 5)
    torch.testing.assert_close(gram_matrix(features.repeat(1, 1, 3, 2)), gram_matrix(features))


def test_gram_matrix_of_half_precision_is_computed_in_float32():
    features = (100 * draw(1, 2, 64, 64)).half()  # the sum of squares is above float16's range
    gram = gram_matrix(features, "sum")
    assert gram.dtype == torch.float32
    assert gram.isfinite().all()


# Content and style loss


def test_content_loss_is_equation_1_and_converts_to_the_other_conventions():
    features, target = draw(2, 3, 4, 5), draw(2, 3, 4, 5, seed=1)
    paper = content_by_loops(features, target)
    assert content_loss(features, target).item() == pytest.approx(paper, rel=1e-5)
    assert content_loss(features, target, "sum").item() == pytest.approx(2 * paper, rel=1e-5)
    mean = 2 / (2 * 3 * 20) * paper
    assert content_loss(features, target, "mean").item() == pytest.approx(mean, rel=1e-5)


def test_style_loss_is_equation_4_and_converts_to_the_other_conventions():
    features, target = draw(1, 3, 4, 5), draw(1, 3, 4, 5, seed=1)
    grams = gram_matrix(features), gram_matrix(target)
    paper = style_by_loops(features[0], target[0])
    assert style_loss(*grams).item() == pytest.approx(paper, rel=1e-5)
    assert style_loss(*grams, "sum").item() == pytest.approx(4 * 3**2 * paper, rel=1e-5)
    assert style_loss(*grams, "mean").item() == pytest.approx(4 * paper, rel=1e-5)
    size_of_target = ((gram_by_loops(target[0]) / 20) ** 2).sum()
    relative = (paper * 4 * 3**2 / size_of_target) ** 0.5
    assert style_loss(*grams, "relative").item() == pytest.approx(relative, rel=1e-5)


def test_mean_style_loss_of_a_batch():
    grams = gram_matrix(draw(2, 3, 4, 5)), gram_matrix(draw(2, 3, 4, 5, seed=1))
    paper = style_loss(*grams).item()
    assert style_loss(*grams, "mean").item() == pytest.approx(4 / 2 * paper, rel=1e-5)


def test_gradients_are_those_of_finite_differences():
    x, target = draw(1, 2, 3, 3), draw(1, 2, 3, 3, seed=1)
    cases = [
        (lambda f: content_loss(f, target), lambda f: content_by_loops(f, target)),
        (
            lambda f: style_loss(gram_matrix(f), gram_matrix(target)),
            lambda f: style_by_loops(f[0], target[0]),
        ),
        (total_variation, variation_by_loops),
    ]
    for ours, by_loops in cases:
        expected = gradient_by_differences(by_loops, x)
        torch.testing.assert_close(gradient_of(ours, x).double(), expected, rtol=1e-3, atol=1e-5)


def test_the_relative_gradient_points_as_the_papers_does():
    x, target = draw(1, 2, 3, 3), gram_matrix(draw(1, 2, 3, 3, seed=1))
    # d sqrt(c E) = c dE / (2 sqrt(c E))
    relative = style_loss(gram_matrix(x), target, "relative")
    factor = 4 * 2**2 / target.square().sum() / (2 * relative)
    expected = factor * gradient_of(lambda f: style_loss(gram_matrix(f), target), x)
    ours = gradient_of(lambda f: style_loss(gram_matrix(f), target, "relative"), x)
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("convention", ["paper", "sum", "mean"])
def test_loss_and_gradient_are_zero_at_the_target(convention):
    target = draw(1, 3, 4, 5)
    for function in (
        lambda f: content_loss(f, target, convention),
        lambda f: style_loss(gram_matrix(f), gram_matrix(target), convention),
    ):
        assert function(target).item() == 0
        assert gradient_of(function, target).abs().max() == 0


def test_relative_loss_is_calm_at_the_target_and_for_an_empty_one():
    target = draw(1, 3, 4, 5)

    def relative(f):
        return style_loss(gram_matrix(f), gram_matrix(target), "relative")

    assert relative(target).item() < 1e-5
    assert gradient_of(relative, target).abs().max() == 0
    dark = torch.zeros(1, 3, 3)
    assert style_loss(dark, dark, "relative").item() < 1e-5


def test_different_shapes_and_unknown_conventions_are_refused():
    with pytest.raises(NSTError, match=r"\(1, 3, 4, 5\).*\(1, 3, 4, 6\)"):
        content_loss(draw(1, 3, 4, 5), draw(1, 3, 4, 6))
    with pytest.raises(NSTError, match=r"\(1, 3, 3\).*\(1, 4, 4\)"):
        style_loss(draw(1, 3, 3), draw(1, 4, 4))
    with pytest.raises(NSTError, match="'papers'.*paper, sum, mean"):
        content_loss(draw(1, 3, 4, 5), draw(1, 3, 4, 5), "papers")
    with pytest.raises(NSTError, match="'max'.*paper, sum, mean"):
        style_loss(draw(1, 3, 3), draw(1, 3, 3), "max")
    with pytest.raises(NSTError, match="'gram'.*positions, sum, elements"):
        gram_matrix(draw(1, 3, 4, 5), "gram")


# Total variation


def test_total_variation_is_the_mean_squared_difference_of_neighbours():
    image = draw(1, 3, 4, 6)
    assert total_variation(image).item() == pytest.approx(variation_by_loops(image), rel=1e-5)
    assert total_variation(torch.full((1, 3, 4, 6), 0.3)).item() == 0


# The weighted objective


def test_the_total_is_the_weighted_sum_and_each_term_is_reported_unweighted(network):
    terms = {
        "brightness": Term(2.0, [], lambda _, image: image.mean()),
        "contrast": Term(0.5, ["conv1_1"], lambda features, _: features["conv1_1"].std()),
    }
    image = draw(1, 3, 8, 8).sigmoid()
    total, losses = Objective(network, terms)(image)
    brightness = image.mean().item()
    contrast = network(image, ["conv1_1"])["conv1_1"].std().item()
    assert losses["brightness"].item() == pytest.approx(brightness)
    assert losses["contrast"].item() == pytest.approx(contrast)
    assert total.item() == pytest.approx(2 * brightness + 0.5 * contrast)


def test_terms_against_the_formulas(network):
    content, style, image = (draw(1, 3, 12, 12, seed=s).sigmoid() for s in range(3))
    weights = {"relu1_1": 0.25, "conv2_1": 3.0}
    objective = Objective(
        network,
        {
            "content": content_term(network, content, "relu1_2", 10.0),
            "style": style_term(network, style, weights, 100.0),
            "variation": variation_term(0.1),
        },
    )
    total, _ = objective(image)

    def features(picture, layer):
        return network(picture, [layer])[layer]

    expected = 10 * content_by_loops(features(image, "relu1_2"), features(content, "relu1_2"))
    expected += 0.1 * variation_by_loops(image)
    for layer, weight in weights.items():
        e_l = style_by_loops(features(image, layer)[0], features(style, layer)[0])
        expected += 100 * weight * e_l
    assert total.item() == pytest.approx(expected, rel=1e-4)


def test_terms_are_zero_at_their_targets(network):
    image = draw(1, 3, 12, 12).sigmoid()
    terms = {
        "content": content_term(network, image, "relu1_2", 10.0),
        "style": style_term(network, image, {"relu1_1": 1.0, "conv2_1": 1.0}, 100.0),
    }
    assert Objective(network, terms)(image)[0].item() == 0
    assert gradient_of(lambda x: Objective(network, terms)(x)[0], image).abs().max() == 0


def test_a_term_of_weight_zero_is_not_computed(network):
    def never(features, image):
        raise AssertionError("computed although its weight is 0")

    terms = {"off": Term(0, ["conv2_1"], never), "on": variation_term(1.0)}
    objective = Objective(network, terms)
    assert objective.layers == set()
    assert set(objective(draw(1, 3, 8, 8))[1]) == {"on"}


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_impossible_weights_are_refused(network, weight):
    with pytest.raises(NSTError, match=f"weight of variation is {weight}"):
        Objective(network, {"variation": variation_term(weight)})
    with pytest.raises(NSTError, match=f"style layer relu1_1 is {weight}"):
        style_term(network, draw(1, 3, 8, 8), {"relu1_1": weight})


def test_no_weight_at_all_and_unknown_layers_are_refused(network):
    with pytest.raises(NSTError, match="nothing to optimise"):
        Objective(network, {"variation": variation_term(0)})
    with pytest.raises(NSTError, match="no layer 'relu9_9'"):
        Objective(network, {"deep": Term(1, ["relu9_9"], lambda f, _: f["relu9_9"].sum())})


def test_features_in_bfloat16_are_near_and_terms_of_ones_own_read_float32(network):
    image = draw(1, 3, 16, 16).sigmoid().requires_grad_()
    exact = features_of(network, image, ["relu2_1"], bf16=False)["relu2_1"]
    rough = features_of(network, image, ["relu2_1"], bf16=True)["relu2_1"]
    assert rough.dtype == torch.bfloat16
    assert 0 < (rough.float() - exact).norm() < 0.03 * exact.norm()

    read = []
    terms = {
        "own": Term(1, ["relu2_1"], lambda f, _: read.append(f["relu2_1"]) or f["relu2_1"].sum()),
        "style": style_term(network, draw(1, 3, 16, 16).sigmoid(), {"relu1_1": 1.0}, bf16=True),
    }
    Objective(network, terms, bf16=True)(image)[0].backward()
    assert read[0].dtype == torch.float32
    assert image.grad.isfinite().all()


def test_the_gram_matrix_can_be_differentiated_twice():
    def energy(f):
        return gram_matrix(f).square().sum()

    assert torch.autograd.gradgradcheck(energy, draw(1, 3, 2, 2).double().requires_grad_())


def test_the_gradient_of_the_gram_matrix_lies_in_memory_as_the_features_do():
    features = draw(1, 4, 3, 5).contiguous(memory_format=torch.channels_last).requires_grad_()
    gram_matrix(features).square().sum().backward()
    assert features.grad.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("pair", [("china", "night"), ("chelsea", "wave")])
def test_the_gradient_in_bfloat16_points_where_that_in_float32_does(pair):
    network = nst.load_backbone("mini_vgg19").to(memory_format=torch.channels_last)
    content = nst.load_image(nst.DATA / "content" / f"{pair[0]}.jpg", 128)
    style = nst.load_image(nst.DATA / "style" / f"{pair[1]}.jpg", 128)
    gradients = []
    for bf16 in (False, True):
        terms = {
            "content": content_term(network, content, weight=0.03, convention="mean", bf16=bf16),
            "style": style_term(network, style, nst.TRANSFER_WEIGHTS, 1.0, "relative", bf16=bf16),
        }
        # A point on the way, where both terms pull.
        image = (0.7 * content + 0.3 * nst.resize(style, content.shape[-2:])).requires_grad_()
        Objective(network, terms, bf16)(image)[0].backward()
        gradients.append(image.grad.flatten())
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99
