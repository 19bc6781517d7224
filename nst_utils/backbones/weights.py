"""Where a backbone's weights come from: embedded files, torchvision's download, or a seed."""

import hashlib
import pickle
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from nst_utils.backbones.network import VGG19_WIDTHS, Backbone, scaled_widths
from nst_utils.errors import NSTError
from nst_utils.image import DATA, load_image

HERE = Path(__file__).parent
# SHA-256 of the files that `python -m nst_utils.backbones.distill` wrote.
EMBEDDED_SHA256 = {
    "mini_vgg19": "a5023c6b3b20d76b0fb736d6f33e2214f1289af90d60d8be2554290b3af262e3",
    "tiny_vgg19": "818dc34a4dd64dbf6448c3afcc7d91f607bcc17e49eaadb8d08d15edd3af5bbc",
}
WIDTHS = {
    "mini_vgg19": scaled_widths(0.5),
    "tiny_vgg19": scaled_widths(0.25),
    "vgg19": VGG19_WIDTHS,
}
BACKBONES = (*WIDTHS, *(f"random_{name}" for name in WIDTHS))
SCHEMES = {
    "he": nn.init.kaiming_normal_,
    "xavier": nn.init.xavier_normal_,
    "orthogonal": nn.init.orthogonal_,
}


def load_backbone(
    name: str = "mini_vgg19",
    pooling: str = "max",
    seed: int = 0,
    scheme: str = "he",
    first_padding: str = "replicate",
    normalise: bool = True,
) -> Backbone:
    """A ready network: called on an image and a list of layer names, it returns their features.

    Args:
        name: "mini_vgg19" (embedded, half of VGG-19's width, the default), "tiny_vgg19" (embedded,
            a quarter), "vgg19" (torchvision's, 548 MB on first use), or the same shapes with random
            weights: "random_mini_vgg19", "random_tiny_vgg19", "random_vgg19".
        pooling: "max", "average" or "l2".
        seed: for random weights only.
        scheme: for random weights only: "he", "xavier" or "orthogonal".
        first_padding: padding of conv1_1; "replicate" keeps dark frames out of pictures, "zeros" is
            VGG's own.
        normalise: give every filter a mean activation of 1 over photographs, as Gatys et al. did,
            so that alpha/beta means the same on every backbone. The embedded weights always are.

    Returns:
        A `Backbone` on the CPU; no parameter needs a gradient.

    Raises:
        NSTError: an unknown name, weights that are missing or damaged, or no network to fetch them.
    """
    if name not in BACKBONES:
        raise NSTError(f"Unknown backbone {name!r}; choose one of {', '.join(BACKBONES)}.")
    shape = name.removeprefix("random_")
    with torch.random.fork_rng(devices=[]):  # a layer starts with random weights, used or not
        backbone = Backbone(WIDTHS[shape], pooling=pooling, first_padding=first_padding)
    if name in EMBEDDED_SHA256:
        path = HERE / f"{name}.safetensors"
        backbone.load_state_dict(_read(path, EMBEDDED_SHA256[name]), strict=False)
        return backbone
    if name == "vgg19":
        backbone.convs.load_state_dict(_torchvision_vgg19())
    else:
        _randomise(backbone, seed, scheme)
    if normalise:
        photos = sorted((DATA / "content").glob("*.jpg"))
        backbone.normalise_filters(load_image(photo, size=256) for photo in photos)
    return backbone


def _read(path: Path, sha256: str) -> dict[str, Tensor]:
    """The float32 weights of a safetensors file whose hash is as it should be."""
    if not path.is_file():
        raise NSTError(f"The weights {path.name} are missing from the package; install it again.")
    if _sha256(path) != sha256:
        raise NSTError(f"The weights {path.name} are damaged (wrong SHA-256); install them again.")
    return {f"convs.{key}": value.float() for key, value in load_file(path).items()}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _torchvision_vgg19() -> dict[str, Tensor]:
    """VGG-19's ImageNet weights under the paper's layer names."""
    from torchvision.models import VGG19_Weights

    weights = VGG19_Weights.IMAGENET1K_V1
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file = folder / Path(weights.url).name
    # torchvision checks a download, this a file placed by hand; the name ends in the hash.
    if file.is_file() and not _sha256(file).startswith(file.stem.rpartition("-")[2]):
        raise NSTError(f"{file} is damaged (wrong SHA-256); delete it and fetch it again.")
    try:
        state = weights.get_state_dict(check_hash=True, weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise NSTError(
            f"VGG-19's weights (548 MB) could not be fetched or read ({error}). Put {weights.url}, "
            f"fetched on a machine with internet, into {folder}, or use 'mini_vgg19'."
        ) from error
    # features.0.weight, features.0.bias, features.2.weight ...: in the order of the network
    values = [value for key, value in state.items() if key.startswith("features.")]
    names = [f"{name}.{kind}" for name in VGG19_WIDTHS for kind in ("weight", "bias")]
    return dict(zip(names, values, strict=True))


def _randomise(backbone: Backbone, seed: int, scheme: str) -> None:
    """Fresh random filters and zero biases, the same for the same seed on every machine."""
    if scheme not in SCHEMES:
        raise NSTError(f"Unknown scheme {scheme!r}; choose one of {', '.join(SCHEMES)}.")
    generator = torch.Generator().manual_seed(seed)
    for conv in backbone.convs.values():
        SCHEMES[scheme](conv.weight, generator=generator)
        nn.init.zeros_(conv.bias)
