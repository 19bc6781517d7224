"""Every kind of picture comes in right or is refused in one sentence."""

import io
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from nst_utils.errors import NSTError
from nst_utils.image import load_image, resize

# 2 rows of 3 pixels: red, green, blue above black, grey, white.
COLOURS = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [128, 128, 128], [255, 255, 255]]],
    np.uint8,
)


def pixels(tensor):
    """An image tensor as float [H, W, 3] in 0 to 255."""
    assert tensor.dtype == torch.float32
    assert tensor.shape[:2] == (1, 3)
    assert tensor.device.type == "cpu"
    return tensor[0].permute(1, 2, 0).numpy() * 255


def one_sentence(error):
    text = str(error.value)
    return text.endswith(".") and "\n" not in text and len(text) < 250


def png(width, height, depth, colour_type, rows):
    """A PNG written by hand, for what Pillow cannot write."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


# Kinds of image files


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "gif"])
def test_lossless_files_keep_their_colours(tmp_path, suffix):
    path = tmp_path / f"colours.{suffix}"
    Image.fromarray(COLOURS).save(path, **({"lossless": True} if suffix == "webp" else {}))
    assert pixels(load_image(path)) == pytest.approx(COLOURS, abs=0.01)


def test_path_string_bytes_pil_and_array_are_the_same(tmp_path):
    path = tmp_path / "colours.png"
    Image.fromarray(COLOURS).save(path)
    data = path.read_bytes()
    sources = [str(path), data, bytearray(data), memoryview(data), Image.open(path), COLOURS]
    for source in sources:
        assert torch.equal(load_image(source), load_image(path))


def test_exif_rotation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn a quarter clockwise
    for suffix in ("png", "jpg"):
        path = tmp_path / f"turned.{suffix}"
        flat = np.zeros((16, 32, 3), np.uint8)
        flat[:, :16] = 255  # white on the left, so on top after the turn
        Image.fromarray(flat).save(path, exif=exif)
        turned = pixels(load_image(path))
        assert turned.shape == (32, 16, 3)
        assert turned[:15].min() > 250
        assert turned[17:].max() < 5


def test_palette_with_transparency_is_composited_on_white(tmp_path):
    picture = Image.new("P", (2, 1))
    picture.putpalette([200, 10, 20, 0, 0, 0])
    picture.putdata([0, 1])
    picture.save(tmp_path / "palette.png")
    picture.save(tmp_path / "clear.png", transparency=1)
    assert pixels(load_image(tmp_path / "palette.png"))[0].round().tolist() == [
        [200, 10, 20],
        [0, 0, 0],
    ]
    assert pixels(load_image(tmp_path / "clear.png"))[0, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_alpha_is_composited_on_white(tmp_path, mode):
    half_black = Image.new("RGBA", (3, 2), (0, 0, 0, 128)).convert(mode)
    assert pixels(load_image(half_black)) == pytest.approx(127, abs=0.01)
    if mode != "PA":  # no file format has it
        half_black.save(tmp_path / "alpha.png")
        assert pixels(load_image(tmp_path / "alpha.png")) == pytest.approx(127, abs=0.01)


def test_premultiplied_alpha_is_composited_on_white():
    half_red = Image.new("RGBA", (2, 2), (255, 0, 0, 128)).convert("RGBa")
    assert pixels(load_image(half_red))[0, 0] == pytest.approx([255, 127, 127], abs=1.01)


def test_one_transparent_colour_of_an_rgb_png(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "key.png", transparency=(0, 0, 0))
    assert pixels(load_image(tmp_path / "key.png"))[1, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"), [("L", 77, 77), ("1", 1, 255), ("1", 0, 0), ("F", 0.2, 51)]
)
def test_grey_and_one_bit(tmp_path, mode, colour, expected):
    path = tmp_path / "grey.tiff"
    Image.new(mode, (4, 3), colour).save(path)
    assert pixels(load_image(path)) == pytest.approx(expected, abs=0.01)


def test_cmyk_jpeg(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=100)
    red = pixels(load_image(tmp_path / "red.jpg")).mean((0, 1))
    assert red == pytest.approx([255, 0, 0], abs=4)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path, suffix):
    levels = np.array([[0, 257, 32768, 65535]], np.uint16)
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(levels).save(path)
    assert pixels(load_image(path))[0, :, 0] == pytest.approx([0, 1, 127.502, 255], abs=0.001)


def test_16_bit_colour_png():
    row = b"\0" + struct.pack(">6H", 65535, 32768, 0, 257, 257, 257)
    colours = pixels(load_image(png(2, 1, 16, 2, row)))[0]
    assert colours == pytest.approx(np.array([[255, 127.5, 0], [1, 1, 1]]), abs=0.6)


def test_32_bit_grey_is_read_as_16_bit_or_refused():
    assert pixels(load_image(Image.new("I", (2, 2), 65535))).min() == 255
    with pytest.raises(NSTError, match="values from"):
        load_image(Image.new("I", (2, 2), 70000))


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    assert pixels(load_image(tmp_path / "two.gif"))[0, 0].tolist() == [255, 0, 0]


# Arrays and tensors


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (COLOURS, COLOURS),
        (COLOURS[..., 0], COLOURS[..., :1].repeat(3, 2)),
        (COLOURS.astype(np.uint16) * 257, COLOURS),
        (COLOURS / 255, COLOURS),
        ((COLOURS / 255).astype(np.float16), COLOURS),
        (COLOURS[..., 0] > 100, np.where(COLOURS[..., :1] > 100, 255, 0).repeat(3, 2)),
        (np.full((2, 3, 4), 0.5), np.full((2, 3, 3), 191.25)),
    ],
)
def test_arrays(array, expected):
    assert pixels(load_image(array)) == pytest.approx(expected, abs=0.07)


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.full((4, 4, 3), np.nan), "NaN"),
        (np.full((4, 4, 3), np.inf), "infinite"),
        (np.full((4, 4, 3), 255.0), "from 255 to 255"),
        (np.full((4, 4, 3), -0.5), "from -0.5"),
        (np.zeros((3, 8, 9)), r"shape \(3, 8, 9\)"),
        (np.zeros((1, 4, 4, 3)), "shape"),
        (np.zeros((0, 4, 3)), "shape"),
        (np.zeros((4, 4, 3), np.int64), "int64"),
        (np.array([["a"]]), "type"),
    ],
)
def test_bad_arrays_are_refused(array, problem):
    with pytest.raises(NSTError, match=problem) as error:
        load_image(array)
    assert one_sentence(error)


def test_tensors_are_copied():
    source = torch.rand(1, 3, 4, 5, requires_grad=True)
    loaded = load_image(source)
    assert torch.equal(loaded, source)
    assert not loaded.requires_grad
    loaded.zero_()
    assert source.detach().max() > 0
    assert torch.equal(load_image(source[0].double()), source.detach())


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(2, 3, 4, 4),
        torch.zeros(4, 4, 3),
        torch.zeros(1, 3, 0, 4),
        torch.full((1, 3, 4, 4), 255.0),
        torch.full((1, 3, 4, 4), torch.nan),
        torch.zeros(1, 3, 4, 4, dtype=torch.uint8),
    ],
)
def test_bad_tensors_are_refused(tensor):
    with pytest.raises(NSTError) as error:
        load_image(tensor)
    assert one_sentence(error)


# Bad files


def test_files_that_are_no_pictures_are_refused(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(
        whole, "JPEG"
    )
    files = {
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"not a picture", "not a picture"),
        "cut.jpg": (whole.getvalue()[:1500], "damaged or cut off"),
        "header.jpg": (whole.getvalue()[:10], "not a picture"),
        "cut.png": (png(64, 64, 8, 2, bytes(64 * 193))[:60], "damaged or cut off"),
        "short.png": (png(64, 64, 8, 2, bytes(100)), "damaged or cut off"),
    }
    for name, (data, problem) in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(NSTError, match=problem) as error:
            load_image(tmp_path / name)
        assert name in str(error.value)
        assert one_sentence(error)


def test_missing_file_folder_and_unknown_type(tmp_path):
    sources = {"There is no file": tmp_path / "none.png", "is a folder": tmp_path, "int": 7}
    sources["cannot be read"] = "a\0b.png"
    for problem, source in sources.items():
        with pytest.raises(NSTError, match=problem) as error:
            load_image(source)
        assert one_sentence(error)


@pytest.mark.parametrize("side", [12_000, 40_000])
def test_decompression_bomb_is_refused_before_it_unpacks(side):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(NSTError, match="100,000,000") as error:
            load_image(png(side, side, 1, 0, b""))
    assert one_sentence(error)


# Sizes


def test_size_is_the_longer_side():
    assert load_image(np.zeros((30, 40)), 20).shape == (1, 3, 15, 20)
    assert load_image(np.zeros((40, 30)), 20).shape == (1, 3, 20, 15)
    assert load_image(np.zeros((30, 40)), 60).shape == (1, 3, 45, 60)
    assert load_image(np.zeros((30, 40)), (8, 9)).shape == (1, 3, 8, 9)
    assert load_image(np.zeros((1, 1))).shape == (1, 3, 1, 1)
    assert load_image(np.zeros((1, 1)), np.int64(8)).shape == (1, 3, 8, 8)


def test_resize_is_antialiased():
    stripes = (torch.arange(256) % 2).float().expand(1, 3, 64, 256)
    small = resize(stripes, 64)
    assert small.shape == (1, 3, 16, 64)
    assert small[..., 4:-4] == pytest.approx(0.5, abs=0.01)  # without: stripes of 0 or 1


def test_resize_keeps_the_range_and_lets_gradients_through():
    edge = torch.zeros(1, 3, 8, 8, requires_grad=True)
    edge.data[..., 4:] = 1
    large = resize(edge, 32)  # bicubic overshoots at an edge
    assert large.min() == 0
    assert large.max() == 1
    large.sum().backward()
    assert edge.grad.abs().sum() > 0


def test_extreme_shapes_are_refused_with_the_least_size():
    line = np.zeros((10, 10000))
    assert load_image(line, 1000).shape == (1, 3, 1, 1000)
    with pytest.raises(NSTError, match="10000 x 10 .* at least 1000"):
        load_image(line, 999)


@pytest.mark.parametrize("size", [0, -3, 1.5, "big", (4, 0), (4, 5, 6), 10**6])
def test_bad_sizes_are_refused(size):
    with pytest.raises(NSTError, match="size") as error:
        load_image(np.zeros((4, 4)), size)
    assert one_sentence(error)


# Import


@pytest.mark.slow
def test_import_is_light():
    heavy = "matplotlib torchvision IPython ipywidgets"
    code = (
        "import sys, nst_utils.image, nst_utils.runtime, nst_utils.plotting;"
        f"print([name for name in '{heavy}'.split() if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
