"""A river park in dots of pure colour, mixed by the eye."""

import numpy as np
from PIL import Image, ImageDraw

from .brush import blend, gradient, grid, hex_colours, mirror, noise, polygon, reduce, scatter, step

BANK = 0.40  # the far bank's water line, in units of the picture's height
PIGMENTS = hex_colours(
    "ffffff", "fff3b0", "ffe14a", "ffb52e", "ff7f2a", "ee3b2b", "e0559b", "f7a8b8", "b06fc9",
    "6a4bb5", "3448b8", "2f7fd6", "7fc4ee", "2fa7a0", "2e8b3d", "7cbf3a", "c8de4a", "1d3566",
    "5a2a5e", "17523f",
)  # fmt: skip


def paint_pointillism(rng: np.random.Generator) -> Image.Image:
    """Paint a sunny river bank in three sizes of dots."""
    x, y = grid(1.4, scale=3)
    scene = river_park(x, y, rng)
    canvas = Image.new("RGB", scene.shape[1::-1], "#efe6cf")
    pen = ImageDraw.Draw(canvas)
    for spacing, radius, spread in ((14, 11, 0.12), (12, 8, 0.15), (11, 5.5, 0.18)):
        dots(pen, scene, spacing, radius, spread, rng)
    return reduce(np.asarray(canvas) / 255)


def dots(pen, scene, spacing, radius, spread, rng) -> None:
    """Draw one layer of dots: each the pigment nearest to the scene's colour plus chance.

    `spread` is the deviation of the chance, which makes neighbours differ in hue while their
    mean stays near the scene's colour; one dot in twelve takes the complementary hue.
    """
    points = scatter(rng, np.ones(scene.shape[:2]), spacing)
    x, y = points.astype(int).T
    colours = scene[y, x]
    light = colours.mean(axis=1, keepdims=True)
    opposite = rng.random((len(points), 1)) < 1 / 12
    wanted = np.where(opposite, light - 0.8 * (colours - light), light + 1.25 * (colours - light))
    wanted = wanted + rng.normal(0, spread, wanted.shape)
    nearest = ((wanted[:, None] - PIGMENTS) ** 2).sum(axis=2).argmin(axis=1)
    fills = np.uint8(PIGMENTS[nearest] * 255)
    radii = radius * rng.uniform(0.8, 1.15, (len(points), 1))
    boxes = np.hstack([points - radii, points + radii]).tolist()
    for box, fill in zip(boxes, fills.tolist(), strict=True):
        pen.ellipse(box, tuple(fill))


def river_park(x, y, rng) -> np.ndarray:
    """Return the colours [H, W, 3] of the scene."""
    rough = noise(x.shape, rng, 6, 4)
    scene = gradient(y / BANK, "2f7fd6", "5aa6e6", "9fd0ee", "f9dfae")
    clouds = step(noise(x.shape, rng, 4, 4, (0.7, 2)), 0.4, 1.6) * step(y, 0.32, 0.1)
    scene = blend(scene, "fff0dc", 0.9 * clouds)
    hills = 0.345 + 0.025 * np.sin(5 * x + 1)
    scene = blend(scene, "9a9fd8", 0.8 * step(y, hills - 0.004, hills + 0.004))
    woods = 0.355 - 0.03 * noise(x.shape, rng, 9, 3)[0] * np.ones_like(y)
    scene = blend(
        scene,
        gradient(0.5 + 0.25 * rough + (woods - y) * 4, "1f5a4a", "4f9a45", "b5cf4a"),
        step(y, woods - 0.004, woods + 0.004),
    )
    for place, top in ((0.60, 0.16), (0.67, 0.12), (0.74, 0.19), (1.02, 0.2), (1.09, 0.15)):
        t = np.clip((y - top) / (BANK - top), 0, 1)
        inside = step(
            np.abs(x - place) - 0.028 * np.abs(np.sin(np.pi * t**0.7)) ** 0.7 * (1 + 0.1 * rough),
            0.003,
            -0.003,
        )
        tone = gradient(0.5 - 12 * (x - place) + 0.15 * rough, "1d4a55", "3f8f45", "d5d84f")
        scene = blend(scene, tone, inside * (y < BANK) * (y > top))
    for place, foot, size in ((0.36, 0.40, 0.12), (0.88, 0.40, 0.17)):
        scene = sail(scene, place, foot, size)
    river = mirror(
        scene, BANK, 1.1, 0.012 * noise(x.shape, rng, 40, 2, (0.4, 3)) * step(y, BANK, 0.6)
    )
    river = blend(river * 0.9, "3f86d0", 0.25 + 0.15 * noise(x.shape, rng, 30, 2, (0.3, 5)))
    scene = blend(scene, river, step(y, BANK - 0.002, BANK + 0.002))
    return near_bank(scene, x, y, rough, rng)


def sail(scene, x, foot, size) -> np.ndarray:
    """Return the scene with a white sailing boat."""
    for colour, points in (
        ("fffbe8", [(0, 1), (0.02, 0.12), (0.42, 0.14)]),
        ("f7d8c0", [(-0.03, 0.9), (-0.03, 0.12), (-0.25, 0.14)]),
        ("a0402f", [(-0.35, 0.08), (0.45, 0.08), (0.35, -0.02), (-0.28, -0.02)]),
    ):
        spots = [(x + size * u, foot - size * v) for u, v in points]
        scene = blend(scene, colour, polygon(scene.shape, spots))
    return scene


def near_bank(scene, x, y, rough, rng) -> np.ndarray:
    """Return the scene with a sunny lawn, flowers, and a tree and its shadow in front."""
    edge = 0.86 - 0.26 * step(x, 1.15, 0.0) + 0.006 * rough
    lawn = gradient(0.55 + 0.18 * rough + 0.3 * (y - 0.8), "3f9a3f", "8fc63f", "d8df4f", "f7e86a")
    ground = step(y, edge - 0.003, edge + 0.003)
    scene = blend(scene, lawn, ground)
    shade = step(np.abs(y - 0.86 - 0.12 * (x - 0.2) + 0.02 * rough) - 0.06, 0.015, -0.015) * step(
        x, 1.1, 0.7
    )
    scene = blend(scene, "2f4f9a", 0.75 * shade * ground)
    poppies = step(noise(x.shape, rng, 45, 1), 1.5, 1.8) * step(y, edge[:, :] + 0.03, edge + 0.2)
    scene = blend(scene, "ee3b2b", poppies * ground)
    trunk = polygon(
        scene.shape,
        [(0.15, 0.90), (0.175, 0.5), (0.16, 0.1), (0.215, 0.1), (0.225, 0.5), (0.26, 0.91)],
    )
    scene = blend(scene, gradient(0.5 + 9 * (x - 0.2), "3a2560", "7a4a6a", "e09a5a"), trunk)
    crown = np.hypot((x - 0.17) / 0.42, (y - 0.10) / 0.24) + 0.16 * noise(x.shape, rng, 9, 3)
    leaves = gradient(
        0.5 + 0.25 * noise(x.shape, rng, 12, 3) - 0.8 * (y - 0.15) + 0.4 * (x - 0.2),
        "1d3566",
        "1f6a4a",
        "3f9a3f",
        "a5cf45",
        "f7e25a",
    )
    return blend(scene, leaves, step(crown, 1.02, 0.96))
