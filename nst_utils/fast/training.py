"""Train a transformer network: the losses of `transfer_style`, minimised over a network's weights.

Optimisation changes the pixels of one picture. Here the same loss changes the weights of a network
that paints, averaged over many photographs (Johnson et al. 2016, section 3).
"""

import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm.auto import tqdm

from nst_utils.backbones import Backbone, load_backbone
from nst_utils.backbones.photos import Photos
from nst_utils.errors import NSTError
from nst_utils.fast.network import TransformerNetwork
from nst_utils.image import ImageSource, load_image, write_whole
from nst_utils.losses import Objective, content_term, style_term, variation_term
from nst_utils.runtime import pick_device, use_bf16
from nst_utils.synthesis import TRANSFER_WEIGHTS, conventions_of

CHECKPOINT_EVERY = 100  # steps, less than a minute on two cores


@dataclass(frozen=True)
class Settings:
    """How a network is trained.

    Attributes:
        steps: of Adam; its learning rate rises to `rate` and falls to nothing again.
        batch: photographs in a step.
        side: of the square crops of photographs, in pixels.
        zoom: 1 or more; a crop shows the photograph's whole shorter side, or down to 1/zoom of it.
        style_size: the style's longer side in pixels; smaller is finer strokes.
        alpha, variation: weights of the content loss and of the total variation, beside style 1.
        rate: Adam's highest learning rate.
        width: the network's, see `TransformerNetwork`.
        backbone: the network that judges, a name that `load_backbone` knows.
        seed: of the first weights and of the crops.
    """

    steps: int = 2500
    batch: int = 2
    side: int = 256
    zoom: float = 2.5
    style_size: int = 384
    alpha: float = 0.1
    variation: float = 1.0
    rate: float = 1e-3
    width: int = 16
    backbone: str = "mini_vgg19"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "side", "style_size", "rate", "width"):
            if not 0 < getattr(self, name) < float("inf"):
                raise NSTError(f"{name} is {getattr(self, name)}; it must be above 0.")
        if not 1 <= self.zoom < float("inf"):
            raise NSTError(f"zoom is {self.zoom}; it must be 1 or more.")


class PerceptualLoss:
    """L = alpha L_content + L_style + variation L_variation for a photograph and its painting.

    The content's target is the photograph; the style's, the same for all, is computed once.

    Args:
        backbone: gives the features.
        style: image [1, 3, H, W].
        alpha, variation: weights beside the style's, which is 1.
        bf16: let the backbone compute in bfloat16.
    """

    def __init__(
        self,
        backbone: Backbone,
        style: Tensor,
        alpha: float,
        variation: float = 1.0,
        bf16: bool = False,
    ) -> None:
        self.backbone, self.alpha, self.bf16 = backbone, alpha, bf16
        self.convention, style_convention = conventions_of("balanced")  # as in transfer_style
        self.style = style_term(backbone, style, TRANSFER_WEIGHTS, 1.0, style_convention, bf16)
        self.variation = variation_term(variation)

    def __call__(self, photo: Tensor, painted: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The total and each unweighted loss, scalars, for two images [1, 3, H, W]."""
        content = content_term(
            self.backbone, photo, weight=self.alpha, convention=self.convention, bf16=self.bf16
        )
        terms = {"content": content, "style": self.style, "variation": self.variation}
        return Objective(self.backbone, terms, self.bf16)(painted)


def train_step(
    network: TransformerNetwork,
    optimizer: torch.optim.Optimizer,
    photos: Tensor,
    loss: PerceptualLoss,
    bf16: bool = False,
) -> float:
    """Change the weights once, to lower the mean loss of the paintings of `photos` [B, 3, H, W].

    Returns:
        That mean, before the change.
    """
    optimizer.zero_grad(set_to_none=True)
    mean = 0.0
    for photo in photos.split(1):  # one at a time: gradients add up, memory does not
        with torch.autocast(photo.device.type, torch.bfloat16, enabled=bf16):
            painted = network(photo)
        total, _ = loss(photo, painted.float())
        (total / len(photos)).backward()
        mean += total.item() / len(photos)
    optimizer.step()
    return mean


class Training:
    """A training that can be stopped and goes on from its checkpoint, bit for bit on the CPU.

    Args:
        style: an image tensor or anything `load_image` reads.
        folder: photographs, see `Photos`.
        settings: see `Settings`.
        checkpoint: a file to go on from and to write every hundred steps; None for none.
        start: a trained network to start from, of the same width; else the weights are random.
        device: "cuda", "mps" or "cpu"; by default the fastest there is.
        progress: show progress bars.

    Raises:
        NSTError: bad input, or a checkpoint of another training.
    """

    def __init__(
        self,
        style: ImageSource,
        folder: Path,
        settings: Settings,
        checkpoint: Path | None = None,
        start: TransformerNetwork | None = None,
        device: str | None = None,
        progress: bool = True,
    ) -> None:
        self.settings, self.checkpoint, self.device = settings, checkpoint, pick_device(device)
        self.progress = progress
        self.bf16 = use_bf16("auto", self.device)
        self.photos = Photos(folder, held_out=0, progress=progress)
        backbone = load_backbone(settings.backbone)
        backbone.to(self.device, memory_format=torch.channels_last)
        painting = load_image(style, settings.style_size).to(self.device)
        self.loss = PerceptualLoss(
            backbone, painting, settings.alpha, settings.variation, self.bf16
        )
        self.network = _network(settings, start)
        self.network.to(self.device, memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=settings.rate)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, settings.rate, total_steps=settings.steps + 1, pct_start=0.1
        )
        self.done = 0
        if checkpoint is not None and checkpoint.exists():
            self._resume(checkpoint)

    def run(
        self, callback: Callable[[int, TransformerNetwork], None] | None = None
    ) -> TransformerNetwork:
        """Train to the end. Ctrl-C writes the checkpoint and raises KeyboardInterrupt.

        Args:
            callback: called as callback(steps done, network) after each step.

        Returns:
            The network, ready to paint.
        """
        total = self.settings.steps
        bar = tqdm(
            total=total, initial=self.done, disable=not self.progress, leave=False, unit="step"
        )
        recent = None
        try:
            while self.done < total:
                value = train_step(
                    self.network, self.optimizer, self._batch(), self.loss, self.bf16
                )
                self.schedule.step()
                self.done += 1
                recent = value if recent is None else 0.95 * recent + 0.05 * value
                bar.set_postfix(loss=f"{recent:.3f}")
                bar.update()
                if self.done % CHECKPOINT_EVERY == 0:
                    self.save()
                if callback is not None:
                    callback(self.done, self.network)
        except KeyboardInterrupt:
            self.save()
            raise
        finally:
            bar.total = bar.n  # else a notebook keeps the bar of a run that ended early, in red
            bar.close()
        return self.network.eval().requires_grad_(False)

    def _batch(self) -> Tensor:
        # Seeded by the step, so that a resumed training sees what it would have seen.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed * 1_000_003 + self.done)
            crops = [
                self.photos.random_crop(self.settings.side, 1 / self.settings.zoom)
                for _ in range(self.settings.batch)
            ]
        return torch.cat(crops).to(self.device, memory_format=torch.channels_last)

    def _parts(self) -> dict[str, torch.nn.Module | torch.optim.Optimizer]:
        return {"network": self.network, "optimizer": self.optimizer, "schedule": self.schedule}

    def save(self) -> None:
        """Write the checkpoint, if there is to be one; an interruption leaves the old one whole."""
        if self.checkpoint is None:
            return
        state = {name: part.state_dict() for name, part in self._parts().items()}
        data = io.BytesIO()
        torch.save({"settings": asdict(self.settings), "done": self.done, **state}, data)
        write_whole(self.checkpoint, data.getvalue())

    def _resume(self, path: Path) -> None:
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            settings, done = state["settings"], state["done"]
        except Exception as error:  # a cut-off file raises almost anything
            raise NSTError(f"{path} is no checkpoint that can be read; delete it.") from error
        if settings != asdict(self.settings):
            raise NSTError(f"{path} belongs to other settings; delete it or name another file.")
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.done = done


def _network(settings: Settings, start: TransformerNetwork | None) -> TransformerNetwork:
    """A network of its own to train: random, from the seed, or a copy of `start`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = TransformerNetwork(settings.width)
    if start is not None:
        if (start.width, start.blocks) != (network.width, network.blocks):
            raise NSTError(
                f"The model to start from has width {start.width}, the settings {settings.width}; "
                "they must be the same."
            )
        network.load_state_dict(start.state_dict())
    return network
