"""L-BFGS for GPUs: no decision leaves the device, so it never waits for Python.

`torch.optim.LBFGS` reads the loss after each evaluation to steer its line search, and a GPU stands
still until the answer is back. Here arithmetic decides (`torch.where`): every evaluation runs the
same operations, which CUDA can record once and replay.
"""

from collections.abc import Callable

import torch
from torch import Tensor

WARM_UP = 3  # evaluations before recording: libraries set themselves up in the first ones
DESCENT = 1e-4  # of the decrease that the slope promises, the least to accept (Armijo's condition)


class DeviceLBFGS:
    """L-BFGS with backtracking (Nocedal & Wright 2006, algorithms 7.4 and 3.1).

    An evaluation that goes down is accepted and gives the next direction; after any other the step
    is shortened, and the next evaluation tries again.

    Args:
        objective: total and each term's loss of an image, as an `Objective` gives them; it must not
            read a number from the device.
        image: where to start, [1, 3, H, W].
        history: how many steps to remember.
        rate: of the first step, which is rate x the gradient, cut to a length of 1 in all.

    Attributes:
        image: the lowest so far, [1, 3, H, W].
        loss: its total, a scalar; infinite before the first evaluation.
        done: how many evaluations there were.
    """

    def __init__(
        self,
        objective: Callable[[Tensor], tuple[Tensor, dict[str, Tensor]]],
        image: Tensor,
        history: int = 20,
        rate: float = 1.0,
    ) -> None:
        self.objective, self.rate, self.done = objective, rate, 0
        self.image = image.detach().clone()
        flat = self.image.flatten()
        self.loss = flat.new_full((), float("inf"))
        self.gradient, self.direction = torch.zeros_like(flat), torch.zeros_like(flat)
        self.length, self.slope = flat.new_ones(()), flat.new_zeros(())
        # s_k and y_k, newest last, and rho_k = 1 / s_k y_k: a row of zeros changes nothing.
        self.steps, self.changes = (flat.new_zeros(history, len(flat)) for _ in range(2))
        self.rho, self.scale = flat.new_zeros(history), flat.new_ones(())
        self.evaluate = self.step
        # CUDA records no default stream, and what warms up should be the stream that is recorded.
        self.stream = torch.cuda.Stream(image.device) if image.is_cuda else None

    def run(self, count: int) -> list[dict[str, float]]:
        """Evaluate `count` times without a pause; then read "total" and each term's loss of all."""
        rows = []
        if self.stream is not None:
            self.stream.wait_stream(torch.cuda.current_stream(self.image.device))
        with torch.cuda.stream(self.stream):  # does nothing for None
            for _ in range(count):
                if self.done == WARM_UP and self.stream is not None:
                    self._record()
                self.evaluate()
                self.done += 1
                rows.append(self.losses.clone())
            values = torch.stack(rows).tolist()
        return [dict(zip(self.names, row, strict=True)) for row in values]

    def step(self) -> None:
        """One evaluation of loss and gradient, and what follows from it; all in place."""
        step = self.length * self.direction
        pixels = (self.image + step.view_as(self.image)).requires_grad_()
        total, losses = self.objective(pixels)
        gradient = torch.autograd.grad(total, pixels)[0].flatten()
        total, pixels = total.detach(), pixels.detach()
        self._keep_losses({"total": total} | losses)

        promised = self.length * self.slope
        lower = (total <= self.loss + DESCENT * promised) & gradient.isfinite().all()
        self._remember(lower & self.loss.isfinite(), step, gradient - self.gradient)
        # Too far: on to where the parabola through both losses and the slope is lowest.
        shorter = (-promised / (2 * (total - self.loss - promised))).nan_to_num(0.1).clamp(0.1, 0.5)
        _replace(lower, self.image, pixels)
        _replace(lower, self.loss, total)
        _replace(lower, self.gradient, gradient)
        direction = -self._precondition(self.gradient)
        _replace(lower, self.direction, direction)
        _replace(lower, self.slope, self.gradient @ direction)
        first = self.rate * (1 / self.gradient.abs().sum()).clamp(max=1.0)
        whole = torch.where(self.rho[-1] > 0, torch.ones_like(first), first)
        self.length.copy_(torch.where(lower, whole, shorter * self.length))

    def _remember(self, good: Tensor, step: Tensor, change: Tensor) -> None:
        """Push a pair on the history, if the loss is convex along it."""
        product, square = step @ change, change @ change
        good = good & (product > 1e-10 * square)
        _replace(good, self.scale, product / square)
        for rows, new in ((self.steps, step), (self.changes, change), (self.rho, 1 / product)):
            for row, after in zip(rows, [*rows[1:], new], strict=True):
                _replace(good, row, after)

    def _precondition(self, gradient: Tensor) -> Tensor:
        """The inverse Hessian's estimate times the gradient, in two loops (algorithm 7.4)."""
        pairs = list(zip(self.steps, self.changes, self.rho, strict=True))
        q, factors = gradient, []
        for s, y, rho in reversed(pairs):
            factors.append(rho * (s @ q))
            q = q - factors[-1] * y
        q = q * self.scale
        for s, y, rho in pairs:
            q = q + (factors.pop() - rho * (y @ q)) * s
        return q

    def _keep_losses(self, losses: dict[str, Tensor]) -> None:
        values = torch.stack([loss.detach() for loss in losses.values()])
        if self.done == 0:
            self.names, self.losses = list(losses), values
        else:
            self.losses.copy_(values)

    def _record(self) -> None:
        """Record `step` as a CUDA graph: one call in place of a thousand launches."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                self.step()
        except RuntimeError:  # a term that asks the device after all, or too little memory
            return
        self.evaluate = graph.replay


def _replace(condition: Tensor, old: Tensor, new: Tensor) -> None:
    """Write `new` into `old` where a condition on the device holds."""
    old.copy_(torch.where(condition, new, old))
