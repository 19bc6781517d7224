"""The command `nst`: style transfer, textures and reconstructions from a terminal."""

import argparse
import inspect
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

from nst_utils.backbones import BACKBONES
from nst_utils.color import transfer_luminance
from nst_utils.descents import LEARNING_RATE
from nst_utils.errors import NSTError
from nst_utils.fast.commands import add_commands
from nst_utils.image import SAVE_OPTIONS, check_output, load_image, save_image
from nst_utils.optimize import Result
from nst_utils.plotting import animate
from nst_utils.synthesis import reconstruct_content, synthesize_texture, transfer_style

ANIMATION_ENDINGS = (".gif", ".webp")
ANIMATION_FRAMES = 24
ANIMATION_SIZE = 512  # pixels at most; a GIF of 24 such frames has a few megabytes
STARTS = ("content", "style", "noise")

EXAMPLES = """examples:
  nst transfer photo.jpg painting.jpg -o painted.jpg
  nst transfer photo.jpg painting.jpg -o large.png --size 768 --style-scale 0.7
  nst texture bricks.jpg -o more_bricks.png
  nst reconstruct photo.jpg -o seen.png --layer relu4_2
  nst fast photo.jpg --model night -o painted.jpg
  nst train-fast painting.jpg --images photographs -o painting.safetensors
Pictures may be JPEG, PNG, WebP and other files, or http(s) addresses."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without repeating the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"nst: {message}; '{self.prog} --help' lists what can be given.\n")


def build_parser() -> argparse.ArgumentParser:
    """The command line; an option that is not given is absent from the parsed result."""
    parser = _Parser(
        prog="nst",
        description="Paint a photograph in the style of a painting (Gatys et al. 2015).",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = _command(commands, "transfer", transfer_style, "paint CONTENT in the style of STYLE")
    command.add_argument("content", metavar="CONTENT", help="the photograph: what is to be seen")
    command.add_argument("style", metavar="STYLE", help="the painting: how it is to look")
    option = _options(command, transfer_style)
    option("--alpha", float, "WEIGHT", "how much of the content to keep; raise it to see more")
    option("--beta", float, "WEIGHT", "how strongly to apply the style")
    option("--variation", float, "WEIGHT", "smoothness; raise it against noise, 0 for none")
    option("--style-scale", float, "FACTOR", "the style's size; below 1 gives finer strokes")
    command.add_argument(
        "--keep-color",
        action="store_const",
        dest="task",
        const=transfer_luminance,
        help="keep CONTENT's colours and take only light and dark strokes from STYLE",
    )

    command = _command(commands, "texture", synthesize_texture, "make a new texture like STYLE")
    command.add_argument("style", metavar="STYLE", help="a picture of the texture")
    _options(command, synthesize_texture)

    command = _command(
        commands, "reconstruct", reconstruct_content, "show what a layer knows of CONTENT"
    )
    command.add_argument("content", metavar="CONTENT", help="a photograph")
    option = _options(command, reconstruct_content)
    option("--layer", str, "NAME", "the network's layer, from relu1_1 (all) to relu5_1 (little)")
    option("--variation", float, "WEIGHT", "smoothness; raise it against noise, 0 for none")

    add_commands(partial(_add, commands))
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; return 0, or 2 with one sentence on stderr on bad input.

    Ctrl-C while the picture is being made is no error: the best picture so far is written. Before
    that the code is 130, as shells have it.
    """
    options = vars(build_parser().parse_args(argv))
    try:
        options.pop("run")(**options)
    except (NSTError, OSError) as error:
        print(f"nst: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("nst: stopped before there was a picture; nothing is written.", file=sys.stderr)
        return 130
    return 0


def _run(
    task: Callable[..., Result],
    output: Path,
    quiet: bool,
    animation: Path | None = None,
    **options,
) -> None:
    # The run takes a minute and more: find out first whether its picture can be kept.
    check_output(output, SAVE_OPTIONS)
    if animation is not None:
        check_output(animation, ANIMATION_ENDINGS)
        options["snapshots"] = ANIMATION_FRAMES
    if options.get("init", "noise") not in STARTS:
        options["init"] = load_image(options["init"])
    result = task(progress=not quiet, **options)
    written = [save_image(result.image, output)]
    if animation is not None and result.snapshots:
        size = min(ANIMATION_SIZE, max(result.image.shape[-2:]))
        animate(result, animation, size=size, frames=ANIMATION_FRAMES)
        written.append(animation)
    if result.stopped == "interrupted":
        print(f"Stopped after {len(result.history)} steps; the best picture so far is kept.")
    if not quiet:
        height, width = result.image.shape[-2:]
        print(
            f"Wrote {' and '.join(map(str, written))} "
            f"({width} x {height} pixels, {result.seconds:.0f} s)."
        )


def _tile(text: str) -> int | str | None:
    if text in ("auto", "none"):
        return None if text == "none" else text
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no number of pixels, 'auto' or 'none'")
    return int(text)


def _command(commands, name: str, task: Callable[..., Result], text: str) -> _Parser:
    # Options that are not given stay out of the way of the task's own defaults.
    command = _add(commands, name, text, argument_default=argparse.SUPPRESS)
    command.set_defaults(run=_run, task=task)
    return command


def _add(commands, name: str, text: str, **how) -> _Parser:
    return commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", **how)


def _options(command: _Parser, task: Callable[..., Result]) -> Callable[..., None]:
    """Add what all tasks share; return a function that adds one more option of the task."""
    defaults = inspect.signature(task).parameters

    def option(flag: str, kind: Callable, metavar: str, text: str) -> None:
        name = flag.lstrip("-").replace("-", "_")
        if name in defaults:
            text = f"{text} (default: {defaults[name].default})"
        command.add_argument(flag, type=kind, metavar=metavar, help=text)

    starts = "content, style, noise" if task is transfer_style else "noise"
    command.add_argument(
        *("-o", "--output"),
        type=Path,
        required=True,
        metavar="OUT",
        help=f"the picture to write: {', '.join(SAVE_OPTIONS)}",
    )
    option("--size", int, "PIXELS", "the longer side of the result")
    option("--steps", int, "N", "how long to work on it; fewer are faster, more are finer")
    option("--init", str, "START", f"what to start from: {starts}, or a picture file")
    option("--seed", int, "N", "of the noise to start from; another number, another picture")
    option("--backbone", str, "NAME", f"the network that looks at it: {', '.join(BACKBONES)}")
    option("--optimizer", str, "NAME", f"how to improve it: {' or '.join(LEARNING_RATE)}")
    option("--tolerance", float, "X", "end early if the picture changes by less, such as 0.002")
    option("--pyramid", int, "N", "how many sizes to go through from small to large; 1 for one")
    option("--device", str, "NAME", "cuda, mps or cpu; the fastest there is unless given")
    option("--precision", str, "NAME", "fp32, bf16 or auto, which is what is fastest here")
    option("--tile", _tile, "PIXELS", "work in tiles of this side; auto, unless given, or none")
    option("--animation", Path, "FILE", "also write how it came about, as .gif or .webp")
    command.add_argument(
        *("-q", "--quiet"), action="store_true", default=False, help="no progress bar, no messages"
    )
    return option


if __name__ == "__main__":
    sys.exit(main())
