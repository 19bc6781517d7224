"""Tiles of a picture: where they lie, in pixels and in each layer, and the features inside them.

A position of a layer sees the pixels of its own block and as many around it as the convolutions
before it reach. A tile that is computed together with such a halo has the same features inside as
the whole picture has there. At the picture's border the halo ends and the network's own padding
acts, as it does for the whole picture.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_utils.backbones import Backbone
from nst_utils.errors import NSTError

Window = tuple[slice, slice]  # rows, columns


@dataclass(frozen=True)
class Tile:
    """One rectangle of a picture; all rectangles together cover it once.

    Attributes:
        inside: rows and columns of its own pixels.
        halo: pixels around them that the network has to see as well.
        shape: (H, W) of the whole picture in pixels.
    """

    inside: Window
    halo: int
    shape: tuple[int, int]

    @property
    def crop(self) -> Window:
        """Rows and columns in pixels, with the halo as far as the picture reaches."""
        return tuple(
            slice(max(0, span.start - self.halo), min(length, span.stop + self.halo))
            for span, length in zip(self.inside, self.shape, strict=True)
        )

    def window(self, layer: str) -> Window:
        """Rows and columns of this tile's own positions among those of the whole layer."""
        step = stride(layer)
        # A pool drops what does not fill its last block: at the border too the end rounds down.
        return tuple(slice(span.start // step, span.stop // step) for span in self.inside)

    def cut(self, features: Tensor, layer: str) -> Tensor:
        """Of the features [B, C, h, w] of `crop`, those of the tile's own positions."""
        step = stride(layer)
        rows, columns = (
            slice(own.start - crop.start // step, own.stop - crop.start // step)
            for own, crop in zip(self.window(layer), self.crop, strict=True)
        )
        return features[..., rows, columns]

    def grid(self, layer: str) -> tuple[int, int]:
        """(H_l, W_l), the positions of the whole layer."""
        return tuple(length // stride(layer) for length in self.shape)


def stride(layer: str) -> int:
    """Pixels from one position of a layer to the next, 2 to the number of pools up to it."""
    return 2 ** (int(layer[4]) - (not layer.startswith("pool")))


def reach(backbone: Backbone, layer: str) -> int:
    """How many pixels beyond its own block (stride x stride) a position of a layer sees.

    A 3x3 convolution reaches one position further, which is `stride` pixels; a pool no further.
    """
    before = backbone.layers[: backbone.layers.index(layer) + 1]
    return sum(stride(name) for name in before if name.startswith("conv"))


def halo_of(backbone: Backbone, layers: Collection[str]) -> int:
    """The reach of the deepest layer in pixels, rounded up to a multiple of its stride.

    So a tile and its halo start where a block of each pool starts.
    """
    step = max(map(stride, layers), default=1)
    return -(-max((reach(backbone, layer) for layer in layers), default=0) // step) * step


def split(
    backbone: Backbone, layers: Collection[str], shape: tuple[int, int], side: int | None
) -> list[Tile]:
    """Tiles that cover a picture, for features at `layers`.

    Args:
        layers: names that the backbone knows.
        shape: (H, W) of the picture in pixels.
        side: of a tile without its halo, in pixels, rounded down to a multiple of the deepest
            layer's stride, which is also the least; None gives one tile, the whole picture.

    Raises:
        NSTError: an unknown layer, or a side under 1.
    """
    backbone.check_layers(layers)
    if side is None:
        return [Tile((slice(0, shape[0]), slice(0, shape[1])), 0, shape)]
    if side < 1:
        raise NSTError(f"A tile of {side} pixels is none; its side must be 1 pixel or more.")
    step = max(map(stride, layers), default=1)
    side = max(step, side // step * step)
    halo = halo_of(backbone, layers)
    rows, columns = (_spans(length, side, step) for length in shape)
    return [Tile((row, column), halo, shape) for row in rows for column in columns]


def _spans(length: int, side: int, step: int) -> list[slice]:
    # A last piece thinner than a step would have no position of the deepest layer: it is left to
    # the tile before it.
    starts = [*range(0, max(1, length - step + 1), side)]
    return [slice(*ends) for ends in zip(starts, [*starts[1:], length], strict=True)]


def features_of(
    backbone: Backbone, image: Tensor, layers: Iterable[str], bf16: bool
) -> dict[str, Tensor]:
    """The backbone's features, in bfloat16 if asked, else in the image's own precision."""
    # Convolutions are fastest with the channels of a pixel side by side in memory.
    image = image.contiguous(memory_format=torch.channels_last)
    with torch.autocast(image.device.type, torch.bfloat16, enabled=bf16):
        return backbone(image, layers)


def features_in(
    tile: Tile, backbone: Backbone, image: Tensor, layers: Iterable[str], bf16: bool
) -> dict[str, Tensor]:
    """`features_of` the tile's own positions, from the tile's crop [1, 3, h, w] of a picture."""
    features = features_of(backbone, image, layers, bf16)
    return {layer: tile.cut(feature, layer) for layer, feature in features.items()}


def sum_shares(
    share: Callable[[Tensor, Tile], list[Tensor]], image: Tensor, tiles: Iterable[Tile]
) -> list[Tensor]:
    """Add up `share(crop, tile)`, a list of tensors, over the tiles of an image [1, 3, H, W]."""
    shares = (share(image[(..., *tile.crop)], tile) for tile in tiles)
    sums = next(shares)
    for more in shares:
        sums = [a + b for a, b in zip(sums, more, strict=True)]
    return sums
