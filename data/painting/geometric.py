"""A geometric abstraction: circles, triangles, boards and lines in gouache and ink on cream."""

import numpy as np
from PIL import Image, ImageDraw

from .canvas import (
    SCALE,
    blur,
    finish,
    fractal,
    grain,
    mesh,
    mix,
    noise,
    rgb,
    smoothstep,
    spline,
    stroke,
    swell,
)

WIDTH, HEIGHT = 640, 512
INK = "#17151c"
RED, ORANGE, YELLOW, OCHRE = "#cf2e27", "#e8792b", "#f2c230", "#c99a3c"
BLUE, SKY, TEAL, GREEN = "#1f4f9e", "#7fb2d3", "#2a8f8c", "#6f9e4b"
VIOLET, ROSE, BROWN, GREY = "#5d3f87", "#e29aa4", "#7a4630", "#8d9299"


class Sheet:
    """A sheet of cream paper. Points are in pixels of the final picture."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.size = (WIDTH * SCALE, HEIGHT * SCALE)
        self.x, self.y = (v / SCALE for v in mesh(*self.size))
        self.picture = np.broadcast_to(rgb("#f7efda")[0], (*self.x.shape, 3)).copy()
        # Pools of pigment and streaks of the brush, shared by all washes.
        self.pools = fractal(rng, self.x.shape, 90, 5)
        self.streaks = noise(rng, self.x.shape, (120, 3)) * 0.6 + 0.4 * noise(rng, self.x.shape, 4)

    def wash(self, mask: np.ndarray, colour: str, strength: float = 0.9, glaze=True) -> None:
        """Lay a colour where the mask [H, W] is 1, as a glaze over what is below or covering it.

        Pigment gathers in pools and at the edge, as it does when it dries.
        """
        rows, columns = np.nonzero(mask.max(1))[0], np.nonzero(mask.max(0))[0]
        box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        mask, below = mask[box], self.picture[box]
        uneven = 1 + 0.16 * self.pools[box] + 0.07 * self.streaks[box]
        rim = 0.5 * np.clip(mask - blur(mask, 4), 0, 1)
        tone = mix(np.ones(3), rgb(colour)[0], np.clip(strength * (uneven + rim), 0, 1))
        laid = below * tone if glaze else mix(tone, rgb(colour)[0], 0.55)
        self.picture[box] = mix(below, laid, mask)

    def mask(self, draw) -> np.ndarray:
        """The mask that `draw`, a function of an ImageDraw, leaves."""
        image = Image.new("L", self.size, 0)
        draw(ImageDraw.Draw(image))
        return np.asarray(image, np.float32) / 255

    def polygon(self, points, colour: str, strength: float = 0.9, glaze=True) -> None:
        """Lay a filled polygon."""
        corners = [tuple(p) for p in np.asarray(points, float) * SCALE]
        self.wash(self.mask(lambda d: d.polygon(corners, fill=255)), colour, strength, glaze)

    def disc(self, x, y, radius, colour, strength=0.9, glaze=True, hole=0.0) -> None:
        """Lay a disc or, with a hole, a ring."""
        r = np.hypot(self.x - x, self.y - y) + 0.5 * self.pools
        self.wash(((r < radius) & (r >= hole)).astype(np.float32), colour, strength, glaze)

    def halo(self, x: float, y: float, radius: float, colour: str, strength: float) -> None:
        """Lay a soft glow."""
        r = np.hypot(self.x - x, self.y - y) / radius
        self.wash(np.exp(-(r**2) * 1.5) * (0.9 + 0.1 * self.streaks), colour, strength)

    def line(self, points, width: float, colour: str = INK, taper: float = 0.0) -> None:
        """Draw an ink line of uneven width along points."""
        curve = np.asarray(points, float)
        curve = spline(list(curve), 100) if len(curve) < 60 else curve
        widths = swell(self.rng, len(curve), width * SCALE, taper) * 0.5 + 0.5 * width * SCALE * (
            swell(self.rng, len(curve), 1, taper) if taper else 1
        )
        mask = self.mask(lambda d: stroke(d, curve * SCALE, widths, 255))
        dry = 1 - 0.35 * smoothstep(0.5, 1.1, self.streaks)
        self.picture = mix(self.picture, rgb(colour)[0], 0.94 * mask * dry)


def turned(points, angle: float, x: float, y: float) -> np.ndarray:
    """Points turned by an angle (radians) and moved to (x, y)."""
    c, s = np.cos(angle), np.sin(angle)
    return np.asarray(points, float) @ np.array([[c, s], [-s, c]]) + (x, y)


def circle(x: float, y: float, radius: float, start=0.0, stop=2 * np.pi) -> np.ndarray:
    """Points on an arc."""
    angle = np.linspace(start, stop, 120)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)


def target(
    sheet: Sheet, x: float, y: float, radius: float, colours: list[str], drift=(0, 0)
) -> None:
    """Discs in one another, each moved a little further, with an ink circle round them."""
    for i, colour in enumerate(colours):
        t = i / len(colours)
        sheet.disc(
            x + drift[0] * t, y + drift[1] * t, radius * (1 - t) ** 0.85, colour, 0.92, False
        )
    sheet.line(circle(x, y, radius * 1.07), max(radius / 50, 0.8))


def board(sheet: Sheet, x, y, angle, cells, size, colours: list[str], shear=0.0) -> None:
    """A leaning chessboard whose cells grow along it."""
    rng = sheet.rng
    grow = np.cumsum(size * np.linspace(0.75, 1.3, cells[0] + 1)) - size * 0.75
    for i in range(cells[0]):
        for j in range(cells[1]):
            a, b = grow[i], grow[i + 1]
            corners = [(a + shear * j * size, j * size), (b + shear * j * size, j * size),
                       (b + shear * (j + 1) * size, (j + 1) * size),
                       (a + shear * (j + 1) * size, (j + 1) * size)]  # fmt: skip
            if (i + j) % 2:
                sheet.polygon(turned(corners, angle, x, y), INK, 0.93, False)
            elif rng.random() < 0.75:
                sheet.polygon(turned(corners, angle, x, y), rng.choice(colours), 0.85, False)


def comb(sheet: Sheet, spine: np.ndarray, length: float, every: int, width: float) -> None:
    """Short strokes across a curve, like the teeth of a comb."""
    tangent = np.gradient(spine, axis=0)
    side = np.stack([-tangent[:, 1], tangent[:, 0]], 1) / np.hypot(*tangent.T)[:, None]
    sheet.line(spine, 1.2)
    for k in range(0, len(spine), every):
        reach = length * (0.6 + 0.4 * np.sin(k / 9))
        sheet.line([spine[k] - side[k] * reach, spine[k] + side[k] * reach], width)


def lattice(sheet: Sheet, x, y, angle, count, pitch, length, width) -> None:
    """A grid of thin lines."""
    for k in range(count):
        sheet.line(turned([(-6, k * pitch), (length, k * pitch)], angle, x, y), width)
    for k in range(int(length / pitch) + 1):
        sheet.line(
            turned([(k * pitch, -6), (k * pitch, (count - 1) * pitch + 6)], angle, x, y), width
        )


def stipple(sheet: Sheet, corners, count: int, colour: str = INK) -> None:
    """Dots inside a triangle, denser and larger towards its first corner."""
    rng = sheet.rng
    corners = np.array(corners, float)
    u, v = rng.random(count) ** 1.6, rng.random(count)
    places = corners[0] + u[:, None] * (
        (1 - v)[:, None] * (corners[1] - corners[0]) + v[:, None] * (corners[2] - corners[0])
    )

    def dots(draw):
        for (x, y), away in zip(places * SCALE, u, strict=True):
            radius = SCALE * (1.5 - 0.9 * away)
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=230)

    sheet.wash(sheet.mask(dots), colour, 0.95, False)


def beads(sheet: Sheet, start, stop, count: int, colours: list[str]) -> None:
    """Half discs along a line, alternately above and below it."""
    start, stop = np.array(start, float), np.array(stop, float)
    angle = np.arctan2(*(stop - start)[::-1])
    for k in range(count):
        x, y = start + (stop - start) * (k + 0.5) / count
        radius = np.hypot(*(stop - start)) / count / 2 * (0.7 + 0.3 * np.sin(k))
        half = circle(x, y, radius, angle + np.pi * (k % 2), angle + np.pi * (k % 2) + np.pi)
        sheet.polygon(half, colours[k % len(colours)], 0.92, False)
        sheet.line(half, 1.0)


def ground(sheet: Sheet) -> None:
    """Soft clouds of colour under everything."""
    for x, y, radius, colour, strength in (
        (90, 60, 180, SKY, 0.3), (585, 190, 170, ROSE, 0.2), (60, 460, 190, YELLOW, 0.3),
        (600, 470, 180, SKY, 0.34), (360, 290, 150, YELLOW, 0.2), (330, 20, 110, ROSE, 0.16),
    ):  # fmt: skip
        sheet.halo(x, y, radius, colour, strength)


def planes(sheet: Sheet) -> None:
    """The large transparent shapes: triangles, a trapezium, a quarter of rings."""
    sheet.polygon([(286, 492), (418, 62), (566, 452)], YELLOW, 0.85)
    sheet.polygon([(226, 398), (540, 214), (470, 506)], SKY, 0.85)
    sheet.polygon([(40, 300), (262, 336), (70, 500)], ROSE, 0.8)
    sheet.polygon([(20, 350), (196, 250), (300, 452), (120, 470)], YELLOW, 0.6)
    sheet.polygon([(340, 20), (470, 90), (360, 190)], VIOLET, 0.5)
    for k, colour in enumerate((BLUE, SKY, YELLOW, ORANGE, RED, INK, ROSE, GREEN)):
        ring = np.vstack([circle(640, 0, 150 - 15 * k, np.pi / 2, np.pi), [(640, 0)]])
        sheet.polygon(ring, colour, 0.88, False)
    wedge = np.linspace(0, 1, 10)
    for a, b, colour in zip(
        wedge, wedge[1:], (RED, INK, OCHRE, BLUE, YELLOW, INK, ROSE, TEAL, ORANGE), strict=False
    ):
        fan = [(150, 512), *circle(150, 512, 128, -2.75 + 1.3 * a, -2.75 + 1.3 * b)]
        sheet.polygon(fan, colour, 0.85, False)


def circles(sheet: Sheet) -> None:
    """The great disc with its glow, and the small ones around it."""
    sheet.halo(186, 176, 165, ROSE, 0.6)
    sheet.halo(186, 176, 128, ORANGE, 0.3)
    target(
        sheet, 186, 176, 104, [VIOLET, BLUE, INK, RED, ORANGE, YELLOW, INK, "#f3ead3"], (16, -12)
    )
    target(sheet, 520, 300, 44, [TEAL, "#f3ead3", RED, INK, YELLOW], (-6, 5))
    target(sheet, 402, 420, 30, [ORANGE, RED, VIOLET, SKY], (4, 4))
    target(sheet, 72, 62, 26, [YELLOW, OCHRE, INK], (3, 3))
    target(sheet, 300, 60, 17, [RED, INK, "#f3ead3"])
    target(sheet, 592, 218, 15, [BLUE, YELLOW, INK])
    sheet.disc(280, 250, 46, RED, 0.55)
    sheet.disc(326, 276, 34, BLUE, 0.5)
    sheet.disc(448, 150, 40, GREEN, 0.5)
    rng = sheet.rng
    for x, y in ((350, 226), (368, 214), (388, 204), (410, 196), (434, 190), (250, 470), (270, 486),
                 (606, 392), (618, 414), (600, 436), (470, 30)):  # fmt: skip
        radius = rng.uniform(3.5, 8)
        sheet.disc(x, y, radius, rng.choice([RED, INK, BLUE, YELLOW, TEAL]), 0.95, False)
        sheet.line(circle(x, y, radius + 3), 0.8)


def lines(sheet: Sheet) -> None:
    """Ink over everything: beams, arcs, waves, combs, grids."""
    for points, width in (
        ([(28, 492), (618, 66)], 5.0), ([(300, 506), (428, 14)], 2.6),
        ([(8, 128), (628, 348)], 3.2), ([(230, 500), (560, 200)], 1.1),
        ([(344, 8), (630, 470)], 1.3), ([(356, 8), (638, 462)], 1.3), ([(372, 6), (640, 440)], 2.6),
        ([(16, 330), (330, 420)], 1.4), ([(10, 340), (324, 434)], 1.4),
    ):  # fmt: skip
        sheet.line(points, width, taper=0.05)
    for corners in ([(286, 492), (418, 62), (566, 452)], [(226, 398), (540, 214), (470, 506)]):
        for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
            sheet.line([a, b], 1.1)
    for k, radius in enumerate((126, 134, 142, 160)):
        sheet.line(
            circle(186, 176, radius, 0.4 + 0.2 * k, 2.4 + 0.25 * k), 3.4 - 0.8 * k, taper=0.3
        )
    for k in range(4):
        t = np.linspace(0, 1, 120)
        snake = np.stack([330 + 250 * t, 470 + 9 * k + 13 * np.sin(4.5 * np.pi * t + 0.2 * k)], 1)
        sheet.line(snake, (4.5, 2.4, 1.4, 0.9)[k], taper=0.3)
    comb(sheet, circle(480, 470, 250, -2.5, -1.75), 9, 8, 1.5)
    comb(sheet, spline([(560, 250), (600, 270), (590, 330), (626, 372)], 100), 7, 8, 1.3)
    lattice(sheet, 478, 128, 0.42, 7, 11, 80, 0.9)
    lattice(sheet, 190, 330, -0.5, 5, 9, 70, 0.8)


def patterns(sheet: Sheet) -> None:
    """Boards, beads, dots and hatching inside the large shapes."""
    board(sheet, 424, 282, 0.36, (6, 5), 17, [RED, YELLOW, "#f3ead3", SKY], 0.25)
    board(sheet, 216, 20, -0.16, (7, 2), 13, [ORANGE, "#f3ead3", TEAL], -0.2)
    board(sheet, 536, 392, -0.45, (5, 4), 14, ["#f3ead3", VIOLET, OCHRE], 0.0)
    beads(sheet, (200, 368), (345, 263), 7, [RED, YELLOW, BLUE, "#f3ead3"])
    beads(sheet, (24, 182), (60, 420), 9, [TEAL, ORANGE, INK])
    stipple(sheet, [(340, 20), (470, 90), (360, 190)], 260)
    stipple(sheet, [(470, 506), (226, 398), (400, 300)], 420, BLUE)
    stipple(sheet, [(262, 336), (40, 300), (70, 500)], 300, RED)
    for k in range(16):
        t = k / 15
        sheet.line([(418 - 82 * t, 62 + 268 * t), (418 + 30 * t, 62 + 300 * t)], 0.8)


def geometric(rng: np.random.Generator) -> Image.Image:
    """Circles, triangles, boards and lines on cream paper."""
    sheet = Sheet(rng)
    ground(sheet)
    planes(sheet)
    circles(sheet)
    patterns(sheet)
    lines(sheet)
    paper = 1 + 0.03 * grain(rng, sheet.x.shape)
    return finish(sheet.picture * paper[..., None])
