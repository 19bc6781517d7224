"""Make the masks of two photographs: `python data/make_masks.py` writes data/masks/.

A colour rule finds a region roughly, a polygon says where the rule may look, and a median filter
removes specks and holes. White belongs to the region, black does not.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

DATA = Path(__file__).resolve().parent
SPECKS = 9  # side of the median filter in pixels

# Around the tower of china.jpg, generous towards the sky and close along the trees (x, y).
TOWER = [
    *((190, 20), (222, 20), (225, 55), (330, 115), (325, 160), (340, 170), (336, 230), (362, 246)),
    *((352, 318), (380, 334), (352, 368), (324, 372), (318, 427), (285, 427), (278, 396)),
    *((262, 390), (214, 388), (190, 364), (152, 352), (136, 334), (90, 336), (60, 350), (56, 320)),
    *((72, 318), (74, 284), (54, 272), (58, 256), (90, 240), (94, 190), (74, 172), (112, 155)),
    *((86, 110), (170, 70)),
]
# Within its walls also bright parts, such as windows, belong to the tower.
WALLS = [
    *((122, 138), (293, 138), (293, 158), (316, 190), (316, 240), (338, 290), (338, 318)),
    *((200, 345), (90, 318), (106, 240), (106, 190), (122, 160)),
]
# Where the sky and the lake are: above the trees.
OPEN_AIR = [(0, 0), (640, 0), (640, 330), (380, 336), (0, 330)]
# Around the two blossoms of flower.jpg.
BLOSSOMS = [(160, 70), (460, 70), (460, 427), (280, 427), (280, 366), (160, 366)]


def inside(points: list[tuple[int, int]], size: tuple[int, int]) -> np.ndarray:
    """A boolean array [H, W] that is true inside a polygon."""
    canvas = Image.new("1", size)
    ImageDraw.Draw(canvas).polygon(points, fill=1)
    return np.asarray(canvas)


def smooth(region: np.ndarray) -> np.ndarray:
    """Without specks and holes smaller than the median filter."""
    picture = Image.fromarray(np.uint8(region) * 255)
    return np.asarray(picture.filter(ImageFilter.MedianFilter(SPECKS))) > 127


def china(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Three regions that share out the picture: the tower, sky and lake, and the trees."""
    size = pixels.shape[1::-1]
    red, green, blue = np.moveaxis(pixels.astype(int), 2, 0)
    bright = (blue > 125) & (blue > red - 12) & (blue > green - 12)
    tower = smooth(inside(TOWER, size) & ~bright | inside(WALLS, size))
    sky = smooth(inside(OPEN_AIR, size) & bright) & ~tower
    return {"tower": tower, "sky": sky, "trees": ~tower & ~sky}


def flower(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """The blossoms, which are warm before a cold ground."""
    red, green, blue = np.moveaxis(pixels.astype(int), 2, 0)
    warm = (red > blue + 30) & (red > green + 8)
    return {"blossom": smooth(inside(BLOSSOMS, pixels.shape[1::-1]) & warm)}


def main() -> None:
    """Write a greyscale PNG for each region, of the photograph's size."""
    folder = DATA / "masks"
    folder.mkdir(exist_ok=True)
    for regions in (china, flower):
        with Image.open(DATA / "content" / f"{regions.__name__}.jpg") as photograph:
            found = regions(np.asarray(photograph.convert("RGB")))
        for name, region in found.items():
            picture = Image.fromarray(np.uint8(region) * 255)
            picture.save(folder / f"{regions.__name__}_{name}.png", optimize=True)


if __name__ == "__main__":
    main()
