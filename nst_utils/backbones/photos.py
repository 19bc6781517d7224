"""Training pictures: photographs from a folder, cropped, mixed and disturbed."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from nst_utils.errors import NSTError

SIDE = 256  # the shorter side in memory; a thousand photographs take about 300 MB
KINDS = {".jpg", ".jpeg", ".png", ".webp"}


class Photos:
    """The photographs of a folder in memory, as uint8 [3, H, W].

    Args:
        folder: searched for .jpg, .jpeg, .png and .webp files.
        held_out: this many, drawn at random, are kept for evaluation and never trained on.
        progress: show a progress bar.
    """

    def __init__(self, folder: Path, held_out: int = 32, progress: bool = True) -> None:
        files = sorted(f for f in Path(folder).glob("*") if f.suffix.lower() in KINDS)
        least = max(1, 4 * held_out)
        if len(files) < least:
            raise NSTError(f"{folder} has {len(files)} pictures; at least {least} are needed.")
        files = [files[i] for i in np.random.default_rng(0).permutation(len(files))]
        bar = tqdm(files, desc="Reading photographs", leave=False, disable=not progress)
        pictures = [_read(file) for file in bar]
        self.held_out, self.training = pictures[:held_out], pictures[held_out:]
        self.own = torch.empty(0)  # pictures that the students made, uint8 [n, 3, H, W]

    def centre_crops(self, count: int, side: int = 192, held_out: bool = False) -> Tensor:
        """The centres of the first `count` photographs, [count, 3, side, side] in [0, 1]."""
        chosen = (self.held_out if held_out else self.training)[:count]
        return torch.cat([_crop(p, min(p.shape[1:]), 0.5, 0.5, side) for p in chosen])

    def batch(self, size: int, side: int) -> Tensor:
        """`size` random crops at mixed scales, [size, 3, side, side] in [0, 1].

        Drawn with torch's global generator. A share is disturbed or is noise: synthesis starts from
        noise, so the network must make sense of it. Once there are pictures of the students' own,
        they are another share.
        """
        crops = torch.cat([self.random_crop(side) for _ in range(size)])
        kind = torch.rand(size)
        for i in range(size):
            if kind[i] < 0.06:
                crops[i] = _noise(side)
            elif kind[i] < 0.20:
                amount = torch.rand(()) * 0.5
                crops[i] = (1 - amount) * crops[i] + amount * _noise(side)
            elif kind[i] < 0.27:
                crops[i] = crops[i][torch.randperm(3)]
            elif kind[i] < 0.37:
                crops[i] = torch.lerp(crops[i], crops[i - 1], torch.rand(()))
            elif kind[i] > 0.65 and len(self.own):
                crops[i] = self._own_crop(side)
        return crops

    def random_crop(self, side: int, least: float = 0.4) -> Tensor:
        """A square of a training photograph, [1, 3, side, side] in [0, 1], at times mirrored.

        Drawn with torch's global generator. It shows `least` to all of the shorter side.
        """
        picture = self.training[int(torch.randint(len(self.training), ()))]
        shortest = min(picture.shape[1:])
        extent = int(shortest * (least + (1 - least) * torch.rand(())))
        crop = _crop(picture, extent, float(torch.rand(())), float(torch.rand(())), side)
        return crop.flip(-1) if torch.rand(()) < 0.5 else crop

    def _own_crop(self, side: int) -> Tensor:
        """At its own scale: what fools a network is in the fine grain."""
        picture = self.own[int(torch.randint(len(self.own), ()))]
        down, across = (int(torch.randint(room - side + 1, ())) for room in picture.shape[1:])
        return picture[:, down : down + side, across : across + side].float() / 255


def _noise(side: int) -> Tensor:
    """Noise [3, side, side] in [0, 1] of a random grain, colour and contrast."""
    grain = int(2 ** torch.randint(0, 4, ()))
    coarse = torch.randn(1, 3, -(-side // grain), -(-side // grain))
    noise = F.interpolate(coarse, size=(side, side), mode="bicubic")[0]
    colour = torch.rand(3, 1, 1)
    return (colour + 0.5 * torch.rand(()) * noise).clamp(0, 1)


def _read(path: Path) -> Tensor:
    try:
        image = Image.open(path).convert("RGB")
    except OSError as error:
        raise NSTError(f"{path} can't be read as a picture; mend it or take it away.") from error
    scale = SIDE / min(image.size)
    size = tuple(max(SIDE, round(side * scale)) for side in image.size)
    return torch.from_numpy(np.array(image.resize(size, Image.LANCZOS))).movedim(-1, 0)


def _crop(picture: Tensor, extent: int, across: float, down: float, side: int) -> Tensor:
    """A square of `extent` pixels, placed by fractions of the room there is, resized to `side`."""
    top = int(down * (picture.shape[1] - extent))
    left = int(across * (picture.shape[2] - extent))
    square = picture[None, :, top : top + extent, left : left + extent].float() / 255
    resized = F.interpolate(square, size=(side, side), mode="bicubic", antialias=True)
    return resized.clamp(0, 1)
