"""One loop for every picture: gradient descent on the image, coarse to fine, best picture kept."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from nst_utils.descents import LEARNING_RATE, Diverged, Enough, choose_descent
from nst_utils.errors import NSTError
from nst_utils.image import resize
from nst_utils.losses import Objective
from nst_utils.planning import announcement
from nst_utils.runtime import is_out_of_memory

EXPLOSION = 1e3  # a loss this many times its stage's first one has diverged
RETRIES = 3
SETTLED = 20  # evaluations over which a picture must have changed, if there is a tolerance
THINNEST = 32  # pixels on a coarse stage's shorter side; relu5_1 needs 16


@dataclass
class Result:
    """A finished picture and how it came about.

    Attributes:
        image: [1, 3, H, W] in [0, 1], on the CPU.
        history: one record for each evaluation of loss and gradient: "evaluation", "size" (longer
            side in pixels), "total" (weighted) and each term's unweighted loss.
        seconds: wall-clock time.
        stopped: "finished", "interrupted" (the image is the best until then) or "diverged".
        snapshots: (evaluation, uint8 array [H, W, 3]) pairs for an animation.
    """

    image: Tensor
    history: list[dict[str, float]]
    seconds: float
    stopped: str = "finished"
    snapshots: list[tuple[int, np.ndarray]] = field(default_factory=list)


@dataclass
class Stage:
    """One size of a coarse-to-fine run: `build()` makes the objective with targets at that size."""

    shape: tuple[int, int]  # (H, W) in pixels
    steps: int  # evaluations of loss and gradient
    build: Callable[[], Objective]
    fallbacks: Sequence[Callable[[], Objective]] = ()  # the same in ever less memory
    memory: int = 0  # bytes that an evaluation needs, roughly, to be told; 0 if unknown


def pyramid_shapes(
    shape: tuple[int, int], levels: int, smallest: int = 128
) -> list[tuple[int, int]]:
    """Sizes from coarse to fine, each sqrt(2) times the one before, ending at `shape` (H, W).

    At most `levels` of them, and none with a longer side under `smallest` or a shorter one under 32
    unless it is the last.
    """
    shapes = [shape]
    while len(shapes) < levels:
        height, width = (round(side / math.sqrt(2)) for side in shapes[0])
        if max(height, width) < smallest or min(height, width) < THINNEST:
            break
        shapes.insert(0, (height, width))
    return shapes


def split_steps(steps: int, stages: int) -> list[int]:
    """Share `steps` among stages: coarse ones, which are cheap and lay out the picture, get more.

    For four stages 5 : 4 : 3 : 2. Each gets at least 1.
    """
    shares = np.arange(stages + 1, 1, -1)
    ends = np.round(np.cumsum(shares) / shares.sum() * steps).astype(int)
    ends = ends.clip(np.arange(stages) + 1, np.arange(stages) + 1 + steps - stages)
    return np.diff(ends, prepend=0).tolist()


def optimize(
    stages: Sequence[Stage],
    start: Tensor,
    optimizer: str = "lbfgs",
    learning_rate: float | None = None,
    progress: bool = True,
    snapshots: int = 0,
    callback: Callable[[dict[str, float], Tensor], None] | None = None,
    tolerance: float = 0.0,
) -> Result:
    """Change the pixels of `start` until each stage's objective is as small as its steps allow.

    Args:
        stages: from coarse to fine; a stage starts from the enlarged result of the one before.
        start: [1, 3, H, W], resized to the first stage.
        optimizer: "lbfgs" (the paper's; with a strong Wolfe line search, on CUDA a `DeviceLBFGS`)
            or "adam" (pixels clamped to [0, 1] after each step, learning rate falling to a tenth
            within a stage).
        learning_rate: of Adam, in units of the pixels' range; or the first step of L-BFGS.
        progress: show a bar with the time left and each loss.
        snapshots: how many pictures to keep on the way.
        callback: called with each record and the current image; it may raise KeyboardInterrupt to
            stop the run. L-BFGS on CUDA calls it for ten records at a time, with the best image.
        tolerance: end a size early if its best picture changed by less than this in 20 evaluations
            (root mean square, in units of the pixels' range); 0 never does. What it saves is not
            spent elsewhere.

    Returns:
        A `Result`. Ctrl-C or the notebook's stop button ends the run with the best picture so far.

    Raises:
        NSTError: an unknown optimiser, no steps, or a number out of its range.
    """
    if optimizer not in LEARNING_RATE:
        raise NSTError(f"Unknown optimizer {optimizer!r}; choose 'lbfgs' or 'adam'.")
    if any(stage.steps < 1 for stage in stages):
        raise NSTError("A run needs at least 1 step.")
    if learning_rate is not None and not 0 < learning_rate < float("inf"):
        raise NSTError(f"The learning rate is {learning_rate}; it must be above 0.")
    if not 0 <= tolerance < float("inf"):
        raise NSTError(f"The tolerance is {tolerance}; it must be 0 or more.")
    run = _Run(stages, progress, snapshots, callback, tolerance)
    image, stopped = start, "finished"
    try:
        for stage in stages:
            image = resize(image, stage.shape)
            image, diverged = run.stage(stage, image, optimizer, learning_rate)
            if diverged:
                stopped = "diverged"
                print("The loss kept exploding; this is the best picture. Try a lower weight.")
                break
    except KeyboardInterrupt:
        stopped = "interrupted"
        image = image if run.best is None else run.best
    finally:
        run.bar.total = run.bar.n  # else a notebook keeps the bar of a run that ended early, in red
        run.bar.close()
    image = resize(image.detach().clamp(0, 1).cpu(), stages[-1].shape).contiguous()
    return Result(image, run.history, time.perf_counter() - run.began, stopped, run.frames)


class _Run:
    """What one call of `optimize` keeps across its stages."""

    def __init__(
        self,
        stages: Sequence[Stage],
        progress: bool,
        snapshots: int,
        callback: Callable | None,
        tolerance: float,
    ):
        self.began = time.perf_counter()
        steps = sum(stage.steps for stage in stages)
        self.work = sum(stage.steps * math.prod(stage.shape) for stage in stages)  # in pixels
        self.memory = max(stage.memory for stage in stages)
        self.bar = tqdm(total=steps, disable=not progress, leave=False, unit="eval")
        self.frame_at = set(np.linspace(1, steps, snapshots).round().astype(int).tolist())
        self.callback = callback
        self.tolerance = tolerance
        self.history: list[dict[str, float]] = []
        self.frames: list[tuple[int, np.ndarray]] = []
        self.best: Tensor | None = None

    def stage(
        self, stage: Stage, image: Tensor, optimizer: str, learning_rate: float | None
    ) -> tuple[Tensor, bool]:
        """Run one stage; return its best picture and whether it diverged for good."""
        self.best = image
        end = len(self.history) + stage.steps
        *builds, last = stage.build, *stage.fallbacks
        for build in builds:
            try:
                return self.descend(build(), end, optimizer, learning_rate)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            # Only out here, without the error, are the tensors of the failed attempt given back.
            print("Memory ran out; going on from the best picture so far in smaller tiles.")
        return self.descend(last(), end, optimizer, learning_rate)

    def descend(
        self, objective: Objective, end: int, optimizer: str, learning_rate: float | None
    ) -> tuple[Tensor, bool]:
        """Lower an objective from the best picture on, until there are `end` records."""
        self.best = self.best.to(objective.backbone.mean.device)
        self.lowest = float("inf")
        self.earlier, self.next_look = self.best, len(self.history) + SETTLED
        rate = learning_rate or LEARNING_RATE[optimizer]
        descend = choose_descent(optimizer, self.best.device)
        for _ in range(1 + RETRIES):
            pixels = self.best.clone(memory_format=torch.contiguous_format).requires_grad_()
            try:
                descend(objective, pixels, rate, end, self)
            except Enough:
                return self.best, False
            except Diverged:
                rate /= 10  # back to the best picture, in smaller steps and without the momentum
        return self.best, True

    def evaluate(self, objective: Objective, pixels: Tensor, end: int) -> Tensor:
        """Loss and gradient once: fill `pixels.grad`, record, keep the best."""
        if len(self.history) >= end or self.settled():
            raise Enough
        pixels.grad = None
        total, losses = objective(pixels)
        total.backward()
        value = total.item()
        values = {"total": value} | {name: loss.item() for name, loss in losses.items()}
        record = self.record(pixels, values)
        first = self.lowest == float("inf")
        if not math.isfinite(value) or not (first or value < EXPLOSION * self.ceiling):
            raise Diverged
        if first:
            self.ceiling = value + 1e-12
        if value < self.lowest:
            self.lowest, self.best = value, pixels.detach().clone()
        self.show(record, pixels)
        return total

    def record(self, pixels: Tensor, values: dict[str, float]) -> dict[str, float]:
        """Add the losses of one evaluation to the history and to the bar."""
        record = {"evaluation": len(self.history) + 1, "size": max(pixels.shape[-2:])} | values
        self.history.append(record)
        self.announce(math.prod(pixels.shape[-2:]))
        self.bar.update()
        self.bar.set_postfix({k: f"{v:.3g}" for k, v in values.items() if k != "total"})
        return record

    def show(self, record: dict[str, float], pixels: Tensor) -> None:
        """Keep the picture of one evaluation, if it is its turn, and hand it to the callback."""
        if record["evaluation"] in self.frame_at:
            self.frames.append((record["evaluation"], _frame(pixels)))
        if self.callback is not None:
            self.callback(record, pixels.detach())

    def settled(self) -> bool:
        """Whether the best picture has hardly changed since the last look, 20 evaluations ago."""
        if self.tolerance == 0 or len(self.history) < self.next_look:
            return False
        change = (self.best - self.earlier).square().mean().sqrt().item()
        self.earlier, self.next_look = self.best, len(self.history) + SETTLED
        return change < self.tolerance

    def announce(self, pixels: int) -> None:
        """Tell in front of the bar what the whole run needs, once two evaluations have shown it."""
        now = time.perf_counter()
        if len(self.history) == 1:
            self.first = now  # the first one also plans and allocates
        elif len(self.history) == 3:
            self.bar.set_description(
                announcement((now - self.first) / 2 * self.work / pixels, self.memory)
            )


def _frame(pixels: Tensor) -> np.ndarray:
    image = (pixels.detach()[0].clamp(0, 1) * 255).round().byte()
    return image.permute(1, 2, 0).cpu().numpy()
