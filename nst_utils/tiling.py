"""Loss and gradient of a picture too large for memory, tile by tile and without an error.

The activations that a backward pass needs grow with the picture. But the losses see it only through
sums over positions, such as Gram matrices. A first pass without gradient sums over all tiles; the
loss and its slopes dL/dG follow from the sums; a second pass runs each tile again and sends
<dL/dG, G of the tile> back into its pixels. By the chain rule the gradients of the tiles add up to
that of the picture. The price is one more forward pass, and the halos.
"""

from collections.abc import Mapping
from itertools import islice

import torch
from torch import Tensor

from nst_utils.backbones import Backbone
from nst_utils.errors import NSTError
from nst_utils.losses import Objective, Term
from nst_utils.windows import Tile, features_in, split, sum_shares


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
        return [
            part for term in terms for part in term.share(term.reads(features, crop.dtype), tile)
        ]


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
