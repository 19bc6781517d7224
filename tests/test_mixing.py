"""Several styles: blends, guided Gram matrices against loops, no bleeding, bad input."""

import itertools

import numpy as np
import pytest
import torch
from test_notebooks import function_of

import nst_utils as nst
from nst_utils import DATA, NSTError
from nst_utils.backbones import Backbone
from nst_utils.guidance import guided_gram, guided_style_term, load_mask, reduce_mask, weigh_region
from nst_utils.losses import Objective, gram_matrix, style_loss
from nst_utils.mixing import Style, transfer_styles
from nst_utils.tiling import TiledObjective
from nst_utils.windows import reach, stride

CONTENT = DATA / "content" / "chelsea.jpg"
WAVE, AUTUMN = DATA / "style" / "wave.jpg", DATA / "style" / "autumn.jpg"
QUICK = {"size": 96, "steps": 25, "pyramid": 1, "device": "cpu", "precision": "fp32"}
QUICK["progress"] = False


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def left_half(height, width, border):
    mask = torch.zeros(1, 1, height, width)
    mask[..., :border] = 1
    return mask


@pytest.fixture(scope="module")
def tiny():
    return nst.load_backbone("tiny_vgg19")


@pytest.fixture(scope="module")
def double():
    """In float64, where no fast convolution rounds a zero to something else."""
    return nst.load_backbone("random_tiny_vgg19", normalise=False).double()


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return Backbone({"conv1_1": 4, "conv1_2": 5, "conv2_1": 6})


def guided_gram_by_loops(features, mask):
    flat, guide = features.double().flatten(1).numpy(), mask.double().flatten().numpy()
    guide = guide / np.sqrt((guide**2).sum())
    gram = np.zeros((len(flat), len(flat)))
    for i, j, k in itertools.product(range(len(flat)), range(len(flat)), range(len(guide))):
        gram[i, j] += guide[k] ** 2 * flat[i, k] * flat[j, k]
    return gram


def pixels_that_matter(network, layer, shape, position):
    """Where a position's features have a gradient: its receptive field, as the network has it."""
    image = draw(1, 3, *shape).double().requires_grad_()
    network(image, [layer])[layer][..., position[0], position[1]].sum().backward()
    return image.grad.abs().sum(dim=1, keepdim=True) > 0


# Guided Gram matrices


def test_guided_gram_is_the_weighted_sum_over_positions():
    features, mask = draw(1, 3, 4, 5) - 0.5, draw(1, 1, 4, 5, seed=1)
    expected = guided_gram_by_loops(features[0], mask)
    np.testing.assert_allclose(guided_gram(features, mask)[0], expected, rtol=1e-5)


@pytest.mark.parametrize("value", [1.0, 0.3])
def test_a_full_mask_gives_the_plain_gram_matrix(value):
    features = draw(1, 3, 4, 5) - 0.5
    guided = guided_gram(features, torch.full((1, 1, 4, 5), value))
    torch.testing.assert_close(guided, gram_matrix(features))


def test_a_mask_of_ones_and_zeros_gives_the_plain_matrix_of_the_region_cut_out():
    features = draw(1, 3, 4, 6) - 0.5
    guided = guided_gram(features, left_half(4, 6, 2))
    torch.testing.assert_close(guided, gram_matrix(features[..., :2]))


def test_a_mask_that_does_not_fit_or_is_empty_is_refused():
    with pytest.raises(NSTError, match=r"\(8, 10\) positions.*\(4, 5\).*reduce_mask"):
        guided_gram(draw(1, 3, 4, 5), torch.ones(1, 1, 8, 10))
    with pytest.raises(NSTError, match="0 everywhere"):
        guided_gram(draw(1, 3, 4, 5), torch.zeros(1, 1, 4, 5))


# Masks brought to a layer


@pytest.mark.parametrize("layer", ["relu1_1", "relu2_1", "pool2", "relu3_1"])
@pytest.mark.parametrize("position", [(0, 0), (1, 3)])
def test_inside_means_that_the_whole_receptive_field_lies_in_the_region(double, layer, position):
    field = pixels_that_matter(double, layer, (50, 61), position)
    assert reduce_mask(field.float(), double, layer)[(0, 0, *position)] == 1
    for pixel in field.nonzero():
        less = field.float()
        less[tuple(pixel)] = 0
        assert reduce_mask(less, double, layer)[(0, 0, *position)] == 0


@pytest.mark.parametrize("inside", [0, 0.3, 1])
@pytest.mark.parametrize("shape", [(64, 64), (50, 75)])
def test_a_reduced_mask_has_the_features_size_and_a_full_one_stays_full(tiny, inside, shape):
    layers = nst.STYLE_LAYERS
    for layer, features in tiny(draw(1, 3, *shape), layers).items():
        reduced = reduce_mask(torch.ones(1, 1, *shape), tiny, layer, inside)
        assert reduced.shape[-2:] == features.shape[-2:]
        assert (reduced == 1).all()


@pytest.mark.parametrize(("inside", "around"), [(0, 0), (0.5, 2), (1, 4)])
def test_a_position_gets_the_least_value_of_its_block_and_a_share_of_its_reach(
    tiny, inside, around
):
    mask = draw(1, 1, 24, 30)
    reduced = reduce_mask(mask, tiny, "relu2_1", inside)
    field = mask[..., 12 - around : 14 + around, 8 - around : 10 + around]
    assert reduced[0, 0, 6, 4] == field.min()


@pytest.mark.parametrize("inside", [-0.1, 1.5, float("nan")])
def test_a_share_out_of_range_is_refused(tiny, inside):
    with pytest.raises(NSTError, match=f"inside is {inside}"):
        reduce_mask(torch.ones(1, 1, 8, 8), tiny, "relu1_1", inside)


def test_layers_without_room_hand_their_weight_to_the_others(tiny):
    weights = {"relu1_1": 0.2, "relu3_1": 0.3, "relu5_1": 0.5}
    left = weigh_region(left_half(64, 96, 40), tiny, weights)
    assert left == pytest.approx({"relu1_1": 0.4, "relu3_1": 0.6})
    assert weigh_region(torch.ones(1, 1, 64, 96), tiny, weights) == pytest.approx(weights)
    with pytest.raises(
        NSTError, match="no receptive field of relu5_1 at 96x64.*a smaller `inside`"
    ):
        weigh_region(left_half(64, 96, 40), tiny, {"relu5_1": 1.0})


def test_a_mask_is_read_from_a_tensor_or_a_file():
    mask = draw(1, 1, 4, 6)
    torch.testing.assert_close(load_mask(mask), mask)
    torch.testing.assert_close(load_mask(mask[0, 0].numpy()), mask)
    with pytest.raises(NSTError, match="black everywhere"):
        load_mask(torch.zeros(1, 1, 4, 6))


def test_the_masks_of_china_share_out_the_photograph():
    masks = [load_mask(path) for path in sorted((DATA / "masks").glob("china_*.png"))]
    assert len(masks) == 3
    assert (sum(masks) == 1).all()
    photograph = nst.load_image(DATA / "content" / "china.jpg")
    assert masks[0].shape[-2:] == photograph.shape[-2:]


@pytest.mark.parametrize("layer", ["relu1_1", "relu3_1", "pool3"])
def test_the_functions_of_notebook_05_are_the_packages(tiny, layer):
    positions_inside = function_of("05_multiple_styles", "positions_inside")
    mask = (draw(1, 1, 70, 90) > 1e-3).float()
    ours = positions_inside(mask, stride(layer), reach(tiny, layer))
    assert torch.equal(ours, reduce_mask(mask, tiny, layer))
    features = draw(1, 3, *ours.shape[-2:])
    theirs = function_of("05_multiple_styles", "guided_gram")(features, ours)
    torch.testing.assert_close(theirs, guided_gram(features, ours))


# Bleeding


def gradient_by_column(network, layer, border, inside):
    """The largest gradient in each column when only what is left of the border has the style."""
    style, image = draw(1, 3, 64, 64).double(), draw(1, 3, 96, 192, seed=1).double()
    mask = left_half(96, 192, border).double()
    term = guided_style_term(network, style, mask, {layer: 1.0}, inside=inside)
    image.requires_grad_()
    Objective(network, {"style": term})(image)[0].backward()
    return image.grad.abs().amax(dim=(0, 1, 2))


@pytest.mark.parametrize("layer", ["relu1_1", "relu2_1", "relu3_1", "relu4_1"])
def test_a_style_inside_its_region_does_not_bleed_at_all(double, layer):
    columns = gradient_by_column(double, layer, 101, inside=1)
    assert (columns[101:] == 0).all()
    assert columns[:101].max() > 0


@pytest.mark.parametrize("layer", ["relu1_1", "relu2_1", "relu3_1", "relu4_1"])
def test_positions_that_see_outside_bleed_as_far_as_the_layer_reaches_and_no_further(double, layer):
    border = 96  # between two positions of every layer
    columns = gradient_by_column(double, layer, border, inside=0)
    end = border + reach(double, layer)
    assert columns[border:end].max() > 0
    assert (columns[end:] == 0).all()


@pytest.mark.parametrize("inside", [1, 0])
def test_outside_the_region_a_run_changes_the_photograph_nowhere_or_nearby(tiny, inside):
    content, style = draw(1, 3, 64, 128), nst.load_image(WAVE, 64)
    layers = {"relu1_1": 0.5, "relu2_1": 0.5}
    result = transfer_styles(
        content,
        [Style(style, layers=layers, mask=left_half(64, 128, 64))],
        backbone=tiny,
        alpha=0,
        variation=0,
        inside=inside,
        **QUICK | {"size": None, "steps": 5},
    )
    changed = (result.image != content).any(dim=1)[0].any(dim=0).nonzero().max().item()
    assert 60 <= changed < 64 if inside else 64 <= changed < 64 + reach(tiny, "relu2_1")


# Terms with a mask


def test_a_term_with_a_full_mask_is_the_plain_term(tiny):
    style, image = nst.load_image(WAVE, 64), nst.load_image(CONTENT, 96)
    mask = torch.ones(1, 1, *image.shape[-2:])
    plain = nst.style_term(tiny, style, nst.synthesis.TRANSFER_WEIGHTS, 2.0)
    guided = guided_style_term(tiny, style, mask, nst.synthesis.TRANSFER_WEIGHTS, 2.0)
    values = [Objective(tiny, {"style": term})(image)[0] for term in (plain, guided)]
    torch.testing.assert_close(*values)


def test_a_masked_style_weighs_as_much_as_its_share_of_the_picture(tiny):
    style, mask = nst.load_image(WAVE, 64), left_half(64, 96, 24)
    term = guided_style_term(tiny, style, mask, {"relu1_1": 1.0}, weight=2.0)
    assert term.weight == pytest.approx(0.5)
    image = draw(1, 3, 64, 96)
    features = tiny(image, ["relu1_1"])
    target = gram_matrix(tiny(style, ["relu1_1"])["relu1_1"])
    # 24 columns of pixels, of which the last sees one pixel across the border.
    gram = gram_matrix(features["relu1_1"][..., :23])
    torch.testing.assert_close(term.function(features, image), style_loss(gram, target))


def test_masked_styles_can_be_computed_in_tiles(small):
    style, image, mask = draw(1, 3, 30, 30), draw(1, 3, 40, 52, seed=1), left_half(40, 52, 33)
    weights = {"relu1_1": 0.4, "relu2_1": 0.6}
    whole = Objective(small, {"style": guided_style_term(small, style, mask, weights)})
    tiled = {"style": guided_style_term(small, style, mask, weights, tile=16)}
    grads = []
    for objective in (whole, TiledObjective(small, tiled, 16)):
        x = image.clone().requires_grad_()
        objective(x)[0].backward()
        grads.append(x.grad)
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-8)


# Mixtures


@pytest.mark.parametrize("convention", ["balanced", "squares"])
def test_a_mixture_has_the_same_losses_in_tiles(tiny, convention):
    styles = [Style(WAVE, 0.4), Style(AUTUMN, 0.6, mask=left_half(64, 96, 70))]
    options = {**QUICK, "steps": 1, "backbone": tiny, "convention": convention}
    whole, tiled = (transfer_styles(CONTENT, styles, tile=t, **options) for t in (None, 32))
    assert tiled.history[0] == pytest.approx(whole.history[0], rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("convention", ["balanced", "paper"])
@pytest.mark.parametrize("second", [[], [Style(AUTUMN, weight=0)]])
def test_weights_one_and_zero_are_one_style(tiny, second, convention):
    options = {**QUICK, "backbone": tiny, "convention": convention, "steps": 8}
    expected = nst.transfer_style(CONTENT, WAVE, **options)
    mixed = transfer_styles(CONTENT, [Style(WAVE), *second], **options)
    assert torch.equal(mixed.image, expected.image)
    assert [r["total"] for r in mixed.history] == [r["total"] for r in expected.history]
    assert mixed.history[0].keys() >= {"content", "style 1", "variation"}
    assert "style 2" not in mixed.history[0]


def test_a_picture_alone_is_a_style_and_scale_is_style_scale(tiny):
    options = {**QUICK, "backbone": tiny, "steps": 2}
    plain = nst.transfer_style(CONTENT, WAVE, style_scale=0.5, **options)
    assert torch.equal(
        transfer_styles(CONTENT, [Style(WAVE, scale=0.5)], **options).image, plain.image
    )
    assert torch.equal(
        transfer_styles(CONTENT, [WAVE], **options).image,
        transfer_styles(CONTENT, [Style(WAVE)], **options).image,
    )


def relative_errors(network, image, style):
    pairs = zip(network(image, nst.STYLE_LAYERS).values(), style, strict=True)
    return [style_loss(gram_matrix(f), target, "relative").item() for f, target in pairs]


@pytest.mark.slow
@pytest.mark.parametrize("convention", ["balanced", "squares"])
def test_along_a_blend_one_style_loss_falls_and_the_other_rises(tiny, convention):
    losses = []
    for weight in (0.1, 0.5, 0.9):
        styles = [Style(WAVE, 1 - weight), Style(AUTUMN, weight)]
        run = transfer_styles(CONTENT, styles, convention=convention, backbone=tiny, **QUICK)
        losses.append(min(run.history, key=lambda record: record["total"]))
    first, second = ([record[f"style {n}"] for record in losses] for n in (1, 2))
    assert first == sorted(first) and first[0] < 0.8 * first[-1]
    assert second == sorted(second, reverse=True) and second[-1] < 0.8 * second[0]


def test_squares_are_squared_relative_errors(tiny):
    run = transfer_styles(
        CONTENT, [Style(WAVE)], convention="squares", backbone=tiny, **QUICK | {"steps": 1}
    )
    content, style = nst.load_image(CONTENT, 96), nst.load_image(WAVE, 96)
    targets = [gram_matrix(f) for f in tiny(style, nst.STYLE_LAYERS).values()]
    errors = relative_errors(tiny, content, targets)
    weights = nst.synthesis.TRANSFER_WEIGHTS.values()
    expected = sum(w * e**2 for w, e in zip(weights, errors, strict=True))
    assert run.history[0]["style 1"] == pytest.approx(expected, rel=1e-4)


def test_a_mixture_with_masks_runs_over_all_sizes_and_lowers_both_losses(tiny):
    mask = left_half(300, 451, 225)
    styles = [Style(WAVE, mask=mask), Style(AUTUMN, mask=1 - mask)]
    options = {**QUICK, "size": 192, "pyramid": 2, "steps": 30}
    history = transfer_styles(CONTENT, styles, backbone=tiny, **options).history
    assert {record["size"] for record in history} == {136, 192}
    for name in ("style 1", "style 2"):
        assert history[-1][name] < 0.85 * history[0][name]


@pytest.mark.parametrize(
    ("styles", "options", "message"),
    [
        ([], {}, "no styles; give at least one"),
        (WAVE, {}, "give a list"),
        (Style(WAVE), {}, "give a list"),
        ([Style(WAVE, weight=0)], {}, "Every style has weight 0"),
        ([Style(WAVE), Style(AUTUMN, weight=-1)], {}, "weight of style 2 is -1"),
        ([Style(WAVE, weight=float("nan"))], {}, "weight of style 1 is nan"),
        ([Style(WAVE, scale=0)], {}, "scale of style 1 is 0"),
        ([Style(WAVE, mask=torch.zeros(1, 1, 30, 45))], {}, "black everywhere"),
        ([Style(WAVE, mask=torch.ones(1, 1, 45, 30))], {}, "style 1 is 30x45.*451x300"),
        ([Style(WAVE, layers=["relu9_9"])], {}, "no layer 'relu9_9'"),
        ([Style(WAVE, layers={"relu5_1": 1}, mask=left_half(30, 45, 3))], {}, "receptive field"),
        ([Style(WAVE)], {"convention": "cubes"}, "'cubes'; choose one of paper, balanced, squares"),
        ([Style(WAVE)], {"init": "style 2"}, "'style 2'; choose one of noise, content, style 1"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(tiny, styles, options, message):
    with pytest.raises(NSTError, match=message):
        transfer_styles(CONTENT, styles, backbone=tiny, **QUICK | options)
