"""The commands `nst fast` and `nst train-fast`."""

import argparse
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from nst_utils.backbones import BACKBONES
from nst_utils.fast.models import ENDING, MODELS, load_model, paint_fast, save_model
from nst_utils.fast.training import Settings, Training
from nst_utils.image import SAVE_OPTIONS, check_output, save_image

# What each setting of a training means, beside its default; see `Settings`.
HELP = {
    "steps": "how long to train",
    "batch": "photographs in a step",
    "side": "of the crops of photographs, in pixels",
    "zoom": "how much of a photograph a crop shows: all of its shorter side to 1/zoom",
    "style_size": "the style's longer side in pixels; smaller gives finer strokes",
    "alpha": "how much of the content to keep; raise it to see more",
    "variation": "smoothness; raise it against noise, 0 for none",
    "rate": "Adam's highest learning rate; lower it if the loss jumps",
    "width": "channels at full size; fewer are faster, more paint better",
    "backbone": f"the network that judges: {', '.join(BACKBONES)}",
    "seed": "of the first weights and of the crops",
}


def add_commands(add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add both commands; `add(name, sentence)` makes a parser."""
    command = add("fast", "paint IMAGE by one pass through a trained network")
    command.set_defaults(run=paint)
    command.add_argument("image", metavar="IMAGE", help="the photograph")
    names = ", ".join(MODELS)
    command.add_argument("--model", required=True, metavar="NAME", help=f"{names}, or a file")
    _output(command, f"the picture to write: {', '.join(SAVE_OPTIONS)}")
    command.add_argument("--size", type=int, default=512, metavar="PIXELS", help="longer side")
    _device_and_quiet(command)

    command = add("train-fast", "train a network that paints in the style of STYLE in one pass")
    command.set_defaults(run=train)
    command.add_argument("style", metavar="STYLE", help="the painting")
    command.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="a folder of photographs"
    )
    _output(command, f"the model to write: a name that ends in {ENDING}")
    command.add_argument("--start", metavar="NAME", help=f"a model to start from: {names}, a file")
    for setting in fields(Settings):
        command.add_argument(
            f"--{setting.name.replace('_', '-')}",
            type=setting.type,
            default=setting.default,
            metavar=setting.type.__name__.upper(),
            help=f"{HELP[setting.name]} (default: %(default)s)",
        )
    _device_and_quiet(command)


def paint(image: str, model: str, output: Path, size: int, device: str | None, quiet: bool) -> None:
    """`nst fast`: read, paint, write."""
    check_output(output, SAVE_OPTIONS)
    path = save_image(paint_fast(image, model, size=size, device=device), output)
    if not quiet:
        print(f"Wrote {path}.")


def train(
    style: str,
    images: Path,
    output: Path,
    start: str | None,
    device: str | None,
    quiet: bool,
    **settings,
) -> None:
    """`nst train-fast`: train, going on from a checkpoint beside the model; write the model."""
    check_output(output, [ENDING])
    settings = Settings(**settings)
    checkpoint = output.with_suffix(".checkpoint.pt")
    first = None if start is None else load_model(start)
    training = Training(style, images, settings, checkpoint, first, device, progress=not quiet)
    if not quiet:
        print(f"Learning from {len(training.photos.training):,} photographs.")
        if training.done:
            print(f"Going on from {checkpoint} after {training.done} steps.")
    try:
        network = training.run()
    except KeyboardInterrupt:
        print(f"\nStopped after {training.done} steps. The same command goes on from {checkpoint}.")
        return
    save_model(network, output, settings)
    checkpoint.unlink(missing_ok=True)
    if not quiet:
        print(f"Wrote {output} ({output.stat().st_size / 1e6:.2f} MB).")


def _output(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=text)


def _device_and_quiet(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--device", metavar="NAME", default=None, help="cuda, mps or cpu; the fastest there is"
    )
    command.add_argument("-q", "--quiet", action="store_true", help="no progress, no messages")
