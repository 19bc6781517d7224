"""The losses of Gatys et al. (2015): content, Gram matrix, style, total variation, and their sum.

Symbols are the paper's. p is the content image, a the style image, x the image being made; at layer
l, F and P are the features of x and p as N_l x M_l matrices (N_l channels, M_l positions), G and A
the Gram matrices of x and a.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_utils.backbones import Backbone
from nst_utils.errors import NSTError
from nst_utils.windows import Tile, features_in, features_of, split, sum_shares

CONTENT_LAYER = "relu4_2"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


def content_loss(features: Tensor, target: Tensor, convention: str = "paper") -> Tensor:
    """How far the features of x are from those of the content image (paper, equation 1).

    Args:
        features: F, [B, N_l, H_l, W_l].
        target: P, the same shape.
        convention: "paper" is 1/2 sum (F - P)^2. Others in use: "sum" = 2 x paper (CS231n) and
            "mean" = 2 / (B N_l M_l) x paper (PyTorch's tutorial), which does not grow with size.

    Returns:
        A scalar, at least 0.

    Raises:
        NSTError: different shapes, or an unknown convention.
    """
    if features.shape != target.shape:
        raise NSTError(
            f"Content features have shape {tuple(features.shape)}, their target has "
            f"{tuple(target.shape)}; the content loss needs two images of one size."
        )
    precise = features.to(torch.promote_types(features.dtype, torch.float32))
    squares = (precise - target).square().sum()
    return squares * _content_scale(convention, features.numel())


def gram_matrix(features: Tensor, convention: str = "positions") -> Tensor:
    """Correlations between the channels of a layer, G_ij = sum_k F_ik F_jk (paper, equation 3).

    Args:
        features: F, [B, N_l, H_l, W_l].
        convention: what the sum is divided by. "positions": M_l, so that images of different size
            can be compared (the default); "sum": nothing, as in the paper; "elements": N_l M_l.

    Returns:
        G, [B, N_l, N_l], in float32 or better, symmetric and positive semi-definite.
    """
    flat = features.flatten(2)
    channels, positions = flat.shape[1:]
    divisors = {"positions": positions, "sum": 1, "elements": channels * positions}
    return _Products.apply(flat) / _pick("convention", convention, divisors)


class _Products(torch.autograd.Function):
    """F F^T. From a slope S goes (S + S^T) F back: one product, where autograd would make two."""

    @staticmethod
    def forward(ctx, flat: Tensor) -> Tensor:
        ctx.save_for_backward(flat)
        flat = flat.to(torch.promote_types(flat.dtype, torch.float32))
        return flat @ flat.transpose(1, 2)

    @staticmethod
    def backward(ctx, slope: Tensor) -> Tensor:
        (flat,) = ctx.saved_tensors
        slope = (slope + slope.transpose(1, 2)).to(flat.dtype)
        # Transposed, the result has the channels of a position side by side, as the network has.
        return (flat.transpose(1, 2) @ slope).transpose(1, 2)


def style_loss(gram: Tensor, target: Tensor, convention: str = "paper") -> Tensor:
    """One layer's share E_l of the style loss (paper, equation 4).

    Args:
        gram: G, [B, N_l, N_l], divided by its number of positions (`gram_matrix`'s default).
        target: A, the same shape.
        convention: "paper" is 1/(4 N_l^2) sum (G - A)^2. As both matrices are already divided by
            their M_l, at equal sizes this is the paper's 1/(4 N_l^2 M_l^2) sum (G - A)^2. Others:
            "sum" = 4 N_l^2 x paper; "mean" = 4 / B x paper; "relative" = |G - A| / |A|, the norm
            of the difference over the target's, the root of paper x 4 N_l^2 / |A|^2; "squares",
            the square of that.

    Returns:
        A scalar, at least 0.

    Raises:
        NSTError: different shapes, or an unknown convention.
    """
    if gram.shape != target.shape:
        raise NSTError(
            f"The Gram matrix has shape {tuple(gram.shape)}, its target has {tuple(target.shape)}; "
            "both must come from the same layer."
        )
    squares = (gram - target).square().sum()
    over_target = 1 / target.square().sum().clamp_min(1e-12)
    scales = {
        "paper": 1 / (4 * gram.shape[-1] ** 2),
        "sum": 1.0,
        "mean": 1 / gram.numel(),
        "relative": over_target,
        "squares": over_target,
    }
    loss = squares * _pick("convention", convention, scales)
    # A root has no derivative at 0; the small constant gives it one, 0 where G = A.
    return (loss + 1e-12).sqrt() if convention == "relative" else loss


def total_variation(image: Tensor) -> Tensor:
    """How rough an image is: the mean squared difference between neighbours, right and below.

    Not in Gatys et al. (2015); a prior that natural images are smooth (Mahendran & Vedaldi 2015).

    Args:
        image: [B, C, H, W], at least 2 pixels in both directions.

    Returns:
        A scalar, 0 for a flat image.
    """
    across = image[..., :, 1:] - image[..., :, :-1]
    down = image[..., 1:, :] - image[..., :-1, :]
    return across.square().mean() + down.square().mean()


@dataclass
class Term:
    """One weighted loss: `function(features, image)` reads the features of its `layers`.

    They are as precise as the image, or in bfloat16 if they were computed so and `half` allows it.

    A term that has layers can be computed in tiles if it also has the pair of functions below. Then
    the loss depends on the picture only through one sum over positions for each layer.

    Attributes:
        share: `share(features, tile)` gets the features of the tile's own positions and returns
            what they add to those sums, one tensor for each of `layers`, in their order.
        loss: the same loss as `function`'s, from the list of sums.
    """

    weight: float
    layers: Sequence[str]
    function: Callable[[dict[str, Tensor], Tensor], Tensor]
    share: Callable[[dict[str, Tensor], Tile], list[Tensor]] | None = None
    loss: Callable[[list[Tensor]], Tensor] | None = None
    half: bool = False

    def reads(self, features: dict[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
        """The features of its layers, in the precision that it reads."""
        if self.half:
            return features
        return {layer: features[layer].to(dtype) for layer in self.layers}


class Objective:
    """L(x) = sum of weight x loss over named terms, as in L = alpha L_content + beta L_style.

    Args:
        backbone: gives the features.
        terms: name to `Term`; a term of weight 0 is not computed.
        bf16: let the network compute in bfloat16; losses and the image stay in float32.
    """

    def __init__(self, backbone: Backbone, terms: Mapping[str, Term], bf16: bool = False) -> None:
        for name, term in terms.items():
            if not 0 <= term.weight < float("inf"):
                raise NSTError(f"The weight of {name} is {term.weight}; it must be 0 or more.")
        self.terms = {name: term for name, term in terms.items() if term.weight > 0}
        if not self.terms:
            raise NSTError("Every weight is 0, so there is nothing to optimise; raise one of them.")
        self.backbone = backbone
        self.bf16 = bf16
        self.layers = {layer for term in self.terms.values() for layer in term.layers}
        backbone.check_layers(self.layers)

    def __call__(self, image: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The total and each term's unweighted loss, all scalars, for an image [1, 3, H, W]."""
        losses = self.losses(image)
        return sum(self.terms[name].weight * loss for name, loss in losses.items()), losses

    def losses(self, image: Tensor) -> dict[str, Tensor]:
        """Each term's unweighted loss, a scalar, for an image [1, 3, H, W]."""
        features = features_of(self.backbone, image, self.layers, self.bf16)
        return {
            name: term.function(term.reads(features, image.dtype), image)
            for name, term in self.terms.items()
        }


def content_term(
    backbone: Backbone,
    content: Tensor,
    layer: str = CONTENT_LAYER,
    weight: float = 1.0,
    convention: str = "paper",
    bf16: bool = False,
    tile: int | None = None,
) -> Term:
    """The content loss against the image `content` [1, 3, H, W]; its features are computed once.

    Args:
        tile: compute those features in tiles of this side in pixels, to save memory.
    """
    tiles = split(backbone, [layer], tuple(content.shape[-2:]), tile)
    target = torch.empty(
        *(len(content), backbone.channels(layer), *tiles[0].grid(layer)),
        dtype=torch.bfloat16 if bf16 else content.dtype,
        device=content.device,
        memory_format=torch.channels_last,  # as the network's features are
    )
    with torch.no_grad():
        for t in tiles:
            crop = content[(..., *t.crop)]
            target[(..., *t.window(layer))] = features_in(t, backbone, crop, [layer], bf16)[layer]

    def share(features: dict[str, Tensor], t: Tile) -> list[Tensor]:
        if t.grid(layer) != tuple(target.shape[-2:]):
            raise NSTError(
                f"{layer} has {t.grid(layer)} positions, its target {tuple(target.shape[-2:])}; "
                "the content loss needs two images of one size."
            )
        squares = content_loss(features[layer], target[(..., *t.window(layer))], "sum")
        return [squares * _content_scale(convention, target.numel())]

    def function(features: dict[str, Tensor], _: Tensor) -> Tensor:
        return content_loss(features[layer], target, convention)

    return Term(weight, [layer], function, share, lambda sums: sums[0], half=True)


def style_term(
    backbone: Backbone,
    style: Tensor,
    layer_weights: Mapping[str, float],
    weight: float = 1.0,
    convention: str = "paper",
    bf16: bool = False,
    tile: int | None = None,
) -> Term:
    """L_style = sum_l w_l E_l against the image `style` [1, 3, H, W] (paper, equation 5).

    Args:
        layer_weights: layer to w_l, each 0 or more.
        tile: compute the targets in tiles of this side in pixels, to save memory.
    """
    for layer, w in layer_weights.items():
        if not 0 <= w < float("inf"):
            raise NSTError(f"The weight of style layer {layer} is {w}; it must be 0 or more.")

    def share(features: dict[str, Tensor], t: Tile) -> list[Tensor]:
        # Divided by the positions of the whole layer, so that the sum over tiles is G.
        return [
            gram_matrix(features[layer], "sum") / math.prod(t.grid(layer))
            for layer in layer_weights
        ]

    def loss(grams: list[Tensor]) -> Tensor:
        pairs = zip(layer_weights.values(), grams, targets, strict=True)
        return sum(w * style_loss(gram, target, convention) for w, gram, target in pairs)

    def read(crop: Tensor, t: Tile) -> list[Tensor]:
        return share(features_in(t, backbone, crop, layer_weights, bf16), t)

    tiles = split(backbone, layer_weights, tuple(style.shape[-2:]), tile)
    with torch.no_grad():
        targets = sum_shares(read, style, tiles)

    def function(features: dict[str, Tensor], _: Tensor) -> Tensor:
        return loss([gram_matrix(features[layer]) for layer in layer_weights])

    return Term(weight, list(layer_weights), function, share, loss, half=True)


def variation_term(weight: float) -> Term:
    """Total variation of the image itself."""
    return Term(weight, [], lambda _, image: total_variation(image))


def _content_scale(convention: str, elements: int) -> float:
    return _pick("convention", convention, {"paper": 0.5, "sum": 1.0, "mean": 1 / elements})


def _pick(what: str, name: str, table: Mapping[str, float]) -> float:
    if name not in table:
        raise NSTError(f"Unknown {what} {name!r}; choose one of {', '.join(table)}.")
    return table[name]
