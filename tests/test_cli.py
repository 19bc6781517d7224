"""The command, mostly by subprocess: what it writes, says and returns."""

import functools
import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import nst_utils.cli as cli
from nst_utils.image import DATA
from nst_utils.optimize import Result

CONTENT, STYLE = str(DATA / "content" / "chelsea.jpg"), str(DATA / "style" / "wave.jpg")
QUICK = ["--size", "48", "--steps", "2", "--pyramid", "1", "--backbone", "tiny_vgg19"]


def start(*args, **options):
    command = [sys.executable, "-m", "nst_utils.cli", *map(str, args)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env={**os.environ, "COLUMNS": "80"}, **pipes, **options)


def nst(*args, **options):
    process = start(*args, **options)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def inside(*args):
    """Run in this process, which is quicker: the exit code, also of argparse's exits."""
    try:
        return cli.main([str(arg) for arg in args])
    except SystemExit as stop:
        return stop.code


# By subprocess


def test_transfer_writes_a_picture_and_says_where(tmp_path):
    out = tmp_path / "new folder" / "painted.png"
    code, said, err = nst("transfer", CONTENT, STYLE, "-o", out, *QUICK)
    assert code == 0, err
    assert str(out) in said
    assert "48 x 32 pixels" in said
    assert "/2" in err  # the progress bar
    assert "Traceback" not in err
    with Image.open(out) as picture:
        assert picture.size == (48, 32)
    assert os.listdir(out.parent) == ["painted.png"]


def test_quiet_says_nothing(tmp_path):
    out = tmp_path / "bricks.jpg"
    brick = DATA / "textures" / "brick.jpg"
    assert nst("texture", brick, "-o", out, *QUICK, "--quiet") == (0, "", "")
    assert Image.open(out).format == "JPEG"


def test_bad_input_is_one_sentence_and_no_file(tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    code, said, err = nst("transfer", broken, STYLE, "-o", tmp_path / "out.png", *QUICK)
    assert (code, said) == (2, "")
    assert err.startswith("nst: ")
    assert "broken.jpg is not a picture" in err
    assert err.count("\n") == 1
    assert os.listdir(tmp_path) == ["broken.jpg"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to the whole console")
def test_ctrl_c_keeps_the_best_picture_and_says_so(tmp_path):
    out = tmp_path / "early.png"
    options = [*QUICK, "--steps", "100000"]
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # background jobs do not
    process = start("transfer", CONTENT, STYLE, "-o", out, *options, preexec_fn=heed)
    shown = ""
    while "style=" not in shown:  # the bar shows losses once the run is on its way
        assert process.poll() is None, shown
        shown += process.stderr.read(20)
    process.send_signal(signal.SIGINT)
    said, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "best picture so far" in said
    assert str(out) in said
    assert "Traceback" not in err
    assert Image.open(out).size == (48, 32)


# In this process


@pytest.mark.parametrize("command", [[], ["transfer"], ["texture"], ["reconstruct"]])
def test_help_names_every_option(capsys, command):
    assert inside(*command, "--help") == 0
    said = capsys.readouterr().out
    assert "usage: nst" in said
    if not command:
        assert all(name in said for name in ("transfer", "texture", "reconstruct", "examples:"))
        return
    wanted = (
        *("output", "size", "steps", "seed", "backbone", "optimizer", "init", "device"),
        *("precision", "pyramid", "animation", "quiet"),
    )
    if command == ["transfer"]:
        wanted += ("alpha", "beta", "variation", "style-scale", "keep-color")
    for name in wanted:
        assert f"--{name}" in said


def test_every_option_reaches_the_task(monkeypatch, tmp_path):
    given = {}

    def transfer(**options):
        given.update(options)
        return Result(cli.load_image(np.zeros((4, 6))), [], 0.0)

    monkeypatch.setattr(cli, "transfer_style", transfer)
    words = (
        "--size 99 --steps 7 --seed 3 --backbone tiny_vgg19 --optimizer lbfgs --alpha 0.5 "
        "--beta 2 --variation 0 --style-scale 0.7 --init noise --device cpu --precision fp32 "
        "--pyramid 2 --quiet"
    )
    assert inside("transfer", "a.jpg", "b.jpg", "-o", tmp_path / "c.png", *words.split()) == 0
    assert given == {
        **{"content": "a.jpg", "style": "b.jpg", "size": 99, "steps": 7, "seed": 3},
        **{"backbone": "tiny_vgg19", "optimizer": "lbfgs", "alpha": 0.5, "beta": 2.0},
        **{"variation": 0.0, "style_scale": 0.7, "init": "noise", "device": "cpu"},
        **{"precision": "fp32", "pyramid": 2, "progress": False},
    }
    given.clear()
    assert inside("transfer", "a.jpg", "b.jpg", "-o", tmp_path / "c.png") == 0
    assert given == {"content": "a.jpg", "style": "b.jpg", "progress": True}  # its own defaults


def test_keep_color_keeps_the_photographs_colours(tmp_path):
    out, options = tmp_path / "out.png", [*QUICK, "--steps", "10", "--alpha", "0", "--quiet"]
    photo = Image.open(CONTENT).resize((48, 32), Image.Resampling.BICUBIC)
    moved = {}
    for flags in ((), ("--keep-color",)):
        assert inside("transfer", CONTENT, STYLE, "-o", out, *options, *flags) == 0
        pair = [np.asarray(picture.convert("YCbCr"), float) for picture in (Image.open(out), photo)]
        moved[flags] = abs(pair[0] - pair[1]).mean((0, 1))
    luma, *chroma = moved["--keep-color",]
    assert luma > 2 > 1 > max(chroma)  # of 255: rounding, and another way to make it smaller
    assert max(moved[()][1:]) > 5


def test_reconstruct_with_a_layer_and_a_start_picture(tmp_path, capsys):
    out = tmp_path / "seen.webp"
    options = [*QUICK, "--layer", "conv2_1", "--init", STYLE, "--quiet"]
    assert inside("reconstruct", CONTENT, "-o", out, *options) == 0
    seen = np.asarray(Image.open(out).convert("RGB"), dtype=float)
    start_picture = np.asarray(Image.open(STYLE).resize((48, 32)), dtype=float)
    assert abs(seen - start_picture).mean() < 40  # two steps do not lead far away from it
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("ending", ["gif", "webp"])
def test_an_animation_is_written_beside_the_picture(tmp_path, capsys, ending):
    out, film = tmp_path / "out.png", tmp_path / f"film.{ending}"
    options = [*QUICK, "--steps", "5", "--animation", film]
    assert inside("texture", STYLE, "-o", out, *options) == 0
    with Image.open(film) as frames:
        assert frames.n_frames > 1
        assert max(frames.size) == 48
    assert str(film) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["transfer", "missing.jpg", STYLE, "-o", "{}/o.png"], "no file missing.jpg"),
        (["transfer", CONTENT, DATA, "-o", "{}/o.png"], "is a folder"),
        (["transfer", CONTENT, STYLE, "-o", "{}/o.png", *QUICK, "--alpha", "-1"], "weight of cont"),
        (["transfer", CONTENT, STYLE, "-o", "{}/o.png", *QUICK, "--alpha", "nan"], "is nan"),
        (["transfer", CONTENT, STYLE, "-o", "{}/o.png", *QUICK, "--size", "8"], "too small"),
        (["transfer", CONTENT, STYLE, "-o", "{}/o.png", "--size", "0"], "size 0"),
        (["transfer", CONTENT, STYLE, "-o", "{}/o.png", "--init", "nosie"], "no file nosie"),
        (["transfer", CONTENT, STYLE, "-o", "{}/o.png", "--backbone", "resnet"], "'resnet'"),
        (["transfer", CONTENT, STYLE, "-o", "{}/o.png", "--device", "abacus"], "'abacus'"),
        (["transfer", CONTENT, STYLE, "-o", "{}/o.png", "--optimizer", "sgd", *QUICK], "'sgd'"),
        (["reconstruct", CONTENT, "-o", "{}/o.png", "--layer", "relu9_1", *QUICK], "relu9_1"),
        (["texture", STYLE, "-o", "{}/o.png", "--animation", "{}/o.mp4"], "o.mp4.*.gif, .webp"),
        (["texture", STYLE, "-o", "{}/o.svg"], "o.svg.*.png, .jpg"),
        (["texture", STYLE, "-o", "{}/o"], "must end in .png"),
        (["texture", STYLE], "required: -o/--output"),
        (["texture", STYLE, "-o", "{}/o.png", "--size", "big"], "'big'"),
        (["texture", STYLE, "-o", "{}/o.png", "--alpha", "1"], "--alpha"),
        (["paint", STYLE], "'paint'"),
        ([], "COMMAND"),
    ],
)
def test_bad_input_ends_with_code_2_and_a_sentence(tmp_path, capsys, arguments, message):
    arguments = [str(argument).format(tmp_path) for argument in arguments]
    assert inside(*arguments) == 2
    said = capsys.readouterr()
    sentence = said.err.replace("\r", "\n").strip().splitlines()[-1]  # the bar may stand before it
    assert sentence.startswith("nst: ")
    assert re.search(message, sentence)
    assert said.out == ""
    assert os.listdir(tmp_path) == []


def test_a_place_that_cannot_be_written_is_found_before_the_run(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cli, "synthesize_texture", lambda **_: pytest.fail("the run was started"))
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    for place in ("file/out.png", "folder.png"):
        assert inside("texture", STYLE, "-o", tmp_path / place) == 2
        assert "cannot be written" in capsys.readouterr().err


def test_ctrl_c_before_the_run_writes_nothing(monkeypatch, tmp_path, capsys):
    def interrupted(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "synthesize_texture", interrupted)
    assert inside("texture", STYLE, "-o", tmp_path / "out.png") == 130
    assert "nothing is written" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
