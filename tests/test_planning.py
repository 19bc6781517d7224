"""What a run will need, computed without running it."""

import pytest
import torch

import nst_utils as nst
from nst_utils import NSTError, planning
from nst_utils.planning import (
    announcement,
    choose_tile,
    free_memory,
    history_size,
    memory_needed,
    optimizer_memory,
    sides_to_try,
)

LAYERS = (*nst.STYLE_LAYERS, nst.CONTENT_LAYER)


@pytest.fixture(scope="module")
def tiny():
    return nst.load_backbone("tiny_vgg19")


def test_announcement():
    assert announcement(59, 10**9) == ""  # nobody needs to be told
    assert announcement(238, 1_800_000_000) == "about 4 min, 1.8 GB"
    assert announcement(238, 0) == "about 4 min"
    assert announcement(7290, 0) == "about 2 h 2 min"


def test_the_optimiser_remembers_less_of_a_large_picture():
    assert history_size(3 * 512 * 512) == 20
    assert history_size(3 * 4096 * 3072) == 3
    # 3 steps of 2 vectors, and 8 further copies, of 37.7 million numbers with 4 bytes each.
    assert optimizer_memory((3072, 4096)) == 14 * 37_748_736 * 4


def test_tiles_need_less_memory_than_the_whole(tiny):
    shape = (1536, 2048)
    optimizer = optimizer_memory(shape)
    whole, large, small, half = (
        memory_needed(tiny, LAYERS, shape, bf16, side) - optimizer
        for side, bf16 in ((None, False), (512, False), (128, False), (None, True))
    )
    assert whole > 2 * large > 4 * small > 0
    assert half < whole  # by less than half: what the losses read and where the maxima were stay


def test_choose_tile():
    shape, halo, needed = (3000, 4000), 80, 10**10
    assert choose_tile(needed, needed, shape, halo) is None
    assert choose_tile(needed, needed - 1, shape, halo) is not None
    sides = [choose_tile(needed, free, shape, halo) for free in range(10**7, needed, 10**7)]
    assert sides[0] == 64
    assert set(sides) == {64, 128, 256, 512, 1024}
    assert sides == sorted(sides)
    # (256 + 160)^2 of 12 million pixels need 144 MB of the 10 GB, (512 + 160)^2 need 376 MB.
    assert choose_tile(needed, 370 * 10**6, shape, halo) == 256
    assert choose_tile(needed, 380 * 10**6, shape, halo) == 512
    # A long strip has a halo on two sides only: 100 x (512 + 160) of 100 x 4000 pixels, a sixth.
    assert choose_tile(6 * 10**6, 1.1 * 10**6, (100, 4000), halo) == 512


def test_free_memory(tmp_path):
    meminfo = tmp_path / "meminfo"
    cpu = torch.device("cpu")
    assert free_memory(cpu, meminfo) is None
    meminfo.write_text("MemTotal:  8000 kB\nMemFree:   10 kB\nMemAvailable:    5000 kB\n")
    assert free_memory(cpu, meminfo, tmp_path) == 5000 * 1024
    meminfo.write_text("MemTotal:  8000 kB\n")  # before Linux 3.14
    assert free_memory(cpu, meminfo) is None
    assert free_memory(torch.device("mps"), meminfo) is None


def test_a_container_has_the_memory_that_its_limit_leaves(tmp_path):
    meminfo, cpu = tmp_path / "meminfo", torch.device("cpu")
    meminfo.write_text("MemAvailable:    5000 kB\n")
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text(f"{700 * 1024}\n")
    assert free_memory(cpu, meminfo, tmp_path) == 5000 * 1024
    (tmp_path / "memory.max").write_text(f"{2000 * 1024}\n")
    assert free_memory(cpu, meminfo, tmp_path) == 1300 * 1024


def test_auto_tiles_when_memory_is_short_and_says_so(tiny, monkeypatch, capsys):
    def sides(tile, free=10**12, shape=(1000, 2000), **more):
        monkeypatch.setattr(planning, "free_memory", lambda device: free)
        return sides_to_try(tile, tiny, LAYERS, shape, False, **more)

    assert sides("auto") == [None, 1024, 512, 256, 128, 64]
    assert sides("auto", free=None)[0] is None
    assert sides(None, free=1) == [None]
    assert sides(300) == [300, 256, 128, 64]
    assert sides(300, shape=(200, 150)) == [None, 128, 64]
    assert capsys.readouterr().out == ""
    assert sides("auto", free=14 * 10**8) == [256, 128, 64]
    said = capsys.readouterr().out
    assert "2000x1000 pixels" in said
    needed = memory_needed(tiny, LAYERS, (1000, 2000), False)
    assert f"{needed / 1e9:.1f} GB at once and 1.4 GB are free" in said
    assert "tiles of 256 pixels" in said
    assert sides("auto", free=14 * 10**8, tell=False) == [256, 128, 64]
    assert capsys.readouterr().out == ""
    for wrong in (0, -16, True, "small", 64.0):
        with pytest.raises(NSTError, match="give its side in pixels, 'auto' or None"):
            sides(wrong)
