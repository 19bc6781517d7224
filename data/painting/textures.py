"""Five textures in colour for texture synthesis: 320 px squares that look alike everywhere."""

import numpy as np
from PIL import Image

from .canvas import (
    SCALE,
    blur,
    borders,
    distance,
    finish,
    fractal,
    mesh,
    mix,
    nearest,
    noise,
    ramp,
    rgb,
    scatter,
    smoothstep,
)

SIDE = 320 * SCALE
SHAPE = (SIDE, SIDE)


def relief(height: np.ndarray, depth: float) -> np.ndarray:
    """Light [H, W] around 1 on a height field lit from the upper left."""
    down, right = np.gradient(height)
    return np.clip(1 - depth * (down + right), 0.35, 1.7)


def pebbles(rng: np.random.Generator) -> Image.Image:
    """River pebbles: rounded cells of two sizes, each stone with its own colour and veins."""
    large = scatter(rng, SHAPE, 74, 40)
    small = scatter(rng, SHAPE, 34, 40)
    gap = np.hypot(*(small[:, None] - large[None]).transpose(2, 0, 1)).min(1)
    points = np.vstack([large, small[gap > 44]])
    label, _ = nearest(points, SHAPE, 110)
    # Water rounds the corners: keep what is still solid after a blur.
    solid = blur((distance(borders(label), 40) > 4).astype(np.float32), 8) > 0.62
    inside = distance(~solid, 40)
    size = np.ones(len(points))
    np.maximum.at(size, label.ravel(), inside.ravel())
    dome = 1 - np.clip(1 - inside / (1.0 * size[label]), 0, 1) ** 2
    palette = rgb("#8d8378", "#b9a88f", "#5d6a73", "#a4664a", "#d8cdb8", "#6f7d6b", "#454b53")
    colour = palette[rng.integers(len(palette), size=len(points))][label]
    colour = colour * rng.uniform(0.85, 1.15, (len(points), 1))[label]
    mottled = fractal(rng, SHAPE, 26, 4)
    veins = smoothstep(0.07, 0.0, np.abs(fractal(rng, SHAPE, 90, 3)))
    colour = mix(colour * (1 + 0.22 * mottled[..., None]), rgb("#efe6d6")[0], 0.3 * veins)
    light = relief(blur(dome * size[label], 4), 0.42) * (0.6 + 0.45 * dome)
    speckle = 1 + 0.05 * rng.standard_normal(SHAPE)
    stone = colour * (light * speckle)[..., None]
    grit = 0.6 + 0.4 * fractal(rng, SHAPE, 9, 3) - 0.5 * blur(solid.astype(np.float32), 10)
    sand = rgb("#8a7254")[0] * np.clip(grit, 0.06, 1)[..., None]
    return finish(mix(sand, stone, smoothstep(0, 3, inside)))


def cloth(rng: np.random.Generator) -> Image.Image:
    """A plaid twill: every thread passes over two and under two others."""
    x, y = mesh(SIDE, SIDE)
    pitch = SIDE / 64
    x, y = x + 1.6 * noise(rng, SHAPE, 60), y + 1.6 * noise(rng, SHAPE, 60)
    i, j = (x // pitch).astype(int), (y // pitch).astype(int)
    dyes = rgb("#1f3557", "#8f2431", "#e6d7b4", "#24543f")
    sett = np.repeat([0, 2, 0, 1, 3, 1], [11, 2, 5, 8, 3, 3])
    tone = rng.uniform(0.86, 1.1, (2, 80))
    warp = dyes[sett[i % 32]] * tone[0][i % 80][..., None]
    weft = dyes[sett[j % 32]] * tone[1][j % 80][..., None]
    u, v = x / pitch - i - 0.5, y / pitch - j - 0.5
    over = (i + j) % 4 < 2
    across = np.where(over, u, v)
    along = np.where(over, ((j + i) % 4) * 1.0 + v + 0.5, ((i + j) % 4) - 2 + u + 0.5)
    bulge = np.sqrt(np.clip(1 - (2 * across) ** 2, 0, 1)) * np.sin(np.pi * np.clip(along / 2, 0, 1))
    twist = 0.1 * np.sin(2 * np.pi * (along * 1.6 + across * 1.8))
    fuzz = 0.05 * rng.standard_normal(SHAPE)
    shade = 0.42 + 0.72 * np.clip(bulge, 0, 1) ** 0.6 + twist + fuzz
    return finish(np.where(over[..., None], warp, weft) * shade[..., None])


def wood(rng: np.random.Generator) -> Image.Image:
    """Flat-sawn pine: growth rings drawn out along the board and bent around knots."""
    x, y = mesh(SIDE, SIDE)
    field = y / 15 + 2.6 * fractal(rng, SHAPE, (420, 120), 3)
    knot = np.zeros(SHAPE, np.float32)
    for kx, ky in scatter(rng, SHAPE, 250, 30):
        r = np.hypot((x - kx) / 1.7, y - ky) * rng.uniform(0.8, 1.2)
        field += 4.5 * np.exp(-((r / 46) ** 2)) * np.sign(np.sin(kx))
        knot = np.maximum(knot, np.exp(-((r / 15) ** 4)))
    ring = field % 1
    late = smoothstep(0.15, 0.9, ring) * smoothstep(1.0, 0.93, ring)
    colour = ramp(rgb("#e9c88d", "#d59f5c", "#93562a"), np.clip(late, 0, 1))
    pores = smoothstep(0.55, 0.9, noise(rng, SHAPE, (46, 2.2)))
    fibre = 0.06 * noise(rng, SHAPE, (90, 2)) + 0.05 * noise(rng, SHAPE, (30, 3))
    colour = colour * (1 + fibre + 0.08 * fractal(rng, SHAPE, 160, 2))[..., None]
    colour = mix(colour, rgb("#6b3c1d")[0], 0.45 * pores)
    return finish(mix(colour, rgb("#4a2613")[0], 0.8 * knot))


def scales(rng: np.random.Generator) -> Image.Image:
    """A dragon's skin: overlapping scales, green to blue, each with ribs and a golden rim."""
    x, y = mesh(SIDE, SIDE)
    x, y = x + 7 * noise(rng, SHAPE, 120), y + 7 * noise(rng, SHAPE, 120)
    radius, step = 38.0, 30.0
    picture = np.zeros((*SHAPE, 3), np.float32)
    palette = rgb("#0c3b4a", "#11706b", "#2f9a63", "#86b94a")
    hue = np.clip(0.5 + 0.55 * fractal(rng, SHAPE, 200, 2), 0, 1)
    for row in range(int(SIDE / step) + 2, -3, -1):
        # Rows are laid from the bottom up, so each one covers the roots of the row below.
        left = radius * (row % 2)
        column = np.round((x - left) / (2 * radius))
        u = (x - left - 2 * radius * column) / radius
        v = (y - row * step) / (1.5 * radius)
        r = np.sqrt(u * u + np.clip(v, 0, None) ** 2)
        jitter = 0.12 * np.sin(column * 12.9898 + row * 78.233)
        body = ramp(palette, np.clip(hue + jitter - 0.25 * v, 0, 1))
        ribs = 0.1 * np.cos(u * 26 + 0.6 * np.sin(9 * v)) * smoothstep(0.2, 0.7, r)
        light = 0.72 - 0.4 * u + 0.5 * (1 - r) + ribs
        rim = smoothstep(0.82, 0.9, r) * smoothstep(1.0, 0.96, r)
        scale = mix(
            body * light[..., None], rgb("#e3bd5a")[0] * (0.85 - 0.3 * u)[..., None], 0.8 * rim
        )
        shadow = smoothstep(1.35, 1.0, r) * (v > -0.6)
        picture *= 1 - 0.75 * (shadow * (r >= 1))[..., None]
        picture = np.where(((r < 1) & (v > -0.9))[..., None], scale, picture)
    return finish(picture * (1 + 0.1 * fractal(rng, SHAPE, 8, 2))[..., None])


def leaf(rng: np.random.Generator, length: int, colour: np.ndarray) -> Image.Image:
    """One leaf as RGBA: pointed outline, midrib and side veins."""
    x, y = mesh(length, length)
    u, v = x / length, y / length - 0.5 - 0.06 * np.sin(3 * x / length)
    half = 0.3 * np.sin(np.pi * np.clip(u, 0, 1) ** 0.8) ** 0.9 * (1 - 0.35 * u)
    inside = np.clip((half - np.abs(v)) * length / 2, 0, 1)
    rib = smoothstep(0.018, 0.006, np.abs(v))
    veins = smoothstep(0.75, 1.0, np.cos(2 * np.pi * 9 * (u - 0.75 * np.abs(v))))
    fold = np.where(v < 0, 1.12, 0.84) + 0.12 * np.cos(2 * np.pi * 9 * (u - 0.75 * np.abs(v)))
    blotch = 1 + 0.18 * fractal(rng, (length, length), length / 5, 3)
    rgb_leaf = mix(
        colour * (fold * blotch)[..., None], colour * 0.35 + 0.6, 0.75 * rib + 0.22 * veins
    )
    edge = smoothstep(0.0, 0.03, half - np.abs(v))
    picture = np.dstack([rgb_leaf * (0.55 + 0.45 * edge)[..., None], inside])
    tile = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8), "RGBA")
    return tile.rotate(rng.uniform(0, 360), Image.Resampling.BICUBIC, expand=True)


def leaves(rng: np.random.Generator) -> Image.Image:
    """A forest floor in autumn: fallen leaves in many layers, the lower ones in shadow."""
    floor = Image.new("RGB", SHAPE, "#1c120c")
    palette = rgb("#c8501d", "#e08a26", "#e8b93f", "#8f2a1a", "#7d7a2c", "#a9622b", "#5c6b2b")
    for layer, dim in enumerate((0.35, 0.6, 0.85, 1.0)):
        for px, py in scatter(rng, SHAPE, 52 + 6 * layer, 60):
            colour = palette[rng.integers(len(palette))] * dim * rng.uniform(0.85, 1.12)
            tile = leaf(rng, int(rng.uniform(100, 160)), colour)
            at = (int(px - tile.width / 2), int(py - tile.height / 2))
            shadow = tile.getchannel("A").point(lambda a: a * 0.45)
            floor.paste("#0c0705", (at[0] + 4, at[1] + 5), shadow)
            floor.paste(tile.convert("RGB"), at, tile)
    return finish(np.asarray(floor, np.float32) / 255)
