"""Layers against torchvision's VGG-19, pooling against loops, weights from every source."""

import itertools
import pickle
import urllib.error

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchvision.models import VGG19_Weights, vgg19

from nst_utils.backbones import BACKBONES, Backbone, load_backbone, weights
from nst_utils.backbones.network import scaled_widths
from nst_utils.errors import NSTError
from nst_utils.image import DATA, load_image

SMALL = {"conv1_1": 6, "conv1_2": 5, "conv2_1": 7, "conv2_2": 4}


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def small(**options):
    torch.manual_seed(0)
    return Backbone(SMALL, **options)


@pytest.fixture(scope="module")
def torchvision_features():
    """The convolutional part of torchvision's VGG-19 with random weights, as a list of modules."""
    with torch.device("meta"):  # the unused classifier would take 500 MB
        features = vgg19(weights=None).features
    features.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in features.parameters():
        spread = (2 / max(1, parameter[0].numel())) ** 0.5 if parameter.ndim > 1 else 0.1
        parameter.data.normal_(0, spread, generator=generator)
    return features


@pytest.fixture
def fetched(monkeypatch, torchvision_features):
    """Let torchvision's download return these random weights; hold what it was called with."""
    calls = {}
    state = {f"features.{name}": value for name, value in torchvision_features.state_dict().items()}

    def get_state_dict(self, **options):
        calls.update(options)
        return {**state, "classifier.0.weight": torch.zeros(2, 2)}

    monkeypatch.setattr(VGG19_Weights, "get_state_dict", get_state_dict)
    return calls


# The network


@torch.no_grad()
def test_every_layer_is_torchvisions(fetched, torchvision_features):
    network = load_backbone("vgg19", first_padding="zeros", normalise=False)
    image = draw(1, 3, 70, 65)
    preset = VGG19_Weights.IMAGENET1K_V1.transforms()
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (preset.mean, preset.std))
    ours = network(image, network.layers)
    kinds = {"Conv2d": "conv", "ReLU": "relu", "MaxPool2d": "pool"}
    x = (image - mean) / std
    for layer, module in zip(network.layers, torchvision_features, strict=True):
        x = module(x.clone())  # torchvision's rectifiers overwrite their input
        assert layer.startswith(kinds[type(module).__name__])
        torch.testing.assert_close(ours[layer], x, rtol=1e-4, atol=1e-4)
        assert network.channels(layer) == x.shape[1]


def test_torchvisions_weights_are_verified_and_cannot_run_code(fetched):
    load_backbone("vgg19", normalise=False)
    assert fetched["check_hash"]
    assert fetched["weights_only"]


def test_layer_names_are_the_papers():
    layers = Backbone(scaled_widths(0.05, last="conv5_4")).layers
    assert layers[:6] == ["conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1"]
    assert layers[-3:] == ["conv5_4", "relu5_4", "pool5"]
    counts = [sum(layer.startswith(f"conv{block}_") for layer in layers) for block in range(1, 6)]
    assert counts == [2, 2, 4, 4, 4]


def test_nothing_deeper_than_asked_for_is_computed():
    network = small()
    run = []
    for name, conv in network.convs.items():
        conv.register_forward_hook(lambda *_, name=name: run.append(name))
    features = network(draw(1, 3, 16, 16), ["relu1_2", "conv1_1"])
    assert set(features) == {"conv1_1", "relu1_2"}
    assert run == ["conv1_1", "conv1_2"]


def test_convolution_features_stay_what_they_were():
    features = small()(draw(1, 3, 16, 16), ["conv1_1", "relu1_1"])
    assert features["conv1_1"].min() < 0
    assert torch.equal(features["conv1_1"].clamp_min(0), features["relu1_1"])


def test_no_parameter_needs_a_gradient_but_the_image_gets_one():
    network = small()
    assert not any(parameter.requires_grad for parameter in network.parameters())
    image = draw(1, 3, 16, 16).requires_grad_()
    network(image, ["pool2"])["pool2"].sum().backward()
    assert image.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("pooling", "function"),
    [
        ("max", max),
        ("average", lambda four: 2 * sum(four) / 4),
        ("l2", lambda four: 0.78 * sum(value**2 for value in four) ** 0.5),
    ],
)
def test_pooling_against_a_loop(pooling, function):
    features = small(pooling=pooling)(draw(1, 3, 9, 8), ["relu1_2", "pool1"])
    before, after = (features[layer][0].double().numpy() for layer in ("relu1_2", "pool1"))
    assert after.shape == (5, 4, 4)  # an odd row is left over
    for c, i, j in itertools.product(*map(range, after.shape)):
        four = before[c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].flatten()
        assert after[c, i, j] == pytest.approx(function(four), rel=1e-5, abs=2e-6)


def test_l2_pooling_has_a_gradient_where_everything_is_dark():
    network = small(pooling="l2")
    network.convs["conv1_2"].bias.fill_(-100.0)
    image = draw(1, 3, 8, 8).requires_grad_()
    network(image, ["pool1"])["pool1"].sum().backward()
    assert image.grad.isfinite().all()


def test_replicate_padding_gives_a_flat_picture_no_frame():
    flat = torch.full((1, 3, 8, 8), 0.2)
    spread = {}
    for padding in ("replicate", "reflect", "zeros"):
        response = small(first_padding=padding)(flat, ["conv1_1"])["conv1_1"]
        spread[padding] = (response.amax((2, 3)) - response.amin((2, 3))).max().item()
    assert spread["replicate"] < 1e-5
    assert spread["reflect"] < 1e-5
    assert spread["zeros"] > 0.1


def test_images_too_small_for_the_deepest_layer_are_refused():
    network = small()
    assert network(draw(1, 3, 4, 4), ["pool2"])["pool2"].shape == (1, 4, 1, 1)
    assert network(draw(1, 3, 2, 2), ["conv2_1"])["conv2_1"].shape == (1, 7, 1, 1)
    with pytest.raises(NSTError, match="9x3 pixels is too small for pool2"):
        network(draw(1, 3, 3, 9), ["pool2"])


def test_unknown_choices_are_refused():
    with pytest.raises(NSTError, match="no layer 'relu5_1'.*conv1_1.*relu2_2"):
        small()(draw(1, 3, 8, 8), ["relu1_1", "relu5_1"])
    with pytest.raises(NSTError, match="no layer 'conv1'"):
        small().channels("conv1")
    with pytest.raises(NSTError, match="pooling 'mean'.*average"):
        small(pooling="mean")
    with pytest.raises(NSTError, match="padding 'circular'.*replicate"):
        small(first_padding="circular")


# Normalised filters


def test_normalised_filters_have_mean_activation_1():
    network, photos = small(), [draw(1, 3, 20, 24, seed=s) for s in range(3)]
    relus = ["relu1_1", "relu1_2", "relu2_1", "relu2_2"]
    network.normalise_filters(photos, floor=0)
    for relu in relus:
        mean = torch.stack([network(p, [relu])[relu].mean((0, 2, 3)) for p in photos]).mean(0)
        alive = mean.isfinite() & (mean > 0)
        assert alive.sum() >= 2
        torch.testing.assert_close(mean[alive], torch.ones(int(alive.sum())))


@pytest.mark.parametrize("pooling", ["max", "average", "l2"])
def test_normalising_changes_each_channel_by_one_factor_only(pooling):
    network, photo = small(pooling=pooling), draw(1, 3, 16, 16)
    before = network(photo, network.layers)
    mean = {name: before[name].mean((0, 2, 3)) for name in before if name.startswith("relu")}
    network.normalise_filters([photo])
    after = network(photo, network.layers)
    for layer, feature in after.items():
        last = {"pool1": "relu1_2", "pool2": "relu2_2"}.get(layer, layer.replace("conv", "relu"))
        floored = mean[last].clamp_min(0.1 * mean[last].mean()).view(1, -1, 1, 1)
        # l2 pooling's small constant is not scaled along: 1e-6 where a channel is dark.
        torch.testing.assert_close(feature, before[layer] / floored, rtol=1e-4, atol=1e-3)


def test_a_nearly_dead_filter_is_not_blown_up():
    network, photo = small(), draw(1, 3, 16, 16)
    network.convs["conv1_1"].weight[0] *= 1e-6
    network.convs["conv1_1"].bias[0] = 0
    network.normalise_filters([photo])
    means = network(photo, ["relu1_1"])["relu1_1"].mean((0, 2, 3))
    assert means[0] < 0.01
    assert means.max().item() == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("name", ["tiny_vgg19", "mini_vgg19"])
@torch.no_grad()
def test_embedded_filters_are_normalised(name):
    network = load_backbone(name)
    layers = ["relu1_1", "relu2_1", "relu3_1", "relu4_2", "relu5_1"]
    for photo in ("china", "flower"):
        image = load_image(DATA / "content" / f"{photo}.jpg", 160)
        for layer, feature in network(image, layers).items():
            assert 0.5 < feature.mean() < 2, (photo, layer)  # 1 over the training photographs


# Where weights come from


@pytest.mark.parametrize("name", BACKBONES)
@torch.no_grad()
def test_every_backbone_loads(fetched, name):
    network = load_backbone(name, normalise=False)
    width = {"mini": 0.5, "tiny": 0.25}.get(name.removeprefix("random_")[:4], 1)
    feature = network(draw(1, 3, 32, 32), ["relu5_1"])["relu5_1"]
    assert feature.shape == (1, 512 * width, 2, 2)
    assert feature.isfinite().all()
    assert feature.max() > 0


def test_random_weights_follow_the_seed_and_the_scheme():
    def filters(**options):
        network = load_backbone("random_tiny_vgg19", normalise=False, **options)
        return network.convs["conv3_2"].weight

    assert torch.equal(filters(seed=1), filters(seed=1))
    assert not torch.equal(filters(seed=1), filters(seed=2))
    square = filters(scheme="orthogonal").flatten(1)  # 64 rows of 576
    torch.testing.assert_close(square @ square.T, torch.eye(64), rtol=0, atol=1e-5)
    fan_in, fan_out = 9 * 64, 9 * 64
    assert filters(scheme="he").std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.02)
    xavier = (2 / (fan_in + fan_out)) ** 0.5
    assert filters(scheme="xavier").std().item() == pytest.approx(xavier, rel=0.02)


def test_random_filters_are_normalised_over_the_bundled_photographs():
    network = load_backbone("random_tiny_vgg19")
    photos = [load_image(p, 256) for p in sorted((DATA / "content").glob("*.jpg"))]
    means = torch.stack([network(p, ["relu1_2"])["relu1_2"].mean((0, 2, 3)) for p in photos])
    assert means.mean(0).median().item() == pytest.approx(1, rel=1e-3)


def test_options_reach_the_network():
    network = load_backbone("tiny_vgg19", pooling="average", first_padding="zeros")
    assert network.convs["conv1_1"].padding_mode == "zeros"
    features = network(draw(1, 3, 8, 8), ["relu1_2", "pool1"])
    torch.testing.assert_close(features["pool1"], 2 * F.avg_pool2d(features["relu1_2"], 2))


def test_unknown_names_are_refused():
    with pytest.raises(NSTError, match="'vgg16'.*mini_vgg19.*random_vgg19"):
        load_backbone("vgg16")
    with pytest.raises(NSTError, match="'normal'.*he, xavier, orthogonal"):
        load_backbone("random_tiny_vgg19", scheme="normal")


def test_damaged_and_missing_embedded_weights_are_refused(monkeypatch, tmp_path):
    data = bytearray((weights.HERE / "tiny_vgg19.safetensors").read_bytes())
    monkeypatch.setattr(weights, "HERE", tmp_path)
    with pytest.raises(NSTError, match="tiny_vgg19.safetensors are missing"):
        load_backbone("tiny_vgg19")
    data[-1] ^= 1  # one bit
    (tmp_path / "tiny_vgg19.safetensors").write_bytes(data)
    with pytest.raises(NSTError, match="tiny_vgg19.safetensors are damaged"):
        load_backbone("tiny_vgg19")


@pytest.mark.parametrize(
    "problem",
    [
        urllib.error.URLError("Name or service not known"),
        TimeoutError("timed out"),
        RuntimeError("invalid hash value"),
        EOFError("Ran out of input"),
        pickle.UnpicklingError("invalid load key"),
    ],
)
def test_without_vgg19s_weights_one_sentence_says_where_to_put_them(monkeypatch, tmp_path, problem):
    def fail(self, **options):
        raise problem

    monkeypatch.setattr(VGG19_Weights, "get_state_dict", fail)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(NSTError, match="548 MB") as error:
        load_backbone("vgg19")
    for part in (str(problem), str(tmp_path / "checkpoints"), "vgg19-", "mini_vgg19"):
        assert part in str(error.value)


def test_widths_scale():
    half, quarter = scaled_widths(0.5), scaled_widths(0.25)
    assert list(half)[-1] == "conv5_1"
    ratios = np.array(list(half.values())) / np.array(list(quarter.values()))
    assert set(ratios) == {2}


def test_a_vgg19_file_placed_by_hand_is_checked(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    file = tmp_path / "checkpoints" / "vgg19-dcbb9e9d.pth"
    file.parent.mkdir()
    file.write_bytes(b"not the weights")
    with pytest.raises(NSTError, match="damaged"):
        load_backbone("vgg19")


@pytest.mark.parametrize("name", ["tiny_vgg19", "random_tiny_vgg19"])
def test_loading_leaves_the_global_generator_alone(name):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    load_backbone(name, normalise=False)
    assert torch.equal(torch.rand(1), expected)
