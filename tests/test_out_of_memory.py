"""When memory runs out, a run goes on in tiles from its best picture."""

from types import SimpleNamespace

import pytest
import torch

import nst_utils as nst
from nst_utils import Objective, Stage, optimize

ERRORS = [
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
]


class Distance:
    """Squared distance to grey, which fails at its n-th evaluation."""

    backbone = SimpleNamespace(mean=torch.zeros(1))

    def __init__(self, error=None, fail_at=0):
        self.error, self.left = error, fail_at

    def __call__(self, image):
        self.left -= 1
        if self.left == 0:
            raise self.error
        loss = (image - 0.5).square().mean()
        return loss, {"distance": loss}


def run(*builds, steps=12, optimizer="adam"):
    stage = Stage((6, 8), steps, builds[0], builds[1:])
    return optimize([stage], nst.white_noise((6, 8)), optimizer, progress=False)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("error", ERRORS)
def test_out_of_memory_goes_on_from_the_best_picture(error, optimizer, capsys):
    seen = []

    def fallback():
        distance = Distance()

        def watched(image):
            seen.append(image.detach().clone())
            return distance(image)

        watched.backbone = Distance.backbone
        return watched

    result = run(lambda: Distance(error, 3), fallback, optimizer=optimizer)
    before = [record["distance"] for record in result.history[:2]]
    assert (seen[0] - 0.5).square().mean().item() == pytest.approx(min(before))
    assert result.history[2]["distance"] == pytest.approx(min(before))
    assert 3 < len(result.history) <= 12
    assert result.stopped == "finished"
    assert capsys.readouterr().out.count("Memory ran out") == 1


def test_out_of_memory_while_building_and_more_than_once(capsys):
    def build():
        raise ERRORS[1]

    result = run(build, lambda: Distance(ERRORS[0], 1), lambda: Distance(ERRORS[2], 5), Distance)
    assert len(result.history) == 12
    assert capsys.readouterr().out.count("Memory ran out") == 3


def test_other_errors_and_the_last_fallback_are_raised():
    with pytest.raises(RuntimeError, match="shapes do not match"):
        run(lambda: Distance(RuntimeError("shapes do not match"), 2), Distance)
    with pytest.raises(RuntimeError, match="out of memory"):
        run(lambda: Distance(ERRORS[0], 2))
    with pytest.raises(RuntimeError, match="can't allocate"):
        run(lambda: Distance(ERRORS[0], 2), lambda: Distance(ERRORS[1], 2))


def test_a_transfer_that_runs_out_of_memory_ends_in_tiles(monkeypatch, capsys):
    whole, count = Objective.losses, []

    def fail(self, image):
        count.append(1)
        if len(count) == 4:
            raise ERRORS[0]
        return whole(self, image)

    def transfer(**tile):
        count.clear()
        content, style = nst.white_noise((80, 100)), nst.white_noise((60, 60), 1)
        options = {"size": None, "backbone": "tiny_vgg19", "steps": 8, "pyramid": 1}
        options |= {"device": "cpu", "precision": "fp32", "progress": False}
        return nst.transfer_style(content, style, **options, **tile).history

    monkeypatch.setattr(Objective, "losses", fail)
    history = transfer()
    assert len(history) == 8
    assert len(count) == 4  # the rest came from tiles
    assert min(r["total"] for r in history[3:]) < min(r["total"] for r in history[:3])
    assert capsys.readouterr().out.count("Memory ran out") == 1
    with pytest.raises(RuntimeError, match="out of memory"):
        transfer(tile=None)
