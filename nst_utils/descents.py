"""The loops that lower a loss by changing pixels: L-BFGS, the same on a GPU, and Adam.

Each gets the objective, the pixels to start from, a learning rate, how many records the run's
history shall have at the end, and the run of `optimize` itself, which evaluates and keeps the best.
It ends by raising `Enough` or `Diverged`.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from nst_utils.lbfgs import WARM_UP, DeviceLBFGS
from nst_utils.losses import Objective
from nst_utils.planning import history_size

LEARNING_RATE = {"adam": 0.03, "lbfgs": 1.0}  # Adam's is in units of the pixels' range [0, 1]
LOOK_EVERY = 10  # evaluations of a GPU between two looks at its losses


class Enough(Exception):
    """The evaluations of this stage are used up."""


class Diverged(Exception):
    """The loss is not finite or exploded."""


def choose_descent(optimizer: str, device: torch.device) -> Callable:
    """The loop of an optimiser: a GPU gets the L-BFGS that never makes it wait."""
    if optimizer == "lbfgs":
        return descend_on_device if device.type == "cuda" else _descend_lbfgs
    return _descend_adam


def descend_on_device(objective: Objective, pixels: Tensor, rate: float, end: int, run) -> None:
    """L-BFGS without a question between two looks at the losses."""
    descent = DeviceLBFGS(objective, pixels, history_size(pixels.numel()), rate)
    while len(run.history) < end and not run.settled():
        count = 1 if descent.done < WARM_UP else min(LOOK_EVERY, end - len(run.history))
        records = [run.record(pixels, values) for values in descent.run(count)]
        before, run.lowest = run.lowest, descent.loss.item()
        run.best = descent.image.clone()
        if not math.isfinite(run.lowest):
            raise Diverged
        for record in records:
            run.show(record, run.best)
        if count > 1 and run.lowest == before:
            break  # there is no lower point any more
    raise Enough


def _descend_lbfgs(objective: Objective, pixels: Tensor, rate: float, end: int, run) -> None:
    # Nothing is clamped in here: it would change the image behind the line search's back.
    optimizer = torch.optim.LBFGS(
        [pixels],
        lr=rate,
        max_iter=10**6,
        max_eval=10**6,
        history_size=history_size(pixels.numel()),
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )
    before = None
    while before != run.lowest:
        before = run.lowest
        optimizer.step(lambda: run.evaluate(objective, pixels, end))
    raise Enough  # the line search finds no lower point any more


def _descend_adam(objective: Objective, pixels: Tensor, rate: float, end: int, run) -> None:
    optimizer = torch.optim.Adam([pixels], lr=rate, betas=(0.9, 0.99))
    steps = end - len(run.history)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (0.55 + 0.45 * math.cos(math.pi * step / steps))
        run.evaluate(objective, pixels, end)
        optimizer.step()
        with torch.no_grad():
            pixels.clamp_(0, 1)
    raise Enough
