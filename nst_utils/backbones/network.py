"""VGG-19 by the names of its layers, at any width, returning the features that a loss asks for."""

from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_utils.errors import NSTError

# Channels of the sixteen 3x3 convolutions (Simonyan & Zisserman 2014, configuration E).
VGG19_WIDTHS = {
    **{f"conv1_{i}": 64 for i in (1, 2)},
    **{f"conv2_{i}": 128 for i in (1, 2)},
    **{f"conv3_{i}": 256 for i in (1, 2, 3, 4)},
    **{f"conv4_{i}": 512 for i in (1, 2, 3, 4)},
    **{f"conv5_{i}": 512 for i in (1, 2, 3, 4)},
}
ENDS_OF_BLOCKS = ("conv1_2", "conv2_2", "conv3_4", "conv4_4", "conv5_4")
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# A pooled activation shrinks when the maximum gives way to a mean. These factors, from
# K. Crowson's style-transfer-pytorch, keep the deeper activations at the size of max pooling.
POOLING_SCALE = {"max": 1.0, "average": 2.0, "l2": 0.78}


def scaled_widths(width: float, last: str = "conv5_1") -> dict[str, int]:
    """The channels of each convolution up to `last` when VGG-19 is made `width` times as wide."""
    names = list(VGG19_WIDTHS)
    return {n: round(VGG19_WIDTHS[n] * width) for n in names[: names.index(last) + 1]}


def _pool(x: Tensor, pooling: str) -> Tensor:
    if pooling == "max":
        return F.max_pool2d(x, 2)
    if pooling == "average":
        return F.avg_pool2d(x, 2) * POOLING_SCALE["average"]
    # lp_pool2d sums the squares; the small constant keeps the root's derivative finite at 0.
    return (4 * F.avg_pool2d(x.square(), 2) + 1e-12).sqrt() * POOLING_SCALE["l2"]


class Backbone(nn.Module):
    """VGG-19's chain of 3x3 convolutions, rectifiers and 2x2 pools, addressed by layer name.

    Names are the paper's: `conv4_2` is a convolution's output, `relu4_2` the same after the
    rectifier, `pool4` the pooled end of block 4. Images are [B, 3, H, W] in [0, 1]; the network
    subtracts its mean and divides by its standard deviation itself. No parameter needs a gradient.

    Args:
        widths: output channels of each convolution, in order; it decides how deep the network is.
        pooling: "max" (VGG's own), "average" (what Gatys et al. prefer for synthesis) or "l2".
        padding: "zeros" (VGG's own), "replicate" or "reflect", around every convolution.
        first_padding: the same for conv1_1 alone; "replicate" avoids a dark frame in pictures.
        mean, std: per-channel normalisation of an image in [0, 1].
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        pooling: str = "max",
        padding: str = "zeros",
        first_padding: str | None = None,
        mean: Iterable[float] = IMAGENET_MEAN,
        std: Iterable[float] = IMAGENET_STD,
    ) -> None:
        super().__init__()
        _check_choice("pooling", pooling, POOLING_SCALE)
        for choice in (padding, first_padding or padding):
            _check_choice("padding", choice, ("zeros", "replicate", "reflect"))
        self.pooling = pooling
        self.convs = nn.ModuleDict()
        channels = 3
        for name, width in widths.items():
            mode = first_padding or padding if name == "conv1_1" else padding
            self.convs[name] = nn.Conv2d(channels, width, 3, padding=1, padding_mode=mode)
            channels = width
        self.register_buffer("mean", torch.tensor(list(mean)).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(list(std)).view(1, 3, 1, 1))
        self.requires_grad_(False).eval()

    @property
    def layers(self) -> list[str]:
        """Every layer name that can be asked for, from shallow to deep."""
        names = []
        for name in self.convs:
            names += [name, name.replace("conv", "relu")]
            if name in ENDS_OF_BLOCKS:
                names.append(f"pool{name[4]}")
        return names

    def channels(self, layer: str) -> int:
        """N_l, the number of feature maps of a layer."""
        self.check_layers([layer])
        if layer.startswith("pool"):
            layer = [n for n in self.convs if n[4] == layer[4]][-1]
        return self.convs[layer.replace("relu", "conv")].out_channels

    def check_layers(self, layers: Iterable[str]) -> None:
        """Raise NSTError if a layer does not exist here."""
        for layer in layers:
            if layer not in self.layers:
                known = ", ".join(self.layers)
                raise NSTError(f"This backbone has no layer {layer!r}. Its layers are {known}.")

    def forward(self, image: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features of an image, as deep as the deepest layer asked for and no deeper.

        Args:
            image: [B, 3, H, W], values in [0, 1].
            layers: layer names; their order does not matter.

        Returns:
            A dict from layer name to its features F, [B, N_l, H_l, W_l], where M_l = H_l W_l.

        Raises:
            NSTError: a layer does not exist, or the image is too small for the deepest one.
        """
        wanted = set(layers)
        self.check_layers(wanted)
        features: dict[str, Tensor] = {}
        x = (image - self.mean) / self.std
        for name in self.layers:
            if len(features) == len(wanted):
                break
            if name.startswith("pool"):
                if min(x.shape[-2:]) < 2:
                    raise NSTError(
                        f"An image of {image.shape[-1]}x{image.shape[-2]} pixels is too small for "
                        f"{name}, which halves it once more. Use a larger size or shallower layers."
                    )
                x = _pool(x, self.pooling)
            elif name.startswith("relu"):
                # Not in place where the convolution's output is somebody's feature.
                x = F.relu(x, inplace=name.replace("relu", "conv") not in wanted)
            else:
                x = self.convs[name](x)
            if name in wanted:
                features[name] = x
        return features

    @torch.no_grad()
    def normalise_filters(self, images: Iterable[Tensor], floor: float = 0.1) -> "Backbone":
        """Rescale every filter so that its mean activation over `images` is 1.

        Gatys et al. (2015) normalise VGG-19 like this. A rectifier and a pool pass a positive
        factor through unchanged, so the network computes the same functions up to one factor a
        channel: filter o of layer l is multiplied by 1/mean_o and its inputs are divided back.

        Args:
            images: photographs, each [1, 3, H, W] in [0, 1].
            floor: nearly dead filters would get enormous scales (a random network then diverges);
                a mean below `floor` times the layer's average counts as that much.

        Returns:
            The backbone itself, changed in place.
        """
        relus = [name.replace("conv", "relu") for name in self.convs]
        total = {name: 0.0 for name in relus}
        count = 0
        for image in images:
            for name, feature in self(image, relus).items():
                total[name] = total[name] + feature.mean(dim=(0, 2, 3))
            count += 1
        previous = None
        for conv, relu in zip(self.convs.values(), relus, strict=True):
            mean = total[relu] / count
            mean = mean.clamp_min(floor * mean.mean())
            conv.weight /= mean.view(-1, 1, 1, 1)
            conv.bias /= mean
            if previous is not None:
                conv.weight *= previous.view(1, -1, 1, 1)
            previous = mean
        return self


def _check_choice(what: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        raise NSTError(f"Unknown {what} {value!r}; choose one of {', '.join(choices)}.")
