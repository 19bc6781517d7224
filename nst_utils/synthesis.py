"""The paper's three tasks: an image from features, a texture from Gram matrices, style transfer.

Options that all three pass on:
    backbone: a name that `load_backbone` knows, or a `Backbone` (default "mini_vgg19").
    steps: evaluations of loss and gradient, over all sizes of the pyramid.
    optimizer: "lbfgs" (the paper's) or "adam".
    learning_rate: see `optimize`.
    pyramid: how many sizes to go through, each sqrt(2) times the one before; 1 is the paper's way.
    seed: of the white noise.
    device: "cuda", "mps" or "cpu"; by default the fastest there is.
    precision: "fp32", "bf16" or "auto" (bfloat16 convolutions where the machine is faster with it).
    tile: compute in tiles of this many pixels a side, with the same result in less memory; None
        never does, "auto" (the default) when memory is short.
    progress: show a progress bar.
    snapshots: how many pictures to keep on the way.
    callback, tolerance: see `optimize`.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import torch
from torch import Tensor

from nst_utils.backbones import Backbone, load_backbone
from nst_utils.errors import NSTError
from nst_utils.image import ImageSource, load_image, resize
from nst_utils.losses import (
    CONTENT_LAYER,
    STYLE_LAYERS,
    Objective,
    Term,
    content_term,
    style_term,
    variation_term,
)
from nst_utils.optimize import Result, Stage, optimize, pyramid_shapes, split_steps
from nst_utils.planning import memory_needed, sides_to_try
from nst_utils.runtime import pick_device, seeded_generator, use_bf16
from nst_utils.tiling import TiledObjective

# What the two conventions call the losses of one layer. "paper" sums content errors over positions
# while the style is an average, so alpha/beta would have to change with the size, and a faint style
# would weigh less than a strong one; "balanced" takes that out.
# A weighted sum of distances, as in "balanced", is smallest at or near the style with the larger
# weight; a weighted sum of "squares" is smallest at the weighted mean, so those blend.
CONVENTIONS = {
    "paper": ("paper", "paper"),
    "balanced": ("mean", "relative"),
    "squares": ("mean", "squares"),
}

# From noise, equal w_l leave the fine layers too little pull to clear the grain away; a quarter of
# the weight from each layer to the next (256:64:16:4:1, K. Crowson's choice) clears it.
TEXTURE_WEIGHTS = {layer: 4.0 ** (4 - i) / 341 for i, layer in enumerate(STYLE_LAYERS)}

# A transfer starts from a clean picture, so a gentler slope will do: the deep layers, which the
# content constrains as well, count for less.
TRANSFER_WEIGHTS = dict(zip(STYLE_LAYERS, (0.25, 0.25, 0.25, 0.15, 0.1), strict=True))

Terms = dict[str, Term]


def reconstruct_content(
    content: ImageSource,
    layer: str = CONTENT_LAYER,
    *,
    size: int | None = 256,
    variation: float = 0.0,
    init: str | Tensor = "noise",
    **options,
) -> Result:
    """The image whose features at one layer are those of `content` (paper, equation 1).

    Args:
        content: an image tensor or anything `load_image` reads.
        layer: where the features are compared.
        size: the longer side in pixels; None keeps the content's.
        variation: weight of the total variation, in the mean convention.
        init: "noise" (white, as in the paper) or an image.
        options: see the module; by default 300 L-BFGS evaluations at one size.

    Returns:
        A `Result` whose history has the content loss as mean squared error.

    Raises:
        NSTError: bad input, as a sentence.
    """
    content = load_image(content)
    full = content if size is None else resize(content, size)

    def terms(network: Backbone, shape: tuple[int, int], **how) -> Terms:
        target = at_size(content, shape, network)
        return {
            "content": content_term(network, target, layer, convention="mean", **how),
            "variation": variation_term(variation),
        }

    return synthesize(terms, [layer], full, {}, init, **{"steps": 300} | options)


def synthesize_texture(
    style: ImageSource,
    layers: Iterable[str] | Mapping[str, float] = TEXTURE_WEIGHTS,
    *,
    size: int | None = 256,
    variation: float = 0.3,
    convention: str = "balanced",
    init: str | Tensor = "noise",
    **options,
) -> Result:
    """A new image with the Gram matrices of `style` (Gatys et al. 2015, both papers).

    Args:
        style: an image tensor or anything `load_image` reads.
        layers: style layers, or a dict from layer to weight w_l; see `weigh_layers`.
        size: the longer side in pixels, of the style too; None keeps the style's.
        variation: weight of the total variation; a little keeps out specks.
        convention: "paper" (E_l as it stands) or "balanced" (each E_l relative to its target).
        init: "noise" or an image.
        options: see the module; by default 300 L-BFGS evaluations over three sizes.

    Returns:
        A `Result` whose history has the style and variation losses.

    Raises:
        NSTError: bad input, as a sentence.
    """
    style = load_image(style)
    weights = weigh_layers(layers)
    full = style if size is None else resize(style, size)
    _, style_convention = conventions_of(convention)

    def terms(network: Backbone, shape: tuple[int, int], **how) -> Terms:
        target = at_size(style, shape, network)
        return {
            "style": style_term(network, target, weights, 1.0, style_convention, **how),
            "variation": variation_term(variation),
        }

    return synthesize(terms, weights, full, {}, init, **{"steps": 300, "pyramid": 3} | options)


def transfer_style(
    content: ImageSource,
    style: ImageSource,
    *,
    size: int | None = 384,
    content_layer: str = CONTENT_LAYER,
    style_layers: Iterable[str] | Mapping[str, float] = TRANSFER_WEIGHTS,
    alpha: float = 0.03,
    beta: float = 1.0,
    variation: float = 1.0,
    convention: str = "balanced",
    style_scale: float = 1.0,
    init: str | Tensor = "content",
    **options,
) -> Result:
    """The content of one image in the style of another (paper, equation 7).

    L = alpha L_content + beta L_style, and a little total variation against noise.

    Args:
        content, style: image tensors or anything `load_image` reads; their sizes may differ.
        size: the longer side of the result in pixels; None keeps the content's.
        content_layer, style_layers: the paper's by default; style layers may be a dict from layer
            to w_l, see `weigh_layers`.
        alpha, beta, variation: weights of the terms, each 0 or more.
        convention: "balanced" (errors relative to their targets, so that the weights hold at every
            size and for every style), "paper" (equations 1 and 4 as they stand) or "squares" (as
            "balanced", with each style error squared).
        style_scale: the style's longer side relative to the result's; smaller is finer strokes.
        init: "content", "style", "noise" or an image.
        options: see the module; by default 500 L-BFGS evaluations over four sizes.

    Returns:
        A `Result` whose history has the content, style and variation losses.

    Raises:
        NSTError: bad input, as a sentence.
    """
    content, style = load_image(content), load_image(style)
    weights = weigh_layers(style_layers)
    full = content if size is None else resize(content, size)
    content_convention, style_convention = conventions_of(convention)
    if not 0 < style_scale < float("inf"):
        raise NSTError(f"The style scale is {style_scale}; it must be a number above 0.")

    def terms(network: Backbone, shape: tuple[int, int], **how) -> Terms:
        p = at_size(content, shape, network)
        a = at_size(style, max(1, round(max(shape) * style_scale)), network)
        return {
            "content": content_term(network, p, content_layer, alpha, content_convention, **how),
            "style": style_term(network, a, weights, beta, style_convention, **how),
            "variation": variation_term(variation),
        }

    starts = {"content": content, "style": style}
    # Chosen on six pairs, by eye and by the style loss that is left under the real VGG-19 (see
    # backbones/compare.py): 0.024 of the content image's, against 0.040 with alpha 0.05, variation
    # 2, equal w_l and 400 steps. A lower alpha dissolves houses, 0.1 leaves a tinted photograph.
    # Less variation leaves flat skies grainy, 5 and more takes fine strokes away. Coarse to fine:
    # large strokes are laid out where they are cheap. L-BFGS reaches smoother flat parts than Adam
    # for the same number of evaluations.
    defaults = {"steps": 500, "pyramid": 4}
    layers = {content_layer, *weights}
    return synthesize(terms, layers, full, starts, init, **defaults | options)


def white_noise(shape: tuple[int, int], seed: int = 0) -> Tensor:
    """Uniform white noise [1, 3, H, W] in [0, 1], the same on every machine for the same seed."""
    return torch.rand(1, 3, *shape, generator=seeded_generator(seed))


def weigh_layers(layers: Iterable[str] | Mapping[str, float]) -> dict[str, float]:
    """Style layers as a dict from layer to w_l; a list gets the paper's equal weights, 1/n each."""
    if isinstance(layers, Mapping):
        return dict(layers)
    layers = [layers] if isinstance(layers, str) else list(layers)
    if not layers:
        raise NSTError("There are no style layers; name at least one.")
    return {layer: 1 / len(layers) for layer in layers}


def conventions_of(name: str) -> tuple[str, str]:
    """The conventions of the content and of the style loss, by the name of both."""
    if name not in CONVENTIONS:
        raise NSTError(f"Unknown convention {name!r}; choose one of {', '.join(CONVENTIONS)}.")
    return CONVENTIONS[name]


def at_size(image: Tensor, size: int | tuple[int, int], network: Backbone) -> Tensor:
    """An image [1, 3, H, W] resized and on the network's device."""
    return resize(image, size).to(network.mean.device)


def synthesize(
    terms: Callable[..., Terms],
    layers: Iterable[str],
    full: Tensor,
    starts: Mapping[str, Tensor],
    init: str | Tensor,
    *,
    steps: int,
    backbone: str | Backbone = "mini_vgg19",
    pyramid: int = 1,
    seed: int = 0,
    device: str | torch.device | None = None,
    precision: str = "auto",
    tile: int | str | None = "auto",
    progress: bool = True,
    **run,
) -> Result:
    """Optimise the sum of `terms`, made anew for each size, up to the shape of `full`.

    `terms(network, shape, bf16=..., tile=...)` gives the terms, which read `layers`.
    """
    device = pick_device(device)
    network = load_backbone(backbone) if isinstance(backbone, str) else backbone
    network = network.to(device, memory_format=torch.channels_last)
    bf16 = use_bf16(precision, device)
    shapes = pyramid_shapes(tuple(full.shape[-2:]), pyramid)
    if steps < len(shapes):
        raise NSTError(
            f"{steps} steps are too few for {len(shapes)} sizes; give one each at least."
        )
    starts = {"noise": white_noise(shapes[0], seed), **starts}
    if isinstance(init, str):
        if init not in starts:
            raise NSTError(f"Unknown init {init!r}; choose one of {', '.join(starts)} or an image.")
        init = starts[init]
    init = load_image(init)  # an image of one's own may have NaN or another shape

    def build(shape: tuple[int, int], side: int | None) -> Objective:
        these = terms(network, shape, bf16=bf16, tile=side)
        if side is None:
            return Objective(network, these, bf16)
        return TiledObjective(network, these, side, bf16)

    stages = []
    for shape, n in zip(shapes, split_steps(steps, len(shapes)), strict=True):
        sides = sides_to_try(tile, network, layers, shape, bf16, tell=progress)
        first, *others = (partial(build, shape, side) for side in sides)
        memory = memory_needed(network, layers, shape, bf16, sides[0])
        stages.append(Stage(shape, n, first, others, memory))
    return optimize(stages, init, progress=progress, **run)
