"""A harbour at sunset: an impression in loose horizontal strokes."""

import numpy as np
from PIL import Image

from .brush import Canvas, blend, gradient, grid, mirror, noise, polygon, step

HORIZON = 0.44
SUN = (0.56, 0.31, 0.036)  # x, y, radius in units of the picture's height


def paint_harbour(rng: np.random.Generator) -> Image.Image:
    """Paint boats at anchor before a low sun and its broken reflection."""
    x, y = grid(1.3)
    clouds = noise(x.shape, rng, 4, 4, (0.6, 2.5))
    yacht = {"x": 1.06, "foot": 0.53, "size": 0.43, "sail": "c04a30", "hull": "3a2450"}
    scene = far_boats(sunset(x, y, clouds))
    wobble = 0.02 * noise(x.shape, rng, 30, 2, (0.35, 4)) * step(y, HORIZON, 0.8)
    water = mirror(scene, HORIZON, 1.15, wobble)
    with_yacht, without = (
        mirror(image, yacht["foot"], 1.0, wobble) for image in (sailing_boat(scene, **yacht), scene)
    )
    water = (water + with_yacht - without) * np.array([0.72, 0.84, 0.86])
    scene = blend(scene, waves(water, x, y, rng), step(y, HORIZON - 0.001, HORIZON + 0.001))
    open_water = scene
    scene = near_boats(sailing_boat(scene, **yacht))
    angle = np.where(y > HORIZON, 0.05 * noise(x.shape, rng, 12, 2), -0.25 + 0.25 * clouds)
    sails = (y < yacht["foot"] - 0.05) & (scene != open_water).any(axis=2)
    angle = np.where(sails, -1.4, angle)
    canvas = Canvas(scene * 0.75 + 0.1, rng)
    canvas.paint(scene, angle, 12, 80, 20, bristles=8, hue=0.04, value=0.06, tolerance=0.4)
    canvas.paint(scene, angle, 9, 50, 11, bristles=5, hue=0.045, value=0.07)
    canvas.paint(scene, angle, 7, 26, 7, bristles=4, hue=0.04, value=0.06, where=0.7 * (y > 0.3))
    return canvas.finish(relief=1.0, gloss=0.5, weave=0.02)


def sunset(x, y, clouds) -> np.ndarray:
    """Return the colours [H, W, 3] of the sky, its clouds and the sun."""
    sky = gradient(y / HORIZON, "46609c", "6f7db4", "a592bd", "dda3a4", "f6b183", "ffcf85")
    sun = np.hypot(x - SUN[0], y - SUN[1])
    sky = blend(sky, "ffb347", 0.85 * np.exp(-sun / 0.16))
    bank = step(clouds + 1.5 * (0.25 - y), 0.2, 1.4)
    edge = gradient(step(sun, 0.6, 0.05), "55598f", "8a6496", "d9728a", "ff8f5a")
    sky = blend(sky, edge, 0.8 * bank)
    return blend(sky, "ff5420", step(sun, SUN[2] + 0.003, SUN[2] - 0.003))


def far_boats(scene) -> np.ndarray:
    """Return the scene with a hazy shore, a lighthouse and sails near the horizon."""
    hills = [
        (0, 0.375),
        (0.05, 0.36),
        (0.12, 0.375),
        (0.19, 0.39),
        (0.30, 0.422),
        (0.48, 0.45),
        (0, 0.45),
    ]
    scene = blend(scene, "8d7fae", 0.9 * polygon(scene.shape, hills))
    roofs = (0.395, 0.405, 0.388, 0.40, 0.392, 0.408, 0.37, 0.402, 0.41, 0.415)
    town = [(0.022 * (i + j), roof) for i, roof in enumerate(roofs) for j in (0, 1)]
    scene = blend(scene, "5f5590", polygon(scene.shape, [(0, 0.45), *town, (0.34, 0.45)]))
    for points, colour in (
        ([(0.260, 0.45), (0.267, 0.35), (0.283, 0.35), (0.290, 0.45)], "5a4a78"),
        ([(0.263, 0.33), (0.287, 0.33), (0.287, 0.35), (0.263, 0.35)], "fff0a0"),
    ):
        scene = blend(scene, colour, polygon(scene.shape, points))
    for place, size in ((0.70, 0.06), (0.79, 0.10), (0.43, 0.05)):
        scene = sailing_boat(scene, place, HORIZON, size, "a06888", "54456f")
    return scene


def sailing_boat(scene, x, foot, size, sail, hull) -> np.ndarray:
    """Return the scene with a boat of height `size` whose mast stands at x on the line `foot`."""
    for colour, points in (
        (sail, [(-0.02, 0.97), (-0.04, 0.13), (-0.44, 0.17), (-0.28, 0.58)]),
        (sail, [(0.03, 0.90), (0.18, 0.45), (0.38, 0.16), (0.05, 0.14)]),
        (hull, [(-0.007, 1), (0.007, 1), (0.012, 0), (-0.012, 0)]),
        (
            hull,
            [(-0.48, 0.11), (-0.2, 0.08), (0.2, 0.08), (0.5, 0.13), (0.38, -0.01), (-0.4, -0.01)],
        ),
    ):
        spots = [(x + size * u, foot - size * v) for u, v in points]
        scene = blend(scene, colour, polygon(scene.shape, spots))
    return scene


def waves(water, x, y, rng) -> np.ndarray:
    """Return the water with crests, troughs and the broken beam of the sun."""
    depth = np.clip((y - HORIZON) / (1 - HORIZON), 0, 1)
    # Waves come closer together towards the horizon.
    swell = np.sin(105 * np.sqrt(depth) + 2.2 * noise(x.shape, rng, 10, 3, (0.4, 3)))
    water = blend(water, "1f4a66", 0.35 * step(swell, 0.0, 1) * step(depth, 0, 0.3) + 0.25 * depth)
    water = blend(water, "9fc0c0", 0.30 * step(swell, -0.4, -1) * step(depth, 0, 0.2))
    width = 0.025 + 0.06 * depth
    beam = np.exp(-(((x - SUN[0] - 0.02 * swell * depth) / width) ** 2))
    return blend(water, "ff7a2a", np.clip(1.7 * beam * step(swell, 0.8, -0.3), 0, 1))


def near_boats(scene) -> np.ndarray:
    """Return the scene with two rowing boats in shadow and their reflections."""
    for x, y, size in ((0.24, 0.72, 0.17), (0.50, 0.60, 0.075)):
        for colour, amount, points in (
            ("16324f", 0.75, [(-0.95, 0.05), (1.0, 0.05), (0.6, 0.75), (-0.5, 0.65)]),
            (
                "1c1d3d",
                1,
                [(-1.05, -0.25), (-0.6, -0.1), (0.5, -0.1), (1.1, -0.3), (0.85, 0.1), (-0.8, 0.1)],
            ),
            (
                "c9674a",
                0.9,
                [
                    (-0.95, -0.2),
                    (-0.6, -0.08),
                    (0.5, -0.08),
                    (1.0, -0.24),
                    (0.5, -0.13),
                    (-0.6, -0.13),
                ],
            ),
            ("1c1d3d", 1, [(-0.15, -0.1), (-0.12, -0.5), (0.1, -0.55), (0.2, -0.1)]),
            (
                "1c1d3d",
                1,
                [(0.05, -0.42), (-0.62, 0.10), (-0.68, 0.16), (-0.60, 0.08), (0.05, -0.38)],
            ),
            ("1c1d3d", 1, [(-0.09, -0.5), (-0.1, -0.68), (0.05, -0.7), (0.08, -0.5)]),
        ):
            spots = [(x + size * u, y + size * v) for u, v in points]
            scene = blend(scene, colour, amount * polygon(scene.shape, spots))
    return scene
