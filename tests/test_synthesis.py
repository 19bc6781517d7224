"""The three tasks on real pictures with the tiny backbone, and everything that they refuse."""

import numpy as np
import pytest
import torch

import nst_utils as nst
from nst_utils import DATA, NSTError, reconstruct_content, synthesize_texture, transfer_style

CONTENT, STYLE = DATA / "content" / "chelsea.jpg", DATA / "style" / "wave.jpg"
QUICK = {"size": 96, "steps": 30, "pyramid": 1, "device": "cpu", "precision": "fp32"}
QUICK["progress"] = False


@pytest.fixture(scope="module")
def tiny():
    return nst.load_backbone("tiny_vgg19")


def noise(*shape, seed=0):
    return nst.white_noise(shape, seed)


def totals(result):
    return [record["total"] for record in result.history]


# What the tasks do


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_both_optimizers_lower_the_loss_of_a_transfer(tiny, optimizer):
    result = transfer_style(CONTENT, STYLE, backbone=tiny, optimizer=optimizer, **QUICK)
    assert min(totals(result)) < 0.7 * totals(result)[0]
    assert set(result.history[0]) == {
        *("evaluation", "size", "total", "content", "style", "variation")
    }
    first, last = result.history[0], min(result.history, key=lambda record: record["total"])
    assert last["style"] < 0.7 * first["style"]
    assert first["content"] == pytest.approx(0, abs=1e-6)  # it starts from the content
    assert (result.image - nst.load_image(CONTENT, 96)).abs().mean() > 0.02


def test_the_picture_has_the_loss_that_the_history_says(tiny):
    # Adam's pixels stay in [0, 1]; L-BFGS's are clamped once, at the end.
    result = transfer_style(CONTENT, STYLE, backbone=tiny, optimizer="adam", **QUICK)
    content, style = nst.load_image(CONTENT, 96), nst.load_image(STYLE, 96)
    layers = (*nst.STYLE_LAYERS, nst.CONTENT_LAYER)
    ours, p, a = (tiny(image, layers) for image in (result.image, content, style))
    style_loss = 0.0
    for layer, weight in nst.TRANSFER_WEIGHTS.items():
        gram, target = nst.gram_matrix(ours[layer]), nst.gram_matrix(a[layer])
        style_loss += weight * ((gram - target).norm() / target.norm()).item()
    content_loss = (ours["relu4_2"] - p["relu4_2"]).square().mean().item()
    record = min(result.history, key=lambda record: record["total"])
    assert record["style"] == pytest.approx(style_loss, rel=1e-3)
    assert record["content"] == pytest.approx(content_loss, rel=1e-3)


def test_a_reconstruction_comes_nearer_to_the_features(tiny):
    result = reconstruct_content(CONTENT, "relu2_1", backbone=tiny, **QUICK)
    assert min(totals(result)) < 0.2 * totals(result)[0]
    content, start = nst.load_image(CONTENT, 96), noise(*result.image.shape[-2:])
    error = (result.image - content).square().mean()
    assert error < 0.5 * (start - content).square().mean()


def test_a_texture_comes_nearer_to_the_gram_matrices(tiny):
    result = synthesize_texture(STYLE, ["relu1_1", "relu2_1"], backbone=tiny, **QUICK)
    style = nst.load_image(STYLE, 96)
    assert result.image.shape == style.shape

    def distance(image):
        grams = [nst.gram_matrix(tiny(x, ["relu2_1"])["relu2_1"]) for x in (image, style)]
        return (grams[0] - grams[1]).norm()

    assert distance(result.image) < 0.5 * distance(noise(*style.shape[-2:]))


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_the_same_seed_gives_the_same_picture(tiny, optimizer):
    def texture(seed):
        options = {**QUICK, "size": 48, "steps": 5, "optimizer": optimizer}
        return synthesize_texture(STYLE, backbone=tiny, seed=seed, **options).image

    assert torch.equal(texture(3), texture(3))
    assert (texture(3) - texture(4)).abs().mean() > 0.1


@pytest.mark.parametrize("task", ["transfer", "texture", "reconstruct"])
@pytest.mark.parametrize(("size", "shape"), [(48, (32, 48)), (None, (40, 60))])
def test_the_result_has_the_size_asked_for(tiny, task, size, shape):
    mine, other = noise(40, 60), noise(70, 50, seed=1)
    options = {**QUICK, "size": size, "steps": 2, "backbone": tiny}
    result = {
        "transfer": lambda: transfer_style(mine, other, **options),
        "texture": lambda: synthesize_texture(mine, **options),
        "reconstruct": lambda: reconstruct_content(mine, **options),
    }[task]()
    assert result.image.shape == (1, 3, *shape)
    assert result.image.dtype == torch.float32
    assert 0 <= result.image.min() <= result.image.max() <= 1


def test_a_pyramid_goes_through_its_sizes_within_the_steps(tiny):
    result = transfer_style(
        CONTENT, STYLE, backbone=tiny, **QUICK | {"size": 256, "pyramid": 2, "steps": 5}
    )
    assert [record["size"] for record in result.history] == [181, 181, 181, 256, 256]
    assert max(result.image.shape) == 256


def test_snapshots_and_callback(tiny):
    seen = []
    options = {**QUICK, "size": 48, "steps": 9}
    result = transfer_style(
        CONTENT,
        STYLE,
        backbone=tiny,
        snapshots=3,
        callback=lambda record, image: seen.append((record["evaluation"], image.shape)),
        **options,
    )
    assert [evaluation for evaluation, _ in result.snapshots] == [1, 5, 9]
    assert seen == [(n, result.image.shape) for n in range(1, 10)]


def test_an_interrupt_keeps_the_best_picture(tiny):
    best = {}

    def stop(record, image):
        if record["total"] < best.get("total", float("inf")):
            best.update(record, image=image.clone())
        if record["evaluation"] == 6:
            raise KeyboardInterrupt

    result = transfer_style(CONTENT, STYLE, backbone=tiny, callback=stop, **QUICK)
    assert result.stopped == "interrupted"
    assert len(result.history) == 6
    assert best["total"] == min(totals(result))
    torch.testing.assert_close(result.image, best["image"].clamp(0, 1))


@pytest.mark.parametrize("init", ["content", "style", "noise"])
def test_the_start_is_what_was_asked_for(tiny, init):
    result = transfer_style(CONTENT, STYLE, backbone=tiny, init=init, snapshots=1, **QUICK)
    shape = tuple(result.image.shape[-2:])
    starts = {"content": CONTENT, "style": STYLE}
    start = nst.load_image(starts[init], shape) if init in starts else noise(*shape)
    wanted = np.asarray(nst.to_pil(start), dtype=int)
    assert np.abs(result.snapshots[0][1].astype(int) - wanted).max() <= 1


def test_any_picture_may_be_the_start(tiny):
    own = noise(20, 30, seed=5)
    options = {**QUICK, "steps": 1, "backbone": tiny}
    from_tensor = reconstruct_content(CONTENT, init=own, **options).image
    from_array = reconstruct_content(CONTENT, init=own[0].permute(1, 2, 0).numpy(), **options).image
    assert torch.equal(from_tensor, from_array)
    shape = tuple(from_tensor.shape[-2:])
    torch.testing.assert_close(from_tensor, nst.resize(own, shape))


def test_white_noise_is_uniform_and_seeded():
    pixels = noise(64, 64)
    assert pixels.shape == (1, 3, 64, 64)
    assert 0 <= pixels.min() < 0.01
    assert 0.99 < pixels.max() <= 1
    assert pixels.mean().item() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(pixels, noise(64, 64))
    assert not torch.equal(pixels, noise(64, 64, seed=1))


def test_layers_are_weighed_equally_unless_told_otherwise():
    assert nst.weigh_layers(["relu1_1", "relu2_1"]) == {"relu1_1": 0.5, "relu2_1": 0.5}
    assert nst.weigh_layers("relu3_1") == {"relu3_1": 1}
    assert nst.weigh_layers({"relu1_1": 3}) == {"relu1_1": 3}
    with pytest.raises(NSTError, match="no style layers"):
        nst.weigh_layers([])


def first_record(tiny, **options):
    return transfer_style(CONTENT, STYLE, backbone=tiny, **QUICK | {"steps": 1} | options).history[
        0
    ]


def test_weights_scale_their_terms(tiny):
    plain = first_record(tiny, init="style", alpha=1, beta=0, variation=0)
    assert "style" not in plain  # a term of weight 0 is not computed
    assert plain["total"] == pytest.approx(plain["content"])
    weighed = first_record(tiny, init="noise", alpha=2, beta=3, variation=5)
    expected = 2 * weighed["content"] + 3 * weighed["style"] + 5 * weighed["variation"]
    assert weighed["total"] == pytest.approx(expected, rel=1e-5)


def test_the_papers_convention_is_its_formula(tiny):
    record = first_record(tiny, init="noise", convention="paper", style_layers=["relu2_1"])
    shape = nst.load_image(CONTENT, 96).shape[-2:]
    x, p = noise(*shape), nst.load_image(CONTENT, 96)
    a = nst.load_image(STYLE, 96)

    def flat(image, layer):
        return tiny(image, [layer])[layer][0].flatten(1).double()

    content = (flat(x, "relu4_2") - flat(p, "relu4_2")).square().sum().item() / 2
    assert record["content"] == pytest.approx(content, rel=1e-4)
    f, s = flat(x, "relu2_1"), flat(a, "relu2_1")
    g, target = f @ f.T / f.shape[1], s @ s.T / s.shape[1]
    style = (g - target).square().sum().item() / (4 * len(f) ** 2)
    assert record["style"] == pytest.approx(style, rel=1e-4)


def test_the_style_scale_sets_the_style_pictures_size(tiny):
    record = first_record(tiny, init="noise", style_scale=0.5, style_layers=["relu1_1"])
    shape = nst.load_image(CONTENT, 96).shape[-2:]
    grams = [
        nst.gram_matrix(tiny(image, ["relu1_1"])["relu1_1"])
        for image in (noise(*shape), nst.load_image(STYLE, 48))
    ]
    expected = ((grams[0] - grams[1]).norm() / grams[1].norm()).item()
    assert record["style"] == pytest.approx(expected, rel=1e-3)


def test_bfloat16_gives_nearly_the_same(tiny):
    exact = first_record(tiny, init="noise", precision="fp32")
    rough = first_record(tiny, init="noise", precision="bf16")
    assert rough["total"] == pytest.approx(exact["total"], rel=0.02)
    assert rough["total"] != exact["total"]


def test_a_backbone_goes_by_name():
    options = {**QUICK, "size": 32, "steps": 1}
    result = transfer_style(CONTENT, STYLE, backbone="random_tiny_vgg19", **options)
    assert max(result.image.shape) == 32


# What they refuse


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1.0}, "weight of content is -1.0"),
        ({"beta": float("nan")}, "weight of style is nan"),
        ({"variation": float("inf")}, "weight of variation is inf"),
        ({"alpha": 0, "beta": 0, "variation": 0}, "nothing to optimise"),
        ({"style_layers": {"relu1_1": -2.0}}, "style layer relu1_1 is -2.0"),
        ({"style_layers": []}, "no style layers"),
        ({"style_layers": ["relu7_1"]}, "no layer 'relu7_1'"),
        ({"content_layer": "conv5_2"}, "no layer 'conv5_2'"),
        ({"convention": "gatys"}, "'gatys'; choose one of paper, balanced"),
        ({"style_scale": 0}, "style scale is 0"),
        ({"style_scale": float("inf")}, "style scale is inf"),
        ({"size": 0}, "size 0"),
        ({"size": -5}, "size -5"),
        ({"size": 8}, "too small for pool"),
        ({"size": 10**9}, "pixels"),
        ({"steps": 0}, "0 steps are too few"),
        ({"size": 256, "pyramid": 2, "steps": 1}, "1 steps are too few for 2 sizes"),
        ({"optimizer": "sgd"}, "'sgd'"),
        ({"init": "white"}, "'white'; choose one of noise, content, style or an image"),
        ({"device": "abacus"}, "'abacus' is not a device"),
        ({"precision": "fp8"}, "'fp8'"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**80}, "seed"),
    ],
)
def test_options_that_make_no_sense_are_refused(tiny, options, message):
    with pytest.raises(NSTError, match=message):
        transfer_style(CONTENT, STYLE, backbone=tiny, **QUICK | options)


def test_backbones_are_refused_by_name():
    with pytest.raises(NSTError, match="'vgg16'"):
        transfer_style(CONTENT, STYLE, backbone="vgg16", **QUICK)


@pytest.mark.parametrize("place", ["content", "style", "init"])
def test_pictures_with_nan_are_refused(tiny, place):
    broken = np.zeros((48, 48, 3), np.float32)
    broken[3, 4, 1] = np.nan
    given = {"content": CONTENT, "style": STYLE, place: broken}
    with pytest.raises(NSTError, match="NaN"):
        transfer_style(**given, backbone=tiny, **QUICK)


def test_missing_and_extreme_pictures_are_refused(tiny):
    with pytest.raises(NSTError, match="no file missing.jpg"):
        transfer_style("missing.jpg", STYLE, backbone=tiny, **QUICK)
    with pytest.raises(NSTError, match="10000 x 10 picture has less than one pixel"):
        transfer_style(torch.zeros(1, 3, 10, 10000), STYLE, backbone=tiny, **QUICK)
    with pytest.raises(NSTError, match="no layer 'relu6_1'"):
        reconstruct_content(CONTENT, "relu6_1", backbone=tiny, **QUICK)


def test_a_single_pixel_is_a_picture(tiny):
    result = transfer_style(
        torch.full((1, 3, 1, 1), 0.4), STYLE, backbone=tiny, **QUICK | {"size": 32, "steps": 2}
    )
    assert result.image.shape == (1, 3, 32, 32)
