"""A style in a place of its own: masks, brought to each layer, guide the Gram matrices.

A guidance channel T multiplies the features before they are correlated (Gatys et al. 2017,
"Controlling Perceptual Factors in Neural Style Transfer", arXiv 1611.07865):
G_ij = sum_k T_k^2 F_ik F_jk. As sum_k T_k^2 = 1, the matrix of a small region can be compared with
that of a large one, and with the plain one of a painting.
"""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor

from nst_utils.backbones import Backbone
from nst_utils.errors import NSTError
from nst_utils.image import ImageSource, load_image
from nst_utils.losses import Term, gram_matrix, style_term
from nst_utils.windows import Tile, reach, stride


def load_mask(source: ImageSource) -> Tensor:
    """Read a mask as a tensor [1, 1, H, W] in [0, 1], white is 1; colours become grey.

    Args:
        source: [1, 1, H, W] in [0, 1], or anything `load_image` reads.

    Raises:
        NSTError: not a picture, or black everywhere.
    """
    if isinstance(source, Tensor) and source.ndim == 4 and source.shape[1] == 1:
        source = source.expand(-1, 3, -1, -1)
    mask = load_image(source).mean(dim=1, keepdim=True)
    if not mask.any():
        raise NSTError("The mask is black everywhere; paint the region of its style white.")
    return mask


def reduce_mask(mask: Tensor, backbone: Backbone, layer: str, inside: float = 1.0) -> Tensor:
    """Bring a mask in pixels to the positions of a layer.

    A position of a deep layer sees many pixels around its own block. If it counts although some of
    them lie outside the region, the style loss changes those pixels too: the style bleeds.

    Args:
        mask: [1, 1, H, W] in [0, 1].
        backbone, layer: whose positions.
        inside: how much of what a position sees around its block must lie in the region, in [0, 1].
            It gets the least value that the mask has there. With 1 that is the whole receptive
            field: nothing bleeds, but thin regions vanish from deep layers. With 0 it is the block
            alone: the region stays whole, and the style bleeds as far as the layer reaches.

    Returns:
        [1, 1, H_l, W_l] in [0, 1]. A mask of 1 everywhere stays so: beyond the picture's border
        there is nothing to change.

    Raises:
        NSTError: an unknown layer, or another `inside`.
    """
    backbone.check_layers([layer])
    if not 0 <= inside <= 1:
        raise NSTError(f"inside is {inside}; it is a share of the receptive field, from 0 to 1.")
    step, around = stride(layer), round(inside * reach(backbone, layer))
    # The least value is the largest of the negative; the padding of a max-pool never wins.
    return -F.max_pool2d(-mask, step + 2 * around, stride=step, padding=around)


def guided_gram(features: Tensor, mask: Tensor) -> Tensor:
    """Correlations between the channels in one region, G_ij = sum_k T_k^2 F_ik F_jk.

    T is the mask divided by the root of its sum of squares, so that sum_k T_k^2 = 1. A mask that is
    1 everywhere gives `gram_matrix(features)`.

    Args:
        features: F, [B, N_l, H_l, W_l].
        mask: [1, 1, H_l, W_l], 0 or more, not 0 everywhere.

    Returns:
        G, [B, N_l, N_l].

    Raises:
        NSTError: a mask of another size, or one that is 0 everywhere.
    """
    if mask.shape[-2:] != features.shape[-2:]:
        raise NSTError(
            f"The mask has {tuple(mask.shape[-2:])} positions, the features have "
            f"{tuple(features.shape[-2:])}; bring it to the layer's size with reduce_mask."
        )
    return gram_matrix(features * _guide(mask))


def weigh_region(
    mask: Tensor, backbone: Backbone, layer_weights: Mapping[str, float], inside: float = 1.0
) -> dict[str, float]:
    """The weights w_l of the layers in which something of a region is left.

    A layer in which `reduce_mask` leaves nothing cannot be compared. The others share its weight in
    proportion to their own.

    Args:
        mask: [1, 1, H, W] in [0, 1], as large as the picture being made.
        layer_weights: layer to w_l, each 0 or more.
        inside: see `reduce_mask`.

    Raises:
        NSTError: the region is too thin for every layer.
    """
    left = {
        layer: w
        for layer, w in layer_weights.items()
        if w > 0 and reduce_mask(mask, backbone, layer, inside).any()
    }
    if not left:
        raise NSTError(
            f"The region of a mask holds no receptive field of {', '.join(layer_weights)} at "
            f"{mask.shape[-1]}x{mask.shape[-2]} pixels; take a shallower layer, a larger region "
            "or size, or a smaller `inside`."
        )
    scale = sum(layer_weights.values()) / sum(left.values())
    return {layer: w * scale for layer, w in left.items()}


def guided_style_term(
    backbone: Backbone,
    style: Tensor,
    mask: Tensor,
    layer_weights: Mapping[str, float],
    weight: float = 1.0,
    convention: str = "paper",
    inside: float = 1.0,
    bf16: bool = False,
    tile: int | None = None,
) -> Term:
    """`style_term` for one region: its guided Gram matrices against those of the whole painting.

    Args:
        style: the painting, [1, 3, H', W'].
        mask: [1, 1, H, W] in [0, 1], as large as the picture being made.
        weight: of the term if the mask covers the whole picture. It is multiplied by the share that
            it does cover, as the pull on each pixel would otherwise grow in a small region.
        inside: see `reduce_mask`.
        layer_weights, convention, bf16, tile: as for `style_term`.

    Raises:
        NSTError: a layer in which `reduce_mask` leaves nothing of the region; see `weigh_region`.
    """
    guides = {layer: _guide(reduce_mask(mask, backbone, layer, inside)) for layer in layer_weights}
    shape = tuple(mask.shape[-2:])
    whole = Tile((slice(0, shape[0]), slice(0, shape[1])), 0, shape)
    weight = weight * mask.mean().item()
    plain = style_term(backbone, style, layer_weights, weight, convention, bf16, tile)

    def guided(features: Mapping[str, Tensor], tile: Tile) -> dict[str, Tensor]:
        return {
            layer: features[layer] * guide[(..., *tile.window(layer))]
            for layer, guide in guides.items()
        }

    return Term(
        weight,
        plain.layers,
        lambda features, image: plain.function(guided(features, whole), image),
        lambda features, tile: plain.share(guided(features, tile), tile),
        plain.loss,
    )


def _guide(mask: Tensor) -> Tensor:
    # sqrt(M) T, because gram_matrix divides by M; so a full mask stays exactly 1.
    if not mask.any():
        raise NSTError("The mask is 0 everywhere, so no position is left to correlate.")
    return mask / mask.square().mean().sqrt()
