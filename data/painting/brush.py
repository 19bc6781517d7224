"""Brushes, colours and noise shared by the paintings.

A painting starts as a scene: a float array [H, W, 3] of colours in [0, 1], written as formulas
at twice the final size. Thousands of strokes then sample their colour from the scene and follow a
direction field, as in Hertzmann, "Painterly rendering with curved brush strokes of multiple
sizes" (SIGGRAPH 1998). Each stroke also leaves paint of some thickness, which is lit at the end.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SCALE = 2  # paintings are made this much larger and reduced at the end, against jagged edges
LONGER_SIDE = 640


def grid(aspect: float, scale: int = SCALE) -> tuple[np.ndarray, np.ndarray]:
    """Return x in [0, aspect] and y in [0, 1], each [H, W], y downwards, for width / height.

    The longer side has LONGER_SIDE * `scale` pixels.
    """
    longer = LONGER_SIDE * scale
    width, height = (longer, longer / aspect) if aspect >= 1 else (longer * aspect, longer)
    width, height = round(width), round(height)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return x / height, y / height


def noise(shape: tuple, rng: np.random.Generator, cells=4, octaves=4, stretch=(1, 1)) -> np.ndarray:
    """Return smooth fractal noise [H, W], mean 0 and deviation 1.

    `cells` is the number of bumps along the height in the coarsest octave; each further octave
    has twice as many, half as high. `stretch` widens the bumps in y and x.
    """
    height, width = shape[:2]
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        count = cells * 2**octave
        rows = max(2, round(count / stretch[0]))
        columns = max(2, round(count * width / height / stretch[1]))
        bumps = Image.fromarray(rng.normal(size=(rows, columns)).astype(np.float32))
        total += np.asarray(bumps.resize((width, height), Image.Resampling.BICUBIC)) / 2**octave
    return (total - total.mean()) / total.std()


def hex_colours(*codes: str) -> np.ndarray:
    """Return colours given as "rrggbb" as floats [N, 3]."""
    return np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in codes]) / 255


def gradient(t: np.ndarray, *codes: str) -> np.ndarray:
    """Return the colours [..., 3] at t in [0, 1] along evenly spaced "rrggbb" stops."""
    stops = hex_colours(*codes)
    places = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(t, places, stops[:, c]) for c in range(3)], axis=-1)


def step(t: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return a smooth step: 0 where t is below `low`, 1 above `high` (or reversed)."""
    t = np.clip((t - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def blend(scene: np.ndarray, colour: np.ndarray, amount: np.ndarray) -> np.ndarray:
    """Return the scene with `colour` (one "rrggbb" or an array) laid over it by `amount` [H, W]."""
    colour = hex_colours(colour)[0] if isinstance(colour, str) else colour
    return scene + (colour - scene) * amount[..., None]


def polygon(shape: tuple, points: list, soft: float = 0) -> np.ndarray:
    """Return a mask [H, W] in [0, 1] of a polygon, its points (x, y) in units of the height."""
    height, width = shape[:2]
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).polygon([(x * height, y * height) for x, y in points], fill=255)
    if soft:
        mask = mask.filter(ImageFilter.GaussianBlur(soft * height))
    return np.asarray(mask, np.float32) / 255


def mirror(scene: np.ndarray, level: float, stretch: float, shake: np.ndarray) -> np.ndarray:
    """Return what still water at height `level` would reflect, [H, W, 3].

    Below `level` stands the scene above it upside down, `stretch` times as tall; `shake` [H, W]
    (in units of the height) moves it sideways, as ripples do.
    """
    height, width = scene.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    rows = level * height - np.abs(y - level * height) / stretch + 0.3 * shake * height
    columns = x + shake * height
    rows, columns = (
        np.clip(i, 0, n - 1).astype(int) for i, n in ((rows, height), (columns, width))
    )
    return scene[rows, columns]


def along_contours(potential: np.ndarray) -> np.ndarray:
    """Return the angle [H, W] (radians) of the contour lines of `potential`."""
    down, right = np.gradient(potential)
    return np.arctan2(-right, down)


def jitter(colours: np.ndarray, rng: np.random.Generator, hue=0.03, value=0.06) -> np.ndarray:
    """Return colours [N, 3] with random changes of hue and brightness (standard deviations)."""
    tint = rng.normal(0, hue, colours.shape)
    tint -= tint.mean(axis=1, keepdims=True)
    return np.clip(colours * (1 + rng.normal(0, value, (len(colours), 1))) + tint, 0, 1)


def scatter(rng, where: np.ndarray, spacing: float) -> np.ndarray:
    """Return pixel positions (x, y) [N, 2], about `spacing` apart, in random order.

    `where` [H, W] is the chance of keeping a position.
    """
    height, width = where.shape
    y, x = np.mgrid[0:height:spacing, 0:width:spacing]
    points = np.stack([x.ravel(), y.ravel()], axis=1) + rng.uniform(0, spacing, (x.size, 2))
    points = np.minimum(points, [width - 1, height - 1])
    kept = where[points[:, 1].astype(int), points[:, 0].astype(int)] > rng.random(len(points))
    return rng.permutation(points[kept])


class Canvas:
    """A picture in progress: the colour and the thickness of the paint at each pixel."""

    def __init__(self, scene: np.ndarray, rng: np.random.Generator):
        """Begin with an underpainting of `scene`, a float array [H, W, 3] in [0, 1]."""
        self.rng = rng
        self.size = scene.shape[1::-1]
        self.colour = Image.fromarray(np.uint8(np.clip(scene, 0, 1) * 255))
        self.thickness = Image.new("L", self.size, 100)
        self.colour_pen = ImageDraw.Draw(self.colour)
        self.thickness_pen = ImageDraw.Draw(self.thickness)

    def paint(self, scene, angle, spacing, length, width, *, where=None, tolerance=0.25, **look):
        """Lay one layer of strokes over the canvas.

        Each stroke takes the colour of `scene` where it starts, follows `angle` [H, W] for
        `length` pixels and ends early where the scene differs from its colour by more than
        `tolerance`. `where` [H, W] is the chance of a stroke. `look` goes to `draw`.
        """
        where = np.ones(angle.shape) if where is None else where
        points = scatter(self.rng, where, spacing)
        lengths = length * self.rng.uniform(0.6, 1.3, (len(points), 1))
        x, y = points.astype(int).T
        colours = scene[y, x]
        path, headings, steps = [points], [angle[y, x]], 7
        alive = np.ones((len(points), 1), bool)
        for _ in range(steps):
            heading = headings[-1]
            ahead = points + np.stack([np.cos(heading), np.sin(heading)], 1) * lengths / steps
            x, y = np.clip(ahead, 0, np.array(self.size) - 1).astype(int).T
            alive &= np.abs(scene[y, x] - colours).max(axis=1, keepdims=True) < tolerance
            points = np.where(alive, ahead, points)
            headings.append(np.where(alive[:, 0], angle[y, x], heading))
            path.append(points)
        widths = width * self.rng.uniform(0.7, 1.3, len(points))
        self.draw(np.stack(path, 1), np.stack(headings, 1), widths, colours, **look)

    def draw(self, path, heading, widths, colours, *, bristles=5, streak=0.07, ridge=40, **tints):
        """Draw strokes along `path` [N, K, 2] with directions `heading` [N, K] (radians).

        A stroke is a bundle of parallel bristle lines: each is lighter or darker by about
        `streak`, starts and ends raggedly, and the outer ones carry `ridge` more paint. `tints`
        goes to `jitter`.
        """
        rng, count = self.rng, len(path)
        colours = jitter(colours, rng, **tints)
        across = np.linspace(-0.5, 0.5, bristles)
        normal = np.stack([-np.sin(heading), np.cos(heading)], -1)
        shift = across[:, None] * widths[:, None, None] * (1 - 1 / bristles)
        lines = path[:, None] + shift[..., None] * normal[:, None]  # [N, bristles, K, 2]
        ragged = rng.uniform(-1, 1, (2, count, bristles, 1)) * widths[:, None, None] * 0.45
        ends = np.stack([np.cos(heading), np.sin(heading)], -1)[:, None]
        lines[:, :, 0] -= ragged[0] * ends[:, :, 0]
        lines[:, :, -1] += ragged[1] * ends[:, :, -1]
        # One edge of the bundle lies in shade and the other catches the light.
        shade = 1 + rng.normal(0, streak, (count, bristles)) + streak * 1.5 * across * 2
        fills = np.uint8(np.clip(colours[:, None] * shade[..., None], 0, 1) * 255)
        paint = 110 + rng.normal(0, 15, (count, 1)) + rng.normal(0, 14, (count, bristles))
        paint = np.uint8(np.clip(paint + ridge * np.abs(2 * across) ** 3, 0, 255))
        thick = np.maximum(1, np.round(widths / bristles * 1.25 + 0.6)).astype(int).tolist()
        lines = lines.reshape(count, bristles, -1).tolist()
        fills, paint = fills.tolist(), paint.tolist()
        for i in range(count):
            for j in range(bristles):
                self.colour_pen.line(lines[i][j], tuple(fills[i][j]), thick[i])
                self.thickness_pen.line(lines[i][j], paint[i][j], thick[i])

    def finish(self, relief: float = 1.0, gloss: float = 0.0, weave: float = 0.0) -> Image.Image:
        """Return the painting at its final size, the relief of the paint lit from the upper left.

        `relief` scales the light and shade on the paint, `gloss` adds highlights and `weave`
        the threads of a canvas (about 0.05 is plenty).
        """
        paint = np.asarray(self.thickness.filter(ImageFilter.GaussianBlur(1.2)), np.float32) / 255
        down, right = np.gradient(paint)
        facing = np.clip((down + right) * relief, -0.25, 0.25)
        if weave:
            y, x = np.mgrid[0 : self.size[1], 0 : self.size[0]]
            facing += weave * np.sin(x * np.pi / 2.5) * np.sin(y * np.pi / 2.5)
        colour = np.asarray(self.colour, np.float32) / 255
        lit = (
            colour * (1 + 1.6 * facing[..., None]) + gloss * np.maximum(facing, 0)[..., None] ** 1.5
        )
        return reduce(lit)


def reduce(picture: np.ndarray) -> Image.Image:
    """Return a picture [H, W, 3] in [0, 1] as an image of the final size."""
    image = Image.fromarray(np.uint8(np.clip(picture, 0, 1) * 255 + 0.5))
    scale = max(image.size) / LONGER_SIDE
    size = (round(image.width / scale), round(image.height / scale))
    return image.resize(size, Image.Resampling.LANCZOS)
