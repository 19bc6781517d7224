"""An autumn alley after rain: thick dabs of the palette knife, lit from the side."""

import numpy as np
from PIL import Image

from .brush import Canvas, blend, gradient, grid, mirror, noise, polygon, step

FAR = (0.42, 0.54)  # where the alley ends: x and y in units of the picture's height
LAMPS = [(0.245, 0.40, 0.016), (0.545, 0.44, 0.011), (0.655, 0.30, 0.022)]  # x, y, radius
KNIFE = {"bristles": 9, "streak": 0.05, "ridge": 100, "hue": 0.05, "value": 0.11}


def paint_autumn(rng: np.random.Generator) -> Image.Image:
    """Paint an alley of red and golden trees with lamps, mirrored in its wet path."""
    x, y = grid(0.8)
    scene = alley(x, y, rng)
    lean = -0.8 + 0.6 * noise(x.shape, rng, 3, 2)
    upright = np.where(scene.mean(axis=2) < 0.25, -1.5, lean)
    angle = np.where(y > FAR[1] + 0.02, 0.1 * noise(x.shape, rng, 8, 2), upright)
    canvas = Canvas(scene * 0.5, rng)
    canvas.paint(scene, angle, 18, 34, 30, **KNIFE)
    canvas.paint(scene, angle, 12, 24, 16, **KNIFE)
    # Leaves: clear colours laid on last, in clumps, small far away and large near the eye.
    away = np.hypot((x - FAR[0]) * 1.3, y - FAR[1])
    clumps = step(noise(x.shape, rng, 8, 3), -0.3, 1.2) * step(away, 0.08, 0.35)
    crowns = clumps * step(y, 0.56, 0.36) * step(lamp_light(x, y), 0.5, 0.2)
    fallen = 0.3 * clumps * step(y, 0.60, 0.75)
    warmth = 0.62 + 0.22 * noise(x.shape, rng, 9, 3) - 0.55 * (away - 0.3)
    leaves = gradient(warmth, "6a1030", "b0182c", "e23d1c", "f67a1c", "fbb526", "ffe668")
    for size in (26, 18, 12):
        canvas.paint(leaves, lean, size, size, size, where=0.7 * crowns, **KNIFE)
    canvas.paint(leaves, angle, 15, 20, 12, where=fallen, **KNIFE)
    bright = step(lamp_light(x, y), 0.55, 0.8)
    canvas.paint(scene, lean, 8, 12, 9, where=bright, **KNIFE)
    return canvas.finish(relief=2.0, gloss=1.5)


def lamp_light(x, y) -> np.ndarray:
    """Return the glow of the lamps, [H, W], 1 at a lamp and fading around it."""
    return sum(
        np.exp(-np.maximum(np.hypot(x - cx, y - cy) / radius - 0.8, 0) / 1.6)
        for cx, cy, radius in LAMPS
    )


def alley(x, y, rng) -> np.ndarray:
    """Return the colours [H, W, 3] of mist, leafy ground, trees, lamps and wet path."""
    rough = noise(x.shape, rng, 5, 4)
    away = np.hypot((x - FAR[0]) * 1.25, (y - FAR[1]) * 0.9)
    mist = gradient(away * 1.3 + 0.08 * rough, "fff8d6", "ffe48a", "fbb040", "ec6f2a", "b8323a",
                    "6a2458", "33205c", "1c1a48")  # fmt: skip
    ground = gradient(
        0.85 + 0.2 * rough - 1.4 * away, "2a1240", "6a1c3c", "a83024", "e0701f", "f5b040"
    )
    scene = blend(mist, ground, step(y, FAR[1], FAR[1] + 0.01))
    for depth in (9, 6.2, 4.3, 3.0, 2.1, 1.5):
        crowns = step(noise(x.shape, rng, 2 + depth, 3) + 2 * (away - 0.3), 0, 0.9)
        crowns *= step(y, FAR[1], 0.42)
        tone = 0.16 + 0.07 * depth + 0.15 * noise(x.shape, rng, 4 + depth, 3) + 0.9 * (0.4 - away)
        leaves = gradient(tone, "3a1450", "8a1838", "cc3022", "f0701f", "fbb030", "ffe680")
        scene = blend(scene, leaves, 0.7 * crowns)
        for side in (-1, 1):
            scene = tree(scene, FAR[0] + side * rng.uniform(0.46, 0.56) / depth, depth, rng)
    for cx, cy, radius in LAMPS:
        foot, thin = FAR[1] + 3.5 * radius, radius / 3.5
        post = [(cx - thin, cy), (cx + thin, cy), (cx + 2 * thin, foot), (cx - 2 * thin, foot)]
        scene = blend(scene, "1c1a38", polygon(scene.shape, post))
    light = lamp_light(x, y)
    halo = gradient(light, "f07a20", "ffb52e", "ffe27a", "fffbe6")
    scene = blend(scene, halo, step(light, 0.05, 0.8))
    # The path mirrors trees and lamps, and here and there the blue of the evening sky.
    ripple = noise(x.shape, rng, 30, 2, (0.4, 3))
    wet = mirror(scene, FAR[1], 1.0, 0.012 * ripple * step(y, FAR[1], 1))
    wet = 1.15 * wet * np.array([0.92, 0.88, 1.0]) + 0.05
    puddles = step(noise(x.shape, rng, 12, 3, (0.4, 3)), 0.1, 1.0) * step(away, 0.15, 0.4)
    wet = blend(wet, "6f8fd0", 0.7 * puddles)
    down = np.maximum(y - FAR[1], 0)
    edge = np.abs(x - FAR[0] - 0.03 * np.sin(11 * down)) - 0.025 - 0.55 * down
    return blend(scene, wet, step(edge + 0.01 * rough, 0.01, -0.01) * (down > 0))


def tree(scene, foot, depth, rng) -> np.ndarray:
    """Return the scene with one bare tree; mist pales the trees far away."""
    base, girth = FAR[1] + 0.25 / depth, 0.06 / depth
    top = base - 1.6 / depth
    bark = gradient(depth / 10, "150d2e", "35183f", "8a3f38", "d88a45")
    trunk = [
        (-1.3, base),
        (1.3, base),
        (0.8, base - 0.15 / depth),
        (0.4, top),
        (-0.4, top),
        (-0.8, base - 0.15 / depth),
    ]
    shapes = [[(foot + girth * u, v) for u, v in trunk]]
    for _ in range(6):
        start = base - rng.uniform(0.4, 1.2) / depth
        side, reach = rng.choice([-1, 1]), rng.uniform(0.2, 0.5) / depth
        tip = (foot + side * reach, start - reach * rng.uniform(0.6, 1.4))
        shapes.append([(foot, start - girth), (foot, start + girth), tip])
    for points in shapes:
        scene = blend(scene, bark, polygon(scene.shape, points))
    return scene
