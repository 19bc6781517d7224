"""Seconds of one pass through a bundled transformer network, in both precisions.

    python tests/benchmarks/fast.py

Each number is the median of several passes on the CPU, the first left out.
"""

import argparse
import statistics
import time

import torch

import nst_utils as nst
from nst_utils.fast import MODELS, load_model, paint_fast

SIZES = (256, 512, 1024, 2048)  # pixels of the longer side, 4:3
PASSES = 7


def seconds_of(network: torch.nn.Module, photo: torch.Tensor, precision: str) -> float:
    """The median time of a pass."""
    times = []
    for _ in range(PASSES + 1):
        began = time.perf_counter()
        paint_fast(photo, network, size=None, device="cpu", precision=precision)
        times.append(time.perf_counter() - began)
    return statistics.median(times[1:])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    args = parser.parse_args()
    network = load_model(MODELS[0])
    print(f"{torch.get_num_threads()} threads\n\n| pixels | float32, s | bfloat16, s |")
    print("| --- | --- | --- |")
    for size in args.sizes:
        photo = nst.white_noise((size * 3 // 4, size))
        times = (seconds_of(network, photo, precision) for precision in ("fp32", "bf16"))
        print(f"| {size} x {size * 3 // 4} |", " | ".join(f"{t:.3f}" for t in times), "|")


if __name__ == "__main__":
    main()
