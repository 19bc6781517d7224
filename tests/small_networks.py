"""Small transformer networks and what trains them in a moment, for tests."""

from pathlib import Path

import torch

import nst_utils as nst
from nst_utils.fast import Settings, TransformerNetwork

SMALL = Settings(steps=6, batch=2, side=32, style_size=48, width=2, backbone="tiny_vgg19")
WAVE = nst.DATA / "style" / "wave.jpg"


def photographs(folder: Path) -> Path:
    """Fill a folder with a few photographs of 64 pixels."""
    for source in sorted((nst.DATA / "content").glob("*.jpg")):
        nst.save_image(nst.load_image(source, 64), folder / f"{source.stem}.png")
    return folder


def small_network() -> TransformerNetwork:
    """A random network of width 4, the same each time."""
    torch.manual_seed(0)
    return TransformerNetwork(width=4, blocks=1).eval()


def picture(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Noise in [0, 1], [1, 3, H, W]."""
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))
