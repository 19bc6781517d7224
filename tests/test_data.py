"""The bundled pictures: credited, small, readable, and painted the same at each run."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DATA = Path(__file__).resolve().parents[1] / "data"
SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".webp"}
FILES = sorted(path.relative_to(DATA).as_posix() for path in DATA.rglob("*.*"))
PICTURES = [name for name in FILES if Path(name).suffix in SUFFIXES]
ROW = re.compile(r"^\| `([^`]+)` \|(.*)\|$", re.MULTILINE)
CREDITS = dict(ROW.findall((DATA / "CREDITS.md").read_text(encoding="utf-8")))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.float32)


def paint(name: str, folder: Path) -> np.ndarray:
    """Run the command in a process of its own, as a user does."""
    command = [sys.executable, DATA / "paint.py", name, "--out", folder]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return pixels(folder / "style" / f"{name}.jpg")


def test_every_picture_is_credited_and_every_credit_has_its_picture():
    assert set(CREDITS) == set(PICTURES)


@pytest.mark.parametrize("name", sorted(CREDITS))
def test_a_credit_names_picture_author_licence_and_source(name):
    columns = [column.strip() for column in CREDITS[name].split("|")]
    assert len(columns) == 4 and all(columns)
    assert re.search(r"CC0 1\.0|CC BY 2\.0|public domain", columns[2])


def test_each_folder_has_as_many_pictures_as_the_notebooks_need():
    for folder, least in (("content", 6), ("style", 8), ("textures", 6)):
        assert sum(name.startswith(folder + "/") for name in PICTURES) >= least, folder


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_small_and_in_colour_mode(name):
    with Image.open(DATA / name) as image:
        image.load()
        assert image.mode == ("L" if name.startswith("masks/") else "RGB")
        assert 256 <= max(image.size) <= (2048 if name.startswith("gallery/") else 640)
    assert pixels(DATA / name).std() > 10, "nearly empty"


def test_a_painting_is_the_same_at_each_run_and_is_the_committed_one(tmp_path):
    first, second = paint("wave", tmp_path / "first"), paint("wave", tmp_path / "second")
    assert np.array_equal(first, second)
    committed = pixels(DATA / "style" / "wave.jpg")
    assert np.abs(first - committed).mean() < 3
    # The bound means something: another painting is far off.
    other = pixels(DATA / "style" / "night.jpg")
    height, width = (min(a, b) for a, b in zip(other.shape[:2], committed.shape[:2], strict=True))
    assert np.abs(other[:height, :width] - committed[:height, :width]).mean() > 20
