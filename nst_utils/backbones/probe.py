"""How near an embedded backbone comes to its teachers: variance explained by ridge regression."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from nst_utils.backbones.network import Backbone
from nst_utils.backbones.photos import Photos
from nst_utils.backbones.teachers import fit_ridge, teacher_of

PROBED = ("relu1_1", "relu2_1", "relu3_1", "relu3_3", "relu4_1", "relu4_2", "relu5_1")
FITTED, POSITIONS = 96, 400


def probe(network: Backbone, teachers: list[Backbone], photos: Photos) -> dict[str, float]:
    """Share of the variance of the teachers' features that the network's explain linearly.

    A ridge regression from the network's features to the teacher's is fitted on 96 training
    photographs and evaluated on those held out, as 192 px centre crops, at 400 positions each.

    Returns:
        For each layer of `PROBED` a share, at most 1.
    """
    scores = {}
    train = photos.centre_crops(FITTED)
    test = photos.centre_crops(len(photos.held_out), held_out=True)
    for layer in PROBED:
        teacher = teacher_of(layer, teachers)
        slope, offset = fit_ridge(_rows(network, train, layer), _rows(teacher, train, layer))
        target = _rows(teacher, test, layer)
        error = target - (_rows(network, test, layer) @ slope + offset)
        scores[layer] = 1 - (error.square().sum() / (target - target.mean(0)).square().sum()).item()
    return scores


@torch.no_grad()
def _rows(network: Backbone, images: Tensor, layer: str) -> Tensor:
    """Features at the same random positions of every image as rows, [images * positions, C]."""
    rows = []
    for image in images.split(1):
        feature = network(image, [layer])[layer][0].flatten(1).T
        generator = torch.Generator().manual_seed(len(feature))
        rows.append(feature[torch.randperm(len(feature), generator=generator)[:POSITIONS]])
    return torch.cat(rows)


def read_network(path: Path) -> Backbone:
    """The network in a safetensors file of `convB_I.weight` and `convB_I.bias`."""
    stored = {key: value.float() for key, value in load_file(path).items()}
    widths = {k.removesuffix(".bias"): len(v) for k, v in stored.items() if k.endswith(".bias")}
    network = Backbone(dict(sorted(widths.items())))
    network.convs.load_state_dict(stored)
    return network


def print_probe(paths: list[Path], teachers: list[Backbone], photos: Photos) -> None:
    """Print a table of `probe` for each file, beside a random network of the same shape."""
    print("Variance of the teachers' features explained, on photographs never trained on:")
    print(f"{'':24}" + "".join(f"{layer:>9}" for layer in PROBED))
    for path in paths:
        trained = read_network(path)
        untrained = Backbone({name: conv.out_channels for name, conv in trained.convs.items()})
        for label, network in ((path.stem, trained), (f"random {path.stem}", untrained)):
            scores = probe(network, teachers, photos)
            print(f"{label:24}" + "".join(f"{scores[layer]:9.3f}" for layer in PROBED), flush=True)
