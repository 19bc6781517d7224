"""The paintings made of shapes, panes and lines instead of brush strokes."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from .geometric import geometric
from .glass import stained_glass
from .ink import hatching
from .mosaic import mosaic
from .woodcut import wave

PAINTINGS: dict[str, Callable[[np.random.Generator], Image.Image]] = {
    "wave": wave,
    "stained_glass": stained_glass,
    "mosaic": mosaic,
    "geometric": geometric,
    "hatching": hatching,
}
