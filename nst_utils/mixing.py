"""Several styles in one picture: blended by weights, split by layers, or each in its own place.

L = alpha L_content + sum_s weight_s L_style(a_s), for the styles a_1, a_2, ...
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor

from nst_utils.backbones import Backbone
from nst_utils.errors import NSTError
from nst_utils.guidance import guided_style_term, load_mask, weigh_region
from nst_utils.image import ImageSource, load_image, resize
from nst_utils.losses import (
    CONTENT_LAYER,
    content_term,
    style_term,
    variation_term,
)
from nst_utils.optimize import Result
from nst_utils.synthesis import (
    TRANSFER_WEIGHTS,
    Terms,
    at_size,
    conventions_of,
    synthesize,
    weigh_layers,
)


@dataclass(frozen=True)
class Style:
    """One style of a mixture.

    Attributes:
        image: the painting; anything `load_image` reads.
        weight: of its style loss, 0 or more.
        layers: where it is compared; names, or a dict from layer to w_l, see `weigh_layers`.
        mask: where it belongs, 1 inside and 0 outside, [1, 1, H, W] or anything `load_image` reads,
            in the photograph's shape at any size; None is everywhere.
        scale: the painting's longer side relative to the result's; smaller is finer strokes.
    """

    image: ImageSource
    weight: float = 1.0
    layers: Iterable[str] | Mapping[str, float] = field(default_factory=TRANSFER_WEIGHTS.copy)
    mask: ImageSource | None = None
    scale: float = 1.0


def transfer_styles(
    content: ImageSource,
    styles: Sequence[Style | ImageSource],
    *,
    size: int | None = 384,
    content_layer: str = CONTENT_LAYER,
    alpha: float = 0.03,
    variation: float = 1.0,
    convention: str = "balanced",
    inside: float = 0.25,
    init: str | Tensor = "content",
    **options,
) -> Result:
    """The content of one image in several styles at once; with one style, `transfer_style`.

    L = alpha L_content + sum_s weight_s L_style(a_s), and a little total variation. Weights that
    add up to 1 keep alpha's meaning. A masked style counts with its weight times the share of the
    picture that its mask covers, so regions that share out the picture have weight 1 each. Its
    layers that no longer fit into the region, as at a coarse size, hand their weight to the others.

    Args:
        content: an image tensor or anything `load_image` reads.
        styles: the styles; a picture alone stands for `Style(picture)`. One of weight 0 is left
            out: it costs nothing and changes nothing.
        size, content_layer, alpha, variation: as for `transfer_style`.
        convention: as for `transfer_style`; with "squares", weights between 0 and 1 blend styles.
        inside: how strictly a style keeps to its mask, from 0 to 1, see `reduce_mask`.
        init: "content", "noise", "style 1", "style 2", ... or an image.
        options: see the module `synthesis`; by default 500 L-BFGS evaluations over four sizes.

    Returns:
        A `Result` whose history has the losses "content", "style 1", "style 2", ... (numbered as
        given, without those of weight 0) and "variation".

    Raises:
        NSTError: bad input, as a sentence.
    """
    content = load_image(content)
    full = content if size is None else resize(content, size)
    mixture = _read(styles, tuple(content.shape[-2:]))
    content_convention, style_convention = conventions_of(convention)

    def terms(network: Backbone, shape: tuple[int, int], **how) -> Terms:
        p = at_size(content, shape, network)
        found = {
            "content": content_term(network, p, content_layer, alpha, content_convention, **how)
        }
        for name, style in mixture.items():
            a = at_size(style.image, max(1, round(max(shape) * style.scale)), network)
            common = style.weight, style_convention
            if style.mask is None:
                found[name] = style_term(network, a, style.layers, *common, **how)
            else:
                mask = F.adaptive_avg_pool2d(style.mask, shape).to(a.device)
                layers = weigh_region(mask, network, style.layers, inside)
                found[name] = guided_style_term(network, a, mask, layers, *common, inside, **how)
        return found | {"variation": variation_term(variation)}

    starts = {"content": content} | {name: style.image for name, style in mixture.items()}
    layers = {content_layer}.union(*(style.layers for style in mixture.values()))
    defaults = {"steps": 500, "pyramid": 4}  # as for one style
    return synthesize(terms, layers, full, starts, init, **defaults | options)


def _read(styles: Sequence[Style | ImageSource], shape: tuple[int, int]) -> dict[str, Style]:
    """The styles that count, by name, with images and masks as tensors and layers as dicts."""
    if isinstance(styles, Style | ImageSource):
        raise NSTError("The styles are a single one; give a list of them, such as [Style(path)].")
    if not styles:
        raise NSTError("There are no styles; give at least one.")
    mixture = {}
    for number, style in enumerate(styles, start=1):
        style = style if isinstance(style, Style) else Style(style)
        name = f"style {number}"
        if not 0 <= style.weight < float("inf"):
            raise NSTError(f"The weight of {name} is {style.weight}; it must be 0 or more.")
        if not 0 < style.scale < float("inf"):
            raise NSTError(f"The scale of {name} is {style.scale}; it must be a number above 0.")
        if style.weight > 0:
            mixture[name] = Style(
                load_image(style.image),
                style.weight,
                weigh_layers(style.layers),
                None if style.mask is None else _read_mask(style.mask, name, shape),
                style.scale,
            )
    if not mixture:
        raise NSTError("Every style has weight 0, so there is none to transfer; raise a weight.")
    return mixture


def _read_mask(source: ImageSource, name: str, shape: tuple[int, int]) -> Tensor:
    mask = load_mask(source)
    height, width = mask.shape[-2:]
    # A mask that was resized on its own may be a pixel off.
    if abs(height * shape[1] - width * shape[0]) > max(height, width, *shape):
        raise NSTError(
            f"The mask of {name} is {width}x{height} and the photograph {shape[1]}x{shape[0]}; "
            "they need the same proportions, at any size."
        )
    return mask
