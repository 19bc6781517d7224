"""An engraver's plate: parallel lines that swell with the shade, and single strokes."""

import numpy as np
from PIL import Image, ImageDraw

from .canvas import SCALE, fractal, mesh, noise, smoothstep, stroke, swell

WIDTH, HEIGHT = 640, 480


class Plate:
    """An engraver's plate: ink [H, W] in [0, 1], drawn from the far to the near.

    Points and pitches are in pixels of the final picture; tones run from 0, black, to 1, paper.
    """

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.x, self.y = (v / SCALE for v in mesh(WIDTH * SCALE, HEIGHT * SCALE))
        self.ink = np.zeros(self.x.shape, np.float32)
        self.tone = np.ones(self.x.shape, np.float32)
        # A hand is never quite steady, and presses now more, now less.
        self.sway = fractal(rng, self.x.shape, 110, 3)
        self.press = 0.6 * noise(rng, self.x.shape, 26) + 0.4 * noise(rng, self.x.shape, 7)

    def family(self, angle: float, pitch: float, bend: np.ndarray | float = 0) -> np.ndarray:
        """Distance in pixels [H, W] to the nearest of parallel lines at an angle (radians)."""
        across = self.y * np.cos(angle) - self.x * np.sin(angle) + 1.6 * self.sway + bend
        return np.abs(across / pitch % 1 - 0.5) * pitch

    def lay(
        self, where: np.ndarray, tone: np.ndarray | float, *families: tuple, start=0.95
    ) -> None:
        """Cover a region: the first family of lines from tone `start` on, the next ones in shade.

        Each family is (angle, pitch) or (angle, pitch, bend); its lines widen as the tone falls.
        """
        tone = np.broadcast_to(np.asarray(tone, np.float32), self.x.shape)
        ink = np.zeros_like(self.ink)
        for k, family in enumerate(families):
            begin = start * (1, 0.6, 0.42)[k]
            share = np.clip((begin - tone) / begin, 0, 1) * (0.62, 0.5, 0.45)[k]
            share = share * (1 + 0.3 * self.press) - 0.05 * (1 + self.press)
            half = 0.5 * family[1] * share
            ink = np.maximum(ink, smoothstep(0.3, -0.3, self.family(*family) - half))
        self.ink = np.where(where, ink, self.ink)
        self.tone = np.where(where, tone, self.tone)

    def area(self, points) -> np.ndarray:
        """The inside of a polygon, [H, W]."""
        image = Image.new("1", self.x.shape[::-1])
        ImageDraw.Draw(image).polygon([tuple(p) for p in np.asarray(points, float) * SCALE], fill=1)
        return np.array(image)

    def block(self, points, tone: float, *families: tuple, outline: float = 0.9) -> None:
        """Cover a polygon and draw its contour."""
        self.lay(self.area(points), tone, *families)
        for a, b in zip(points, [*points[1:], points[0]], strict=True):
            self.strokes([np.linspace(a, b, 12)], outline)

    def strokes(self, curves: list[np.ndarray], width: float, ink: float = 1.0, taper=0.25) -> None:
        """Draw single lines, each swelling and tapering; ink 0 scratches white lines."""
        image = Image.fromarray((self.ink * 255).astype(np.uint8))
        draw = ImageDraw.Draw(image)
        for curve in curves:
            widths = swell(self.rng, len(curve), width * SCALE, taper) + 0.6
            stroke(draw, curve * SCALE, widths, int(255 * ink))
        self.ink = np.asarray(image, np.float32) / 255
