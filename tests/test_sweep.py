"""Sweeps: grids, records, errors, interrupts, a cluster that loses a worker; the ablations."""

import json
import os
import signal
import threading
import time
from functools import partial
from pathlib import Path

import joblib
import pytest
import torch

import nst_utils as nst
from nst_utils import NSTError
from nst_utils.ablations import (
    GRIDS,
    PAIR,
    RECORDS,
    ablation,
    leave_one_out,
    partial_style_term,
    scores,
    transfer,
)
from nst_utils.sweeping import _path, settings_of


def called(folder):
    """How often a task was called; each call leaves a file."""
    return len(list(Path(folder).glob("call-*")))


def leave_a_mark(folder):
    (Path(folder) / f"call-{os.getpid()}-{time.perf_counter_ns()}").touch()


def area(folder, width, height):
    leave_a_mark(folder)
    if width == 3:
        raise ValueError("three is too wide")
    return {"area": width * height}


def slow_square(folder, number):
    leave_a_mark(folder)
    time.sleep(0.3)
    return number**2


def test_a_dict_is_the_product_of_its_values_and_a_list_is_taken_as_it_is():
    grid = {"width": [1, 2], "height": (3, 4), "unit": "px"}
    settings = settings_of(grid)
    assert [(s["width"], s["height"]) for s in settings] == [(1, 3), (1, 4), (2, 3), (2, 4)]
    assert {s["unit"] for s in settings} == {"px"}
    assert settings_of([{"a": 1}, {"b": 2}]) == [{"a": 1}, {"b": 2}]


def test_a_failing_setting_is_recorded_and_does_not_lose_the_others(tmp_path):
    grid = {"folder": [str(tmp_path)], "width": [2, 3, 4], "height": [5]}
    records = nst.sweep(grid, area, cache=tmp_path / "cache", progress=False)
    assert [r["width"] for r in records] == [2, 3, 4]
    assert [r.get("area") for r in records] == [10, None, 20]
    assert records[1]["error"] == "ValueError: three is too wide"
    assert "seconds" in records[0]
    # Errors are tried again, results are not computed again.
    assert called(tmp_path) == 3
    again = nst.sweep(grid, area, cache=tmp_path / "cache", progress=False)
    assert again == records
    assert called(tmp_path) == 4


def test_a_stopped_sweep_goes_on_where_it_was(tmp_path, capsys):
    def impatient(number):
        leave_a_mark(tmp_path)
        if number == 2 and called(tmp_path) < 4:
            raise KeyboardInterrupt
        return number**2

    grid = {"number": [0, 1, 2, 3]}
    some = nst.sweep(grid, impatient, cache=tmp_path, progress=False)
    assert [r["value"] for r in some] == [0, 1]
    assert "Stopped after 2 of 4 settings." in capsys.readouterr().out
    every = nst.sweep(grid, impatient, cache=tmp_path, progress=False)
    assert [r["value"] for r in every] == [0, 1, 4, 9]
    assert called(tmp_path) == 3 + 2
    assert not list(tmp_path.glob("*.tmp*"))


def test_the_hash_knows_task_and_settings_but_not_their_order(tmp_path):
    def other(folder, width, height):
        return width + height

    here = str(tmp_path)
    nst.sweep([{"folder": here, "width": 2, "height": 5}], area, cache=tmp_path, progress=False)
    nst.sweep([{"height": 5, "width": 2, "folder": here}], area, cache=tmp_path, progress=False)
    assert called(tmp_path) == 1
    nst.sweep([{"folder": here, "width": 5, "height": 2}], area, cache=tmp_path, progress=False)
    assert called(tmp_path) == 2
    settings = [{"folder": here, "width": 2, "height": 5}]
    assert nst.sweep(settings, other, cache=tmp_path, progress=False)[0]["value"] == 7
    kept = list(tmp_path.glob("*.json"))
    assert len(kept) == 3
    found = [json.loads(file.read_text()) for file in kept]
    assert sorted(file["result"]["value"] for file in found if "value" in file["result"]) == [7]
    assert all(file["settings"]["folder"] == here for file in found)


def test_tensors_become_numbers_and_what_json_cannot_hold_is_an_error():
    def task(kind):
        return {"number": torch.tensor(2.5), "list": [1], "object": object}[kind]

    number, several, thing = nst.sweep({"kind": ["number", "list", "object"]}, task, progress=False)
    assert number["value"] == 2.5
    assert several["value"] == [1]
    assert "TypeError" in thing["error"]
    (clash,) = nst.sweep({"kind": [1]}, lambda kind: {"kind": kind}, progress=False)
    assert "which the record has already" in clash["error"]


def test_several_processes_give_the_same_table(tmp_path):
    grid = {"folder": [str(tmp_path)], "number": [3, 1, 2]}
    records = nst.sweep(grid, slow_square, n_jobs=2, progress=False)
    assert [r["value"] for r in records] == [9, 1, 4]
    assert len({file.name.split("-")[1] for file in tmp_path.glob("call-*")} - {os.getpid()}) > 0


def test_bad_grids_and_tasks_are_refused():
    for grid in ({}, [], [{}], {"a": []}):
        with pytest.raises(NSTError, match="no settings"):
            nst.sweep(grid, abs)
    with pytest.raises(NSTError, match="JSON cannot hold"):
        nst.sweep({"image": [torch.zeros(1)]}, abs)
    with pytest.raises(NSTError, match="JSON cannot hold"):
        nst.sweep({"x": [float("nan")]}, abs)
    with pytest.raises(NSTError, match="no name"):
        nst.sweep({"x": [1]}, partial(abs))


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_still_gives_every_record_once(tmp_path):
    distributed = pytest.importorskip("distributed")
    grid = {"folder": [str(tmp_path)], "number": list(range(12))}

    def kill_a_worker():
        while called(tmp_path) < 3:  # in the middle
            time.sleep(0.02)
        newest = max(tmp_path.glob("call-*"), key=lambda file: file.stat().st_mtime)
        os.kill(int(newest.name.split("-")[1]), signal.SIGKILL)

    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        killer = threading.Thread(target=kill_a_worker, daemon=True)
        killer.start()
        records = nst.sweep(grid, slow_square, cache=tmp_path / "cache", progress=False)
        killer.join(timeout=5)
    assert not killer.is_alive()
    assert [r["number"] for r in records] == list(range(12))
    assert [r["value"] for r in records] == [n**2 for n in range(12)]
    pids = {file.name.split("-")[1] for file in tmp_path.glob("call-*")}
    assert len(pids) >= 2
    assert called(tmp_path) >= 13  # what the lost worker was at is done again
    assert len(list((tmp_path / "cache").glob("*.json"))) == 12


# the ablations of notebook 06


def test_a_term_that_keeps_every_channel_is_the_style_term():
    network = nst.load_backbone("tiny_vgg19")
    painting, image = (nst.white_noise((32, 48), seed) for seed in (1, 2))
    weights = {"relu1_1": 0.7, "relu3_1": 0.3}
    term = partial_style_term(network, painting, weights, keep=1.0, seed=0)
    expected = nst.style_term(network, painting, weights, convention="relative")
    features = network(image, weights)
    torch.testing.assert_close(term.function(features, image), expected.function(features, image))
    # With one of 16 channels left, the Gram matrix is that channel's mean square.
    one = partial_style_term(network, painting, {"relu1_1": 1.0}, keep=1 / 16, seed=3)
    here, there = (network(x, ["relu1_1"])["relu1_1"][0] for x in (image, painting))
    squares = zip(here.square().mean((1, 2)), there.square().mean((1, 2)), strict=True)
    shares = torch.stack([abs(a - b) / b for a, b in squares])
    found = one.function(network(image, ["relu1_1"]), image)
    assert (shares - found).abs().min() < 1e-4


def test_the_scores_know_both_ends():
    photo, painting = (nst.load_image(path, 96) for path in nst.gallery.pair_paths(*PAIR))
    of_photo, of_painting = scores(photo), scores(painting)
    assert of_photo["content score"] == 0 and of_painting["style score"] < 0.15
    assert of_photo["style score"] > 0.5 and of_painting["content score"] > 0.5


def test_leaving_one_out_keeps_the_sum():
    assert leave_one_out({"a": 1.0, "b": 2.0, "c": 1.0}) == [
        {"b": 8 / 3, "c": 4 / 3},
        {"a": 2.0, "c": 2.0},
        {"a": 4 / 3, "b": 8 / 3},
    ]


def test_a_run_ends_as_soon_as_its_style_loss_is_low_enough():
    options = {"style": ["relu1_1"], "size": 64, "steps": 40}
    run = transfer(until=0.5, **options)
    assert run.history[-1]["style"] <= 0.5 < run.history[-2]["style"]
    assert len(run.history) < len(transfer(**options).history) == 40


def test_the_kept_records_are_those_of_the_sweeps_and_complete():
    expected = {
        (_path(RECORDS, ablation, settings), json.dumps(settings, sort_keys=True))
        for grid in GRIDS.values()
        for settings in settings_of(grid)
    }
    assert {path for path, _ in expected} == set(RECORDS.iterdir())
    for path, settings in expected:
        kept = json.loads(path.read_text())
        assert json.dumps(kept["settings"], sort_keys=True) == settings
        assert set(kept["result"]) == {"style score", "content score", "evaluations", "seconds"}
