"""A night by a lake: wind in vortices around the moon and the stars, in long strokes."""

import numpy as np
from PIL import Image

from .brush import Canvas, along_contours, blend, gradient, grid, mirror, noise, polygon, step

# Places are x, y and radii in units of the picture's height.
LIGHTS = [(0.27, 0.20, 0.085), (0.06, 0.07, 0.028), (0.53, 0.075, 0.03), (0.80, 0.07, 0.034),
          (0.07, 0.40, 0.03), (0.70, 0.175, 0.022), (0.42, 0.40, 0.024), (1.16, 0.13, 0.036),
          (1.19, 0.40, 0.028), (0.97, 0.10, 0.018)]  # fmt: skip
VORTICES = [(0.60, 0.35, 0.15, 1), (0.89, 0.27, 0.11, -1), (0.22, 0.46, 0.07, -1)]
SHORE = 0.70


def paint_night(rng: np.random.Generator) -> Image.Image:
    """Paint a swirling night sky over a village at a lake, with cypresses."""
    x, y = grid(1.25)
    scene, angle = starry_sky(x, y, rng)
    scene, angle = lake_shore(x, y, scene, angle, rng)
    canvas = Canvas(scene * 0.6, rng)
    canvas.paint(scene, angle, 9, 70, 15, bristles=6, hue=0.035, value=0.10)
    canvas.paint(scene, angle, 7, 48, 9, bristles=5, hue=0.04, value=0.11)
    canvas.paint(scene, angle, 6, 30, 6, bristles=3, hue=0.04, value=0.09, where=step(y, 0.4, 0.6))
    tree, tree_angle = cypress(x, y)
    leaves = gradient(step(noise(x.shape, rng, 12, stretch=(3, 1)), -2, 2.5),
                      "0a1224", "10302e", "24523a", "6f7a34")  # fmt: skip
    for spacing, length, width in ((8, 70, 11), (6, 50, 7)):
        canvas.paint(leaves, tree_angle, spacing, length, width, where=tree, value=0.2, bristles=4)
    return canvas.finish(relief=1.0, gloss=0.6)


def starry_sky(x, y, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return the colours [H, W, 3] of the sky and the direction [H, W] of the wind."""
    # The wind blows along the contours of one stream function: cones on it are vortices.
    stream = y + 0.035 * np.sin(5.5 * x + 6 * y) + 0.012 * noise(x.shape, rng, 3, 2)
    light, swirl = np.zeros_like(x), np.zeros_like(x)
    for cx, cy, radius, turn in VORTICES:
        r, theta = np.hypot(x - cx, y - cy), np.arctan2(y - cy, x - cx)
        stream += turn * 3 * radius * np.exp(-r / radius)
        r = r / radius
        arms = np.cos(2 * theta - turn * 22 * np.log(r + 0.35)) * np.exp(-(r**4) / 5)
        swirl += (0.35 + 0.6 * arms) * np.exp(-((r / 1.25) ** 2))
    for cx, cy, radius in LIGHTS:
        r = np.hypot(x - cx, y - cy) / radius
        stream += 5 * radius * np.exp(-r / 1.8)
        rings = 1 + 0.25 * np.cos(5 * r) * step(r, 0.5, 1.5)
        light = np.maximum(light, rings * np.exp(-np.maximum(r - 0.6, 0) / 1.3))
    bands = np.cos(stream * 2 * np.pi / 0.085) + 0.7 * noise(x.shape, rng, 7, 3, (0.5, 2))
    tone = 0.30 + 0.45 * y + 0.13 * bands + 0.5 * swirl
    sky = gradient(tone, "0a1038", "14206a", "2340a0", "3f6fc4", "79a9dc", "d3e6ea")
    glow = gradient(light, "2b4fae", "3f7fc0", "6fb0b0", "c3cc6a", "f4c83a", "ffe27a", "fff6cf")
    return blend(sky, glow, step(light, 0.05, 0.4)), along_contours(stream)


def lake_shore(x, y, scene, angle, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return scene and directions with hills, a village and its lights in the lake."""
    bumps = noise(x.shape, rng, 6, 3)
    for base, height, wave, codes in (
        (0.60, 0.075, 4.1, ("1b2f6e", "3a5c9e", "6a8fbf")),
        (0.645, 0.045, 6.3, ("0f2347", "1d4460", "3f7478")),
    ):
        ridge = base - height * np.sin(wave * x + 9 * base) * np.cos(1.7 * x + base)
        depth = (y - ridge) / 0.12
        hill = gradient(0.5 - 0.4 * depth + 0.2 * bumps + 0.15 * np.sin(60 * depth / 8), *codes)
        mask = step(y, 0, 1e-3) * (y > ridge)
        scene = blend(scene, hill, mask)
        slope = np.arctan2(np.gradient(ridge, axis=1), np.gradient(x, axis=1))
        angle = np.where(mask > 0, slope * (1 - np.clip(depth, 0, 1)), angle)
    places = np.append(np.sort(rng.uniform(0.10, 0.50, 9)), rng.uniform(0.52, 0.86, 4))
    scene = church(scene, 0.335, SHORE - 0.01)
    for place in places:
        scene = house(scene, place, SHORE + rng.uniform(-0.02, 0.002), rng)
    ripple = noise(x.shape, rng, 30, 2, (0.5, 3))
    water = mirror(scene, SHORE, 0.65, 0.012 * ripple * step(y, SHORE, 0.9))
    water = water * np.array([0.72, 0.82, 0.9])
    # The moon and the windows throw long beams, broken by the ripples.
    broken = np.clip(0.5 + 0.6 * noise(x.shape, rng, 40, 2, (0.4, 2)), 0, 1)
    moon = np.exp(-(((x - LIGHTS[0][0]) / (LIGHTS[0][2] * (0.5 + y))) ** 2))
    water = blend(water, "f6d873", 0.75 * moon * broken)
    for place in places:
        beam = np.exp(-(((x - place + 0.004 * ripple) / 0.011) ** 2)) * step(y, 0.92, SHORE)
        water = blend(water, "ffb52e", 0.9 * beam * broken)
    lake = step(y, SHORE - 0.002, SHORE + 0.002)
    return blend(scene, water, lake), np.where(y > SHORE, 0.06 * np.sin(25 * x + 40 * y), angle)


def church(scene, x, foot) -> np.ndarray:
    """Return the scene with a church whose spire stands at x on the line `foot`."""
    for colour, points in (
        ("31407c", [(-0.012, 0), (-0.012, 0.085), (0.012, 0.085), (0.012, 0)]),
        ("23244f", [(-0.015, 0.083), (0, 0.165), (0.015, 0.083)]),
        ("ffd257", [(-0.004, 0.05), (-0.004, 0.068), (0.004, 0.068), (0.004, 0.05)]),
    ):
        scene = blend(scene, colour, polygon(scene.shape, [(x + u, foot - v) for u, v in points]))
    return scene


def house(scene, x, foot, rng) -> np.ndarray:
    """Return the scene with a house: wall, roof and two lit windows."""
    w, h = rng.uniform(0.02, 0.034), rng.uniform(0.024, 0.042)
    wall = gradient(rng.random(), "35448a", "6070b0")
    roof = gradient(rng.random(), "4f3a68", "8a4450", "b8604a")
    parts = [
        (wall, [(-w, -0.03), (-w, h), (w, h), (w, -0.03)]),
        (roof, [(-1.2 * w, h), (-0.5 * w, h + 0.8 * w), (0.6 * w, h + 0.8 * w), (1.2 * w, h)]),
    ]
    for left in (-0.65 * w, 0.2 * w):
        right, low, high = left + 0.013, 0.3 * h, 0.3 * h + 0.017
        parts.append(
            (gradient(1.0, "ffcf4d"), [(left, low), (right, low), (right, high), (left, high)])
        )
    for colour, points in parts:
        scene = blend(scene, colour, polygon(scene.shape, [(x + u, foot - v) for u, v in points]))
    return scene


def cypress(x, y) -> tuple[np.ndarray, np.ndarray]:
    """Return the chance of a stroke [H, W] and its direction for two cypresses."""
    chance, angle = np.zeros_like(x), np.full_like(x, -np.pi / 2)
    for middle, top, girth in ((1.12, 0.13, 0.085), (1.0, 0.45, 0.055)):
        t = (y - top) / (1.1 - top)
        middle = middle + 0.02 * np.sin(8 * y + 20 * middle)
        half = girth * np.clip(t, 0, 1) ** 0.6 * (1.05 - 0.3 * t)
        half = half * (1 + 0.16 * np.sin(45 * y + 25 * np.abs(x - middle)))
        inside = np.abs(x - middle) < half
        chance = np.where(inside, 1.0, chance)
        # Flames lick upwards and outwards.
        lean = np.clip((x - middle) / girth, -1, 1) * (0.25 + 0.2 * np.sin(30 * y))
        angle = np.where(np.abs(x - middle) < 1.4 * half, -np.pi / 2 + lean, angle)
    return chance, angle
