"""The pictures of the README: `python -m nst_utils.gallery` paints them again."""

import argparse
from pathlib import Path

from nst_utils.image import DATA, save_image
from nst_utils.synthesis import transfer_style

# Content and style, chosen so that photographs and kinds of mark all differ.
PAIRS = (
    ("china", "night"),
    ("chelsea", "wave"),
    ("coffee", "mosaic"),
    ("flower", "marbled"),
    ("rocket", "night"),
    ("china", "hatching"),
)


def pair_paths(content: str, style: str) -> tuple[Path, Path]:
    """The bundled files of a photograph and a painting."""
    return DATA / "content" / f"{content}.jpg", DATA / "style" / f"{style}.jpg"


def main() -> None:
    """Paint every pair with the default settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=DATA / "gallery", help="a folder")
    parser.add_argument("--size", type=int, default=512, help="longer side in pixels")
    args = parser.parse_args()
    for content, style in PAIRS:
        result = transfer_style(*pair_paths(content, style), size=args.size)
        path = save_image(result.image, args.out / f"{content}_{style}.jpg")
        print(f"{path}  {result.seconds:.0f} s")


if __name__ == "__main__":
    main()
