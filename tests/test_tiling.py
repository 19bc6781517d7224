"""Tiles against the whole picture: losses, gradient and memory.

The references are the untiled objective, measured receptive fields and the tensors that PyTorch
really keeps for its backward pass.
"""

import weakref
from contextlib import contextmanager

import pytest
import torch

import nst_utils as nst
from nst_utils import NSTError, Objective, Term, TiledObjective
from nst_utils.backbones import Backbone
from nst_utils.backbones.network import scaled_widths
from nst_utils.cli import build_parser
from nst_utils.losses import content_term, features_of, style_term, variation_term
from nst_utils.planning import estimate_memory
from nst_utils.windows import halo_of, reach, split, stride

LAYERS = (*nst.STYLE_LAYERS, nst.CONTENT_LAYER)
QUICK = {"device": "cpu", "precision": "fp32", "progress": False, "pyramid": 1}


def noise(shape, seed=0):
    return nst.white_noise(shape, seed)


@pytest.fixture(scope="module")
def tiny():
    return nst.load_backbone("tiny_vgg19")


@pytest.fixture(scope="module")
def small():
    """Random, narrow and two pools deep: its halo of 16 pixels leaves much of a picture outside."""
    torch.manual_seed(0)
    return Backbone(scaled_widths(1 / 16, last="conv3_2"), first_padding="replicate")


def terms_for(network, shape, tile=None, convention="balanced", bf16=False):
    """Content, style and variation as in the paper, or at two layers of a shallow network."""
    dtype = network.mean.dtype
    content, style = noise(shape, 1).to(dtype), noise((70, 90), 2).to(dtype)
    deep = "conv4_2" in network.convs
    weights = nst.weigh_layers(nst.STYLE_LAYERS if deep else ["relu1_2", "conv2_1", "relu3_2"])
    content_convention, style_convention = nst.synthesis.CONVENTIONS[convention]
    how = {"bf16": bf16, "tile": tile}
    return {
        "variation": variation_term(2.0),
        "content": content_term(
            network, content, "relu4_2" if deep else "pool2", 0.5, content_convention, **how
        ),
        "style": style_term(network, style, weights, 1.0, style_convention, **how),
    }


def loss_and_gradient(objective, image):
    image = image.clone().requires_grad_()
    total, losses = objective(image)
    total.backward()
    return {"total": total.item()} | {k: v.item() for k, v in losses.items()}, image.grad


def compare(network, shape, side, tolerance, **options):
    image = noise(shape).to(network.mean.dtype)
    bf16 = options.get("bf16", False)
    whole = Objective(network, terms_for(network, shape, **options), bf16)
    tiled = TiledObjective(network, terms_for(network, shape, side, **options), side, bf16)
    losses, gradient = loss_and_gradient(whole, image)
    tiled_losses, tiled_gradient = loss_and_gradient(tiled, image)
    assert tiled_losses == pytest.approx(losses, rel=tolerance)
    assert list(tiled_losses) == list(losses)
    assert (tiled_gradient - gradient).norm() < tolerance * gradient.norm()
    assert (tiled_gradient - gradient).abs().max() < tolerance * gradient.abs().max()


# The same losses and gradient


@pytest.mark.parametrize(
    ("pooling", "shape", "side"),
    [
        ("max", (144, 50), 16),
        ("max", (96, 96), 48),
        ("max", (131, 97), 48),
        ("max", (131, 97), 64),
        ("max", (131, 97), 1000),
        ("average", (160, 67), 64),
        ("average", (131, 97), 48),
        ("l2", (131, 97), 64),
    ],
)
def test_tiles_give_the_loss_and_gradient_of_the_whole_picture(pooling, shape, side):
    network = nst.load_backbone("tiny_vgg19", pooling).double()
    compare(network, shape, side, 1e-10)


@pytest.mark.parametrize(
    ("shape", "side"),
    [
        ((33, 50), 1),
        ((96, 96), 16),
        ((131, 97), 17),
        ((160, 67), 50),
        ((33, 130), 16),
        ((49, 97), 48),
    ],
)
def test_a_shallow_network_at_many_sizes(small, shape, side):
    compare(small.double(), shape, side, 1e-10, convention="paper")
    small.float()


@pytest.mark.parametrize("padding", ["zeros", "replicate", "reflect"])
def test_the_networks_own_padding_acts_at_the_borders(padding):
    torch.manual_seed(0)
    network = Backbone({"conv1_1": 4, "conv1_2": 5, "conv2_1": 6}, "average", padding).double()
    image, style = noise((37, 50)).double(), noise((30, 30), 1).double()
    term = style_term(network, style, {"relu2_1": 1.0})
    _, whole = loss_and_gradient(Objective(network, {"style": term}), image)
    _, tiled = loss_and_gradient(TiledObjective(network, {"style": term}, 8), image)
    torch.testing.assert_close(tiled, whole, rtol=1e-9, atol=1e-9 * whole.abs().max().item())


def test_float32_and_bfloat16(tiny):
    compare(tiny, (131, 97), 64, 1e-4)
    compare(tiny, (131, 97), 64, 0.05, bf16=True)  # sums of other tiles are rounded otherwise


def test_terms_on_the_image_alone_need_no_tiles(tiny):
    objective = TiledObjective(tiny, {"variation": variation_term(3.0)}, 16)
    losses, gradient = loss_and_gradient(objective, noise((20, 30)))
    _, expected = loss_and_gradient(lambda x: (3 * nst.total_variation(x), {}), noise((20, 30)))
    assert losses["total"] == pytest.approx(3 * losses["variation"])
    torch.testing.assert_close(gradient, expected)


def test_a_custom_term_with_its_own_sums(small):
    def share(features, tile):
        return [features["relu2_1"].square().sum()]

    def function(features, _):
        return features["relu2_1"].square().sum().sqrt()

    term = Term(2.0, ["relu2_1"], function, share, lambda sums: sums[0].sqrt())
    image = noise((60, 45))
    losses, gradient = loss_and_gradient(Objective(small, {"norm": term}), image)
    tiled_losses, tiled = loss_and_gradient(TiledObjective(small, {"norm": term}, 16), image)
    assert tiled_losses == pytest.approx(losses, rel=1e-5)
    torch.testing.assert_close(tiled, gradient, rtol=1e-3, atol=1e-5 * gradient.abs().max().item())


def test_what_cannot_be_tiled_is_refused(small):
    term = Term(1.0, ["relu2_1"], lambda features, _: features["relu2_1"].mean())
    with pytest.raises(NSTError, match="mean cannot be computed in tiles.*`share`"):
        TiledObjective(small, {"mean": term}, 16)
    objective = TiledObjective(small, terms_for(small, (64, 64), 32), 32)
    with pytest.raises(NSTError, match=r"pool2 has \(24, 16\) positions, its target \(16, 16\)"):
        objective(noise((96, 64)))
    with pytest.raises(NSTError, match="tile of 0 pixels"):
        TiledObjective(small, terms_for(small, (64, 64)), 0)(noise((64, 64)))


# Geometry


@pytest.mark.parametrize("layer", ["relu1_1", "conv1_2", "pool1", "relu2_1", "pool3", "relu5_1"])
def test_the_reach_is_the_support_of_the_gradient(layer):
    # Without negative weights, rectifiers and maxima nothing cancels: all that is seen has a slope.
    network = Backbone(dict.fromkeys(scaled_widths(1), 1), "average", mean=[0] * 3, std=[1] * 3)
    for conv in network.convs.values():
        torch.nn.init.constant_(conv.weight, 0.3)
        torch.nn.init.constant_(conv.bias, 0)
    network.double()
    step, far = stride(layer), reach(network, layer)
    side = 16 * (2 * far // 16 + 3)
    image = torch.ones(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    k = side // step // 2  # a position that sees no border
    network(image, [layer])[layer][..., k, k].sum().backward()
    rows = image.grad[0, 0].abs().sum(1).nonzero().flatten()
    columns = image.grad[0, 0].abs().sum(0).nonzero().flatten()
    for seen in (rows, columns):
        assert seen.tolist() == list(range(k * step - far, (k + 1) * step + far))
    halo = halo_of(network, ["relu1_1", layer])
    assert far <= halo < far + step
    assert halo % step == 0


@pytest.mark.parametrize("shape", [(96, 96), (131, 97), (160, 67), (16, 17)])
@pytest.mark.parametrize("side", [None, 5, 48, 1000])
def test_tiles_cover_every_pixel_and_position_once(tiny, shape, side):
    pixels, positions = torch.zeros(shape), torch.zeros([length // 8 for length in shape])
    tiles = split(tiny, LAYERS, shape, side)
    for tile in tiles:
        pixels[tile.inside] += 1
        positions[tile.window("relu4_2")] += 1
        assert positions[tile.window("relu4_2")].numel() > 0
        assert all(span.start % 16 == 0 for span in tile.crop)
    assert pixels.eq(1).all()
    assert positions.eq(1).all()
    assert tuple(positions.shape) == tiles[0].grid("relu4_2")
    assert len(tiles) == 1 or side < max(shape)


# Memory


@contextmanager
def watch(network):
    """Fill a dict with the sizes of the distinct tensors that autograd keeps, without weights."""
    kept = {}
    weights = {conv.weight.untyped_storage().data_ptr() for conv in network.convs.values()}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield kept


def bytes_kept(network, layers, image, bf16):
    with watch(network) as kept:
        features = features_of(network, image.requires_grad_(), layers, bf16)
        loss = sum(nst.gram_matrix(feature).square().sum() for feature in features.values())
    assert loss.requires_grad
    return sum(kept.values())


@pytest.mark.parametrize("pooling", ["max", "average", "l2"])
@pytest.mark.parametrize("layers", [LAYERS, ("conv2_1", "relu3_1"), ("pool2",)])
def test_the_estimate_is_what_autograd_keeps(pooling, layers):
    network = nst.load_backbone("tiny_vgg19", pooling).to(memory_format=torch.channels_last)
    image = noise((160, 224))
    expected = bytes_kept(network, layers, image, bf16=False)
    assert estimate_memory(network, layers, (160, 224), False) == pytest.approx(expected, rel=0.05)


def test_the_estimate_for_bfloat16_and_other_padding(tiny):
    network = tiny.to(memory_format=torch.channels_last)
    expected = bytes_kept(network, LAYERS, noise((160, 224)), bf16=True)
    expected -= 2 * sum(weight.numel() for weight in network.parameters())  # copies in bfloat16
    assert estimate_memory(network, LAYERS, (160, 224), True) == pytest.approx(expected, rel=0.15)
    padded = Backbone(scaled_widths(0.25), padding="replicate").to(
        memory_format=torch.channels_last
    )
    expected = bytes_kept(padded, LAYERS, noise((160, 224)), bf16=False)
    assert estimate_memory(padded, LAYERS, (160, 224), False) == pytest.approx(expected, rel=0.05)


def test_only_one_tile_is_kept_at_a_time(small):
    network = small.to(memory_format=torch.channels_last)
    shape, side = (96, 256), 32
    peaks, results = [], []

    class Watched(TiledObjective):
        def share(self, crop, tile):
            assert all(result() is None for result in results)
            with watch(network) as kept:
                shares = super().share(crop, tile)
            peaks.append(sum(kept.values()))
            results[:] = [weakref.ref(share) for share in shares if share.requires_grad]
            return shares

    objective = Watched(network, terms_for(network, shape), side)
    loss_and_gradient(objective, noise(shape))
    tiles = (96 // side) * (256 // side)
    assert len(peaks) == 2 * tiles
    assert max(peaks[:tiles]) == 0  # the first pass needs no gradient
    crop = [side + 2 * halo_of(network, objective.layers)] * 2
    assert max(peaks) < 1.05 * estimate_memory(network, objective.layers, crop, False)
    assert max(peaks) < 0.2 * estimate_memory(network, objective.layers, shape, False)


# The tasks


def test_tasks_in_tiles_make_the_same_picture(tiny):
    content, style = noise((100, 130)), noise((90, 70), 1)
    # Adam's first steps: the line search of L-BFGS would magnify the rounding of the first loss.
    options = {"backbone": tiny, "size": 120, "steps": 4, "optimizer": "adam", **QUICK}

    def results(**tile):
        return [
            nst.transfer_style(content, style, **options, **tile),
            nst.synthesize_texture(style, **options, **tile),
            nst.reconstruct_content(content, "relu3_1", **options, **tile),
        ]

    for tiled, whole in zip(results(tile=64), results(tile=None), strict=True):
        assert (tiled.image - whole.image).abs().mean() < 1e-3
        for a, b in zip(tiled.history, whole.history, strict=True):
            assert a == pytest.approx(b, rel=3e-3, abs=1e-5)


def test_the_command_takes_a_side_auto_or_none(capsys):
    def parsed(*option):
        return vars(build_parser().parse_args(["texture", "a.jpg", "-o", "b.png", *option]))

    assert "tile" not in parsed()  # the task's own default
    for text, value in {"300": 300, "auto": "auto", "none": None}.items():
        assert parsed("--tile", text)["tile"] == value
    with pytest.raises(SystemExit):
        parsed("--tile", "small")
    assert "'small' is no number of pixels, 'auto' or 'none'" in capsys.readouterr().err
