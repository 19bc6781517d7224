"""What a run will need: memory, tiles where it is short, and time.

Nothing in here computes a picture: each choice can be tested without the machine it is for.
"""

import re
from collections.abc import Collection
from pathlib import Path

import torch

from nst_utils.backbones import Backbone
from nst_utils.errors import NSTError
from nst_utils.windows import halo_of, stride

SIDES = (1024, 512, 256, 128, 64)  # of tiles in pixels; larger ones have less halo to compute
HEADROOM = 2.2  # peak by what the forward pass keeps: the backward pass needs about as much again
HISTORY_BYTES = 10**9


def estimate_memory(
    backbone: Backbone, layers: Collection[str], shape: tuple[int, int], bf16: bool
) -> int:
    """Bytes that an untiled evaluation keeps from its forward pass for the backward pass.

    Convolutions and pools keep their inputs, rectifiers their outputs, which are the same tensors.
    The weights and what lives only for a moment do not count.

    Args:
        layers: those that the losses read.
        shape: (H, W) of the picture in pixels.

    Raises:
        NSTError: an unknown layer.
    """
    backbone.check_layers(layers)
    size = 2 if bf16 else 4
    depth = max((backbone.layers.index(layer) + 1 for layer in layers), default=0)
    total = kept = 3 * shape[0] * shape[1] * size  # the normalised image
    for name in backbone.layers[:depth]:
        before = kept
        positions = (shape[0] // stride(name)) * (shape[1] // stride(name))
        elements = backbone.channels(name) * positions
        kept = elements * size
        if name.startswith("conv"):
            total += 0 if backbone.convs[name].padding_mode == "zeros" else before  # padded copy
        else:
            total += kept
        if name.startswith("pool"):  # where the maxima were, as int64; or the squares and the root
            total += {"max": 8 * elements, "average": 0, "l2": before + kept}[backbone.pooling]
        if name in layers and name.startswith("conv"):
            total += kept  # what the losses read; the rectifier's output is another tensor
    return total


def history_size(elements: int) -> int:
    """How many steps L-BFGS remembers for an image of so many numbers: 20, or less above 1 GB."""
    return max(3, min(20, HISTORY_BYTES // (8 * elements)))  # each is two float32 vectors


def optimizer_memory(shape: tuple[int, int]) -> int:
    """Bytes of L-BFGS's history and of the other copies of a picture of H x W pixels."""
    elements = 3 * shape[0] * shape[1]
    return 4 * elements * (2 * history_size(elements) + 8)


def memory_needed(
    backbone: Backbone,
    layers: Collection[str],
    shape: tuple[int, int],
    bf16: bool,
    side: int | None = None,
) -> int:
    """Bytes that a run needs at once beside the program itself, in tiles of `side` if given."""
    network = int(HEADROOM * estimate_memory(backbone, layers, shape, bf16))
    if side is not None:
        halo = halo_of(backbone, layers)
        height, width = (min(side + 2 * halo, length) for length in shape)
        network = network * height * width // (shape[0] * shape[1])
    return network + optimizer_memory(shape)


def choose_tile(needed: int, free: int, shape: tuple[int, int], halo: int) -> int | None:
    """The side of the tiles in pixels with which a picture fits into memory, or None for no tiles.

    Args:
        needed: bytes for the whole picture, without the optimiser.
        free: bytes there are.
        shape: (H, W) of the picture in pixels.
        halo: of the tiles, in pixels.

    Returns:
        None if all fits; or the largest of `SIDES` that does, the smallest if none does.
    """
    if needed <= free:
        return None
    for side in SIDES:
        height, width = (min(side + 2 * halo, length) for length in shape)
        if needed * height * width <= free * shape[0] * shape[1]:
            return side
    return SIDES[-1]


def free_memory(
    device: torch.device,
    meminfo: Path = Path("/proc/meminfo"),
    cgroup: Path = Path("/sys/fs/cgroup"),
) -> int | None:
    """Bytes free on a CUDA device or, under Linux, for the CPU; None where it cannot be told.

    A container may have less than the machine: its limit is in the files of its control group.
    """
    if device.type == "cuda":
        # PyTorch keeps what it has freed for itself: the driver does not count that as free.
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    if device.type != "cpu" or not meminfo.is_file():
        return None
    match = re.search(r"MemAvailable:\s*(\d+) kB", meminfo.read_text())
    if not match:
        return None
    free = int(match[1]) * 1024
    limit, used = cgroup / "memory.max", cgroup / "memory.current"
    if limit.is_file() and used.is_file() and limit.read_text().strip().isdigit():
        free = min(free, int(limit.read_text()) - int(used.read_text()))
    return free


def sides_to_try(
    tile: int | str | None,
    backbone: Backbone,
    layers: Collection[str],
    shape: tuple[int, int],
    bf16: bool,
    tell: bool = True,
) -> list[int | None]:
    """Tile sides in pixels for one size of a run: the first, and others if memory runs out.

    Args:
        tile: a side in pixels; None never tiles; "auto" does if memory is short.
        tell: print a sentence if "auto" chooses tiles.

    Returns:
        Sides from large to small, None for the whole picture. A tile as large as it is none.

    Raises:
        NSTError: another `tile`, or an unknown layer.
    """
    if tile is None:
        return [None]
    if tile == "auto":
        needed = memory_needed(backbone, layers, shape, bf16)
        free, halo = free_memory(backbone.mean.device), halo_of(backbone, layers)
        rest = optimizer_memory(shape)  # needed with tiles, too
        first = None if free is None else choose_tile(needed - rest, free - rest, shape, halo)
        if first and tell:
            print(
                f"{shape[1]}x{shape[0]} pixels need about {needed / 1e9:.1f} GB at once and "
                f"{free / 1e9:.1f} GB are free: they are computed in tiles of {first} pixels."
            )
    elif not isinstance(tile, int) or isinstance(tile, bool) or tile < 1:
        raise NSTError(f"The tile is {tile!r}; give its side in pixels, 'auto' or None.")
    else:
        first = tile if tile < max(shape) else None
    return [first, *(side for side in SIDES if side < (first or max(shape)))]


def announcement(seconds: float, memory: int) -> str:
    """What a run will need: "about 4 min, 1.8 GB"; nothing for a run under a minute.

    Args:
        seconds: of the whole run.
        memory: bytes at once, beside Python and PyTorch themselves; 0 if unknown.
    """
    if seconds < 60:
        return ""
    hours, minutes = divmod(round(seconds / 60), 60)
    time_needed = f"{hours} h {minutes} min" if hours else f"{minutes} min"
    return f"about {time_needed}" + (f", {memory / 1e9:.1f} GB" if memory else "")
