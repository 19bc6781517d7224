"""Pictures that a student makes: what it must learn not to be fooled by.

An optimiser finds the pictures on which a network is wrong: they please the student, and the
teacher sees that they are off. So the students transfer and synthesise for a while, from training
photographs alone, and learn on the results what the teachers say of them.
"""

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from nst_utils.backbones.network import Backbone
from nst_utils.backbones.photos import Photos
from nst_utils.losses import STYLE_LAYERS
from nst_utils.synthesis import synthesize_texture, transfer_style

SIDE = 192
STEPS = 150
HALFWAY = 110  # evaluations after which a picture is kept as well, at full size already


def own_pictures(network: Backbone, photos: Photos, count: int, seed: int = 7) -> list[Tensor]:
    """Two states each of `count` pictures made with `network`, as uint8 [3, 192, 192].

    Two in three are transfers between two photographs, from the content or from noise, the others
    textures; the weights of the content and of the total variation are drawn at random. A run
    that ends before it is halfway leaves its last state alone.
    """
    draw = np.random.default_rng(seed)
    squares = photos.centre_crops(len(photos.training), side=SIDE)
    kept: list[Tensor] = []

    def keep(image: Tensor) -> None:
        kept.append((image[0].clamp(0, 1) * 255).round().byte().cpu())

    def look(record: dict[str, float], image: Tensor) -> None:
        if record["evaluation"] == HALFWAY:
            keep(image)

    for i in tqdm(range(count), desc="Making pictures to learn from", leave=False):
        content, style = (squares[k : k + 1] for k in draw.choice(len(squares), 2, replace=False))
        options = {"size": SIDE, "backbone": network, "steps": STEPS, "pyramid": 2, "seed": i}
        options |= {"progress": False, "callback": look}
        if i % 3 == 2:
            result = synthesize_texture(style, variation=draw.uniform(0, 0.5), **options)
        else:
            alpha, variation = draw.choice([0, 0.02, 0.05]), draw.uniform(0, 2)
            options |= {"alpha": alpha, "variation": variation, "style_layers": STYLE_LAYERS}
            result = transfer_style(content, style, init=("noise", "content")[i % 3], **options)
        keep(result.image)
    return kept


def rehearse(networks: list[Backbone], photos: Photos, count: int) -> Tensor:
    """`own_pictures` of all the networks together, uint8 [2 * count * networks, 3, 192, 192]."""
    return torch.stack([p for network in networks for p in own_pictures(network, photos, count)])
