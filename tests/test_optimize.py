"""The loop on small made-up objectives: descent, best-so-far, explosions, interrupts, stages."""

import itertools
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tqdm.notebook import tqdm as tqdm_notebook

from nst_utils.errors import NSTError
from nst_utils.image import resize
from nst_utils.optimize import Stage, optimize, pyramid_shapes, split_steps

SHAPE = (6, 8)


def draw(seed, shape=SHAPE):
    return torch.rand(1, 3, *shape, generator=torch.Generator().manual_seed(seed))


class Distance:
    """Squared distance to a target image, with a disturbance of the n-th evaluation (from 1)."""

    backbone = SimpleNamespace(mean=torch.zeros(1))

    def __init__(self, target, disturb=lambda n, loss: loss):
        self.target, self.disturb, self.count = target, disturb, 0

    def __call__(self, image):
        self.count += 1
        loss = self.disturb(self.count, (image - self.target).square().mean())
        return 2 * loss, {"distance": loss}


def run(objective, steps=30, start=None, **options):
    start = draw(1) if start is None else start
    stage = Stage(tuple(start.shape[-2:]), steps, lambda: objective)
    return optimize([stage], start, progress=False, **options)


def loss_of(result, target):
    return (result.image - target).square().mean().item()


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_both_optimizers_reach_the_target(optimizer):
    target = draw(0)
    result = run(Distance(target), steps=100, optimizer=optimizer)
    assert loss_of(result, target) < 1e-4 * loss_of(SimpleNamespace(image=draw(1)), target)
    assert result.stopped == "finished"
    assert result.seconds > 0


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_history_has_every_evaluation_and_term(optimizer):
    result = run(Distance(draw(0)), steps=7, optimizer=optimizer)
    assert 1 <= len(result.history) <= 7
    assert [record["evaluation"] for record in result.history] == [
        *range(1, len(result.history) + 1)
    ]
    for record in result.history:
        assert set(record) == {"evaluation", "size", "total", "distance"}
        assert record["size"] == 8
        assert record["total"] == pytest.approx(2 * record["distance"])
    first = (draw(1) - draw(0)).square().mean().item()
    assert result.history[0]["distance"] == pytest.approx(first)


def test_adam_uses_all_its_steps_and_lbfgs_stops_at_the_bottom():
    assert len(run(Distance(draw(0)), steps=200, optimizer="adam").history) == 200
    lbfgs = run(Distance(draw(0)), steps=200, optimizer="lbfgs")
    assert len(lbfgs.history) < 100
    assert lbfgs.stopped == "finished"


def test_pixels_stay_in_range():
    outside = 3 * draw(0) - 1
    seen = []
    options = {"steps": 100, "callback": lambda _, image: seen.append(image.clone())}
    adam = run(Distance(outside), optimizer="adam", **options)
    assert torch.stack(seen).min() >= 0
    assert torch.stack(seen).max() <= 1
    lbfgs = run(Distance(outside), optimizer="lbfgs", **options)
    assert torch.stack(seen).min() < -0.5  # the line search is not disturbed by clamping
    for result in (adam, lbfgs):
        torch.testing.assert_close(result.image, outside.clamp(0, 1), rtol=0, atol=0.02)


def test_the_best_picture_is_kept_when_the_loss_rises_again():
    seen = []
    worse_later = Distance(draw(0), lambda n, loss: loss + (n > 5) * 0.5)
    result = run(
        worse_later,
        steps=12,
        optimizer="adam",
        callback=lambda _, image: seen.append(image.clone()),
    )
    totals = [record["total"] for record in result.history]
    assert np.argmin(totals) == 4
    assert torch.equal(result.image, seen[4])
    assert not torch.equal(result.image, seen[-1])


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_an_interrupt_returns_the_best_picture_so_far(optimizer):
    target = draw(0)

    def stop(record, image):
        if record["evaluation"] == 4:
            raise KeyboardInterrupt

    result = run(Distance(target), callback=stop, optimizer=optimizer)
    assert result.stopped == "interrupted"
    assert len(result.history) == 4
    lowest = min(record["distance"] for record in result.history)
    assert loss_of(result, target) == pytest.approx(lowest, rel=1e-5)


def test_an_interrupt_before_the_first_evaluation_returns_the_start():
    def build():
        raise KeyboardInterrupt

    result = optimize([Stage(SHAPE, 3, build)], draw(1), progress=False)
    assert result.stopped == "interrupted"
    assert torch.equal(result.image, draw(1))


def nan_at(*evaluations):
    return lambda n, loss: loss * (float("nan") if n in evaluations else 1.0)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize(
    "problem",
    [
        nan_at(4),
        lambda n, loss: loss + 1e6 * (n == 4),
        lambda n, loss: loss / (0.0 if n == 4 else 1.0),
    ],
)
def test_an_explosion_is_stepped_back_and_the_run_goes_on(problem, optimizer):
    target, seen = draw(0), []
    result = run(
        Distance(target, problem),
        steps=60,
        optimizer=optimizer,
        callback=lambda record, image: seen.append((record, image.clone())),
    )
    assert result.stopped == "finished"
    assert 4 not in [record["evaluation"] for record, _ in seen]
    before = min(seen[:3], key=lambda pair: pair[0]["total"])
    assert torch.equal(seen[3][1], before[1])  # evaluation 5 starts again from the best picture
    start = result.history[0]["distance"]
    assert loss_of(result, target) < 0.7 * start


def test_after_an_explosion_the_steps_are_smaller():
    moves = []
    for problem in (nan_at(), nan_at(4)):
        seen = []
        run(
            Distance(draw(0), problem),
            steps=10,
            optimizer="adam",
            callback=lambda _, image, seen=seen: seen.append(image.clone()),
        )
        moves.append((seen[-1] - seen[-2]).abs().max())
    assert moves[1] < 0.3 * moves[0]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_loss_that_keeps_exploding_ends_with_the_best_picture(optimizer, capsys):
    target = draw(0)
    result = run(
        Distance(target, lambda n, loss: loss * (math.nan if n > 3 else 1.0)), optimizer=optimizer
    )
    assert result.stopped == "diverged"
    assert "exploding" in capsys.readouterr().out
    lowest = min(record["distance"] for record in result.history[:3])
    assert loss_of(result, target) == pytest.approx(lowest, rel=1e-5)
    assert len(result.history) < 10  # it does not use up the steps


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_loss_that_is_never_a_number_gives_the_start_back(optimizer):
    result = run(Distance(draw(0), lambda n, loss: loss * math.nan), optimizer=optimizer)
    assert result.stopped == "diverged"
    assert torch.equal(result.image, draw(1))


def test_a_gradient_that_is_not_a_number_is_noticed():
    def problem(n, loss):  # the derivative of the root at 0 is infinite, times 0 is NaN
        return loss + (loss * 0).sqrt() if n == 2 else loss

    result = run(Distance(draw(0), problem), optimizer="adam")
    assert result.stopped == "finished"
    assert result.image.isfinite().all()
    assert result.history[-1]["distance"] < 0.8 * result.history[0]["distance"]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_an_explosion_at_the_last_evaluation(optimizer):
    result = run(Distance(draw(0), nan_at(5)), steps=5, optimizer=optimizer)
    assert len(result.history) == 5
    assert result.image.isfinite().all()


# Stages, snapshots, progress


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_picture_that_no_longer_changes_ends_its_size_early(optimizer):
    slow = dict(
        optimizer=optimizer, steps=400, learning_rate=0.003 if optimizer == "adam" else 0.01
    )
    whole = run(Distance(draw(0)), **slow)
    early = run(Distance(draw(0)), tolerance=0.003, **slow)
    assert 40 <= len(early.history) < len(whole.history)
    assert len(early.history) % 20 == 0  # it looks at every twentieth evaluation
    assert early.stopped == "finished"
    change = (early.image - whole.image).square().mean().sqrt().item()
    assert change < 0.1


def test_a_picture_that_still_changes_uses_all_its_steps():
    result = run(Distance(draw(0)), steps=45, optimizer="adam", learning_rate=0.003, tolerance=1e-5)
    assert len(result.history) == 45


def test_pyramid_shapes_double_in_area_up_to_the_shape():
    shapes = pyramid_shapes((288, 384), 4)
    assert shapes[-1] == (288, 384)
    assert len(shapes) == 4
    for small, large in zip(shapes, shapes[1:], strict=False):
        assert math.prod(large) / math.prod(small) == pytest.approx(2, rel=0.02)
    assert pyramid_shapes((288, 384), 1) == [(288, 384)]
    assert min(map(max, pyramid_shapes((288, 384), 99))) >= 128
    assert pyramid_shapes((40, 50), 4) == [(40, 50)]


def test_a_pyramid_does_not_make_a_panorama_too_thin():
    assert min(map(min, pyramid_shapes((40, 400), 4))) >= 32


@pytest.mark.parametrize(("steps", "stages"), [(400, 4), (300, 1), (7, 3), (4, 4)])
def test_all_steps_are_shared_out_and_coarse_stages_get_more(steps, stages):
    shares = split_steps(steps, stages)
    assert sum(shares) == steps
    assert len(shares) == stages
    assert min(shares) >= 1
    assert shares == sorted(shares, reverse=True)


def test_no_step_is_lost_for_any_number_of_stages():
    for stages in range(1, 7):
        for steps in range(stages, 40):
            shares = split_steps(steps, stages)
            assert sum(shares) == steps
            assert min(shares) >= 1
    assert split_steps(140, 4) == [50, 40, 30, 20]


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_each_stage_starts_from_the_enlarged_best_of_the_one_before(optimizer):
    shapes, seen = [(6, 8), (9, 12)], []
    stages = [Stage(s, 5, lambda s=s: Distance(draw(0, s))) for s in shapes]
    result = optimize(
        stages,
        draw(1),
        optimizer,
        progress=False,
        callback=lambda record, image: seen.append((record, image.clone())),
    )
    assert result.image.shape == (1, 3, 9, 12)
    small = [pair for pair in seen if pair[0]["size"] == 8]
    large = [pair for pair in seen if pair[0]["size"] == 12]
    assert 1 <= len(small) <= 5
    assert 1 <= len(large) <= 5
    best = min(small, key=lambda pair: pair[0]["total"])[1]
    torch.testing.assert_close(large[0][1], resize(best, (9, 12)))


def test_snapshots_are_spread_over_the_run():
    result = run(Distance(draw(0)), steps=21, optimizer="adam", snapshots=5)
    assert [evaluation for evaluation, _ in result.snapshots] == [1, 6, 11, 16, 21]
    for _, frame in result.snapshots:
        assert frame.shape == (6, 8, 3)
        assert frame.dtype == np.uint8
    start = (draw(1)[0].permute(1, 2, 0) * 255).round().numpy()
    np.testing.assert_array_equal(result.snapshots[0][1], start)
    assert run(Distance(draw(0)), steps=5).snapshots == []


def test_the_progress_bar_shows_the_terms_and_leaves_nothing(capsys):
    stage = Stage(SHAPE, 3, lambda: Distance(draw(0)))
    optimize([stage], draw(1), "adam", progress=True)
    shown = capsys.readouterr().err
    assert "/3" in shown
    assert "eval" in shown
    assert shown.endswith("\r")
    optimize([stage], draw(1), "adam", progress=False)
    assert capsys.readouterr().err == ""


def test_a_notebooks_bar_goes_also_when_a_run_ends_early(monkeypatch):
    bars = []

    def bar(**options):
        bars.append(tqdm_notebook(**options))
        return bars[-1]

    monkeypatch.setattr(sys.modules["nst_utils.optimize"], "tqdm", bar)
    stage = Stage(SHAPE, 50, lambda: Distance(draw(0)))
    result = optimize([stage], draw(0))  # the start is the goal: no step finds a lower point
    assert len(result.history) < 50
    assert bars[0].container.comm is None, "The bar is still shown."


def test_the_bar_tells_what_a_long_run_needs(monkeypatch, capsys):
    clock = itertools.count(step=10)  # ten seconds for each evaluation of 6 x 8 pixels
    fake = SimpleNamespace(perf_counter=lambda: next(clock))
    monkeypatch.setattr(sys.modules["nst_utils.optimize"], "time", fake)
    stages = [
        Stage(shape, 5, lambda shape=shape: Distance(draw(0, shape)), memory=memory)
        for shape, memory in (((6, 8), 10**8), ((12, 16), 1_800_000_000))
    ]
    optimize(stages, draw(1), "adam")
    # 5 evaluations of 10 s, and 5 of four times as many pixels: 250 s.
    assert "about 4 min, 1.8 GB" in capsys.readouterr().err


def test_unknown_optimizers_and_no_steps_are_refused():
    with pytest.raises(NSTError, match="'sgd'.*'lbfgs' or 'adam'"):
        run(Distance(draw(0)), optimizer="sgd")
    with pytest.raises(NSTError, match="at least 1 step"):
        run(Distance(draw(0)), steps=0)
    with pytest.raises(NSTError, match="tolerance is -1"):
        run(Distance(draw(0)), tolerance=-1)
    for rate in (0, -1, math.nan):
        with pytest.raises(NSTError, match="learning rate is"):
            run(Distance(draw(0)), learning_rate=rate)
