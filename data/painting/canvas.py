"""What the flat paintings share: noise, distances, splines, lines that swell, paper, the last step.

Everything is drawn at SCALE times the final size. Coordinates are pixels of the large canvas;
arrays are float32 in [0, 1], [H, W] for a mask or a field and [H, W, 3] for sRGB colour.
"""

import numpy as np
from PIL import Image, ImageColor, ImageDraw

SCALE = 2


def rgb(*names: str) -> np.ndarray:
    """Colours such as "#1b3a5c" as an array [n, 3] in [0, 1]."""
    return np.array([ImageColor.getrgb(name) for name in names], np.float32) / 255


def mesh(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """The x and y of every pixel, two arrays [height, width]."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x, y


def smoothstep(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below low, 1 above high, a smooth S between (low may be the larger one)."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(a: np.ndarray, b: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """Blend colours [..., 3] from a to b by t [...], between 0 and 1."""
    return (a + (b - a) * np.asarray(t, np.float32)[..., None]).astype(np.float32)


def ramp(colours: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Piecewise linear gradient through colours [n, 3] at t in [0, 1]."""
    stops = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(t, stops, c) for c in colours.T], -1).astype(np.float32)


def noise(
    rng: np.random.Generator, shape: tuple[int, int], cell: float | tuple[float, float]
) -> np.ndarray:
    """Smooth noise [H, W] in about [-1, 1] with features of `cell` pixels, or (width, height)."""
    wide, high = cell if isinstance(cell, tuple) else (cell, cell)
    height, width = shape
    rows, columns = int(np.ceil(height / high)) + 4, int(np.ceil(width / wide)) + 4
    coarse = Image.fromarray(rng.uniform(-1, 1, (rows, columns)).astype(np.float32))
    box = (1.5, 1.5, 1.5 + width / wide, 1.5 + height / high)
    return np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC, box=box)) * 1.4


def fractal(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cell: float | tuple[float, float],
    octaves: int = 4,
) -> np.ndarray:
    """A sum of octaves of noise, each half as large and half as strong, in about [-1, 1]."""
    wide, high = cell if isinstance(cell, tuple) else (cell, cell)
    total = sum(
        noise(rng, shape, (max(wide / 2**i, 1.5), max(high / 2**i, 1.5))) / 2**i
        for i in range(octaves)
    )
    return np.clip(total / 1.3, -1, 1).astype(np.float32)


def blur(field: np.ndarray, radius: int) -> np.ndarray:
    """Three box blurs of [H, W]: close to a Gaussian with a deviation of `radius` pixels."""
    for axis in (0, 1) * 3:
        pad = [(0, 0), (0, 0)]
        pad[axis] = (radius + 1, radius)
        total = np.cumsum(np.pad(field, pad, "edge"), axis, dtype=np.float64)
        size = field.shape[axis]
        upper = np.take(total, range(2 * radius + 1, 2 * radius + 1 + size), axis)
        field = (upper - np.take(total, range(size), axis)) / (2 * radius + 1)
    return field.astype(np.float32)


def distance(mask: np.ndarray, limit: int) -> np.ndarray:
    """Exact Euclidean distance in pixels from each pixel to the nearest True one, up to `limit`."""
    squared = np.where(mask, 0, limit**2).astype(np.float32)
    for axis in (1, 0):
        source = squared.copy()
        for step in range(1, limit):
            cost = np.float32(step**2)
            near, far = [slice(None)] * 2, [slice(None)] * 2
            near[axis], far[axis] = slice(step, None), slice(None, -step)
            near, far = tuple(near), tuple(far)
            np.minimum(squared[near], source[far] + cost, out=squared[near])
            np.minimum(squared[far], source[near] + cost, out=squared[far])
    return np.sqrt(squared)


def borders(labels: np.ndarray) -> np.ndarray:
    """True where a label [H, W] differs from the one to its right or below."""
    edge = np.zeros(labels.shape, bool)
    edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    edge[:-1] |= labels[:-1] != labels[1:]
    return edge


def nearest(
    points: np.ndarray,
    shape: tuple[int, int],
    reach: int,
    angles: np.ndarray | None = None,
    roundness: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Voronoi cells: the index of the nearest point (x, y) and the distance to it, two [H, W].

    Points are compared within `reach` pixels only; -1 where there is none. With `angles` each
    point measures in its own turned frame, by the larger coordinate where roundness is 0
    (cells become turned squares) and by the Euclidean distance where it is 1.
    """
    height, width = shape
    best = np.full(shape, reach, np.float32)
    label = np.full(shape, -1, np.int32)
    for index, (px, py) in enumerate(points):
        left, top = max(int(px) - reach, 0), max(int(py) - reach, 0)
        right, bottom = min(int(px) + reach + 1, width), min(int(py) + reach + 1, height)
        if left >= right or top >= bottom:
            continue
        dx = np.arange(left, right, dtype=np.float32)[None] - px
        dy = np.arange(top, bottom, dtype=np.float32)[:, None] - py
        d = np.sqrt(dx * dx + dy * dy)
        if angles is not None:
            c, s = np.cos(angles[index]), np.sin(angles[index])
            square = np.maximum(np.abs(c * dx + s * dy), np.abs(c * dy - s * dx))
            d = roundness * d + (1 - roundness) * square
        window = (slice(top, bottom), slice(left, right))
        closer = d < best[window]
        best[window][closer] = d[closer]
        label[window][closer] = index
    return label, best


def scatter(
    rng: np.random.Generator, shape: tuple[int, int], spacing: float, margin: float = 0
) -> np.ndarray:
    """Points (x, y) no nearer to each other than `spacing`, in random order, [n, 2]."""
    height, width = shape
    size = spacing / np.sqrt(2)
    taken: dict[tuple[int, int], np.ndarray] = {}
    tries = int(30 * (width + 2 * margin) * (height + 2 * margin) / spacing**2)
    low, high = (-margin, -margin), (width + margin, height + margin)
    for point in rng.uniform(low, high, (tries, 2)):
        i, j = (point // size).astype(int)
        around = ((i + a, j + b) for a in range(-2, 3) for b in range(-2, 3))
        if all(np.hypot(*(taken[k] - point)) >= spacing for k in around if k in taken):
            taken[i, j] = point
    return np.array(list(taken.values()))


def spline(points: list[tuple[float, float]], count: int, closed: bool = False) -> np.ndarray:
    """A smooth curve (Catmull-Rom) through points, [count, 2], evenly spaced along its length."""
    p = np.array(points, float)
    p = (
        np.vstack([p[-1], p, p[:2]])
        if closed
        else np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    )
    t = np.linspace(0, 1, 24, endpoint=False)[:, None]
    pieces = [
        0.5
        * (
            2 * b
            + (c - a) * t
            + (2 * a - 5 * b + 4 * c - d) * t**2
            + (3 * b - a - 3 * c + d) * t**3
        )
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return resample(np.vstack([*pieces, p[-2:-1]]), count)


def resample(line: np.ndarray, count: int) -> np.ndarray:
    """The polyline with `count` points evenly spaced along it."""
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.linspace(0, length[-1], count)
    return np.stack([np.interp(at, length, line[:, 0]), np.interp(at, length, line[:, 1])], 1)


def normals(line: np.ndarray) -> np.ndarray:
    """Unit normals along a polyline [n, 2]."""
    tangent = np.gradient(line, axis=0)
    tangent /= np.maximum(np.hypot(*tangent.T), 1e-6)[:, None]
    return np.stack([-tangent[:, 1], tangent[:, 0]], 1)


def stroke(draw: ImageDraw.ImageDraw, line: np.ndarray, width: np.ndarray | float, fill) -> None:
    """Draw a line whose width (pixels, one number or one for each point) may swell and taper."""
    half = np.broadcast_to(np.asarray(width, float) / 2, (len(line),))[:, None] * normals(line)
    draw.polygon([tuple(p) for p in np.vstack([line + half, (line - half)[::-1]])], fill=fill)


def swell(rng: np.random.Generator, count: int, width: float, taper: float = 0.15) -> np.ndarray:
    """Widths [count] of a hand-cut line: tapered at both ends, uneven between."""
    t = np.linspace(0, 1, count)
    knots = rng.uniform(0.65, 1.25, 3 + count // 30)
    uneven = np.interp(t, np.linspace(0, 1, len(knots)), knots)
    ends = np.clip(np.minimum(t, 1 - t) / max(taper, 1e-6), 0, 1) ** 0.6
    return width * uneven * ends


def grain(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Paper [H, W] around 0: fibres of two directions and a fine tooth, about +-1."""
    fibres = noise(rng, shape, (14, 2)) + noise(rng, shape, (2, 14))
    return 0.45 * fibres + 0.5 * noise(rng, shape, 3) + 0.3 * rng.standard_normal(shape)


def finish(picture: np.ndarray) -> Image.Image:
    """The large canvas [H, W, 3] in [0, 1] as an image of 1/SCALE of its size."""
    large = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
    size = (large.width // SCALE, large.height // SCALE)
    return large.resize(size, Image.Resampling.LANCZOS)
