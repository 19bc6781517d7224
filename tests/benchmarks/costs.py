"""Time and memory of one evaluation against the picture's size: plain loop, whole and in tiles.

    python tests/benchmarks/costs.py [--sizes 256 512 1024] [--networks random_vgg19]

Every entry has a process of its own: seconds of its second evaluation of loss and gradient (the
first allocates), and the most memory that the process ever had, Python and PyTorch included. If the
cost is linear in pixels, the seconds per megapixel stay the same down a column.
"""

import argparse
import resource
import subprocess
import sys
import time

import torch
from evaluations import PlainLoop, evaluate  # the module beside this one

import nst_utils as nst
from nst_utils.planning import free_memory, memory_needed
from nst_utils.runtime import use_bf16

SIZES = (256, 512, 1024, 2048, 4096)  # pixels of the longer side, 4:3
NETWORKS = ("mini_vgg19", "random_vgg19")
TILE = 512


def peak_memory() -> int:
    """The most bytes that this process has had."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def measure(name: str, size: int, variant: str, precision: str) -> None:
    """Two evaluations in this process; prints seconds of the second and bytes of memory."""
    shape = (size * 3 // 4, size)
    network = nst.load_backbone(name, **({"normalise": False} if "random" in name else {}))
    if variant == "plain":
        content = nst.white_noise(shape)
        loop = PlainLoop(network, content, nst.white_noise(shape, 1))
        seconds = [evaluate(loop, content) for _ in range(2)][1]
    else:
        ends: list[float] = []
        nst.transfer_style(
            nst.white_noise(shape),  # not kept here: `transfer_style` has its own copies
            nst.white_noise(shape, 1),
            size=None,
            backbone=network,
            steps=2,
            pyramid=1,
            optimizer="adam",  # its steps are one evaluation each
            precision=precision,
            tile=TILE if variant == "tiles" else None,
            device="cpu",
            progress=False,
            callback=lambda *_: ends.append(time.perf_counter()),
        )
        seconds = ends[1] - ends[0]
    print(seconds, peak_memory())


def entry(network: str, size: int, variant: str, precision: str) -> str:
    """Seconds, seconds per megapixel and memory, measured in a child process."""
    command = [sys.executable, __file__, "--one", network, str(size), variant]
    done = subprocess.run(
        [*command, "--precision", precision], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return f"{'failed':>24}"
    seconds, peak = map(float, done.stdout.split())
    megapixels = size * (size * 3 // 4) / 1e6
    return f"{seconds:8.2f}{seconds / megapixels:8.2f}{peak / 1e9:8.2f}"


def fits(network: str, size: int, precision: str) -> bool:
    """Whether the whole picture's estimate leaves a third of the free memory for the rest."""
    layers = (*nst.STYLE_LAYERS, nst.CONTENT_LAYER)
    bf16 = use_bf16(precision, torch.device("cpu"))
    backbone = nst.load_backbone(network, normalise=False)
    free = free_memory(torch.device("cpu"))
    return free is None or memory_needed(backbone, layers, (size * 3 // 4, size), bf16) < free / 1.5


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="PIXELS")
    parser.add_argument("--networks", nargs="+", default=NETWORKS, metavar="NAME")
    parser.add_argument("--precision", default="auto", help="auto, fp32 or bf16")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        network, size, variant = args.one
        measure(network, int(size), variant, args.precision)
        return
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} CPU threads, {args.precision}.")
    print(f"{'':29}{'plain loop':^24}{'ours, whole':^24}{f'ours, tiles of {TILE}':^24}")
    print(f"{'network':18}{'pixels':>11}" + f"{'s':>8}{'s/MP':>8}{'GB':>8}" * 3)
    for network in args.networks:
        for size in args.sizes:
            print(f"{network:18}{size:>6}x{size * 3 // 4:<4}", end="", flush=True)
            for variant, precision in (("plain", "fp32"), ("whole", args.precision)):
                fitting = fits(network, size, precision)
                text = entry(network, size, variant, args.precision) if fitting else "too large"
                print(f"{text:>24}", end="", flush=True)
            tiled = entry(network, size, "tiles", args.precision) if size > TILE else "one tile"
            print(f"{tiled:>24}", flush=True)


if __name__ == "__main__":
    main()
