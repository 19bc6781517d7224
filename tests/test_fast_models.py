"""Model files of transformer networks, the commands nst fast and nst train-fast, ONNX."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_networks import SMALL, WAVE, picture
from test_notebooks import function_of

import nst_utils as nst
from nst_utils.cli import main
from nst_utils.errors import NSTError
from nst_utils.fast import (
    FOLDER,
    MODELS,
    PerceptualLoss,
    TransformerNetwork,
    count_parameters,
    load_model,
    paint_fast,
    save_model,
    settings_of,
    train_step,
)
from nst_utils.fast.export import export_onnx

# model files


def test_a_saved_model_paints_the_same(small_network, tmp_path):
    path = save_model(small_network, tmp_path / "model.safetensors", SMALL)
    photo = picture(40, 52)
    painted, again = (
        paint_fast(photo, m, size=None, precision="fp32") for m in (small_network, path)
    )
    assert (painted - again).abs().max() < 0.01  # half precision
    assert path.stat().st_size < 2.5 * count_parameters(small_network) + 4000
    assert settings_of(path) == replace(SMALL, width=4)


def test_files_that_are_no_models_are_refused(tmp_path):
    broken, other = tmp_path / "broken.safetensors", tmp_path / "other.safetensors"
    broken.write_bytes(b"\x00" * 100)
    save_file({"weights": torch.ones(3)}, other)
    for path in (broken, other):
        with pytest.raises(NSTError, match="damaged or not one of our models"):
            load_model(path)
        with pytest.raises(NSTError, match="damaged or not one of our models"):
            settings_of(path)
    with pytest.raises(NSTError, match="There is no model 'nobody'"):
        load_model("nobody")


def test_a_model_needs_its_ending(small_network, tmp_path):
    with pytest.raises(NSTError, match="must end in .safetensors"):
        save_model(small_network, tmp_path / "model.pt")


def test_three_models_or_more_are_bundled():
    assert len(MODELS) >= 3
    for name in MODELS:
        assert (nst.DATA / "style" / f"{name}.jpg").exists()
        assert (FOLDER / f"{name}.safetensors").stat().st_size < 1_000_000


@pytest.mark.parametrize("name", MODELS)
def test_a_bundled_model_paints_the_same_each_time_in_range(name):
    photo = nst.load_image(nst.DATA / "content" / "chelsea.jpg", 101)
    painted = paint_fast(photo, name, size=None)
    assert painted.shape == photo.shape
    assert painted.min() >= 0 and painted.max() <= 1
    assert torch.equal(painted, paint_fast(photo, name, size=None))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_bundled_model_brings_photographs_nearer_to_its_style_than_to_others(name):
    backbone = nst.load_backbone("mini_vgg19")
    photo = nst.load_image(nst.DATA / "content" / "coffee.jpg", 256)
    painted = paint_fast(photo, name, size=None)
    losses = {}
    for other in MODELS:
        style = nst.load_image(nst.DATA / "style" / f"{other}.jpg", 384)
        measure = PerceptualLoss(backbone, style, alpha=0)
        losses[other] = measure(photo, painted)[1]["style"].item()
        if other == name:
            assert losses[other] < 0.6 * measure(photo, photo)[1]["style"].item()
    assert min(losses, key=losses.get) == name


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(2048, 67), (513, 2047)])
def test_large_and_odd_sizes_are_kept(shape):
    assert paint_fast(picture(*shape), MODELS[0], size=None).shape == (1, 3, *shape)


# commands


def test_the_commands_train_and_paint(photographs, tmp_path, capsys):
    model, picture_file = tmp_path / "mine.safetensors", tmp_path / "painted.png"
    options = ["--steps", "2", "--side", "32", "--style-size", "48", "--width", "2", "-q"]
    options += ["--backbone", "tiny_vgg19"]
    assert (
        main(["train-fast", str(WAVE), "--images", str(photographs), "-o", str(model), *options])
        == 0
    )
    assert list(tmp_path.iterdir()) == [model]  # the checkpoint has done its work
    photo = photographs / "china.png"
    assert main(["fast", str(photo), "--model", str(model), "-o", str(picture_file)]) == 0
    assert max(nst.load_image(picture_file).shape) == 512
    assert "Wrote" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fast", "PHOTO", "--model", "nobody", "-o", "x.png"], "There is no model 'nobody'"),
        (["fast", "PHOTO", "--model", "MODEL", "-o", "x.txt"], "must end in .png"),
        (["fast", "none.jpg", "--model", "MODEL", "-o", "x.png"], "There is no file none.jpg"),
        (["train-fast", "PHOTO", "--images", "none", "-o", "x.safetensors"], "none has 0 pictures"),
        (["train-fast", "PHOTO", "--images", ".", "-o", "x.pt"], "must end in .safetensors"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments, sentence, photographs, small_network, tmp_path, capsys
):
    model = save_model(small_network, tmp_path / "model.safetensors")
    names = {"PHOTO": str(photographs / "china.png"), "MODEL": str(model)}
    assert main([names.get(argument, argument) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("nst: ") and said.count("\n") == 1
    assert sentence in said


# ONNX


@pytest.mark.slow
def test_onnxruntime_paints_the_same_at_any_size(small_network, tmp_path):
    pytest.importorskip("onnxscript", reason="ONNX files need onnx and onnxscript.")
    runtime = pytest.importorskip("onnxruntime", reason="There is no onnxruntime to compare with.")
    path = export_onnx(small_network, tmp_path / "model.onnx")
    session = runtime.InferenceSession(path)
    for shape in ((64, 64), (67, 130)):
        photo = picture(*shape)
        (painted,) = session.run(["painting"], {"photo": photo.numpy()})
        assert np.abs(painted - small_network(photo).detach().numpy()).max() < 1 / 255


def test_an_onnx_file_needs_its_ending(small_network, tmp_path):
    with pytest.raises(NSTError, match="must end in .onnx"):
        export_onnx(small_network, tmp_path / "model.bin")


# notebook 08


def test_the_step_of_notebook_08_is_the_packages(small_network):
    names = {}
    for name in ("perceptual_loss", "train_step"):
        names[name] = function_of("08_fast_style_transfer", name, **names)
    judge, photos = nst.load_backbone("tiny_vgg19"), torch.cat([picture(32, 32, s) for s in (1, 2)])
    loss = PerceptualLoss(judge, picture(48, 48, 5), alpha=0.2)
    copy = TransformerNetwork(width=4, blocks=1)
    copy.load_state_dict(small_network.state_dict())
    train_step(small_network, torch.optim.SGD(small_network.parameters(), lr=0.1), photos, loss)
    optimizer = torch.optim.SGD(copy.parameters(), lr=0.1)
    names["train_step"](copy, optimizer, photos, judge, loss.style, 0.2)
    for ours, theirs in zip(small_network.parameters(), copy.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
