"""Model files of trained transformer networks: written, found and read."""

from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from nst_utils.errors import NSTError
from nst_utils.fast.network import TransformerNetwork
from nst_utils.fast.training import Settings
from nst_utils.image import ImageSource, load_image, write_whole
from nst_utils.runtime import pick_device, use_bf16

FOLDER = Path(__file__).parent
MODELS = tuple(sorted(path.stem for path in FOLDER.glob("*.safetensors")))
ENDING = ".safetensors"


def save_model(network: TransformerNetwork, path: Path, settings: Settings | None = None) -> Path:
    """Write a network in half precision as .safetensors, with its settings in the header.

    Raises:
        NSTError: another ending, or a failed write.
    """
    if Path(path).suffix != ENDING:
        raise NSTError(f"'{path}' is no name for a model; it must end in {ENDING}.")
    weights = {name: w.half().cpu().contiguous() for name, w in network.state_dict().items()}
    about = asdict(settings) if settings is not None else {}
    about |= {"width": network.width, "blocks": network.blocks}
    return write_whole(path, save(weights, {name: str(value) for name, value in about.items()}))


def load_model(name: str | Path) -> TransformerNetwork:
    """Read a network in float32: a bundled one by its name, or a file that `save_model` wrote.

    Raises:
        NSTError: no such model, or a file that is damaged or something else.
    """

    def make(about: dict[str, str], weights: dict[str, Tensor]) -> TransformerNetwork:
        network = TransformerNetwork(int(about["width"]), int(about["blocks"]))
        network.load_state_dict(weights)
        return network.eval().requires_grad_(False)

    return _read(name, make)


def settings_of(name: str | Path) -> Settings:
    """The settings of a model's last training, from its file.

    Raises:
        NSTError: no such model, or a file that is damaged or without settings.
    """

    def make(about: dict[str, str], _: dict[str, Tensor]) -> Settings:
        return Settings(**{field.name: field.type(about[field.name]) for field in fields(Settings)})

    return _read(name, make)


def _read(name: str | Path, make: Callable) -> TransformerNetwork | Settings:
    """make(header, weights in float32) of a model's file."""
    path = FOLDER / f"{name}{ENDING}" if str(name) in MODELS else Path(name).expanduser()
    if not path.is_file():
        raise NSTError(
            f"There is no model '{name}'; name one of {', '.join(MODELS)}, or the file of another."
        )
    try:
        with safe_open(path, "pt") as file:
            return make(file.metadata(), {k: file.get_tensor(k).float() for k in list(file.keys())})
    except Exception as error:  # a broken file raises almost anything
        raise NSTError(
            f"{path} is damaged or not one of our models; get it again, or train it anew."
        ) from error


@torch.inference_mode()
def paint_fast(
    image: ImageSource,
    model: str | Path | TransformerNetwork,
    *,
    size: int | None = 512,
    device: str | torch.device | None = None,
    precision: str = "auto",
) -> Tensor:
    """Paint a photograph by one pass through a trained network.

    Args:
        image: an image tensor or anything `load_image` reads.
        model: the name of a bundled model, the file of another, or a network.
        size: the longer side of the result in pixels; None keeps the photograph's.
        device, precision: see the module `synthesis`.

    Returns:
        [1, 3, H, W] in [0, 1], on the CPU.

    Raises:
        NSTError: bad input, as a sentence.
    """
    device = pick_device(device)
    network = model if isinstance(model, TransformerNetwork) else load_model(model)
    network = network.to(device, memory_format=torch.channels_last)
    photo = load_image(image, size).to(device, memory_format=torch.channels_last)
    with torch.autocast(device.type, torch.bfloat16, enabled=use_bf16(precision, device)):
        painted = network(photo)
    return painted.float().clamp(0, 1).cpu().contiguous()
