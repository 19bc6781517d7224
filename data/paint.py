"""Paint the tutorial's own pictures: python data/paint.py NAME... | --all [--out DIR].

Paintings go into style/, painted textures into textures/.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from painting import textures
from painting.autumn import paint_autumn
from painting.geometric import geometric
from painting.glass import stained_glass
from painting.harbour import paint_harbour
from painting.ink import hatching
from painting.marbled import paint_marbled
from painting.mosaic import mosaic
from painting.night import paint_night
from painting.pointillism import paint_pointillism
from painting.woodcut import wave

PAINTINGS = {
    "night": paint_night,
    "autumn": paint_autumn,
    "pointillism": paint_pointillism,
    "marbled": paint_marbled,
    "harbour": paint_harbour,
    "wave": wave,
    "stained_glass": stained_glass,
    "mosaic": mosaic,
    "geometric": geometric,
    "hatching": hatching,
}
TEXTURES = {
    "pebbles": textures.pebbles,
    "cloth": textures.cloth,
    "wood": textures.wood,
    "scales": textures.scales,
    "leaves": textures.leaves,
}
PICTURES = PAINTINGS | TEXTURES


def paint(name: str, folder: Path) -> Path:
    """Paint one picture, the same at each run, and return the path of the JPEG."""
    seed = int.from_bytes(name.encode(), "big")
    path = folder / ("style" if name in PAINTINGS else "textures") / f"{name}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    PICTURES[name](np.random.default_rng(seed)).save(path, quality=90, optimize=True)
    return path


def main() -> None:
    """Read the command line and paint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PICTURES))
    parser.add_argument("--all", action="store_true", help="paint every picture")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in PICTURES]
    if unknown or not (options.names or options.all):
        parser.error(f"unknown: {', '.join(unknown)}" if unknown else "name a picture or use --all")
    for name in PICTURES if options.all else options.names:
        start = time.perf_counter()
        print(f"{paint(name, options.out)}  {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
