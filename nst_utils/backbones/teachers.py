"""The networks that an embedded backbone learns from, and its start from their own filters."""

from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from nst_utils.backbones.network import VGG19_WIDTHS, Backbone
from nst_utils.errors import NSTError

CAFFE_MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)


def load_teacher(source: str | Path, photos: Iterable[Tensor]) -> Backbone:
    """A teacher with its filters normalised over `photos`.

    Args:
        source: "torchvision" for its VGG-19, or a safetensors file of `convB_I.weight` and
            `convB_I.bias`: the original VGG-19 (input: RGB times 255 less the Caffe mean), or, with
            a 1x1 `conv0` in front, a network of the same shape with reflection padding.
        photos: photographs [1, 3, H, W] in [0, 1].
    """
    if str(source) == "torchvision":
        from nst_utils.backbones.weights import load_backbone

        return load_backbone("vgg19", first_padding="zeros")
    if not Path(source).is_file():
        raise NSTError(f"There is no teacher file {source}; give its path or 'torchvision'.")
    stored = {k: v.float() for k, v in load_file(source).items()}
    widths = {n: len(stored[f"{n}.weight"]) for n in VGG19_WIDTHS if f"{n}.weight" in stored}
    if "conv0.weight" in stored:
        teacher = Backbone(widths, padding="reflect", mean=(0, 0, 0), std=(1, 1, 1))
        # Two linear maps in a row are one; padding by reflection lets them swap exactly.
        first, before = stored["conv1_1.weight"], stored["conv0.weight"][:, :, 0, 0]
        stored["conv1_1.bias"] += first.sum(dim=(2, 3)) @ stored["conv0.bias"]
        stored["conv1_1.weight"] = torch.einsum("oihw,ij->ojhw", first, before)
    else:
        teacher = Backbone(widths, mean=CAFFE_MEAN, std=(1 / 255,) * 3)
    names = [f"{name}.{kind}" for name in widths for kind in ("weight", "bias")]
    teacher.convs.load_state_dict({name: stored[name] for name in names})
    return teacher.normalise_filters(photos)


def teacher_of(layer: str, teachers: list[Backbone]) -> Backbone:
    """The first teacher that has the layer."""
    for teacher in teachers:
        if layer in teacher.layers:
            return teacher
    raise NSTError(f"None of the teachers has the layer {layer}; give one that is deeper.")


@torch.no_grad()
def start_from_teachers(student: Backbone, teachers: list[Backbone], images: Tensor) -> None:
    """Give the student the teachers' most telling filters, instead of random ones.

    Layer by layer: keep the channels that best span the teacher's features, and let them read the
    student's narrower input through the linear map that best restores the teacher's input.

    Args:
        student: changed in place.
        teachers: the first one that has a layer gives its filters.
        images: photographs [B, 3, H, W] in [0, 1] on which the maps are fitted.
    """
    before = None  # the layer that feeds the convolution; None is the image itself
    for name, conv in student.convs.items():
        teacher = teacher_of(name, teachers)
        weight, bias = teacher.convs[name].weight, teacher.convs[name].bias
        restore, offset = fit_ridge(
            as_samples(_input(student, images, before)), as_samples(_input(teacher, images, before))
        )
        relu = name.replace("conv", "relu")
        seen = as_samples(teacher(images, [relu])[relu])
        keep = spanning_channels(seen, min(len(conv.weight), seen.shape[1]))
        nn.init.kaiming_normal_(conv.weight)  # what the teacher cannot fill stays random
        nn.init.zeros_(conv.bias)
        conv.weight[: len(keep)] = torch.einsum("oihw,ji->ojhw", weight[keep], restore)
        conv.bias[: len(keep)] = bias[keep] + weight[keep].sum(dim=(2, 3)) @ offset
        before = student.layers[student.layers.index(relu) + 1 :][:1]
        before = before[0] if before and before[0].startswith("pool") else relu


def _input(network: Backbone, images: Tensor, layer: str | None) -> Tensor:
    if layer is None:
        return (images - network.mean) / network.std
    return network(images, [layer])[layer]


def as_samples(features: Tensor, most: int = 20_000) -> Tensor:
    """[B, C, H, W] features as at most `most` evenly spread rows of C numbers."""
    rows = features.movedim(1, -1).reshape(-1, features.shape[1]).float()
    return rows[:: max(1, len(rows) // most)]


def fit_ridge(x: Tensor, y: Tensor, penalty: float = 1e-4) -> tuple[Tensor, Tensor]:
    """Ridge regression: the map A [C_x, C_y] and offset c [C_y] with x A + c near y.

    The penalty is relative to the mean variance of x's columns. Solved in float64.
    """
    x, y = x.double(), y.double()
    mean_x, mean_y = x.mean(0), y.mean(0)
    x, y = x - mean_x, y - mean_y
    covariance = x.T @ x
    covariance += penalty * covariance.diagonal().mean() * torch.eye(len(covariance))
    slope = torch.linalg.solve(covariance, x.T @ y)
    return slope.float(), (mean_y - mean_x @ slope).float()


def spanning_channels(features: Tensor, count: int) -> Tensor:
    """Indices of `count` columns whose span explains the most (pivoted Cholesky).

    Each step takes the column with the largest part that those before it do not explain.
    """
    z = (features - features.mean(0)) / features.std(0).clamp_min(1e-6)
    correlation = (z.T @ z / len(z)).double()
    chosen = []
    for _ in range(count):
        left = correlation.diagonal().clone()
        left[chosen] = -1
        # The column that removes most of everybody's remaining variance, not only its own.
        gain = correlation.square().sum(0) / left.clamp_min(1e-9)
        gain[left < 1e-6] = -1
        gain[chosen] = -2
        pick = int(gain.argmax())
        chosen.append(pick)
        column = correlation[:, pick] / correlation[pick, pick].clamp_min(1e-9).sqrt()
        correlation = correlation - torch.outer(column, column)
    return torch.tensor(chosen)
