"""Marbled paper: drops of ink on water, drawn out with a stylus and combs.

The picture is computed backwards, after Lu, Jaffer, Jin, Zhao and Mao, "Mathematical marbling"
(IEEE Computer Graphics and Applications, 2012): each pixel is carried back through the tools in
reverse order, and then out of one drop after the other until it lies inside one.
"""

import numpy as np
from PIL import Image

from .brush import grid, hex_colours, noise, reduce

INKS = hex_colours("12233f", "b3202c", "e9a62b", "f4e8cd", "1f7a78", "d9653b")
WHIRLS = [(0.24, 0.27, 1), (0.66, 0.24, -1), (1.05, 0.30, 1), (0.16, 0.74, -1), (0.55, 0.70, 1),
          (0.98, 0.76, -1)]  # fmt: skip


def paint_marbled(rng: np.random.Generator) -> Image.Image:
    """Paint a sheet of combed marbled paper with curls."""
    x, y = grid(1.25, scale=3)
    points = np.stack([x, y])
    for cx, cy, turn in WHIRLS:
        points = uncurl(points, cx, cy, turn, 0.10)
    points = uncomb(points, axis=1, spacing=0.035, pull=0.05, sharpness=0.008, wave=0.006)
    points = uncomb(points, axis=0, spacing=0.11, pull=0.25, sharpness=0.03, wave=0.0)
    picture = drops(points, rng)
    grain = 0.03 * noise(x.shape, rng, 160, 3) + 0.025 * noise(x.shape, rng, 6, 3)
    return reduce(picture * (1 + grain[..., None]))


def uncurl(points, cx, cy, turn, radius) -> np.ndarray:
    """Return where points [2, H, W] were before a stylus stirred a whirl at (cx, cy)."""
    dx, dy = points[0] - cx, points[1] - cy
    angle = -turn * 3 * np.exp(-np.hypot(dx, dy) / radius)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cx + cos * dx - sin * dy, cy + sin * dx + cos * dy])


def uncomb(points, axis, spacing, pull, sharpness, wave) -> np.ndarray:
    """Return where points [2, H, W] were before a comb was drawn along an axis (0 x, 1 y).

    The teeth stand `spacing` apart, every other one goes the other way; each drags the ink next
    to it by about `pull`, that at a distance d in proportion to 1 / (d + sharpness), and that half
    way to the next tooth not at all. The teeth weave by `wave` to the sides.
    """
    along, across = points[axis], points[1 - axis] + wave * np.sin(2 * np.pi * points[axis] / 0.2)
    tooth = np.round(across / spacing)
    distance = np.abs(across - tooth * spacing)
    reach = 1 / (distance + sharpness) - 1 / (spacing / 2 + sharpness)
    drag = pull * sharpness * reach * np.where(tooth % 2, 1, -1)
    moved = points.copy()
    moved[axis] = along - drag
    return moved


def drops(points, rng) -> np.ndarray:
    """Return the colours [H, W, 3] of a sheet on which drops fell one after the other."""
    shape = points.shape[1:]
    x, y = points.reshape(2, -1).astype(np.float64)
    count = 520
    # Every second drop falls into the middle of the one before: rings.
    centres = np.repeat(rng.uniform(-0.15, [1.4, 1.15], (count // 2, 2)), 2, axis=0)
    radii = rng.uniform(0.02, 0.065, count) * np.linspace(1.6, 0.7, count)
    inks = rng.integers(0, len(INKS), count)
    picture = np.empty((x.size, 3))
    picture[:] = INKS[0]
    open_pixels = np.arange(x.size)
    for drop in reversed(range(count)):
        (cx, cy), radius = centres[drop], radii[drop]
        dx, dy = x - cx, y - cy
        squared = dx * dx + dy * dy
        inside = squared < radius**2
        picture[open_pixels[inside]] = INKS[inks[drop]]
        # A drop pushes the ink around it outwards and keeps its area: r'^2 = r^2 + radius^2.
        left = ~inside
        shrink = np.sqrt(1 - radius**2 / squared[left])
        x, y, open_pixels = cx + dx[left] * shrink, cy + dy[left] * shrink, open_pixels[left]
    return picture.reshape(*shape, 3)
