"""Seeds and devices."""

import random
import sys

import torch

from nst_utils.errors import NSTError


def set_seed(seed: int = 0) -> torch.Generator:
    """Seed Python, PyTorch and, if it is loaded, NumPy; return a CPU generator of that seed.

    Draw noise from the generator and move it to the device: every device then gets the same.
    Raises NSTError unless 0 <= seed < 2**32.
    """
    generator = seeded_generator(seed)
    random.seed(seed)
    torch.manual_seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    return generator


def seeded_generator(seed: int) -> torch.Generator:
    """Return a CPU generator of that seed and leave every global one as it is.

    Raises NSTError unless 0 <= seed < 2**32.
    """
    if not isinstance(seed, int) or not 0 <= seed < 2**32:  # NumPy's range
        raise NSTError(f"The seed {seed} is not a whole number from 0 to {2**32 - 1}.")
    return torch.Generator().manual_seed(seed)


def pick_device(name: str | torch.device | None = None) -> torch.device:
    """Return the named device, or without a name the fastest here: "cuda", "mps" or "cpu".

    Raises NSTError if the name is unknown or this machine has no such device.
    """
    available = {
        "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
        "mps": int(torch.backends.mps.is_available()),
        "cpu": 1,
    }
    if name is None:
        return torch.device(next(kind for kind, count in available.items() if count))
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise NSTError(f"'{name}' is not a device: use {_names(available)}.") from error
    if (device.index or 0) >= available.get(device.type, 0):
        raise NSTError(f"This machine has no device '{name}': use {_names(available)}.")
    return device


def use_bf16(precision: str, device: torch.device) -> bool:
    """Whether the network computes in bfloat16: "bf16" yes, "fp32" no, "auto" where it is faster.

    Raises NSTError for another precision.
    """
    if precision not in ("auto", "fp32", "bf16"):
        raise NSTError(f"Unknown precision '{precision}': use 'auto', 'fp32' or 'bf16'.")
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    # Without AVX-512's bfloat16 instructions the CPU would emulate them, slowly.
    # PyTorch has no public question for them; where it has not even this one, float32 is safe.
    has_bf16 = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return device.type == "cpu" and has_bf16()


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says that a device's memory ran out; only CUDA has a class for it."""
    said = ("out of memory", "not enough memory", "can't allocate memory")
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(s in str(error) for s in said)


def _names(available: dict[str, int]) -> str:
    return " or ".join(f"'{kind}'" for kind, count in available.items() if count)
