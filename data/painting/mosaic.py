"""A mosaic of two carp: tesserae in rows that follow the contours (andamento), grout, relief."""

import numpy as np
from PIL import Image, ImageDraw

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
    normals,
    ramp,
    rgb,
    smoothstep,
)

WIDTH, HEIGHT = 640, 480
SIZE = {"water": 8.6, "pad": 7.6, "border": 9.0}  # the side of a tessera; 6.4 elsewhere
BORDER = 27


class Design:
    """The cartoon of the mosaic: regions as numbers [H, W] at the final size, and their names."""

    def __init__(self):
        self.region = np.zeros((HEIGHT, WIDTH), np.int32)
        self.names = ["water"]
        self.places: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def add(self, name: str, outline: np.ndarray, axis: np.ndarray, half: np.ndarray) -> None:
        """Lay a region over the others; its axis and half widths place patterns inside it."""
        image = Image.fromarray(self.region)
        ImageDraw.Draw(image).polygon([tuple(p) for p in outline], fill=len(self.names))
        self.region = np.array(image)
        self.places[len(self.names)] = (axis, half)
        self.names.append(name)

    def petal(self, name: str, base, angle: float, length: float, width: float, bend=0.0) -> None:
        """Lay a leaf-shaped region that starts at `base` and bends by `bend` radians."""
        t = np.linspace(0, 1, 40)
        heading = angle + bend * t
        steps = length / 39 * np.stack([np.cos(heading), np.sin(heading)], 1)
        axis = np.asarray(base) + np.cumsum(steps, 0)
        half = width / 2 * np.sin(np.pi * t**0.75) + 0.3
        side = normals(axis) * half[:, None]
        self.add(name, np.vstack([axis + side, (axis - side)[::-1]]), axis, half)

    def inside(self, index: int, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For points of a region: the place along its axis, 0 to 1, and across, -1 to 1."""
        axis, half = self.places[index]
        gap = points[:, None] - axis[None]
        near = np.hypot(gap[..., 0], gap[..., 1]).argmin(1)
        across = (gap[np.arange(len(points)), near] * normals(axis)[near]).sum(1)
        return near / (len(axis) - 1), across / np.maximum(half[near], 1)


def carp(design: Design, start: float, stop: float, kind: str) -> None:
    """A carp seen from above, its spine on an ellipse from angle `start` (nose) to `stop`."""
    angle = np.linspace(start, stop, 80)
    wiggle = 1 + 0.05 * np.sin(np.linspace(0, 7, 80))
    spine = np.stack([np.cos(angle) * 186 * wiggle + 320, np.sin(angle) * 122 * wiggle + 240], 1)
    stops = [0, 0.02, 0.06, 0.14, 0.3, 0.45, 0.65, 0.85, 1]
    half = 47 * np.interp(
        np.linspace(0, 1, 80), stops, [0.1, 0.4, 0.62, 0.84, 1, 0.97, 0.7, 0.34, 0.2]
    )
    side = normals(spine) * half[:, None]
    back = np.arctan2(*(spine[-1] - spine[-6])[::-1])
    for lean, length in ((0.7, 112), (-0.7, 112), (0.3, 74), (-0.3, 74)):
        design.petal(f"{kind} fin", spine[-3], back + lean, length, 30, -0.9 * lean)
    for at, sign, length in ((22, 1, 66), (22, -1, 66), (50, 1, 40), (50, -1, 40)):
        along = np.arctan2(*(spine[at + 4] - spine[at])[::-1])
        design.petal(
            f"{kind} fin",
            spine[at] + 0.8 * sign * side[at],
            along + sign * 1.0,
            length,
            0.5 * length,
            -sign * 0.9,
        )
    design.add(f"{kind} body", np.vstack([spine + side, (spine - side)[::-1]]), spine, half)
    top = spine[30:58]
    ridge = 8 * np.sin(np.linspace(0.2, np.pi, 28))
    lift = normals(top) * ridge[:, None]
    design.add(f"{kind} fin", np.vstack([top + lift, (top - lift)[::-1]]), top, ridge + 0.3)
    for sign in (-1, 1):
        turn = np.linspace(0, 2 * np.pi, 24)
        eye = spine[8] + 0.8 * sign * side[8] + 6.5 * np.stack([np.cos(turn), np.sin(turn)], 1)
        design.add("eye", eye, eye, np.full(24, 1.0))


def lily(design: Design, x: float, y: float, size: float, notch: float) -> None:
    """A lily pad with a notch, and a flower on it."""
    turn = notch + np.linspace(0.25, 2 * np.pi - 0.25, 60)
    rim = np.stack([x + size * np.cos(turn), y + size * np.sin(turn)], 1)
    design.add(
        "pad", np.vstack([rim, [(x, y)]]), np.array([(x, y), (x + 1, y)]), np.array([size, size])
    )
    for ring, (count, length) in enumerate(((8, 0.62), (6, 0.4))):
        for k in range(count):
            angle = 2 * np.pi * (k + 0.5 * ring) / count + 0.2
            design.petal(
                "blossom" if ring == 0 else "inner", (x, y), angle, length * size, 0.3 * size
            )
    ring = 0.13 * size * np.stack([np.cos(turn), np.sin(turn)], 1) + (x, y)
    design.add("heart", ring, ring, np.full(60, 1.0))


def frame(design: Design) -> None:
    """A border of constant width."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    edge = np.minimum(np.minimum(x, WIDTH - 1 - x), np.minimum(y, HEIGHT - 1 - y))
    design.region[edge < BORDER] = len(design.names)
    design.names.append("border")


def rows(field: np.ndarray, region: np.ndarray, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Places for tesserae in rows along the contour lines of a distance field.

    Returns points (x, y) [n, 2], `size` apart, and the angle of the row at each.
    """
    down, right = np.gradient(blur(field, 2))
    found = []
    top = field[region].max()
    for level in np.arange(min(size / 2, top), top + size / 2, size):
        free = region & (np.abs(field - level) < size / 2)
        for y, x in np.argwhere(free & (np.abs(field - level) < 0.7)):
            if free[y, x]:
                for step in (size, -size):
                    found += walk((x, y), step, level, field, (right, down), free)
    found = np.array(found)
    return found[:, :2], found[:, 2]


def walk(start, step: float, level: float, field, slope, free: np.ndarray) -> list[tuple]:
    """Walk along a contour line in equal steps until it leaves `free`, which is used up.

    Each step goes along the contour and is then corrected back to its level. A negative step
    walks the other way and leaves out the start.
    """
    x, y = map(float, start)
    places, first = [], True
    while True:
        j, i = int(np.clip(x + 0.5, 0, WIDTH - 1)), int(np.clip(y + 0.5, 0, HEIGHT - 1))
        gx, gy = float(slope[0][i, j]), float(slope[1][i, j])
        steep = max(np.hypot(gx, gy), 0.3)
        if step > 0 or not first:
            if not free[i, j]:
                return places
            places.append((x, y, np.arctan2(gx, -gy)))
            reach = int(0.7 * abs(step))
            free[max(i - reach, 0) : i + reach + 1, max(j - reach, 0) : j + reach + 1] = False
        first = False
        back = np.clip((level - field[i, j]) / steep, -2, 2) / steep
        x += -gy / steep * step + gx * back
        y += gx / steep * step + gy * back


def lay(rng: np.random.Generator, design: Design) -> tuple[np.ndarray, ...]:
    """Fill every region with tesserae: their number [H, W] on the large canvas, and their places.

    Returns the labels, the points [n, 2] and the region of each tessera [n].
    """
    shape = (HEIGHT * SCALE, WIDTH * SCALE)
    labels = np.full(shape, -1, np.int32)
    large = np.kron(design.region, np.ones((SCALE, SCALE), np.int32))
    points, owner = np.zeros((0, 2)), np.zeros(0, int)
    for index, name in enumerate(design.names):
        region = design.region == index
        if not region.any():
            continue
        size = SIZE.get(name, 6.4)
        field = distance(~region, 300 if name == "water" else 80)
        at, angle = rows(field, region, size)
        at = at + rng.normal(0, 0.05 * size, at.shape)
        angle = angle + rng.normal(0, 0.06, len(angle))
        cell, _ = nearest((at + 0.5) * SCALE, shape, int(2.2 * size), angle, 0.25)
        here = (large == index) & (cell >= 0)
        labels[here] = cell[here] + len(points)
        points, owner = np.vstack([points, at]), np.concatenate([owner, np.full(len(at), index)])
    return labels, points, owner


def colours(rng: np.random.Generator, design: Design, points: np.ndarray, owner: np.ndarray):
    """The colour of each tessera [n, 3]."""
    plain = {
        "pad": rgb("#2f6b3c", "#4c8f43", "#79ad4e", "#235840"),
        "blossom": rgb("#e88fa6", "#f3b6c2", "#d96a8c"),
        "inner": rgb("#f7d5d8", "#fbe9e2", "#f0b3bf"),
        "heart": rgb("#f2b632", "#e39a1e"),
        "eye": rgb("#15131a"),
        "border": rgb("#1c2f52", "#1c2f52", "#c8963a", "#a33a2a"),
    }
    out = np.zeros((len(points), 3), np.float32)
    for index, name in enumerate(design.names):
        mine = owner == index
        here = points[mine]
        if not len(here):
            continue
        if name == "water":
            out[mine] = water(rng, design, here)
        elif name.endswith(("body", "fin")):
            out[mine] = scaled(rng, name, *design.inside(index, here), here)
        elif name == "border":
            out[mine] = border(here)
        else:
            out[mine] = plain[name][rng.integers(len(plain[name]), size=len(here))]
    tint = 1 + rng.normal(0, 0.03, out.shape)
    return out * tint * (1 + rng.normal(0, 0.09, (len(out), 1)))


def water(rng, design: Design, points: np.ndarray) -> np.ndarray:
    """Water, lighter near the fish, with ripples and a few gilded tesserae."""
    away = distance(design.region != 0, 200)
    x, y = points.astype(int).T
    far = away[np.clip(y, 0, HEIGHT - 1), np.clip(x, 0, WIDTH - 1)]
    swirl = fractal(rng, (HEIGHT, WIDTH), 120, 3)[
        np.clip(y, 0, HEIGHT - 1), np.clip(x, 0, WIDTH - 1)
    ]
    wave = 0.5 + 0.5 * np.sin(far / 6.2 + 2.5 * swirl)
    depth = np.clip(
        0.2 + far / 95 + 0.3 * swirl - 0.22 * wave + rng.normal(0, 0.06, len(far)), 0, 1
    )
    tone = ramp(rgb("#bfe6d8", "#4fb7b5", "#1f86a0", "#155f8a", "#123f6e", "#0e2a52"), depth)
    gilded = rng.random(len(far)) < 0.015
    return np.where(gilded[:, None], rgb("#d9b14a")[0], tone)


def scaled(rng, name: str, along: np.ndarray, across: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A carp's tesserae: patches of red and black on cream, or golden; rays in the fins."""
    red = name.startswith("red")
    light, deep = rgb("#f6ead2", "#d8401f") if red else rgb("#f7c548", "#c9661a")
    if name.endswith("fin"):
        ray = 0.5 + 0.5 * np.sin(across * 9)
        return mix(light, deep, np.clip(0.95 - 0.75 * along + 0.3 * ray, 0, 1))
    patch = (
        np.sin(9.5 * along + 1.6)
        + 0.7 * np.sin(3.2 * across + 14 * along)
        + 0.15 * rng.standard_normal(len(along))
    )
    tone = mix(light, deep, smoothstep(-0.1, 0.3, patch))
    row = np.floor(along * 24)
    arc = (along * 24 - row - 0.5 * np.cos(across * 12 + np.pi * (row % 2))) % 1
    tone = tone * (1.08 - 0.3 * smoothstep(0.6, 1.0, arc) * (along > 0.2))[:, None]
    tone = mix(tone, rgb("#4a1c1a" if red else "#5a2a12")[0], 0.9 * (np.abs(across) > 0.86))
    return tone * (1 - 0.25 * across[:, None] ** 2)


def border(points: np.ndarray) -> np.ndarray:
    """The frame: dark rows outside and inside, a chain of red and gold between."""
    x, y = points.T
    edge = np.minimum(np.minimum(x, WIDTH - 1 - x), np.minimum(y, HEIGHT - 1 - y))
    along = np.where(np.minimum(x, WIDTH - x) < np.minimum(y, HEIGHT - y), y, x)
    step = np.floor(along / 9.0) % 4
    middle = np.where((step < 2)[:, None], rgb("#c8963a")[0], rgb("#9c3426")[0])
    dark = rgb("#172a4d")[0]
    return np.where((np.abs(edge - BORDER / 2) < 4.5)[:, None], middle, dark)


def mosaic(rng: np.random.Generator) -> Image.Image:
    """Two carp circle each other among water lilies."""
    design = Design()
    lily(design, 96, 398, 62, 5.4)
    lily(design, 548, 78, 56, 2.2)
    lily(design, 40, 330, 40, 0.3)
    lily(design, 604, 150, 38, 3.5)
    carp(design, np.radians(318), np.radians(186), "red")
    carp(design, np.radians(138), np.radians(6), "gold")
    frame(design)
    labels, points, owner = lay(rng, design)
    joint = distance(borders(labels) | (labels < 0), 12)
    tone = colours(rng, design, points, owner)[labels]
    # Every tessera is set at a slightly different tilt, so each catches the light differently.
    x, y = mesh(WIDTH * SCALE, HEIGHT * SCALE)
    tilt = rng.normal(0, 0.012, (2, len(points)))
    centre = (points + 0.5) * SCALE
    lean = (x - centre[labels, 0]) * tilt[0][labels] + (y - centre[labels, 1]) * tilt[1][labels]
    height = smoothstep(1.0, 4.5, joint)
    down, right = np.gradient(blur(height, 1))
    texture = 0.06 * fractal(rng, joint.shape, 9, 3) + 0.03 * rng.standard_normal(joint.shape)
    light = np.clip(1.1 + lean - 0.9 * (down + right) + texture, 0.4, 1.6)
    grout = rgb("#5b5247")[0] * (0.85 + 0.25 * noise(rng, joint.shape, 3))[..., None]
    return finish(mix(grout, tone * light[..., None], smoothstep(1.2, 2.4, joint)))
