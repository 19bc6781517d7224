"""What trains a small transformer network in a moment, for tests."""

import torch

import nst_utils as nst
from nst_utils.fast import Settings

SMALL = Settings(steps=6, batch=2, side=32, style_size=48, width=2, backbone="tiny_vgg19")
WAVE = nst.DATA / "style" / "wave.jpg"


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Noise in [0, 1], [1, 3, H, W]."""
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))
