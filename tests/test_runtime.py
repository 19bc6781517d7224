"""Seeds give the same numbers again, and devices are chosen or refused clearly."""

import random

import numpy as np
import pytest
import torch

from nst_utils.errors import NSTError
from nst_utils.runtime import pick_device, set_seed


def draw(seed):
    generator = set_seed(seed)
    return (
        torch.rand(3, generator=generator).tolist(),
        torch.rand(3).tolist(),
        random.random(),
        np.random.rand(3).tolist(),
    )


def test_the_same_seed_gives_the_same_numbers_everywhere():
    first, again, other = draw(3), draw(3), draw(4)
    assert first == again
    assert all(mine != theirs for mine, theirs in zip(first, other, strict=True))


def test_the_generator_is_on_the_cpu():
    assert set_seed().device == torch.device("cpu")
    assert set_seed().initial_seed() == 0


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "zero", None])
def test_bad_seeds_are_refused(seed):
    with pytest.raises(NSTError, match="seed"):
        set_seed(seed)


def machine(monkeypatch, cuda=0, mps=False):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(
    ("cuda", "mps", "best"), [(1, False, "cuda"), (0, True, "mps"), (0, False, "cpu")]
)
def test_the_fastest_device_is_picked(monkeypatch, cuda, mps, best):
    machine(monkeypatch, cuda, mps)
    assert pick_device() == torch.device(best)
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device(torch.device(best)) == torch.device(best)


def test_numbered_devices(monkeypatch):
    machine(monkeypatch, cuda=2)
    assert pick_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(NSTError, match="no device 'cuda:2'"):
        pick_device("cuda:2")


@pytest.mark.parametrize("name", ["cuda", "mps", "gpu", "meta", "", 3.5])
def test_absent_and_unknown_devices_are_refused(monkeypatch, name):
    machine(monkeypatch)
    with pytest.raises(NSTError, match="use 'cpu'") as error:
        pick_device(name)
    assert str(name) in str(error.value)
