"""A stained-glass window: panes cut by formula, jewel colours, light behind them, round leads."""

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
    noise,
    rgb,
    smoothstep,
    spline,
)

WIDTH, HEIGHT = 512, 640
SUN = (262.0, 196.0)
FRAME = 30

GLASS = {
    "sun": rgb("#ffd84a", "#ffc21f", "#ffe88a"),
    "flame": rgb("#ff9d1a", "#f7761b", "#ffb83a"),
    "rose": rgb("#e0395a", "#c92b6b", "#ef6a4a", "#d94f8a"),
    "dusk": rgb("#7a3fb0", "#5a3cc0", "#a344a8", "#4b53cf"),
    "night": rgb("#1f3fb5", "#1a2f8f", "#2f6fd6", "#2754c9", "#3f95e0"),
    "peak": rgb("#4a3a9a", "#35307f", "#6a52b8", "#2d3f92"),
    "snow": rgb("#dfeaff", "#bcd4f7", "#f7dbe6"),
    "far": rgb("#1f8a72", "#17706b", "#2fa37a", "#176e86"),
    "hill": rgb("#2fa34a", "#63b83a", "#1f8240", "#95c93d"),
    "near": rgb("#0f6a38", "#1c7d2f", "#0b5540", "#3f8f2a"),
    "river": rgb("#29b6d8", "#1f8fd0", "#55d3dd", "#1a70b8", "#7fe3e6"),
    "glint": rgb("#ffe08a", "#ffc86a"),
    "poppy": rgb("#e3152a", "#c40d2e", "#f5402b"),
    "heart": rgb("#3a1440", "#f6c52f"),
    "leaf": rgb("#4fae2e", "#8ccf3f", "#2b8f3a"),
    "bird": rgb("#ffffff", "#eef4ff", "#dbe6ff"),
    "border": rgb("#b3122e", "#12358f", "#b3122e", "#5b2a8f"),
    "gold": rgb("#ffc93a", "#f5a623"),
}
KINDS = list(GLASS)


class Window:
    """Panes as integer labels [H, W]: kind * 10000 + number of the pane."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.x, self.y = (v / SCALE for v in mesh(WIDTH * SCALE, HEIGHT * SCALE))
        self.labels = np.zeros(self.x.shape, np.int32)
        self.drawn = 0

    def cut(self, kind: str, where: np.ndarray, *cells: np.ndarray) -> None:
        """Fill a region with panes: one for each combination of the cell numbers."""
        number = np.zeros(self.x.shape, int)
        for cell in cells:
            number = number * 97 + np.floor(cell).astype(int) % 97
        value = KINDS.index(kind) * 10000 + number % 9973
        self.labels = np.where(where, value, self.labels).astype(np.int32)

    def shape(self, kind: str, outline: np.ndarray) -> None:
        """Lay one pane with the given outline, points in pixels of the final picture."""
        self.drawn += 1
        image = Image.fromarray(self.labels)
        value = KINDS.index(kind) * 10000 + self.drawn
        ImageDraw.Draw(image).polygon([tuple(p) for p in outline * SCALE], fill=value)
        self.labels = np.array(image)

    def curve(self, level: float, *waves: tuple[float, float, float]) -> np.ndarray:
        """The height at each x of a sum of waves (size, length in pixels, phase)."""
        return level + sum(a * np.sin(2 * np.pi * self.x / w + p) for a, w, p in waves)


def sky(window: Window) -> None:
    """The sun in the middle of rings of rays that turn from gold to deep blue."""
    dx, dy = window.x - SUN[0], window.y - SUN[1]
    r = np.hypot(dx, dy)
    turn = np.arctan2(dy, dx) / (2 * np.pi) + 0.035 * np.sin(r / 34)
    radii = [0, 20, 50, 82, 118, 158, 204, 256, 314, 380, 470, 700]
    counts = [1, 8, 16, 16, 24, 24, 32, 32, 40, 40, 48]
    kinds = ["sun", "sun", "flame", "flame", "rose", "dusk", *["night"] * 5]
    for i, (low, high, count, kind) in enumerate(
        zip(radii, radii[1:], counts, kinds, strict=False)
    ):
        bulge = 5 * np.cos(2 * np.pi * count * (turn + 0.5 * (i % 2) / count)) if 1 < i < 10 else 0
        bend = 4 * np.sin(4 * np.pi * turn + i) if i > 2 else 0
        ring = r >= (low + bulge + bend if i else 0)
        ray = np.floor(turn * count + 0.5 * (i % 2)) % count
        window.cut(kind, ring & (r < high + 30), ray, np.full_like(r, i))


def land(window: Window) -> None:
    """Mountains with snow, three hills and the river that winds towards us."""
    x, y = window.x, window.y
    for peak_x, peak_y, slope in (
        (92, 268, 1.05),
        (214, 306, 0.8),
        (388, 250, 0.95),
        (470, 300, 0.9),
    ):
        side = x - peak_x
        jag = 7 * np.abs((x / 23) % 2 - 1) + 5 * np.sin(x / 9)
        rise = y - peak_y - slope * np.abs(side)
        facet = np.floor((side + 0.35 * (y - peak_y)) / 34)
        window.cut("peak", rise > 0, facet + 40, np.floor((y + 0.5 * side) / 58), 0 * x + peak_x)
        window.cut(
            "snow", (rise > 0) & (y < peak_y + 46 + 1.6 * jag), side / 22 + 40, 0 * x + peak_x
        )
    hills = [
        ("far", window.curve(392, (16, 330, 0.4), (6, 120, 1.0)), 44, 0.7),
        ("hill", window.curve(446, (20, 410, 2.6), (7, 150, 0.3)), 52, -0.8),
        ("near", window.curve(520, (22, 460, 5.2), (8, 170, 2.0)), 60, 0.6),
    ]
    for kind, top, size, lean in hills:
        depth = y - top
        row = np.floor(depth / 27)
        window.cut(kind, depth > 0, (x + lean * depth + 17 * row) / size + 20, row)
        river(window, top)


def river(window: Window, below: np.ndarray) -> None:
    """The part of the river under a hill's edge: panes across the stream, gold near the middle."""
    x, y = window.x, window.y
    t = np.clip((y - 392) / 240, 0, 1.1)
    centre = 262 + 70 * np.sin(5.2 * t + 0.3) * (0.25 + t)
    half = 13 + 92 * t**1.3
    inside = (np.abs(x - centre) < half) & (y > below)
    across = (x - centre) / half
    row = np.floor(1.15 * np.sqrt(np.clip(y + 5 * np.sin(x / 23) - 380, 0, None)))
    window.cut("river", inside, row, across * (0.8 + 0.9 * t) + 0.5 * (row % 2) + 20)
    window.cut(
        "glint", inside & (np.abs(across + 0.3 * np.sin(row * 2.4)) < 0.2) & (row % 2 < 1), row
    )


def petal(centre: tuple[float, float], angle: float, length: float, width: float) -> np.ndarray:
    """A leaf-shaped outline that starts at `centre`."""
    t = np.linspace(0, 1, 20)
    half = width / 2 * np.sin(np.pi * t**0.8)
    u, v = np.concatenate([t, t[::-1]]) * length, np.concatenate([half, -half[::-1]])
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([centre[0] + c * u - s * v, centre[1] + s * u + c * v], 1)


def flowers(window: Window) -> None:
    """Poppies along the lower edge, with stems and leaves."""
    rng = window.rng
    places = (
        (78, 500, 50),
        (138, 570, 42),
        (62, 588, 32),
        (436, 506, 48),
        (378, 580, 38),
        (456, 590, 34),
    )
    for x, y, size in places:
        foot = x + rng.uniform(-14, 14)
        stem = spline([(x, y), (x + 8, (y + 650) / 2), (foot, 650)], 20)
        window.shape("leaf", np.vstack([stem - (2.5, 0), stem[::-1] + (2.5, 0)]))
        for side in (-1, 1):
            window.shape(
                "leaf", petal((x + 5, y + 0.5 * size + 22), -np.pi / 2 + side * 1.1, 1.5 * size, 15)
            )
        start = rng.uniform(0, 1)
        for k in range(6):
            window.shape("poppy", petal((x, y), start + k * np.pi / 3, size, 0.95 * size))
        angle = np.linspace(0, 2 * np.pi, 30)
        ring = np.stack([np.cos(angle), np.sin(angle)], 1)
        window.shape("heart", ring * 0.3 * size + (x, y))


def birds(window: Window) -> None:
    """White birds in flight: two wings of three feathers, a body and a tail."""
    for x, y, size, lean in ((116, 126, 76, -0.3), (408, 104, 64, 0.25)):
        for k, (angle, length) in enumerate(
            ((-2.55, 1.0), (-2.2, 0.85), (-0.95, 0.85), (-0.6, 1.0))
        ):
            window.shape(
                "bird", petal((x, y), angle + lean, size * length, size * (0.24 + 0.02 * k))
            )
        window.shape(
            "bird", petal((x - 0.62 * size, y + 0.1 * size), lean, 1.2 * size, 0.27 * size)
        )


def frame(window: Window) -> None:
    """A border of alternating panes with gold fillets and corner squares."""
    x, y = window.x, window.y
    edge = np.minimum(np.minimum(x, WIDTH - x), np.minimum(y, HEIGHT - y))
    upright = np.minimum(x, WIDTH - x) < np.minimum(y, HEIGHT - y)
    along = np.where(upright, (y - FRAME) / 41.43, (x - FRAME) / 37.67) + 10
    window.cut("border", edge < FRAME, along, upright * 2 + (x > WIDTH / 2) + 4 * (y > HEIGHT / 2))
    window.cut("gold", (edge < FRAME) & (edge > FRAME - 8), np.floor(along * 0.5), upright * 1.0)
    corner = (np.minimum(x, WIDTH - x) < FRAME) & (np.minimum(y, HEIGHT - y) < FRAME)
    window.cut("gold", corner, (x > 99) * 2.0 + (y > 99))


def light(window: Window) -> np.ndarray:
    """Colour the panes: each its own hue, streaks, ripples and bubbles; brighter near the sun."""
    rng, shape = window.rng, window.labels.shape
    values, pane = np.unique(window.labels, return_inverse=True)
    pane = pane.reshape(shape)
    kinds = values // 10000
    first, second = (np.array([rng.choice(GLASS[KINDS[k]]) for k in kinds]) for _ in range(2))
    # Four sheets of streaky glass, each pulled in its own direction; every pane is cut from one.
    cells = ((150, 12), (12, 150), (70, 22), (26, 60))
    sheets = np.stack([fractal(rng, shape, cell, 4) for cell in cells])
    sheet = rng.integers(4, size=len(values))[pane]
    streak = np.take_along_axis(sheets, sheet[None], 0)[0]
    colour = mix(first[pane], second[pane], np.clip(0.35 + 0.6 * streak, 0, 1))
    ripple = 0.10 * noise(rng, shape, 7) + 0.16 * streak
    colour = colour * (rng.uniform(0.8, 1.12, len(values))[pane] * (1 + ripple))[..., None]
    seeds = smoothstep(1.0, 1.3, noise(rng, shape, 6))
    far = np.hypot(window.x - SUN[0], window.y - SUN[1]) / 600
    return mix(colour, np.ones(3), 0.25 * seeds) * (1.26 - 0.42 * far)[..., None]


def lead(window: Window, picture: np.ndarray) -> np.ndarray:
    """Lay leads over the joints: thick round kinds, thin round panes, a highlight along each."""
    thin = distance(borders(window.labels), 30)
    thick = distance(borders(window.labels // 10000), 10)
    glow = 0.62 + 0.48 * smoothstep(2, 26, thin)
    picture = picture * glow[..., None]
    came = np.minimum(thin / 3.8, thick / 5.6)
    height = blur(np.sqrt(np.clip(1 - came**2, 0, 1)).astype(np.float32), 1)
    down, right = np.gradient(height)
    tarnish = fractal(window.rng, thin.shape, 24, 3)
    shine = np.clip(0.16 + 0.05 * tarnish + 0.75 * np.clip(-(down + right), 0, 1), 0, 0.75)
    metal = shine[..., None] * rgb("#b9bcc8")[0]
    # Bright glass floods over the edges of the leads.
    bloom = np.stack([blur(picture[..., c], 14) for c in range(3)], -1)
    leaded = mix(picture, metal, smoothstep(1.08, 0.9, came))
    return leaded + 0.16 * bloom


def stained_glass(rng: np.random.Generator) -> Image.Image:
    """A window with a sun over mountains, a river and poppies."""
    window = Window(rng)
    sky(window)
    land(window)
    flowers(window)
    birds(window)
    frame(window)
    return finish(lead(window, light(window)))
