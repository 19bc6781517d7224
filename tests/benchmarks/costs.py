"""Time and memory of one evaluation against the picture's size, whole and in tiles.

    python tests/benchmarks/costs.py [--sizes 256 512 1024] [--networks random_vgg19]

Every entry is a transfer of its own process: seconds of its second evaluation of loss and gradient
(the first allocates), and the most memory that the process ever had, Python and PyTorch included.
If the cost is linear in pixels, the seconds per megapixel stay the same down a column.
"""

import argparse
import resource
import subprocess
import sys
import time

import torch

import nst_utils as nst
from nst_utils.planning import free_memory, memory_needed
from nst_utils.runtime import use_bf16

SIZES = (256, 512, 1024, 2048, 4096)  # pixels of the longer side, 4:3
NETWORKS = ("tiny_vgg19", "mini_vgg19", "random_vgg19")
TILE = 512


def transfer(network: str, size: int, tile: int | None, precision: str) -> None:
    """Two evaluations in this process; prints seconds of the second and bytes of memory."""
    content, style = (nst.white_noise((size * 3 // 4, size), seed) for seed in range(2))
    ends = []
    nst.transfer_style(
        content,
        style,
        size=None,
        backbone=network,
        steps=2,
        pyramid=1,
        optimizer="adam",  # its steps are one evaluation each
        precision=precision,
        tile=tile,
        device="cpu",
        progress=False,
        callback=lambda *_: ends.append(time.perf_counter()),
    )
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kilobytes elsewhere
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(ends[1] - ends[0], peak)


def entry(network: str, size: int, tile: int | None, precision: str) -> str:
    """Seconds, seconds per megapixel and memory, measured in a child process."""
    command = [sys.executable, __file__, "--one", network, str(size), str(tile or 0)]
    done = subprocess.run(
        [*command, "--precision", precision], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return f"{'failed':>27}"
    seconds, peak = map(float, done.stdout.split())
    megapixels = size * (size * 3 // 4) / 1e6
    return f"{seconds:9.2f}{seconds / megapixels:9.2f}{peak / 1e9:9.2f}"


def fits(network: str, size: int, precision: str) -> bool:
    """Whether the estimate of the memory for the whole picture leaves a third of what is free."""
    device = torch.device("cpu")
    layers = (*nst.STYLE_LAYERS, nst.CONTENT_LAYER)
    shape, bf16 = (size * 3 // 4, size), use_bf16(precision, device)
    backbone = nst.load_backbone(network, normalise=False)
    free = free_memory(device)
    return free is None or memory_needed(backbone, layers, shape, bf16) < free / 1.5


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="PIXELS")
    parser.add_argument("--networks", nargs="+", default=NETWORKS, metavar="NAME")
    parser.add_argument("--precision", default="auto", help="auto, fp32 or bf16")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        network, size, tile = args.one
        transfer(network, int(size), int(tile) or None, args.precision)
        return
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} CPU threads, {args.precision}.")
    print(f"{'':29}{'whole picture':^27}{f'tiles of {TILE} pixels':^27}")
    print(f"{'network':18}{'pixels':>11}" + f"{'s':>9}{'s/MP':>9}{'GB':>9}" * 2)
    for network in args.networks:
        for size in args.sizes:
            whole = f"{'too large here':>27}"
            if fits(network, size, args.precision):
                whole = entry(network, size, None, args.precision)
            tiled = f"{'one tile':>27}"
            if size > TILE:
                tiled = entry(network, size, TILE, args.precision)
            print(f"{network:18}{size:>6}x{size * 3 // 4:<4}{whole}{tiled}", flush=True)


if __name__ == "__main__":
    main()
