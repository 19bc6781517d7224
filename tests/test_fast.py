"""Transformer networks, their loss and training, model files and the two commands."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import nst_utils as nst
from nst_utils.cli import main
from nst_utils.errors import NSTError
from nst_utils.fast import (
    MODELS,
    PerceptualLoss,
    Settings,
    Training,
    TransformerNetwork,
    count_parameters,
    load_model,
    paint_fast,
    save_model,
    train_step,
)
from nst_utils.fast.models import FOLDER

SMALL = Settings(steps=6, batch=2, side=32, style_size=48, width=2, backbone="tiny_vgg19")
WAVE = nst.DATA / "style" / "wave.jpg"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A few photographs of 64 pixels."""
    path = tmp_path_factory.mktemp("photographs")
    for source in sorted((nst.DATA / "content").glob("*.jpg")):
        nst.save_image(nst.load_image(source, 64), path / f"{source.stem}.png")
    return path


@pytest.fixture
def network():
    torch.manual_seed(0)
    return TransformerNetwork(width=4, blocks=1).eval()


def train(folder, settings=SMALL, **how):
    return Training(WAVE, folder, settings, progress=False, **how)


def picture(height, width, seed=0):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


# the network


@pytest.mark.parametrize("shape", [(16, 16), (64, 64), (65, 98), (67, 131), (64, 2048)])
def test_the_painting_has_the_photographs_size(network, shape):
    assert network(picture(*shape)).shape == (1, 3, *shape)


@pytest.mark.parametrize("shape", [(1, 3, 15, 64), (1, 1, 64, 64), (3, 64, 64)])
def test_what_cannot_be_painted_is_said(network, shape):
    with pytest.raises(NSTError, match="cannot be painted"):
        network(torch.rand(shape))


def test_its_parameters_are_those_of_its_convolutions_and_norms():
    convolutions = [
        (3, 4, 9),
        (4, 8, 3),
        (8, 16, 3),
        (16, 16, 3),
        (16, 16, 3),
        (16, 8, 3),
        (8, 4, 3),
    ]
    count = sum(a * b * k * k + 2 * b for a, b, k in convolutions) + 4 * 3 * 81 + 3
    assert count_parameters(TransformerNetwork(4, 1)) == count


def test_contrast_and_brightness_of_the_photograph_do_not_matter(network):
    photo = picture(64, 64)
    assert torch.allclose(network(photo), network(0.5 * photo + 0.3), atol=1e-3)


def test_other_pictures_of_a_batch_do_not_matter(network):
    one, other = picture(32, 32), picture(32, 32, seed=1)
    assert torch.allclose(network(torch.cat([one, other]))[:1], network(one), atol=1e-5)


def test_a_plain_picture_gets_neither_frame_nor_checkerboard(network):
    painted = network(torch.full((1, 3, 48, 48), 0.4))
    assert painted.flatten(2).std(dim=2).max() < 1e-5


# loss and training step


def test_the_loss_is_the_sum_of_the_three_written_out():
    backbone = nst.load_backbone("tiny_vgg19")
    style, photo, painted = picture(48, 64, 1), picture(64, 48, 2), picture(64, 48, 3)
    total, _ = PerceptualLoss(backbone, style, alpha=0.2, variation=0.7)(photo, painted)

    def features(image, layer):
        return backbone(image, [layer])[layer][0].flatten(1).double().numpy()

    f, p = features(painted, "relu4_2"), features(photo, "relu4_2")
    expected = 0.2 * np.mean((f - p) ** 2)
    for layer, weight in nst.TRANSFER_WEIGHTS.items():
        f, a = features(painted, layer), features(style, layer)
        gram, target = f @ f.T / f.shape[1], a @ a.T / a.shape[1]
        expected += weight * np.linalg.norm(gram - target) / np.linalg.norm(target)
    x = painted[0].double().numpy()
    expected += 0.7 * sum(np.mean(np.diff(x, axis=axis) ** 2) for axis in (1, 2))
    assert total.item() == pytest.approx(expected, rel=1e-4)


def test_a_step_goes_down_the_mean_of_the_photographs_losses(network):
    loss = PerceptualLoss(nst.load_backbone("tiny_vgg19"), picture(48, 48, 5), alpha=0.2)
    photos = torch.cat([picture(32, 32, seed) for seed in (1, 2)])
    mean = sum(loss(photo, network(photo))[0] for photo in photos.split(1)) / 2
    slopes = torch.autograd.grad(mean, list(network.parameters()))
    before = [p.detach().clone() for p in network.parameters()]
    value = train_step(network, torch.optim.SGD(network.parameters(), lr=0.1), photos, loss)
    assert value == pytest.approx(mean.item(), rel=1e-5)
    for p, old, slope in zip(network.parameters(), before, slopes, strict=True):
        assert torch.allclose(p, old - 0.1 * slope, atol=1e-4)


def test_training_lowers_the_loss(folder):
    training = train(folder, replace(SMALL, steps=40, rate=0.01))
    photo = nst.load_image(folder / "china.png")
    first = training.loss(photo, training.network(photo))[0].item()
    trained = training.run()
    assert training.loss(photo, trained(photo))[0].item() < 0.8 * first


def test_a_training_goes_on_from_its_checkpoint_bit_for_bit(folder, tmp_path):
    def stop(done, _):
        if done == 3:
            raise KeyboardInterrupt

    straight = train(folder).run()
    checkpoint = tmp_path / "training.pt"
    with pytest.raises(KeyboardInterrupt):
        train(folder, checkpoint=checkpoint).run(stop)
    resumed = train(folder, checkpoint=checkpoint)
    assert resumed.done == 3
    again = resumed.run().state_dict()
    for name, weights in straight.state_dict().items():
        assert torch.equal(weights, again[name]), name


def test_training_leaves_the_global_generator_alone(folder):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    train(folder, replace(SMALL, steps=1)).run()
    assert torch.equal(torch.rand(1), expected)


def test_a_training_can_start_from_a_model_and_leaves_it_as_it_is(folder):
    start = TransformerNetwork(SMALL.width)
    before = start.colours.weight.clone()
    training = train(folder, start=start)
    assert torch.equal(training.network.colours.weight, before)
    training.run()
    assert torch.equal(start.colours.weight, before)


def test_a_start_of_another_width_is_refused(folder):
    with pytest.raises(NSTError, match="width 4, the settings 2"):
        train(folder, start=TransformerNetwork(4))


@pytest.mark.parametrize("content", [b"", b"no checkpoint"])
def test_a_broken_checkpoint_is_refused(folder, tmp_path, content):
    path = tmp_path / "training.pt"
    path.write_bytes(content)
    with pytest.raises(NSTError, match="delete it"):
        train(folder, checkpoint=path)


def test_a_checkpoint_of_other_settings_is_refused(folder, tmp_path):
    path = tmp_path / "training.pt"
    train(folder, checkpoint=path).save()
    with pytest.raises(NSTError, match="other settings"):
        train(folder, replace(SMALL, alpha=0.5), checkpoint=path)


@pytest.mark.parametrize("name", ["steps", "batch", "side", "rate", "width"])
def test_settings_must_be_above_zero(name):
    with pytest.raises(NSTError, match=f"{name} is 0"):
        Settings(**{name: 0})


# model files


def test_a_saved_model_paints_the_same(network, tmp_path):
    path = save_model(network, tmp_path / "model.safetensors", SMALL)
    photo = picture(40, 52)
    painted, again = (paint_fast(photo, m, size=None, precision="fp32") for m in (network, path))
    assert (painted - again).abs().max() < 0.01  # half precision
    assert path.stat().st_size < 2.5 * count_parameters(network) + 4000


def test_files_that_are_no_models_are_refused(tmp_path):
    broken, other = tmp_path / "broken.safetensors", tmp_path / "other.safetensors"
    broken.write_bytes(b"\x00" * 100)
    save_file({"weights": torch.ones(3)}, other)
    for path in (broken, other):
        with pytest.raises(NSTError, match="damaged or not one of our models"):
            load_model(path)
    with pytest.raises(NSTError, match="There is no model 'nobody'"):
        load_model("nobody")


def test_a_model_needs_its_ending(network, tmp_path):
    with pytest.raises(NSTError, match="must end in .safetensors"):
        save_model(network, tmp_path / "model.pt")


def test_the_bundled_models_are_small():
    assert MODELS
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


def test_the_commands_train_and_paint(folder, tmp_path, capsys):
    model, picture_file = tmp_path / "mine.safetensors", tmp_path / "painted.png"
    options = ["--steps", "2", "--side", "32", "--style-size", "48", "--width", "2", "-q"]
    options += ["--backbone", "tiny_vgg19"]
    assert main(["train-fast", str(WAVE), "--images", str(folder), "-o", str(model), *options]) == 0
    assert list(tmp_path.iterdir()) == [model]  # the checkpoint has done its work
    photo = folder / "china.png"
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
def test_bad_input_is_one_sentence(arguments, sentence, folder, network, tmp_path, capsys):
    model = save_model(network, tmp_path / "model.safetensors")
    names = {"PHOTO": str(folder / "china.png"), "MODEL": str(model)}
    assert main([names.get(argument, argument) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("nst: ") and said.count("\n") == 1
    assert sentence in said


# ONNX


@pytest.mark.slow
def test_onnxruntime_paints_the_same_at_any_size(network, tmp_path):
    pytest.importorskip("onnxscript", reason="ONNX files need onnx and onnxscript.")
    runtime = pytest.importorskip("onnxruntime", reason="There is no onnxruntime to compare with.")
    from nst_utils.fast.export import export_onnx

    path = export_onnx(network, tmp_path / "model.onnx")
    session = runtime.InferenceSession(path)
    for shape in ((64, 64), (67, 130)):
        photo = picture(*shape)
        (painted,) = session.run(["painting"], {"photo": photo.numpy()})
        assert np.abs(painted - network(photo).detach().numpy()).max() < 1 / 255


def test_an_onnx_file_needs_its_ending(network, tmp_path):
    from nst_utils.fast.export import export_onnx

    with pytest.raises(NSTError, match="must end in .onnx"):
        export_onnx(network, tmp_path / "model.bin")
