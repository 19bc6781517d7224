"""Draw a mask with sliders: an ellipse or half of the picture, with a soft edge.

`draw_mask` makes the mask; the widget only calls it.
"""

import math

import torch
from torch import Tensor

from nst_utils.errors import NSTError
from nst_utils.image import ImageSource, load_image
from nst_utils.widgets import encode, picture_widget

PREVIEW = 384  # pixels of the longer side
DIMMED = 0.2  # brightness outside the mask


def draw_mask(
    size: tuple[int, int],
    kind: str = "ellipse",
    x: float = 0.5,
    y: float = 0.5,
    width: float = 0.5,
    height: float = 0.5,
    angle: float = 0.0,
    soft: float = 0.05,
) -> Tensor:
    """An ellipse or a half-plane as a mask, 1 inside, 0 outside, and a straight slope between.

    Args:
        size: (H, W) in pixels.
        kind: "ellipse" around (x, y), or "half-plane" to the left of a line through (x, y).
        x, y: from the left and from the top, in [0, 1] of the picture's width and height.
        width, height: of the ellipse, in (0, 2] of the picture's width and height.
        angle: degrees, clockwise.
        soft: width of the slope in picture heights, 0 or more; 0 is a sharp edge.

    Returns:
        [1, 1, H, W] in [0, 1].

    Raises:
        NSTError: an unknown kind, or a number out of its range.
    """
    if kind not in ("ellipse", "half-plane"):
        raise NSTError(f"Unknown kind of mask {kind!r}; choose 'ellipse' or 'half-plane'.")
    if not (0 < width <= 2 and 0 < height <= 2):
        raise NSTError(f"An ellipse of {width} x {height} is none; both are above 0, at most 2.")
    if not 0 <= soft < math.inf:
        raise NSTError(f"The softness is {soft}; it must be 0 or more.")
    rows, columns = size
    ratio = columns / rows
    down = (torch.arange(rows) + 0.5).view(-1, 1) / rows - y  # in picture heights, as all below
    right = ((torch.arange(columns) + 0.5) / columns - x) * ratio
    turn = math.radians(angle)
    across = right * math.cos(turn) + down * math.sin(turn)
    along = down * math.cos(turn) - right * math.sin(turn)
    if kind == "half-plane":
        outside = across
    else:
        radii = width * ratio / 2, height / 2
        # Exact on the outline, and nearly the distance from it close by.
        outside = (torch.hypot(across / radii[0], along / radii[1]) - 1) * min(radii)
    return (0.5 - outside / max(soft, 1e-6)).clamp(0, 1)[None, None]


def overlay(image: Tensor, mask: Tensor) -> Tensor:
    """An image [1, 3, H, W], dimmed where the mask [1, 1, H, W] is 0."""
    return image * (DIMMED + (1 - DIMMED) * mask)


class MaskPainter:
    """Sliders for `draw_mask` over a photograph.

    Display the attribute `panel`. `settings` are the keywords for `draw_mask`, and `mask` is the
    mask [1, 1, H, W] at the photograph's own size.
    """

    def __init__(self, image: ImageSource) -> None:
        import ipywidgets as widgets

        self._size = tuple(load_image(image).shape[-2:])
        self._image = load_image(image, size=PREVIEW)

        def slider(value: float, least: float, most: float, step: float) -> widgets.FloatSlider:
            return widgets.FloatSlider(value=value, min=least, max=most, step=step)

        self.controls = {
            "kind": widgets.Dropdown(options=["ellipse", "half-plane"]),
            "x": slider(0.5, 0, 1, 0.01),
            "y": slider(0.5, 0, 1, 0.01),
            "width": slider(0.5, 0.05, 2, 0.01),
            "height": slider(0.7, 0.05, 2, 0.01),
            "angle": slider(0, -180, 180, 1),
            "soft": slider(0.05, 0, 0.5, 0.01),
        }
        for name, control in self.controls.items():
            control.description = name
            control.observe(self._update, "value")
        self.picture = picture_widget()
        self.panel = widgets.HBox([widgets.VBox(list(self.controls.values())), self.picture])
        self._update()

    @property
    def settings(self) -> dict[str, str | float]:
        """What the sliders say, as keywords for `draw_mask`."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def mask(self) -> Tensor:
        """The mask drawn, [1, 1, H, W]."""
        return draw_mask(self._size, **self.settings)

    def _update(self, _: object = None) -> None:
        ellipse = self.controls["kind"].value == "ellipse"
        for name in ("width", "height"):
            self.controls[name].disabled = not ellipse
        preview = draw_mask(tuple(self._image.shape[-2:]), **self.settings)
        self.picture.value = encode(overlay(self._image, preview))
