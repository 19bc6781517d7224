"""Random networks: the same in every process, and on one scale whatever they were drawn from."""

import hashlib
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from nst_utils.backbones import load_backbone
from nst_utils.image import DATA, load_image

NAME = "random_tiny_vgg19"
PHOTOS = sorted((DATA / "content").glob("*.jpg"))

# Somebody else's random numbers come first, and another number of threads.
ELSEWHERE = """
import sys, torch
from safetensors.torch import save_file
from nst_utils.backbones import load_backbone
torch.set_num_threads(1)
torch.manual_seed(99); torch.rand(7)
for normalise in (False, True):
    network = load_backbone("random_tiny_vgg19", seed=3, scheme=sys.argv[1], normalise=normalise)
    save_file(network.convs.state_dict(), f"{sys.argv[2]}/{normalise}.safetensors")
"""


def fingerprint(weights):
    """SHA-256 of all weights, bit by bit."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("scheme", ["he", "xavier", "orthogonal"])
def test_the_same_seed_gives_the_same_network_in_another_process(scheme, tmp_path):
    arguments = [sys.executable, "-c", ELSEWHERE, scheme, str(tmp_path)]
    subprocess.run(arguments, check=True, env=os.environ | {"PYTHONHASHSEED": "5"})
    here = load_backbone(NAME, seed=3, scheme=scheme, normalise=False).convs.state_dict()
    there = load_file(tmp_path / "False.safetensors")
    if scheme == "orthogonal":  # its factorisation may round differently on other threads
        torch.testing.assert_close(here, there, rtol=1e-4, atol=1e-5)
    else:
        assert fingerprint(here) == fingerprint(there)
    other = load_backbone(NAME, seed=4, scheme=scheme, normalise=False).convs.state_dict()
    assert fingerprint(other) != fingerprint(here)
    # The means over the photographs depend on the order of the additions, in the last digits.
    here = load_backbone(NAME, seed=3, scheme=scheme).convs.state_dict()
    torch.testing.assert_close(here, load_file(tmp_path / "True.safetensors"), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("scheme", "pooling"), [("he", "max"), ("he", "average"), ("orthogonal", "max")]
)
@torch.no_grad()
def test_the_live_filters_have_mean_activation_1(scheme, pooling):
    network = load_backbone(NAME, seed=1, scheme=scheme, pooling=pooling)
    layers = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"]
    total = {layer: 0 for layer in layers}
    for photo in PHOTOS:
        for layer, feature in network(load_image(photo, 256), layers).items():
            total[layer] = total[layer] + feature.mean((0, 2, 3)) / len(PHOTOS)
    for layer, means in total.items():
        assert means.max().item() == pytest.approx(1, abs=1e-3), layer
        # In the deepest layer a third of the filters hardly ever fires, and stays below 1.
        assert ((means - 1).abs() < 1e-3).float().mean() > 0.5, layer


@torch.no_grad()
def test_he_and_xavier_are_one_network_once_normalised():
    he, xavier = (load_backbone(NAME, seed=2, scheme=scheme) for scheme in ("he", "xavier"))
    orthogonal = load_backbone(NAME, seed=2, scheme="orthogonal")
    image = load_image(PHOTOS[0], 96)
    features = {net: net(image, ["relu5_1"])["relu5_1"] for net in (he, xavier, orthogonal)}
    torch.testing.assert_close(features[he], features[xavier], rtol=1e-3, atol=1e-3)
    assert (features[he] - features[orthogonal]).abs().mean() > 0.1
