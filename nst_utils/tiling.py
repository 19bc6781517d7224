"""Loss and gradient of a picture too large for memory, tile by tile and without an error.

The activations that a backward pass needs grow with the picture. But the losses see it only through
sums over positions, such as Gram matrices. A first pass without gradient sums over all tiles; the
loss and its slopes dL/dG follow from the sums; a second pass runs each tile again and sends
<dL/dG, G of the tile> back into its pixels. By the chain rule the gradients of the tiles add up to
that of the picture. The price is one more forward pass, and the halos.
"""

import re
from collections.abc import Collection, Mapping
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from nst_utils.backbones import Backbone
from nst_utils.errors import NSTError
from nst_utils.losses import Objective, Term, features_in, sum_shares
from nst_utils.windows import Tile, halo_of, split, stride

SIDES = (1024, 512, 256, 128, 64)  # of tiles in pixels; larger ones have less halo to compute
HEADROOM = 2.5  # peak by what the forward pass keeps, about 2, and something for the optimiser


class TiledObjective(Objective):
    """An `Objective` in tiles: the same losses and gradient, up to rounding, in less memory.

    Args:
        backbone, terms, bf16: as for `Objective`; a term with layers needs `share` and `loss`.
        side: of a tile in pixels, without its halo; see `windows.split`.

    Raises:
        NSTError: a term that cannot be tiled, or a side under 1 pixel.
    """

    def __init__(
        self, backbone: Backbone, terms: Mapping[str, Term], side: int, bf16: bool = False
    ) -> None:
        super().__init__(backbone, terms, bf16)
        for name, term in self.terms.items():
            if term.layers and (term.share is None or term.loss is None):
                raise NSTError(
                    f"The term {name} cannot be computed in tiles, as it has no `share` and "
                    "`loss`; add them to the term, or use tile=None."
                )
        self.side = side

    def losses(self, image: Tensor) -> dict[str, Tensor]:
        """Each term's unweighted loss, a scalar, for an image [1, 3, H, W]."""
        sums = iter(_TileSums.apply(image, self) if self.layers else ())
        losses = {}
        for name, term in self.terms.items():
            own = list(islice(sums, len(term.layers)))
            # A term without layers is on the image itself: cheap, so computed all at once.
            losses[name] = term.loss(own) if own else term.function({}, image)
        return losses

    def share(self, crop: Tensor, tile: Tile) -> list[Tensor]:
        """The shares of all terms, one after the other, from a tile's crop [1, 3, h, w]."""
        features = features_in(tile, self.backbone, crop, self.layers, self.bf16)
        terms = (term for term in self.terms.values() if term.layers)
        return [part for term in terms for part in term.share(features, tile)]


class _TileSums(torch.autograd.Function):
    """The sums over tiles; PyTorch calls `backward` with their slopes dL/dG."""

    @staticmethod
    def forward(ctx, image: Tensor, objective: TiledObjective) -> tuple[Tensor, ...]:
        ctx.save_for_backward(image)
        ctx.objective = objective
        shape = tuple(image.shape[-2:])
        ctx.tiles = split(objective.backbone, objective.layers, shape, objective.side)
        return tuple(sum_shares(objective.share, image, ctx.tiles))

    @staticmethod
    def backward(ctx, *slopes: Tensor) -> tuple[Tensor, None]:
        (image,) = ctx.saved_tensors
        gradient = torch.zeros_like(image)
        for tile in ctx.tiles:
            crop = (..., *tile.crop)
            with torch.enable_grad():
                pixels = image[crop].detach().requires_grad_()
                shares = ctx.objective.share(pixels, tile)
            gradient[crop] += torch.autograd.grad(shares, pixels, slopes)[0]
            del shares  # or this graph would be kept while the next tile is computed
        return gradient, None


def estimate_memory(
    backbone: Backbone, layers: Collection[str], shape: tuple[int, int], bf16: bool
) -> int:
    """Bytes that an untiled evaluation keeps from its forward pass for the backward pass.

    Convolutions and pools keep their inputs, rectifiers their outputs, which are the same tensors.
    The weights and what lives only for a moment do not count.

    Args:
        layers: those that the losses read.
        shape: (H, W) of the picture in pixels.

    Raises:
        NSTError: an unknown layer.
    """
    backbone.check_layers(layers)
    size = 2 if bf16 else 4
    depth = max((backbone.layers.index(layer) + 1 for layer in layers), default=0)
    total = kept = 3 * shape[0] * shape[1] * size  # the normalised image
    for name in backbone.layers[:depth]:
        before = kept
        positions = (shape[0] // stride(name)) * (shape[1] // stride(name))
        elements = backbone.channels(name) * positions
        kept = elements * size
        if name.startswith("conv"):
            total += 0 if backbone.convs[name].padding_mode == "zeros" else before  # padded copy
        else:
            total += kept
        if name.startswith("pool"):  # where the maxima were, as int64; or the squares and the root
            total += {"max": 8 * elements, "average": 0, "l2": before + kept}[backbone.pooling]
        if name in layers and (bf16 or name.startswith("conv")):
            total += 4 * elements  # what the losses read, in float32
    return total


def choose_tile(needed: int, free: int, shape: tuple[int, int], halo: int) -> int | None:
    """The side of the tiles in pixels with which a picture fits into memory, or None for no tiles.

    Args:
        needed: bytes for the whole picture, `HEADROOM` times `estimate_memory`.
        free: bytes there are.
        shape: (H, W) of the picture in pixels.
        halo: of the tiles, in pixels.

    Returns:
        None if all fits; or the largest of `SIDES` that does, the smallest if none does.
    """
    if needed <= free:
        return None
    for side in SIDES:
        height, width = (min(side + 2 * halo, length) for length in shape)
        if needed * height * width <= free * shape[0] * shape[1]:
            return side
    return SIDES[-1]


def free_memory(device: torch.device, meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes free on a CUDA device or, under Linux, for the CPU; None where it cannot be told."""
    if device.type == "cuda":
        # PyTorch keeps what it has freed for itself: the driver does not count that as free.
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    if device.type != "cpu" or not meminfo.is_file():
        return None
    match = re.search(r"MemAvailable:\s*(\d+) kB", meminfo.read_text())
    return int(match[1]) * 1024 if match else None


def sides_to_try(
    tile: int | str | None,
    backbone: Backbone,
    layers: Collection[str],
    shape: tuple[int, int],
    bf16: bool,
) -> list[int | None]:
    """Tile sides in pixels for one size of a run: the first, and others if memory runs out.

    Args:
        tile: a side in pixels; None never tiles; "auto" does if memory is short, and says so.

    Returns:
        Sides from large to small, None for the whole picture. A tile as large as it is none.

    Raises:
        NSTError: another `tile`, or an unknown layer.
    """
    if tile is None:
        return [None]
    if tile == "auto":
        needed = int(HEADROOM * estimate_memory(backbone, layers, shape, bf16))
        free, halo = free_memory(backbone.mean.device), halo_of(backbone, layers)
        first = None if free is None else choose_tile(needed, free, shape, halo)
        if first:
            print(
                f"{shape[1]}x{shape[0]} pixels need about {needed / 1e9:.1f} GB at once and "
                f"{free / 1e9:.1f} GB are free: they are computed in tiles of {first} pixels."
            )
    elif not isinstance(tile, int) or isinstance(tile, bool) or tile < 1:
        raise NSTError(f"The tile is {tile!r}; give its side in pixels, 'auto' or None.")
    else:
        first = tile if tile < max(shape) else None
    return [first, *(side for side in SIDES if side < (first or max(shape)))]


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that a device's memory ran out; only CUDA has a class for it."""
    said = ("out of memory", "not enough memory", "can't allocate memory")
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(s in str(error) for s in said)
