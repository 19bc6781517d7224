"""Make the embedded backbones: narrow copies of VGG-19 that carry its features.

    python -m nst_utils.backbones.distill --width 0.5 0.25 --images DIR --teacher FILE FILE

Each student has VGG-19's shape up to conv5_1 at a fraction of its width. It starts from the
teachers' own filters (`start_from_teachers`) and learns to restore the teachers' features: for each
supervised layer a 1x1 linear head, discarded afterwards, maps the student's channels to the
teacher's. In a second part pictures of their own are among the examples (`rehearsal`). Students
trained together share the teachers' work on each batch.
"""

import argparse
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from nst_utils.backbones.network import Backbone, scaled_widths
from nst_utils.backbones.photos import Photos
from nst_utils.backbones.probe import print_probe
from nst_utils.backbones.rehearsal import rehearse
from nst_utils.backbones.teachers import fit_ridge, load_teacher, start_from_teachers, teacher_of
from nst_utils.errors import NSTError

SUPERVISED = (
    *("relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_3"),
    *("relu4_1", "relu4_2", "relu5_1"),
)
# The layers of a block are compared on a grid this coarse, shifted at random at each step: some
# 400 to 1,600 positions of a crop are enough, and a slice is far cheaper than drawn positions.
STRIDE = {"1": 6, "2": 3, "3": 2, "4": 1, "5": 1}
GRAM_WEIGHT = 0.3
CALIBRATION = 32  # photographs for the start, the moments and the filters' scale
CHECKPOINT_EVERY = 250  # steps, some minutes on two cores
FILE_NAMES = {0.5: "mini_vgg19", 0.25: "tiny_vgg19"}


class Student(nn.Module):
    """A narrow backbone in training, with a batch norm after each convolution and linear heads."""

    def __init__(self, width: float, lesson: "Lesson", photos: Tensor) -> None:
        super().__init__()
        self.backbone = Backbone(scaled_widths(width))
        start_from_teachers(self.backbone, lesson.teachers, photos)
        self.heads = nn.ModuleDict()
        features = self.backbone(photos, SUPERVISED)
        for layer, target in lesson(photos, shift=0).items():
            rows = _sample(features[layer], layer, shift=0).flatten(0, 1)
            slope, offset = fit_ridge(rows, target.flatten(0, 1))
            self.heads[layer] = nn.Linear(*slope.shape)
            self.heads[layer].weight.data, self.heads[layer].bias.data = slope.T.clone(), offset
        _add_batch_norm(self.backbone, photos)
        self.backbone.requires_grad_(True)

    def forward(self, images: Tensor, shift: int) -> dict[str, Tensor]:
        """The teachers' standardised features as this student restores them, [B, M, C]."""
        features = self.backbone(images, SUPERVISED)
        return {
            layer: self.heads[layer](_sample(feature, layer, shift))
            for layer, feature in features.items()
        }

    def folded(self) -> Backbone:
        """A plain backbone that computes the same, the batch norms folded into the weights."""
        plain = Backbone({name: conv[0].out_channels for name, conv in self.backbone.convs.items()})
        with torch.no_grad():
            for name, (conv, norm) in self.backbone.convs.items():
                scale = norm.weight / (norm.running_var + norm.eps).sqrt()
                plain.convs[name].weight.copy_(conv.weight * scale.view(-1, 1, 1, 1))
                plain.convs[name].bias.copy_(norm.bias - norm.running_mean * scale)
        return plain


@torch.no_grad()
def _add_batch_norm(backbone: Backbone, photos: Tensor) -> None:
    """Put a batch norm behind each convolution that, on these photos, changes nothing."""
    features = backbone(photos, list(backbone.convs))
    for name, conv in list(backbone.convs.items()):
        variance, mean = torch.var_mean(features[name], dim=(0, 2, 3))
        norm = nn.BatchNorm2d(conv.out_channels, momentum=0.01)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.copy_(mean)
        norm.running_mean.copy_(mean - conv.bias)
        norm.running_var.copy_(variance)
        conv.bias = None
        backbone.convs[name] = nn.Sequential(conv, norm)


def _sample(feature: Tensor, layer: str, shift: int) -> Tensor:
    """Rows of features on a shifted grid: [B, C, H, W] to [B, M, C], float32."""
    stride = STRIDE[layer[4]]
    down, across = shift % stride, shift // stride % stride
    rows = feature[:, :, down::stride, across::stride].movedim(1, -1)
    return rows.reshape(len(feature), -1, feature.shape[1]).float()


def loss_of(
    restored: dict[str, Tensor], targets: dict[str, Tensor], gram_weight: float = GRAM_WEIGHT
) -> Tensor:
    """Mean over layers of the squared error, plus the Gram matrix's relative one, weighted.

    The targets are standardised per channel, so on photographs the mean squared error is the share
    of variance left unexplained. Noise excites the fine layers far more than any photograph does;
    an image with more energy than 1 counts relative to it, or noise would be all that is learnt.
    """
    total = 0.0
    for layer, target in targets.items():
        guess = restored[layer]
        energy = target.square().mean(dim=(1, 2)).clamp_min(1)
        error = (guess - target).square().mean(dim=(1, 2)) / energy
        gram, gram_guess = (f.transpose(1, 2) @ f / f.shape[1] for f in (target, guess))
        relative = (gram_guess - gram).square().sum(dim=(1, 2)) / gram.square().sum(dim=(1, 2))
        total = total + error.mean() + gram_weight * relative.mean()
    return total / len(targets)


class Lesson:
    """What the teachers say of a batch: features standardised per channel."""

    @torch.no_grad()
    def __init__(self, teachers: list[Backbone], photos: Tensor) -> None:
        self.teachers = teachers
        self.layers = [
            [layer for layer in SUPERVISED if teacher_of(layer, teachers) is teacher]
            for teacher in teachers
        ]
        self.moments = {}
        for layer, feature in self._features(photos).items():
            std, mean = torch.std_mean(feature, dim=(0, 2, 3))
            self.moments[layer] = (mean, std.clamp_min(1e-3))

    def _features(self, images: Tensor) -> dict[str, Tensor]:
        found = {}
        for teacher, layers in zip(self.teachers, self.layers, strict=True):
            found.update(teacher(images, layers))
        return found

    def __call__(self, images: Tensor, shift: int) -> dict[str, Tensor]:
        """Targets {layer: [B, M, C]} on the grid shifted by `shift`."""
        targets = {}
        for layer, feature in self._features(images).items():
            mean, std = (m.to(images.device) for m in self.moments[layer])
            targets[layer] = (_sample(feature, layer, shift) - mean) / std
        return targets


def enrol(widths: list[float], lesson: Lesson, photos: Photos) -> dict[str, Student]:
    """A student of each width, by the name of its file."""
    calibration = photos.centre_crops(CALIBRATION)
    return {
        FILE_NAMES.get(width, f"vgg19_x{width:g}"): Student(width, lesson, calibration)
        for width in tqdm(widths, desc="Starting from the teachers' filters", leave=False)
    }


def train(
    students: dict[str, Student],
    lesson: Lesson,
    photos: Photos,
    steps: int,
    rate: float,
    gram_weight: float,
    checkpoint: Path,
    args: argparse.Namespace,
) -> None:
    """Train the students in place; the checkpoint lets a stopped run go on."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for network in (*lesson.teachers, *students.values()):
        network.to(device, memory_format=torch.channels_last).train()
    optimizers = {n: torch.optim.AdamW(s.parameters(), lr=rate) for n, s in students.items()}
    schedules = {
        n: torch.optim.lr_scheduler.OneCycleLR(o, rate, total_steps=steps, pct_start=0.05)
        for n, o in optimizers.items()
    }
    everything = {"student": students, "optimizer": optimizers, "schedule": schedules}
    start = _resume(checkpoint, everything)
    recent: dict[str, float] = {}
    bar = tqdm(range(start, steps), initial=start, total=steps, unit="step")
    for step in bar:
        # Seeding by the step makes a resumed run see the batches that it would have seen.
        torch.manual_seed(args.seed * 1_000_003 + step)
        images = photos.batch(args.batch, args.crop).to(device, memory_format=torch.channels_last)
        shift = int(torch.randint(36, ()))
        with torch.autocast(device.type, torch.bfloat16):
            with torch.no_grad():
                targets = lesson(images, shift)
            losses = {
                n: loss_of(s(images, shift), targets, gram_weight) for n, s in students.items()
            }
        sum(losses.values()).backward()
        for name in students:
            optimizers[name].step()
            optimizers[name].zero_grad(set_to_none=True)
            schedules[name].step()
        if step % 10 == 0:
            recent = {
                n: 0.9 * recent.get(n, loss.item()) + 0.1 * loss.item()
                for n, loss in losses.items()
            }
            bar.set_postfix({n: f"{loss:.3f}" for n, loss in recent.items()})
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == steps:
            _save_checkpoint(checkpoint, step + 1, everything)
    for network in (*lesson.teachers, *students.values()):
        network.cpu().eval()


def _own_pictures(students: dict[str, Student], photos: Photos, args: argparse.Namespace) -> Tensor:
    """What the students make at this point; kept beside the checkpoint, as it takes minutes."""
    path = args.checkpoint.with_suffix(".own.pt")
    if not path.exists():
        calibration = photos.centre_crops(CALIBRATION)
        networks = [s.folded().normalise_filters(calibration.split(1)) for s in students.values()]
        torch.save(rehearse(networks, photos, args.own), path)
    return torch.load(path, weights_only=True)


def _save_checkpoint(path: Path, step: int, everything: dict) -> None:
    state = {k: {n: part.state_dict() for n, part in v.items()} for k, v in everything.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"step": step, **state}, path.with_suffix(".part"))
    path.with_suffix(".part").replace(path)  # a run stopped while writing keeps the old file


def _resume(path: Path, everything: dict) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    for kind, parts in everything.items():
        if state[kind].keys() != parts.keys():
            raise NSTError(f"{path} belongs to other widths; delete it or name another file.")
        for name, part in parts.items():
            part.load_state_dict(state[kind][name])
    return state["step"]


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=float, nargs="+", default=[0.5, 0.25])
    parser.add_argument("--images", type=Path, required=True, help="a folder of photographs")
    parser.add_argument(
        "--teacher",
        nargs="+",
        default=["torchvision"],
        help="'torchvision' or weight files; the first one that has a layer teaches it",
    )
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--more-steps", type=int, default=1500, help="with the students' pictures")
    parser.add_argument("--own", type=int, default=72, help="pictures that each student makes")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=160, help="pixels")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", type=Path, default=Path("checkpoints/distill.pt"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Train, write the files, print the table; the exit code is 2 on bad input."""
    args = parse(argv)
    args.out.mkdir(parents=True, exist_ok=True)  # not after an hour's training
    try:
        photos = Photos(args.images, held_out=32)
        print(f"Learning from {len(photos.training):,} photographs.")
        calibration = photos.centre_crops(CALIBRATION)
        lesson = Lesson([load_teacher(t, calibration.split(1)) for t in args.teacher], calibration)
        torch.manual_seed(args.seed)
        students = enrol(args.width, lesson, photos)
        first, second = args.checkpoint, args.checkpoint.with_suffix(".second.pt")
        train(students, lesson, photos, args.steps, args.lr, GRAM_WEIGHT, first, args)
        photos.own = _own_pictures(students, photos, args)
        # Gram matrices matter most from now on, so they weigh as much as the features.
        train(students, lesson, photos, args.more_steps, args.lr / 3, 1.0, second, args)
    except NSTError as error:
        print(error, file=sys.stderr)
        return 2
    paths = []
    for name, student in students.items():
        plain = student.folded().normalise_filters(calibration.split(1))
        path = args.out / f"{name}.safetensors"
        save_file({k: v.half().contiguous() for k, v in plain.convs.state_dict().items()}, path)
        print(f"Wrote {path}.")
        paths.append(path)
    print_probe(paths, lesson.teachers, photos)
    return 0


if __name__ == "__main__":
    sys.exit(main())
