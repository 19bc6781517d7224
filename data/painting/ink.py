"""A valley in ink: an engraving whose lines follow the form and swell with the shade."""

import numpy as np
from PIL import Image

from .canvas import SCALE, blur, finish, fractal, grain, mix, noise, rgb, smoothstep, spline
from .engraving import HEIGHT, WIDTH, Plate

MARGIN = 16


def sky(plate: Plate) -> None:
    """Long lines that part around the clouds and grow darker upwards."""
    rng, x, y = plate.rng, plate.x, plate.y
    puff = fractal(rng, x.shape, (260, 130), 5) + 0.35 * np.sin((x + 1.4 * y) / 70)
    cloud = smoothstep(-0.1, 0.5, puff)
    side = np.clip(12 * np.gradient(blur(puff, 6), axis=0), -0.3, 0.3)
    tone = 0.4 + 0.4 * y / 260 + 0.42 * cloud - 0.9 * np.maximum(side, 0)
    glow = np.exp(-(((x - 330) / 150) ** 2 + ((y - 190) / 90) ** 2))
    plate.lay(y < HEIGHT, tone + 0.35 * glow, (0.02, 4.0, 10 * puff), (0.5, 4.6, 6 * puff))


def range_of(
    plate: Plate, peaks: list, rough: float, light: float, pitch: float, seam: float
) -> None:
    """A mountain range: facets by ridged noise, lines down the slopes, left sides in light."""
    rng, x, y = plate.rng, plate.x, plate.y
    skyline = np.interp(x[0], *np.array(peaks, float).T)
    jag = fractal(rng, (1, x.shape[1]), 46, 5)[0]
    top = skyline + rough * jag
    depth = y - top[None]
    where = depth > 0
    fan = x + 0.22 * depth * np.sin(x / 41) + 22 * fractal(rng, x.shape, 150, 3)
    height = sum(
        (1 - 2 * np.abs((fan / size + shift + 0.002 * depth) % 1 - 0.5)) * size
        for size, shift in ((104, 0.2), (47, 0.7), (23, 0.4))
    )
    height += 14 * fractal(rng, x.shape, (30, 60), 4) - 0.9 * skyline[None]
    slope = blur(np.gradient(height, axis=1).astype(np.float32), 2) * SCALE
    lit = slope > 0
    tone = light + 0.16 * np.tanh(1.3 * slope) + seam * smoothstep(60, 190, depth)
    tone = np.where(lit, tone + 0.16, tone - 0.16) + 0.08 * fractal(rng, x.shape, 20, 3)
    left, right = (-1.05, pitch, 6 * plate.sway), (1.05, pitch, 6 * plate.sway)
    plate.lay(where & lit, tone, left, right)
    plate.lay(where & ~lit, tone, right, (0.35, pitch * 1.05), left)
    plate.strokes([np.stack([x[0], top], 1)[::3]], 1.1, taper=0)


def pine(plate: Plate, x: float, y: float, size: float) -> None:
    """A conifer: drooping boughs, sparse on the lit left and dense on the right."""
    rng = plate.rng
    outline = [(x, y - size), (x + 0.24 * size, y), (x - 0.24 * size, y)]
    plate.lay(plate.area(outline), 0.62, (1.3, 2.6), start=0.8)
    light, dark = [], []
    for t in np.linspace(0.02, 1, int(9 + size / 4)):
        for side, group, reach in ((-1, light, 0.26), (1, dark, 0.27), (1, dark, 0.2)):
            length = reach * size * (0.12 + 0.88 * t) * rng.uniform(0.75, 1.2)
            start = np.array([x, y - size * (1 - t) + rng.uniform(-1, 1)])
            end = start + (side * length, 0.45 * length + 0.03 * size)
            group.append(spline([start, (start + end) / 2 + (0, -0.08 * length), end], 10))
    plate.strokes(light, 0.35 + size / 90, taper=0.4)
    plate.strokes(dark, 0.7 + size / 55, taper=0.4)


def forest(plate: Plate) -> None:
    """Wooded slopes on both sides, far trees first."""
    rng = plate.rng
    trees = []
    for _ in range(210):
        left = rng.random() < 0.5
        reach = rng.random() ** 0.8
        x = reach * 235 - 8 if left else 648 - reach * 250
        floor = 296 + 42 * (1 - reach)
        trees.append((floor + rng.uniform(-38, 16), x))
    for y, x in sorted(trees):
        pine(plate, x, y, 14 + 0.42 * max(y - 250, 0) + plate.rng.uniform(0, 7))


def river(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle and half the width of the river at the height y."""
    t = np.clip((y - 306) / 174, 0, 1.1)
    return 352 - 70 * np.sin(3.6 * t + 0.2) * (0.3 + t), 13 + 118 * t**1.5 + 2.5 * np.sin(y / 5)


def meadow(plate: Plate) -> None:
    """The valley floor: lines that follow the ground, and the river between its banks."""
    rng, x, y = plate.rng, plate.x, plate.y
    ground = 306 + 9 * np.sin(x / 84 + 1) + 4 * np.sin(x / 31)
    roll = 9 * np.sin(x / 63 + y / 25) + 8 * fractal(rng, x.shape, 130, 3)
    tone = 0.74 + 0.16 * np.sin(x / 63 + y / 25 - 1) - 0.0021 * (y - 306) + 0.1 * plate.sway
    plate.lay(y > ground, tone, (0.06, 4.4, roll), (-0.6, 4.6, roll))
    centre, half = river(y)
    across = (x - centre) / half
    water = (np.abs(across) < 1) & (y > 328)
    # Mountains and banks lie mirrored in the water; the sky's gleam runs down the middle.
    streak = noise(rng, x.shape, (110, 6)) + 0.5 * noise(rng, x.shape, (40, 3))
    gleam = np.exp(-(((across + 0.15) / 0.4) ** 2)) * (0.45 + 0.55 * np.clip((y - 306) / 174, 0, 1))
    mirror = 0.34 + 0.5 * gleam + 0.28 * streak - 0.2 * smoothstep(0.6, 1.0, np.abs(across))
    plate.lay(
        water, mirror, (0.0, 3.6, 1.6 * noise(rng, x.shape, (60, 9))), (0.1, 3.7), (-0.1, 3.9)
    )
    rows = np.linspace(328, 492, 90)
    middle, reach = river(rows)
    plate.strokes([np.stack([middle + k * reach, rows], 1) for k in (-1, 1)], 1.8, taper=0)


def house(plate: Plate, x: float, y: float, w: float, h: float) -> None:
    """A house seen from a corner: a lit gable, a side in shade, a tiled roof, windows."""
    gable = [
        (x, y),
        (x + 0.42 * w, y),
        (x + 0.42 * w, y - h),
        (x + 0.21 * w, y - 1.55 * h),
        (x, y - h),
    ]
    side = [(x + 0.42 * w, y), (x + w, y - 0.05 * h), (x + w, y - 0.95 * h), (x + 0.42 * w, y - h)]
    roof = [(x + 0.21 * w, y - 1.55 * h), (x + 0.82 * w, y - 1.48 * h), (x + 1.05 * w, y - 0.9 * h),
            (x + 0.45 * w, y - 0.95 * h)]  # fmt: skip
    plate.block(gable, 0.86, (1.5, 3.2))
    plate.block(side, 0.42, (1.5, 2.8), (0.05, 3.0))
    plate.block(roof, 0.3, (1.1, 2.6), (0.05, 3.2))
    for fx, fy in ((0.1, 0.35), (0.26, 0.35), (0.18, 0.85)):
        a, b = x + fx * w, y - fy * h
        plate.block(
            [(a, b), (a + 0.05 * w, b), (a + 0.05 * w, b - 0.16 * h), (a, b - 0.16 * h)],
            0.02,
            (0, 1.2),
        )


def town(plate: Plate) -> None:
    """A village with a church on the left bank, and an arched bridge."""
    for x, y, w, h in ((150, 318, 34, 14), (196, 314, 30, 13), (252, 316, 32, 13)):
        house(plate, x, y, w, h)
    x, y = 222, 322
    plate.block([(x, y), (x + 11, y), (x + 11, y - 58), (x, y - 58)], 0.85, (1.5, 3.0))
    plate.block(
        [(x + 11, y), (x + 20, y - 2), (x + 20, y - 57), (x + 11, y - 58)], 0.35, (1.5, 2.6), (0, 3)
    )
    plate.block([(x - 1, y - 58), (x + 9, y - 104), (x + 12, y - 58)], 0.75, (1.3, 2.8))
    plate.block([(x + 12, y - 58), (x + 9, y - 104), (x + 21, y - 57)], 0.2, (1.8, 2.4), (0.2, 3))
    plate.block(
        [(x + 4, y - 42), (x + 8, y - 42), (x + 8, y - 51), (x + 4, y - 51)], 0.02, (0, 1.2)
    )
    for x, y, w, h in ((120, 336, 42, 18), (180, 334, 40, 17), (236, 334, 46, 18)):
        house(plate, x, y, w, h)
    bridge(plate, 292, 418, 338)


def bridge(plate: Plate, left: float, right: float, y: float) -> None:
    """A stone bridge of three arches, darker under the vaults."""
    t = np.linspace(0, 1, 40)
    deck = np.stack([left + t * (right - left), y - 12 - 13 * np.sin(np.pi * t)], 1)
    wall = np.vstack([deck, [(right, y + 4), (left, y + 4)]])
    plate.block([tuple(p) for p in wall], 0.66, (0.0, 3.0), (1.4, 3.4), outline=0.8)
    for centre, radius in ((0.2, 13), (0.5, 18), (0.8, 13)):
        turn = np.linspace(np.pi, 2 * np.pi, 24)
        cx = left + centre * (right - left)
        arch = np.stack([cx + radius * np.cos(turn), y + 5 + 1.05 * radius * np.sin(turn)], 1)
        plate.lay(plate.area(arch), 0.12, (0.0, 2.6), (0.8, 3.0))
        plate.strokes([arch], 1.8, taper=0)
    plate.strokes([deck, deck + (0, 3.5)], 1.3, taper=0)


def trunk(plate: Plate) -> None:
    """An old tree on the right that frames the view: bark, boughs and clumps of leaves."""
    rng = plate.rng
    left = spline([(548, 490), (560, 420), (566, 330), (556, 240), (566, 150), (560, 60)], 80)
    right = spline([(622, 490), (600, 420), (596, 330), (586, 240), (588, 150), (574, 60)], 80)
    bark = np.vstack([left, right[::-1]])
    along = (plate.x - 575) / 34
    tone = 0.55 - 0.42 * along + 0.2 * noise(rng, plate.x.shape, (9, 40))
    plate.lay(
        plate.area(bark), tone, (0.25, 3.0, 7 * along**2), (1.45, 3.4, 4 * plate.sway), (-0.7, 3.2)
    )
    plate.strokes([left, right], 2.0, taper=0)
    for points in ([(562, 250), (520, 196), (470, 170)], [(584, 210), (620, 150), (650, 120)],
                   [(566, 140), (520, 96), (486, 84)]):  # fmt: skip
        plate.strokes([spline(points, 30)], 6.0, taper=0.5)
    for x, y, size in (
        (478, 92, 40),
        (530, 60, 48),
        (590, 46, 54),
        (636, 90, 46),
        (610, 130, 36),
        (462, 160, 30),
        (504, 150, 32),
        (556, 104, 36),
        (640, 30, 40),
        (500, 40, 30),
    ):
        clump(plate, x, y, size)


def clump(plate: Plate, x: float, y: float, size: float) -> None:
    """A ball of leaves: loops of the burin, thin on the lit side and thick in the shade."""
    rng = plate.rng
    turn = np.linspace(0, 2 * np.pi, 60)
    rim = size * (0.8 + 0.12 * np.sin(7 * turn + rng.uniform(0, 6)) + 0.08 * np.sin(13 * turn))
    edge = np.stack([x + rim * np.cos(turn), y + 0.75 * rim * np.sin(turn)], 1)
    tone = 0.6 - 0.4 * ((plate.x - x) + (plate.y - y)) / size
    plate.lay(plate.area(edge), tone, (0.7, 3.4, 3 * plate.press), (-0.5, 3.6, 3 * plate.press))
    loops = [[], []]
    for _ in range(int(size * 3.2)):
        angle, reach = rng.uniform(0, 2 * np.pi), size * 0.86 * np.sqrt(rng.random())
        px, py = x + reach * np.cos(angle), y + 0.75 * reach * np.sin(angle)
        shade = (px - x + py - y) / size + rng.normal(0, 0.3) > 0
        arc = np.linspace(-2.6, 0.4, 9) + rng.uniform(-0.5, 0.5)
        radius = rng.uniform(1.8, 3.6)
        loops[int(shade)].append(
            np.stack([px + radius * np.cos(arc), py + radius * np.sin(arc)], 1)
        )
    plate.strokes(loops[0], 0.5)
    plate.strokes(loops[1], 1.5)


def foreground(plate: Plate) -> None:
    """Rocks on the left bank, grasses along the lower edge, birds over the valley."""
    rng = plate.rng
    for x, y, size in ((40, 440, 52), (104, 462, 40), (-6, 470, 46), (152, 474, 26)):
        turn = np.linspace(0, 2 * np.pi, 9)[:-1] + rng.uniform(-0.2, 0.2, 8)
        reach = size * rng.uniform(0.8, 1.1, 8)
        points = [
            (x + r * np.cos(a), y + 0.62 * r * np.sin(a)) for r, a in zip(reach, turn, strict=True)
        ]
        tone = 0.5 - 0.42 * ((plate.x - x) + 0.8 * (plate.y - y)) / size + 0.2 * plate.sway
        plate.lay(plate.area(points), tone, (0.9, 3.4, 4 * plate.sway), (-0.4, 3.6), (0.2, 3.2))
        plate.strokes([np.array([*points, points[0]])], 1.6, taper=0)
    blades = []
    for _ in range(420):
        x, y = rng.uniform(0, WIDTH), rng.uniform(448, 492)
        if 215 < x < 480:
            continue
        tall, lean = rng.uniform(10, 30), rng.normal(0, 8)
        blades.append(spline([(x, y), (x + 0.3 * lean, y - 0.6 * tall), (x + lean, y - tall)], 10))
    plate.strokes(blades, 1.1, taper=0.6)
    for x, y, size in ((250, 96, 7), (276, 84, 5), (232, 80, 5), (300, 104, 4)):
        wings = spline([(x - size, y - 2), (x - 0.4 * size, y - 0.5 * size), (x, y)], 10)
        plate.strokes([wings, wings * (-1, 1) + (2 * x, 0)], 1.1, taper=0.5)


def hatching(rng: np.random.Generator) -> Image.Image:
    """A mountain valley with a village, a bridge and an old tree, engraved and washed in sepia."""
    plate = Plate(rng)
    sky(plate)
    far = [(0, 190), (80, 150), (170, 196), (260, 170), (400, 200), (520, 140), (640, 180)]
    range_of(plate, far, 10, 0.82, 4.2, 0.1)
    range_of(plate, [(0, 250), (60, 210), (130, 150), (206, 84), (262, 150), (330, 232), (420, 262),
                     (500, 214), (570, 250), (640, 230)], 12, 0.56, 4.0, 0.24)  # fmt: skip
    meadow(plate)
    forest(plate)
    town(plate)
    foreground(plate)
    trunk(plate)
    x, y, shape = plate.x, plate.y, plate.ink.shape
    wash = blur(1 - np.clip(plate.tone, 0, 1), 6) * (0.8 + 0.35 * fractal(rng, shape, 160, 4))
    edge = np.minimum(np.minimum(x, WIDTH - x), np.minimum(y, HEIGHT - y))
    inside = smoothstep(MARGIN - 0.5, MARGIN + 0.5, edge)
    rule = smoothstep(1.0, 0.5, np.abs(edge - MARGIN)) + 0.8 * smoothstep(
        0.7, 0.2, np.abs(edge - MARGIN + 4)
    )
    paper = (
        rgb("#f4e8cd")[0]
        * (1 + 0.03 * grain(rng, shape) - 0.05 * fractal(rng, shape, 220, 4))[..., None]
    )
    picture = paper * mix(np.ones(3), rgb("#b9854a")[0], np.clip(0.75 * wash, 0, 1) * inside)
    worn = 0.95 - 0.22 * smoothstep(0.4, 1.1, noise(rng, shape, 3))
    return finish(mix(picture, rgb("#1d140f")[0], np.clip(plate.ink * inside + rule, 0, 1) * worn))
