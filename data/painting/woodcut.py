"""A breaking wave in the manner of a colour woodcut: flat inks, carved lines, a dark key block."""

import numpy as np
from PIL import Image, ImageDraw

from .canvas import (
    SCALE,
    finish,
    fractal,
    grain,
    mesh,
    mix,
    noise,
    normals,
    ramp,
    resample,
    rgb,
    smoothstep,
    spline,
    stroke,
    swell,
)

WIDTH, HEIGHT = 640, 448
KEY = "#131d38"
CREAM = "#f3ead2"
BLUES = ["#173763", "#2a5a8c", "#5f93b3", "#a9c9cf"]


def bokashi(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """The sky: the printer wipes the block so that its ink fades from the top downwards."""
    _, y = mesh(*size)
    t = y / (SCALE * 268) + 0.02 * noise(rng, y.shape, (500, 60))
    air = ramp(rgb("#1b3a66", "#7c9fb0", "#e9dfc0", "#f0d9a0", "#e8b673"), np.clip(t, 0, 1))
    return Image.fromarray((air * 255).astype(np.uint8))


class Block:
    """Two printing blocks: a colour picture, and the key block's dark lines as a mask.

    Points are in pixels of the final picture.
    """

    def __init__(self, rng: np.random.Generator):
        size = (WIDTH * SCALE, HEIGHT * SCALE)
        self.rng = rng
        self.colour = bokashi(rng, size)
        self.key = Image.new("L", size, 0)
        self.paint, self.carve = ImageDraw.Draw(self.colour), ImageDraw.Draw(self.key)

    def shape(self, points: np.ndarray, fill: str, outline: float = 0) -> None:
        """Print a closed shape over what lies behind it, with a contour of uneven width."""
        flat = [tuple(p) for p in points * SCALE]
        self.paint.polygon(flat, fill=fill)
        self.carve.polygon(flat, fill=0)
        if outline:
            self.line(np.vstack([points, points[:1]]), outline, taper=0)

    def line(self, points: np.ndarray, width: float, taper: float = 0.2) -> None:
        """Carve a dark line."""
        stroke(self.carve, points * SCALE, swell(self.rng, len(points), width * SCALE, taper), 255)

    def ink(self, points: np.ndarray, width: float, fill: str, taper: float = 0.35) -> None:
        """Print a tapering line in a flat colour."""
        widths = swell(self.rng, len(points), width * SCALE, taper)
        stroke(self.paint, points * SCALE, widths, fill)

    def disc(self, centre: np.ndarray, radius: float, fill: str, outline: float = 0) -> None:
        """Print a disc, not quite round, with a contour if one is asked for."""
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        wobble = 1 + 0.9 / (radius + 12) * np.sin(2 * angle + self.rng.uniform(0, 6))
        ring = np.stack([np.cos(angle), np.sin(angle)], 1) * (radius * wobble)[:, None]
        self.shape(np.asarray(centre) + ring, fill, outline)


def between(a: np.ndarray, b: np.ndarray, t: float) -> np.ndarray:
    """The curve at t on the way from curve a to curve b."""
    return a + (b - a) * t


def stripes(block: Block, a: np.ndarray, b: np.ndarray, inks: list[str], lines: int) -> None:
    """Fill the surface between two curves with bands of ink that follow it, then carve lines."""
    rng = block.rng
    edges = np.concatenate([[0], np.cumsum(rng.uniform(0.6, 1.5, len(inks)))])
    edges /= edges[-1]
    for ink, low, high in zip(inks, edges, edges[1:], strict=False):
        band = np.vstack([between(a, b, low), between(a, b, high)[::-1]])
        block.shape(band, ink)
    for position in np.sort(rng.uniform(0.03, 0.97, lines)):
        start = rng.uniform(0, 0.6)
        stop = min(start + rng.uniform(0.25, 0.7), 1)
        part = between(a, b, position)[int(start * len(a)) : int(stop * len(a))]
        if rng.random() < 0.5:
            block.line(part, rng.uniform(0.7, 1.5))
        else:
            block.ink(part, rng.uniform(1.0, 2.4), rng.choice([CREAM, BLUES[3], BLUES[2]]))


def claw(
    rng: np.random.Generator, base: np.ndarray, angle: float, size: float, bend: float, depth: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """A finger of foam and the smaller ones on its outer side: a list of (curve, widths)."""
    t = np.linspace(0, 1, 24)
    heading = angle + bend * t**1.4
    step = size / 23 * np.stack([np.cos(heading), np.sin(heading)], 1)
    curve = base + np.cumsum(step, 0) - step[0]
    width = size * (0.27 * (1 - t) ** 0.7 + 0.06)
    parts = [(curve, width)]
    if depth:
        for at in (5, 11, 17, 22):
            side = heading[at] - np.sign(bend) * rng.uniform(0.5, 1.0)
            small = size * rng.uniform(0.34, 0.48) * (1.1 - 0.3 * t[at])
            parts += claw(rng, curve[at], side, small, bend * rng.uniform(0.8, 1.3), depth - 1)
    return parts


def foam(
    block: Block, lip: np.ndarray, turn: float, size: float, depth: int = 1, fade: float = 1.0
) -> None:
    """Foam along a lip: claws that lean `turn` radians off its direction, and scalloped lumps.

    The foam shrinks from `size` at the lip's end to `fade` times that at its start.
    """
    rng = block.rng
    lip = resample(lip, int(np.hypot(*np.diff(lip, axis=0).T).sum() / (0.42 * size)) + 2)
    sizes = size * np.linspace(fade, 1, len(lip)) * rng.uniform(0.8, 1.2, len(lip))
    heading = np.arctan2(*np.gradient(lip, axis=0).T[::-1])
    lean = heading + turn * rng.uniform(0.6, 1.1, len(lip))
    claws = []
    for at, angle, grow in zip(lip[::2], lean[::2], sizes[::2], strict=True):
        claws += claw(rng, at, angle, 1.25 * grow, np.sign(turn) * rng.uniform(0.9, 1.7), depth)
    outward = np.stack([np.cos(heading + turn), np.sin(heading + turn)], 1)
    for rim in (1.2, 0.0):
        fill = KEY if rim else CREAM
        for curve, width in claws:
            stroke(block.paint, curve * SCALE, (width + 2 * rim) * SCALE, fill)
            stroke(block.carve, curve * SCALE, (width + 2 * rim) * SCALE, 0)
            block.disc(curve[-1], width[-1] / 2 + rim, fill)
        for at, grow in zip(lip, sizes, strict=True):
            block.disc(at, 0.36 * grow + rim, fill)
    for curve, width in claws:
        if width[0] > 3:
            inner = curve + normals(curve) * (np.sign(turn) * 0.2 * width)[:, None]
            block.ink(inner[3:18], 0.2 * width[0], BLUES[3])
    for row, ink in ((0.2, CREAM), (0.5, "#dfe6d8"), (0.75, BLUES[3])):
        for at, away, grow in zip(lip, outward, sizes, strict=True):
            centre = at - away * row * grow + rng.normal(0, 0.05 * grow, 2)
            radius = grow * rng.uniform(0.2, 0.32)
            block.disc(centre, radius + 0.8, KEY)
            block.disc(centre - away * 0.4, radius, ink)


def spray(block: Block, lip: np.ndarray, away: np.ndarray, count: int, reach: float) -> None:
    """Drops thrown from a lip in the direction `away`."""
    rng = block.rng
    for _ in range(count):
        flight = rng.exponential(reach / 2)
        side = np.array([-away[1], away[0]]) * rng.normal(0, 0.35 * reach)
        drop = lip[rng.integers(len(lip))] + away * flight + side
        radius = rng.uniform(0.7, 2.8) * np.exp(-flight / (2.5 * reach))
        block.disc(drop, radius + 0.8, KEY)
        block.disc(drop, radius, CREAM)


def sky(block: Block) -> None:
    """Sun, bars of cloud, far islands and the far sea."""
    rng = block.rng
    block.disc((172, 168), 66, "#d4492f")
    for left, y, length, height in (
        (-40, 122, 170, 11), (60, 134, 190, 9), (188, 196, 150, 10), (30, 208, 120, 7),
        (-30, 74, 120, 8), (210, 84, 120, 8), (560, 60, 140, 10),
    ):  # fmt: skip
        t = np.linspace(0, np.pi, 12)
        end = np.stack([np.sin(t), -np.cos(t)], 1) * height / 2
        bar = np.vstack([end + (left + length, y), -end + (left, y)])
        block.shape(bar, "#f6ecd0", 0.9)
    for points, ink in (
        ([(-20, 262), (40, 236), (84, 226), (130, 246), (200, 255), (280, 266)], "#8fa7a8"),
        ([(170, 268), (230, 252), (262, 243), (310, 256), (360, 262), (420, 268)], "#54788f"),
    ):
        ridge = spline(points, 60) + np.stack([np.zeros(60), rng.normal(0, 0.8, 60)], 1)
        block.shape(np.vstack([ridge, [(440, 290), (-20, 290)]]), ink, 0.9)
    sea = np.array([(-20, 268), (660, 268), (660, 460), (-20, 460)], float)
    block.shape(sea, BLUES[1])
    block.line(np.array([(-10.0, 268), (150, 268), (300, 268), (650, 268)]), 1.2, 0)
    for _ in range(70):
        y = 270 + 60 * rng.random() ** 1.4
        x, length = rng.uniform(-20, 420), rng.uniform(20, 70)
        ripple = spline([(x, y), (x + length / 2, y - 1.5), (x + length, y)], 20)
        block.ink(ripple, rng.uniform(1, 2.6), rng.choice([BLUES[2], BLUES[3], BLUES[0]]))


def breaker(block: Block) -> None:
    """The great wave: a striped surface drawn from its foot to its lip, and its foam."""
    back = spline([(700, 470), (668, 260), (590, 122), (490, 56), (392, 46), (318, 84),
                   (276, 148), (268, 206)], 160)  # fmt: skip
    face = spline([(40, 452), (200, 420), (330, 366), (412, 290), (440, 214), (414, 150),
                   (362, 126), (312, 146), (268, 206)], 160)  # fmt: skip
    inks = [BLUES[3], BLUES[0], BLUES[2], BLUES[0], CREAM, BLUES[1], BLUES[0], BLUES[2], BLUES[0],
            BLUES[1], BLUES[0], BLUES[3], BLUES[0], BLUES[1], BLUES[0], BLUES[0]]  # fmt: skip
    block.shape(np.vstack([back, face[::-1]]), BLUES[0], 2.4)
    stripes(block, face, back, inks, 60)
    block.line(face, 2.2)
    block.line(back, 2.6, 0.05)
    foam(block, back[40:112], 0.9, 22, 1, fade=0.4)
    foam(block, face[104:157], -1.2, 30, 2, fade=0.5)
    foam(block, back[106:159], 0.75, 32, 2, fade=0.7)
    spray(block, back[90:160], np.array([-0.75, 0.1]), 110, 40)
    spray(block, face[115:158], np.array([-0.2, 1.0]), 70, 40)


def swells(block: Block) -> None:
    """Three ridges of water in front, each with bands that follow its crest and foam on top."""
    ridges = [
        [(-20, 330), (60, 306), (130, 316), (210, 352), (300, 380), (420, 400), (520, 440)],
        [(240, 470), (330, 420), (420, 372), (500, 352), (580, 366), (670, 410)],
        [
            (-20, 372),
            (50, 356),
            (120, 372),
            (220, 420),
            (330, 436),
            (450, 420),
            (560, 428),
            (670, 400),
        ],
    ]
    inks = [CREAM, BLUES[2], BLUES[0], BLUES[3], BLUES[1], BLUES[0], BLUES[2], BLUES[0], BLUES[1]]
    for points in ridges:
        crest = spline(points, 120)
        foot = np.stack([crest[:, 0] * 1.05 - 10, 500 + 0.1 * crest[:, 1]], 1)
        block.shape(np.vstack([crest, foot[::-1]]), BLUES[0], 1.8)
        stripes(block, crest, foot, inks, 46)
        block.line(crest, 2.2, 0)
        top = crest[np.abs(crest[:, 1] - crest[:, 1].min()) < 26]
        foam(block, top, -0.8, 17, 1, fade=0.6)
        spray(block, top, np.array([0.1, -1.0]), 30, 16)


def birds(block: Block) -> None:
    """A few gulls, two strokes each."""
    for x, y, size in ((78, 42, 11), (112, 30, 8), (52, 24, 7), (236, 40, 8), (40, 176, 7)):
        left = spline([(x - size, y - 3), (x - size / 2, y - size / 2.2), (x, y)], 16)
        right = spline([(x, y), (x + size / 2, y - size / 1.9), (x + size * 1.1, y - 5)], 16)
        block.line(left, 2.0, 0.5)
        block.line(right, 2.0, 0.5)


def wave(rng: np.random.Generator) -> Image.Image:
    """A great wave breaking before a red sun, as a colour woodcut."""
    block = Block(rng)
    sky(block)
    breaker(block)
    swells(block)
    birds(block)
    colour = np.asarray(block.colour, np.float32) / 255
    shape = colour.shape[:2]
    fibre = 0.6 * noise(rng, shape, (420, 5)) + 0.4 * noise(rng, shape, (160, 2.5))
    wear = 0.10 * np.clip(fibre, -1, 1) + 0.07 * fractal(rng, shape, 60, 4)
    paper = rgb(CREAM)[0]
    darkness = 1 - colour.mean(-1)
    colour = mix(colour, paper, np.clip(0.09 + wear, 0, 1) * smoothstep(0.05, 0.5, darkness))
    # The key block was laid on the sheet a pixel off.
    shifted = Image.new("L", block.key.size)
    shifted.paste(block.key, (2, -2))
    key = np.asarray(shifted, np.float32) / 255
    key = key * (0.93 - 0.25 * smoothstep(0.5, 1.2, noise(rng, shape, 5)))
    picture = mix(colour, rgb(KEY)[0], key)
    return finish(picture * (1 + 0.022 * grain(rng, shape))[..., None] * 0.99)
