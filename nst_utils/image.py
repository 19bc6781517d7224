"""Files, web addresses and arrays to image tensors, and back.

An image tensor is float32 [1, 3, H, W], sRGB, with values in [0, 1].
"""

import http.client
import io
import math
import os
import string
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Iterable
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps

from nst_utils.errors import NSTError

DATA = Path(__file__).resolve().parents[1] / "data"
MAX_PIXELS = 100_000_000  # a larger file is taken for a decompression bomb
MAX_DOWNLOAD = 20_000_000  # bytes
SAVE_OPTIONS = {
    ".png": {},
    ".jpg": {"quality": 95, "subsampling": 0},  # 4:4:4: painted edges are often edges of colour
    ".jpeg": {"quality": 95, "subsampling": 0},
    ".webp": {"quality": 95},
}

ImageSource = str | os.PathLike | bytes | bytearray | memoryview | Image.Image
ImageSource = ImageSource | np.ndarray | torch.Tensor


def load_image(
    source: ImageSource, size: int | tuple[int, int] | None = None, *, timeout: float = 10
) -> torch.Tensor:
    """Read a picture of any kind as an image tensor: float32 [1, 3, H, W] in [0, 1] on the CPU.

    source: a path; an http(s) address (at most 20 MB, read within `timeout` seconds); a file's
        bytes; a PIL image; an array [H, W], [H, W, 3] or [H, W, 4], uint8, uint16, bool or
        float in [0, 1]; an image tensor.
    size: the longer side in pixels, or (H, W); None keeps the picture's own size.

    EXIF rotation is applied, transparency is composited on white, grey, palette, CMYK and 16-bit
    pictures are converted; of an animation the first frame is taken. Colour profiles are ignored.
    Raises NSTError for anything that is not a readable picture of at most 100 million pixels.
    """
    if isinstance(source, torch.Tensor):
        image = _from_tensor(source)
    elif isinstance(source, np.ndarray):
        image = _from_array(source, "The array")
    elif isinstance(source, Image.Image):
        image = _from_pil(source, "The PIL image")
    elif isinstance(source, bytes | bytearray | memoryview):
        image = _from_bytes(bytes(source), "The bytes given")
    elif isinstance(source, str) and "://" in source:
        image = _from_bytes(_download(source, timeout), source)
    elif isinstance(source, str | os.PathLike):
        image = _from_bytes(_read(Path(source).expanduser()), str(source))
    else:
        raise NSTError(
            f"A picture cannot be made from a {type(source).__name__}: "
            "give a path, an address, bytes, a PIL image, an array or a tensor."
        )
    return image if size is None else resize(image, size)


def resize(image: torch.Tensor, size: int | tuple[int, int]) -> torch.Tensor:
    """Scale [B, C, H, W] to [B, C, H', W'], bicubic and antialiased, clamped to [0, 1].

    size: the longer side in pixels, keeping the shape, or (H', W'). Enlarging is allowed.

    >>> resize(torch.zeros(1, 3, 300, 400), 200).shape
    torch.Size([1, 3, 150, 200])
    """
    sides = tuple(size) if isinstance(size, tuple | list) else (size,)
    if len(sides) not in (1, 2) or not all(isinstance(n, Integral) and n > 0 for n in sides):
        raise NSTError(f"The size {size} is not the longer side in pixels, or (height, width).")
    height, width = image.shape[-2:]
    if len(sides) == 1:
        sides = _scaled(height, width, *sides)
    if math.prod(sides) > MAX_PIXELS:
        raise NSTError(f"A size of {sides[1]} x {sides[0]} is over {MAX_PIXELS:,} pixels.")
    if sides == (height, width):
        return image
    # On the CPU, so that every device starts from the same numbers; MPS has no backward pass here.
    scaled = F.interpolate(image.cpu(), sides, mode="bicubic", antialias=True)
    return scaled.clamp(0, 1).to(image.device)


def to_pil(image: torch.Tensor) -> Image.Image:
    """Turn an image tensor [1, 3, H, W] or [3, H, W] into an 8-bit RGB PIL image.

    Values are clamped to [0, 1] and rounded. Raises NSTError on another shape, NaN or infinity.
    """
    pixels = image.detach().to("cpu", torch.float32)
    pixels = pixels[0] if pixels.ndim == 4 and len(pixels) == 1 else pixels
    if pixels.ndim != 3 or pixels.shape[0] != 3 or 0 in pixels.shape:
        raise NSTError(f"The tensor's shape {list(image.shape)} is not [1, 3, H, W].")
    if not pixels.isfinite().all():
        raise NSTError("The picture has values that are NaN or infinite: the run has diverged.")
    pixels = (pixels.clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def save_image(image: torch.Tensor, path: str | os.PathLike) -> Path:
    """Write an image tensor [1, 3, H, W] as .png, .jpg, .jpeg or .webp, and return the path.

    Values are clamped to [0, 1] and rounded to 8 bits. A missing folder is made. The file is
    replaced whole or not at all. Raises NSTError on NaN, another suffix or a failed write.
    """
    path = Path(path).expanduser()
    options = SAVE_OPTIONS.get(path.suffix.lower())
    if options is None:
        raise NSTError(f"'{path.name}' needs one of the endings {', '.join(SAVE_OPTIONS)}.")
    picture, encoded = to_pil(image), io.BytesIO()
    try:
        picture.save(encoded, Image.registered_extensions()[path.suffix.lower()], **options)
    except (OSError, ValueError) as error:  # WebP ends at 16383 pixels a side, JPEG at 65535
        raise NSTError(f"The picture cannot be written as {path.suffix}: {error}.") from error
    return write_whole(path, encoded.getvalue())


def write_whole(path: str | os.PathLike, data: bytes) -> Path:
    """Write bytes beside `path`, then rename: an interruption leaves the old file as it was."""
    path = Path(path).expanduser()
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise NSTError(f"{path} cannot be written: {error.strerror}.") from error
    return path


def check_output(path: Path, endings: Iterable[str]) -> None:
    """Raise NSTError if a file cannot be written there, before the work that it is to hold."""
    if path.suffix.lower() not in endings:
        raise NSTError(f"'{path}' cannot be written: its name must end in {', '.join(endings)}.")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        place = path if path.is_dir() else folder
        raise NSTError(f"'{path}' cannot be written because of {place}; give another place.")


def _scaled(height: int, width: int, longer: int) -> tuple[int, int]:
    if longer * min(height, width) < max(height, width):
        least = math.ceil(max(height, width) / min(height, width))
        raise NSTError(
            f"A {width} x {height} picture has less than one pixel on its shorter side at size "
            f"{longer}: take a size of at least {least}, or crop it."
        )
    scale = longer / max(height, width)
    return round(height * scale), round(width * scale)


def _check_pixels(width: int, height: int, name: str) -> None:
    if width * height > MAX_PIXELS:
        raise NSTError(
            f"{name} is {width} x {height}; at most {MAX_PIXELS:,} pixels are read: shrink it."
        )


def _from_tensor(tensor: torch.Tensor) -> torch.Tensor:
    image = tensor.detach()[None] if tensor.ndim == 3 else tensor.detach()
    if image.ndim != 4 or image.shape[:2] != (1, 3) or 0 in image.shape:
        raise NSTError(f"The tensor's shape {list(tensor.shape)} is not [1, 3, H, W].")
    if not image.is_floating_point():
        raise NSTError(f"The tensor is {image.dtype}; a picture is floating point in [0, 1].")
    image = image.to("cpu", torch.float32, copy=True)
    _check_range(image.min().item(), image.max().item(), "The tensor")
    return image.clamp_(0, 1)


def _from_array(array: np.ndarray, name: str) -> torch.Tensor:
    """Scale [H, W] or [H, W, 1 | 3 | 4] by the largest value of its type, with alpha on white."""
    pixels = array[..., None] if array.ndim == 2 else array
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or 0 in pixels.shape:
        raise NSTError(f"{name}'s shape {array.shape} is not (H, W), (H, W, 3) or (H, W, 4).")
    _check_pixels(pixels.shape[1], pixels.shape[0], name)
    if pixels.dtype in (np.uint8, np.uint16):
        pixels = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    elif pixels.dtype == bool or np.issubdtype(pixels.dtype, np.floating):
        pixels = pixels.astype(np.float32)
        _check_range(pixels.min().item(), pixels.max().item(), name)
        pixels = pixels.clip(0, 1)
    else:
        raise NSTError(f"{name} has type {array.dtype}: give uint8, uint16 or floats in [0, 1].")
    if pixels.shape[2] == 4:
        colour, alpha = pixels[..., :3], pixels[..., 3:]
        pixels = colour * alpha + (1 - alpha)
    pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    return torch.from_numpy(np.array(pixels.transpose(2, 0, 1), order="C"))[None]  # writable


def _check_range(lowest: float, highest: float, name: str) -> None:
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        raise NSTError(f"{name} has values that are NaN or infinite: replace them first.")
    if lowest < -1e-4 or highest > 1 + 1e-4:  # less than that is rounding
        raise NSTError(
            f"{name} has values from {lowest:.4g} to {highest:.4g}; "
            "floating-point pictures are in [0, 1]: divide by the largest possible value."
        )


def _from_bytes(data: bytes, name: str) -> torch.Tensor:
    if not data:
        raise NSTError(f"{name} is empty: 0 bytes.")
    try:
        with warnings.catch_warnings():
            # Pillow warns of a bomb below its own limit; _check_pixels refuses it instead.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise NSTError(f"{name} has more than {MAX_PIXELS:,} pixels: shrink it first.") from error
    except Exception as error:  # decoders raise almost anything on a broken header
        raise NSTError(
            f"{name} is not a picture that can be read: give a JPEG, PNG, WebP, GIF, TIFF or BMP."
        ) from error
    return _from_pil(image, name)


def _from_pil(image: Image.Image, name: str) -> torch.Tensor:
    _check_pixels(*image.size, name)
    if 0 in image.size:
        raise NSTError(f"{name} has no pixels: it is {image.width} x {image.height}.")
    try:
        image.load()
    except Exception as error:  # decoders raise almost anything on broken data
        raise NSTError(f"{name} is damaged or cut off ({error}): get the file again.") from error
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode == "I":
        deep = np.asarray(image)  # older Pillows read 16-bit PNGs as the 32-bit mode "I"
        _check_range(deep.min() / 65535, deep.max() / 65535, name)
        return _from_array(deep.astype(np.uint16), name)
    if image.mode == "F":
        return _from_array(np.asarray(image), name)
    return _from_array(np.asarray(_to_rgb(image)), name)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert any 8-bit mode to RGB, or to RGBA if it has transparency."""
    if image.mode in ("La", "RGBa"):  # alpha already multiplied in
        image = image.convert(image.mode.upper())
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise NSTError(f"{path} is a folder: give the path of a picture in it.")
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NSTError(
            f"There is no file {path}: check the path, seen from {Path.cwd()}."
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NSTError(f"{path} cannot be read: {reason}.") from error


def _download(url: str, timeout: float) -> bytes:
    if not url.lower().startswith(("http://", "https://")):
        raise NSTError(f"{url} is not an address that starts with http:// or https://.")
    quoted = urllib.parse.quote(url, safe=string.punctuation)  # spaces and accents in names
    deadline = time.monotonic() + timeout
    data = bytearray()
    try:
        request = urllib.request.Request(quoted, headers={"User-Agent": "nst-utils"})
        with urllib.request.urlopen(request, timeout=timeout) as response:
            while len(data) <= MAX_DOWNLOAD and (block := response.read1(65536)):
                data += block
                if time.monotonic() > deadline:  # the socket's own limit is for each block only
                    raise TimeoutError
    except urllib.error.HTTPError as error:
        raise NSTError(f"{url} answered {error.code} {error.reason}: check the address.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise NSTError(f"{url} was not read within {timeout:g} seconds.") from error
        raise NSTError(
            f"{url} cannot be reached ({reason}): check the address and the network."
        ) from error
    if len(data) > MAX_DOWNLOAD:
        raise NSTError(f"{url} is over {MAX_DOWNLOAD / 1e6:g} MB: save a smaller copy as a file.")
    return bytes(data)
