"""An autumn alley after rain: thick dabs of the palette knife, lit from the side."""

import numpy as np
from PIL import Image

from .brush import Canvas, blend, gradient, grid, mirror, noise, polygon, step

FAR = (0.42, 0.53)  # where the alley ends: x and y in units of the picture's height
KNIFE = {"bristles": 9, "streak": 0.05, "ridge": 90}


def paint_autumn(rng: np.random.Generator) -> Image.Image:
    """Paint an alley of red and golden trees with lamps, mirrored in its wet path."""
    x, y = grid(0.8)
    scene = alley(x, y, rng)
    path = path_mask(x, y)
    lean = -0.8 + 0.5 * noise(x.shape, rng, 3, 2)
    angle = np.where(y > FAR[1] + 0.02, 0.08 * noise(x.shape, rng, 8, 2), lean)
    canvas = Canvas(scene * 0.5, rng)
    canvas.paint(scene, angle, 16, 30, 26, hue=0.05, value=0.10, **KNIFE)
    canvas.paint(scene, angle, 11, 22, 15, hue=0.05, value=0.10, **KNIFE)
    # Leaves: clear colours laid on last, in clumps, small far away and large near the eye.
    nearness = np.hypot((x - FAR[0]) * 1.3, y - FAR[1])
    clumps = step(noise(x.shape, rng, 7, 3), -0.1, 0.9) * step(nearness, 0.08, 0.3)
    crowns = clumps * step(y, 0.60, 0.42)
    fallen = 0.6 * clumps * step(y, 0.62, 0.75) * (1 - 0.75 * path)
    warmth = 0.55 + 0.2 * noise(x.shape, rng, 4, 4) - 0.5 * (nearness - 0.35)
    leaves = gradient(warmth, "5c0f2b", "a3152a", "d83a1c", "f1741a", "f9b021", "ffe15a")
    for size in (20, 14):
        canvas.paint(leaves, lean, size, size, size, where=crowns, hue=0.06, value=0.12, **KNIFE)
    canvas.paint(leaves, angle, 13, 18, 10, where=fallen, hue=0.06, value=0.12, **KNIFE)
    return canvas.finish(relief=1.6, gloss=1.2)


def path_mask(x, y) -> np.ndarray:
    """Return where the wet path is, [H, W] in [0, 1]."""
    down = np.maximum(y - FAR[1], 0)
    wander = 0.02 * np.sin(14 * down)
    return step(np.abs(x - FAR[0] - wander + 0.1 * down) - 0.03 - 0.62 * down, 0.02, -0.02) * (
        down > 0
    )


def alley(x, y, rng) -> np.ndarray:
    """Return the colours [H, W, 3] of mist, trunks, lamps and ground."""
    rough = noise(x.shape, rng, 5, 4)
    away = np.hypot((x - FAR[0]) * 1.25, (y - FAR[1]) * 0.95)
    scene = gradient(
        away * 1.5 + 0.09 * rough,
        "fff6c9",
        "ffdf7a",
        "f9a63a",
        "d9582a",
        "8f2340",
        "4a1a4c",
        "24143d",
    )
    for depth in (9, 6.5, 4.6, 3.2, 2.2, 1.5):
        for side in (-1, 1):
            scene = tree(
                scene, FAR[0] + side * (0.36 + rng.uniform(-0.05, 0.05)) / depth * 1.45, depth, rng
            )
    ground = gradient(
        0.5 + 0.2 * rough - 0.5 * (away - 0.3), "3a1238", "7c1f2f", "b8451f", "e08a2a"
    )
    mirrored = mirror(
        scene, FAR[1], 1.0, 0.012 * noise(x.shape, rng, 30, 2, (0.4, 3)) * step(y, 0.5, 1)
    )
    wet = mirrored * np.array([0.82, 0.80, 0.95]) + 0.05
    scene = blend(scene, ground, step(y, FAR[1], FAR[1] + 0.01))
    scene = blend(scene, wet, path_mask(x, y))
    return scene


def tree(scene, foot, depth, rng) -> np.ndarray:
    """Return the scene with one bare tree; mist pales the trees far away."""
    base, girth = FAR[1] + 0.35 / depth, 0.042 / depth * 1.4
    mist = np.clip(depth / 10, 0, 1)
    bark = gradient(np.array(mist), "1d1030", "3d1a3a", "a0552f", "e0a04a")
    bend = rng.uniform(-0.3, 0.3) * girth
    top = base - 1.6 / depth
    shapes = [
        [
            (foot - girth, base),
            (foot + girth, base),
            (foot + bend + girth / 3, top),
            (foot + bend - girth / 3, top),
        ]
    ]
    for _ in range(5):
        start = base - rng.uniform(0.45, 1.2) / depth
        side, reach = rng.choice([-1, 1]), rng.uniform(0.2, 0.45) / depth
        tip = (foot + side * reach, start - reach * rng.uniform(0.7, 1.4))
        shapes.append([(foot - girth / 2, start), (foot + girth / 2, start), tip])
    for points in shapes:
        scene = blend(scene, bark, polygon(scene.shape, points))
    return scene
