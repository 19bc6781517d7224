"""L-BFGS that decides on the device, against formulas and on a device that answers no question."""

import contextlib
import importlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import nst_utils as nst
from nst_utils import descents
from nst_utils.lbfgs import WARM_UP, DeviceLBFGS
from nst_utils.optimize import Stage, optimize

SHAPE = (1, 3, 2, 2)
N = 12


def random(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def bowl(seed=0):
    """1/2 x^T A x - b^T x with a random positive A; and where it is lowest."""
    root, b = random(N, N, seed=seed), random(N, seed=seed + 1)
    a = root @ root.T + torch.eye(N, dtype=torch.float64)

    def objective(image):
        x = image.flatten()
        loss = x @ a @ x / 2 - b @ x
        return loss, {"bowl": loss}

    return objective, torch.linalg.solve(a, b).view(SHAPE)


def valley(image):
    """A curved valley (Rosenbrock 1960), lowest at 1 everywhere."""
    x = image.flatten()
    loss = (100 * (x[1:] - x[:-1].square()).square() + (1 - x[:-1]).square()).sum()
    return loss, {"valley": loss}


def test_it_finds_the_bottom_of_a_bowl_and_of_a_valley():
    objective, lowest = bowl()
    descent = DeviceLBFGS(objective, random(*SHAPE, seed=5))
    descent.run(60)
    assert torch.allclose(descent.image, lowest, atol=1e-6)
    descent = DeviceLBFGS(valley, 0.3 * random(*SHAPE, seed=5))
    descent.run(300)
    assert torch.allclose(descent.image, torch.ones(SHAPE, dtype=torch.float64), atol=1e-4)


@pytest.mark.parametrize("history", [3, 20])
def test_the_direction_is_that_of_bfgs_with_the_matrix_written_out(history):
    descent = DeviceLBFGS(valley, 0.3 * random(*SHAPE, seed=5), history)
    descent.run(12)
    kept = descent.rho > 0
    assert 3 <= kept.sum() <= history
    # Nocedal & Wright 2006, equation 6.17, from the oldest pair to the newest.
    inverse = np.eye(N) * float(descent.scale)
    for s, y in zip(descent.steps[kept].numpy(), descent.changes[kept].numpy(), strict=True):
        v = np.eye(N) - np.outer(y, s) / (y @ s)
        inverse = v.T @ inverse @ v + np.outer(s, s) / (y @ s)
    expected = -inverse @ descent.gradient.numpy()
    np.testing.assert_allclose(descent.direction.numpy(), expected, rtol=1e-8)


def test_the_loss_never_rises_and_is_that_of_the_image():
    descent = DeviceLBFGS(valley, 2 * random(*SHAPE, seed=5))
    lowest = []
    for _ in range(80):
        (values,) = descent.run(1)
        lowest.append(descent.loss.item())
        assert values["total"] == values["valley"]
    assert all(after <= before for before, after in zip(lowest, lowest[1:], strict=False))
    assert lowest[-1] == valley(descent.image)[0].item()


def test_a_step_over_a_cliff_is_taken_back():
    objective, lowest = bowl()

    def cliff(image):  # no number behind the bowl's bottom, where long first steps end
        total, losses = objective(image)
        inside = (image - lowest).norm() < 5
        return torch.where(inside, total, torch.nan), losses

    start = lowest + random(*SHAPE, seed=5)
    descent = DeviceLBFGS(cliff, start, rate=1e3)
    values = [record["total"] for record in descent.run(80)]
    assert any(np.isnan(values))
    assert torch.allclose(descent.image, lowest, atol=1e-4)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_what_is_no_number_from_the_start_leaves_the_image_as_it_was(where):
    def broken(image):
        loss = image.sum() * float("nan") if where == "loss" else (0 * image).sqrt().sum()
        return loss, {"broken": loss}

    start = random(*SHAPE)
    descent = DeviceLBFGS(broken, start)
    descent.run(5)
    assert torch.equal(descent.image, start)
    assert descent.loss.isinf()


def test_it_reads_nothing_from_the_device(monkeypatch):
    """The meta device has shapes and no numbers: who asks for one gets an error."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
    backbone = nst.load_backbone("random_tiny_vgg19").to("meta")
    image = torch.rand(1, 3, 32, 48, device="meta")
    weights = nst.weigh_layers(nst.STYLE_LAYERS)
    terms = {
        "content": nst.content_term(backbone, image, convention="mean"),
        "style": nst.style_term(backbone, image, weights, convention="relative"),
        "variation": nst.variation_term(1.0),
    }
    objective = nst.Objective(backbone, terms)
    descent = DeviceLBFGS(objective, image)
    for _ in range(WARM_UP):
        descent.step()
    assert descent.image.shape == image.shape
    with pytest.raises((RuntimeError, NotImplementedError)):  # so the test can fail
        descent.loss.item()


def run(objective, steps, start, **options):
    """As `optimize` would run it on a GPU."""
    stage = Stage(tuple(start.shape[-2:]), steps, lambda: objective)
    return optimize([stage], start, progress=False, **options)


@pytest.fixture
def on_device(monkeypatch):
    module = importlib.import_module("nst_utils.optimize")  # the package's `optimize` is a function
    monkeypatch.setattr(module, "choose_descent", lambda *_: descents.descend_on_device)


class Distance:
    """Squared distance to a grey image."""

    backbone = SimpleNamespace(mean=torch.zeros(1))

    def __call__(self, image):
        loss = (image - 0.5).square().mean()
        return 2 * loss, {"distance": loss}


def test_a_gpu_gets_it_and_no_other_device():
    for optimizer, device, chosen in (
        ("lbfgs", "cuda", True),
        ("lbfgs", "cpu", False),
        ("lbfgs", "mps", False),
        ("adam", "cuda", False),
    ):
        loop = descents.choose_descent(optimizer, torch.device(device))
        assert (loop is descents.descend_on_device) == chosen


def test_a_run_has_the_records_snapshots_and_callbacks_of_any_other(on_device):
    seen = []
    start = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    result = run(Distance(), 37, start, snapshots=3, callback=lambda r, x: seen.append(r))
    assert [record["evaluation"] for record in result.history] == [*range(1, len(seen) + 1)]
    assert seen == result.history
    assert result.history[0].keys() == {"evaluation", "size", "total", "distance"}
    assert result.stopped == "finished"
    assert (result.image - 0.5).abs().max() < 1e-3
    assert len(result.history) < 37  # at the bottom it ends
    assert len(result.snapshots) >= 2


def test_a_run_can_be_interrupted_and_keeps_the_best(on_device):
    def stop(record, _):
        if record["evaluation"] == 5:
            raise KeyboardInterrupt

    start = torch.rand(1, 3, 20, 20)
    result = run(Distance(), 100, start, callback=stop)
    assert result.stopped == "interrupted"
    assert (result.image - 0.5).abs().mean() < (start - 0.5).abs().mean()


def test_a_loss_that_is_no_number_ends_as_diverged(on_device, capsys):
    class Broken(Distance):
        def __call__(self, image):
            total, losses = super().__call__(image)
            return total * float("nan"), losses

    start = torch.rand(1, 3, 20, 20)
    result = run(Broken(), 30, start)
    assert result.stopped == "diverged"
    assert torch.equal(result.image, start)
    assert "lower weight" in capsys.readouterr().out


def test_a_transfer_is_as_good_as_with_the_line_search(on_device, monkeypatch):
    china, night = nst.DATA / "content" / "china.jpg", nst.DATA / "style" / "night.jpg"
    how = {"size": 96, "steps": 120, "pyramid": 2, "backbone": "tiny_vgg19", "progress": False}
    how |= {"precision": "fp32", "seed": 0}
    ours = nst.transfer_style(china, night, **how)
    monkeypatch.undo()
    theirs = nst.transfer_style(china, night, **how)
    lowest = [min(r["total"] for r in x.history if r["size"] == 96) for x in (ours, theirs)]
    assert lowest[0] < 1.05 * lowest[1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU.")
def test_a_recorded_evaluation_does_what_the_others_do(monkeypatch):
    china, night = nst.DATA / "content" / "china.jpg", nst.DATA / "style" / "night.jpg"
    how = {"size": 96, "steps": 40, "backbone": "tiny_vgg19", "precision": "fp32"}
    recorded = nst.transfer_style(china, night, device="cuda", progress=False, **how)
    monkeypatch.setattr(DeviceLBFGS, "_record", lambda self: None)
    plain = nst.transfer_style(china, night, device="cuda", progress=False, **how)
    assert (recorded.image - plain.image).abs().mean() < 0.01
