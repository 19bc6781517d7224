"""One wide layer of random filters of many sizes, after Ustyuzhaninov et al. (2016)."""

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst_utils.backbones.network import IMAGENET_MEAN, IMAGENET_STD
from nst_utils.errors import NSTError

SIZES = (3, 5, 7, 11, 15, 23, 37)  # pixels; the paper goes on to 55
LARGE = 15  # from this size on the Fourier transform is faster
LAYER = "relu1_1"


class ShallowBackbone(nn.Module):
    """Random square filters of several sizes side by side, and one rectifier: no second layer.

    A texture needs large filters as well as small ones. A deep network gets them by stacking small
    ones and pooling; here they are simply large (arXiv 1606.00021). Its only layer is called
    "relu1_1", so that it goes wherever a `Backbone` goes, except that it cannot be tiled: pass
    `tile=None`.

    Args:
        sizes: side of the filters in pixels, each odd.
        filters: how many of each size.
        seed: of the filters, drawn by He's rule.
    """

    layers = (LAYER,)

    def __init__(self, sizes: Sequence[int] = SIZES, filters: int = 32, seed: int = 0) -> None:
        super().__init__()
        if not sizes or any(size < 1 or size % 2 == 0 for size in sizes) or filters < 1:
            raise NSTError(f"Sizes {list(sizes)} must be odd, with 1 filter or more of each.")
        generator = torch.Generator().manual_seed(seed)
        self.filters = nn.ParameterList()
        for size in sizes:
            weight = torch.empty(filters, 3, size, size)
            self.filters.append(nn.init.kaiming_normal_(weight, generator=generator))
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.requires_grad_(False).eval()

    def channels(self, layer: str = LAYER) -> int:
        """N_l, the number of feature maps."""
        self.check_layers([layer])
        return sum(len(weight) for weight in self.filters)

    def check_layers(self, layers: Iterable[str]) -> None:
        """Raise NSTError if a layer is not the one there is."""
        for layer in layers:
            if layer != LAYER:
                raise NSTError(f"A shallow backbone has no layer {layer!r}, only {LAYER!r}.")

    def forward(self, image: Tensor, layers: Iterable[str] = (LAYER,)) -> dict[str, Tensor]:
        """Features of an image.

        Args:
            image: [B, 3, H, W], values in [0, 1], of any size: its border pixels are repeated.
            layers: `relu1_1` or nothing.

        Returns:
            A dict from layer name to its features F, [B, N_l, H, W].

        Raises:
            NSTError: another layer.
        """
        layers = list(layers)
        self.check_layers(layers)
        x = (image - self.mean) / self.std
        maps = F.relu(torch.cat([_correlate(x, weight) for weight in self.filters], dim=1))
        return {layer: maps for layer in layers}

    @torch.no_grad()
    def normalise_filters(self, images: Iterable[Tensor], floor: float = 0.1) -> "ShallowBackbone":
        """Rescale every filter so that its mean activation over `images` is 1.

        Args:
            images: photographs, each [1, 3, H, W] in [0, 1].
            floor: a mean below `floor` times the average counts as that much, see `Backbone`.

        Returns:
            The backbone itself, changed in place.
        """
        means = [self(image)[LAYER].mean(dim=(0, 2, 3)) for image in images]
        mean = torch.stack(means).mean(dim=0)
        mean = mean.clamp_min(floor * mean.mean())
        each = mean.split([len(weight) for weight in self.filters])
        for weight, scale in zip(self.filters, each, strict=True):
            weight /= scale.view(-1, 1, 1, 1)
        return self


def _correlate(x: Tensor, weight: Tensor) -> Tensor:
    """What a convolution layer computes, [B, N, H, W], around a border of repeated pixels."""
    x = x.contiguous()
    height, width, size = *x.shape[-2:], weight.shape[-1]
    padded = F.pad(x, [size // 2] * 4, "replicate")
    if size < LARGE:
        return F.conv2d(padded, weight)
    # A product of spectra costs the same for every size; it wraps around, but only in the border.
    shape = padded.shape[-2:]
    spectrum = torch.fft.rfft2(padded)[:, None] * torch.fft.rfft2(weight, s=shape).conj()
    return torch.fft.irfft2(spectrum.sum(dim=2), s=shape)[..., :height, :width]
