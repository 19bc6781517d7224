"""Pictures go out whole or not at all."""

import os

import numpy as np
import pytest
import torch
from PIL import Image
from test_image import one_sentence

from nst_utils import image as images
from nst_utils.errors import NSTError
from nst_utils.image import load_image, save_image, to_pil


@pytest.mark.parametrize("suffix", ["png", "PNG"])
def test_png_round_trip_is_within_half_a_level(tmp_path, suffix):
    picture = torch.rand(1, 3, 20, 30, generator=torch.Generator().manual_seed(0))
    path = save_image(picture, tmp_path / "new" / "folder" / f"saved.{suffix}")
    assert (load_image(path) - picture).abs().max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize(("suffix", "kind"), [("jpg", "JPEG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_lossy_formats_follow_the_suffix(tmp_path, suffix, kind):
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 48, 64)
    path = save_image(ramp, tmp_path / f"saved.{suffix}")
    with Image.open(path) as file:
        assert file.format == kind
    assert (load_image(path) - ramp).abs().mean() < 2 / 255


def test_values_are_clamped_and_rounded():
    values = torch.tensor([-1.0, 0.0, 0.4989, 0.5011, 1.0, 2.0]).expand(1, 3, 1, 6)
    assert np.asarray(to_pil(values))[0, :, 0].tolist() == [0, 0, 127, 128, 255, 255]
    assert to_pil(values[0]).size == (6, 1)


def test_pictures_that_cannot_be_saved_leave_nothing(tmp_path):
    good, path = torch.zeros(1, 3, 4, 4), tmp_path / "out.png"
    (tmp_path / "file").write_text("in the way")
    cases = [
        (torch.full((1, 3, 4, 4), torch.nan), path, "NaN"),
        (torch.zeros(2, 3, 4, 4), path, "shape"),
        (good, tmp_path / "out.xyz", r"\.png, \.jpg, \.jpeg, \.webp"),
        (good, tmp_path / "out", r"\.png"),
        (good, tmp_path / "file" / "out.png", "cannot be written"),
        (torch.zeros(1, 3, 1, 17000), tmp_path / "out.webp", "webp"),
    ]
    for picture, target, problem in cases:
        with pytest.raises(NSTError, match=problem) as error:
            save_image(picture, target)
        assert one_sentence(error)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["write_bytes", "replace"])
def test_an_interrupted_save_leaves_the_old_file_whole(tmp_path, monkeypatch, step):
    path = save_image(torch.zeros(1, 3, 4, 4), tmp_path / "out.png")
    before = path.read_bytes()
    write_bytes = images.Path.write_bytes

    def interrupt(self, data):
        write_bytes(self, before[:20])  # part of the file is on the disk already
        raise KeyboardInterrupt

    monkeypatch.setattr(images.Path, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_image(torch.ones(1, 3, 4, 4), path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["out.png"]
