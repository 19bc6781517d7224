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
    mean stays near the scene's colour; one dot in sixteen takes the complementary hue.
    """
    points = scatter(rng, np.ones(scene.shape[:2]), spacing)
    x, y = points.astype(int).T
    colours = scene[y, x]
    light = colours.mean(axis=1, keepdims=True)
    opposite = rng.random((len(points), 1)) < 1 / 16
    wanted = np.where(opposite, light - 0.8 * (colours - light), light + 1.25 * (colours - light))
    wanted = wanted + rng.normal(0, spread, wanted.shape)
    nearest = ((wanted[:, None] - PIGMENTS) ** 2).sum(axis=2).argmin(axis=1)
    fills = np.uint8(PIGMENTS[nearest] * 255)
    radii = radius * rng.uniform(0.8, 1.15, (len(points), 1))
    boxes = np.hstack([points - radii, points + radii]).tolist()
    for box, fill in zip(boxes, fills.tolist(), strict=True):
        pen.ellipse(box, tuple(fill))


def river_park(x, y, rng) -> np.ndarray:
    """Return the colours [H, W, 3] of sky, far bank, river and boats, and the near bank."""
    rough = noise(x.shape, rng, 6, 4)
    scene = gradient(y / BANK, "2f6fd0", "5aa6e6", "a9d6ee", "fbe3b0", "f9c9b0")
    puffs = noise(x.shape, rng, 7, 4, (0.6, 2.2)) - 8 * np.abs(y - 0.15)
    scene = blend(scene, gradient(2 * y + 0.2 * rough, "fff6e6", "f7c9c8"), step(puffs, -0.6, 0.6))
    hills = 0.335 + 0.025 * np.sin(5 * x + 1)
    scene = blend(scene, "8f93d8", 0.85 * step(y, hills - 0.004, hills + 0.004))
    woods = 0.35 - 0.022 * noise(x.shape, rng, 9, 3)[:1]
    leaves = gradient(0.5 + 0.25 * rough + (woods - y) * 4, "1f5a6a", "3f9a45", "b5cf4a")
    scene = blend(scene, leaves, step(y, woods - 0.004, woods + 0.004))
    for place, top in ((0.62, 0.17), (0.69, 0.12), (0.76, 0.20), (1.16, 0.20), (1.23, 0.14)):
        scene = poplar(scene, x, y, place, top, rough)
    for place, colour in ((0.90, "f7e6c8"), (0.96, "f7c9b0"), (1.02, "fbe9c0")):
        scene = villa(scene, place, colour)
    ripple = noise(x.shape, rng, 40, 2, (0.4, 3))
    river = mirror(scene, BANK, 1.1, 0.012 * ripple * step(y, BANK, 0.6)) * 0.92
    river = blend(river, "2f62c8", np.clip(0.25 + 0.3 * (y - BANK) + 0.14 * ripple, 0, 1))
    scene = blend(scene, river, step(y, BANK - 0.002, BANK + 0.002))
    for place, foot, size in ((1.06, 0.62, 0.30), (0.55, 0.47, 0.13)):
        scene = sail(scene, place, foot, size)
    return near_bank(scene, x, y, rough, rng)


def poplar(scene, x, y, place, top, rough) -> np.ndarray:
    """Return the scene with a slender tree on the far bank, lit from the right."""
    t = np.clip((y - top) / (BANK - top), 0, 1)
    half = 0.03 * np.abs(np.sin(np.pi * t**0.7)) ** 0.7 * (1 + 0.1 * rough)
    inside = step(np.abs(x - place) - half, 0.003, -0.003) * (y < BANK) * (y > top)
    tone = 0.5 + 14 * (x - place) + 0.15 * rough
    return blend(scene, gradient(tone, "23407a", "1f7a5a", "5fae3f", "e6df4f"), inside)


def villa(scene, x, colour) -> np.ndarray:
    """Return the scene with a small house on the far bank."""
    wall = [(x - 0.022, BANK), (x - 0.022, 0.35), (x + 0.022, 0.35), (x + 0.022, BANK)]
    roof = [(x - 0.027, 0.352), (x, 0.325), (x + 0.027, 0.352)]
    scene = blend(scene, colour, polygon(scene.shape, wall))
    return blend(scene, "ee5a2b", polygon(scene.shape, roof))


def sail(scene, x, foot, size) -> np.ndarray:
    """Return the scene with a sailing boat and its image in the water."""
    for colour, amount, points in (
        ("f7e0d0", 0.6, [(0, -0.05), (0.30, -0.1), (0.10, -0.75), (-0.04, -0.8), (-0.18, -0.1)]),
        ("fffdf0", 1.0, [(0.01, 1), (0.02, 0.12), (0.44, 0.14), (0.22, 0.5)]),
        ("f7b08a", 1.0, [(-0.03, 0.9), (-0.03, 0.12), (-0.25, 0.14)]),
        ("8a2f5a", 1.0, [(-0.36, 0.09), (0.45, 0.09), (0.35, -0.03), (-0.28, -0.03)]),
    ):
        spots = [(x + size * u, foot - size * v) for u, v in points]
        scene = blend(scene, colour, amount * polygon(scene.shape, spots))
    return scene


def near_bank(scene, x, y, rough, rng) -> np.ndarray:
    """Return the scene with a sunny lawn, poppies, and a tree and its shadow in front."""
    edge = 0.88 - 0.26 * step(x, 1.15, 0.0) + 0.006 * rough
    ground = step(y, edge - 0.003, edge + 0.003)
    tone = 0.5 + 0.16 * rough + 0.5 * (y - 0.8)
    scene = blend(scene, gradient(tone, "3f9a3f", "8fc63f", "d8df4f", "f7e050"), ground)
    middle = 0.87 + 0.10 * (x - 0.2) - 0.025 * noise(x.shape, rng, 8, 2)
    shade = step(np.abs(y - middle), 0.065, 0.04) * step(x, 1.05, 0.75)
    scene = blend(
        scene, gradient(0.5 + 0.25 * rough, "23307a", "2f5aa0", "2f8f6a"), 0.85 * shade * ground
    )
    poppies = step(noise(x.shape, rng, 40, 1), 1.2, 1.6) * step(y, edge + 0.02, edge + 0.10)
    scene = blend(scene, "f03a2b", poppies * ground)
    trunk = [
        (0.13, 0.90),
        (0.165, 0.78),
        (0.175, 0.5),
        (0.14, 0.2),
        (0.22, 0.2),
        (0.225, 0.5),
        (0.235, 0.78),
        (0.28, 0.91),
    ]
    bark = gradient(0.5 + 9 * (x - 0.2), "2f2560", "7a3f7a", "f09a4a")
    scene = blend(scene, bark, polygon(scene.shape, trunk))
    crown = np.hypot((x - 0.15) / 0.42, (y - 0.10) / 0.25) + 0.15 * noise(x.shape, rng, 8, 3)
    lit = 0.55 + 0.20 * noise(x.shape, rng, 13, 2) - 1.7 * (y - 0.12) + 0.35 * (x - 0.2)
    leaves = gradient(lit, "23307a", "1f5a7a", "2f9a4a", "a5cf45", "f7e25a")
    return blend(scene, leaves, step(crown, 1.0, 0.94))
