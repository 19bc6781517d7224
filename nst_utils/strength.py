"""A style strength that does not change with the size of the picture.

Two terms pull at every pixel. With the losses of the paper one of them, the content's, is a sum
over positions and grows with the picture, while the Gram matrices are averages. What a run feels
are the gradients; so alpha is chosen to hold the ratio of their norms.
"""

from collections.abc import Iterable, Mapping

import torch

from nst_utils.backbones import Backbone, load_backbone
from nst_utils.image import ImageSource, load_image
from nst_utils.losses import CONTENT_LAYER, Objective, content_term, style_term
from nst_utils.runtime import pick_device
from nst_utils.synthesis import (
    TRANSFER_WEIGHTS,
    at_size,
    conventions_of,
    weigh_layers,
    white_noise,
)


def gradient_norms(
    content: ImageSource,
    style: ImageSource,
    size: int,
    *,
    convention: str = "paper",
    content_layer: str = CONTENT_LAYER,
    style_layers: Iterable[str] | Mapping[str, float] = TRANSFER_WEIGHTS,
    backbone: str | Backbone = "mini_vgg19",
    seed: int = 0,
    device: str | torch.device | None = None,
) -> dict[str, float]:
    """How hard content and style pull at white noise, where a run of the paper starts.

    At the photograph itself the content's gradient would be zero.

    Args:
        content, style: image tensors or anything `load_image` reads.
        size: the longer side of the picture in pixels; the style gets the same.
        convention, content_layer, style_layers, backbone, device: as for `transfer_style`.
        seed: of the noise.

    Returns:
        The L2 norms over all pixels of the gradients of the unweighted losses "content" and
        "style".

    Raises:
        NSTError: bad input, as a sentence.
    """
    device = pick_device(device)
    network = load_backbone(backbone) if isinstance(backbone, str) else backbone
    network = network.to(device)
    content_convention, style_convention = conventions_of(convention)
    p, a = (at_size(load_image(image), size, network) for image in (content, style))
    noise = white_noise(tuple(p.shape[-2:]), seed).to(device)
    weights = weigh_layers(style_layers)
    terms = {
        "content": content_term(network, p, content_layer, convention=content_convention),
        "style": style_term(network, a, weights, convention=style_convention),
    }
    norms = {}
    for name, term in terms.items():
        x = noise.clone().requires_grad_()
        Objective(network, {name: term})(x)[0].backward()
        norms[name] = x.grad.norm().item()
    return norms


def hold_strength(
    content: ImageSource,
    style: ImageSource,
    size: int,
    *,
    alpha: float,
    reference: int = 256,
    **options,
) -> float:
    """The alpha for another size at which content and style pull in the same ratio.

    Args:
        content, style: image tensors or anything `load_image` reads.
        size: the longer side in pixels of the picture to come.
        alpha: the content's weight that looks right at the size `reference`.
        options: as for `gradient_norms`.

    Returns:
        alpha times (style / content at `size`) / (style / content at `reference`).
    """
    new, old = (gradient_norms(content, style, side, **options) for side in (size, reference))
    return alpha * (new["style"] / new["content"]) / (old["style"] / old["content"])
