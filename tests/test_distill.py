"""The training of the embedded backbones, end to end on two steps with tiny made-up teachers."""

import functools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file

from nst_utils.backbones import distill
from nst_utils.backbones.network import Backbone, scaled_widths
from nst_utils.backbones.photos import Photos
from nst_utils.backbones.probe import PROBED, probe
from nst_utils.backbones.rehearsal import own_pictures
from nst_utils.backbones.teachers import load_teacher, start_from_teachers, teacher_of
from nst_utils.backbones.weights import load_backbone
from nst_utils.errors import NSTError

WIDTH = 0.0625  # 4, 8, 16, 32 channels
STEPS = ["--steps", "2", "--batch", "2", "--crop", "48", "--width", str(WIDTH)]
STEPS += ["--more-steps", "1", "--own", "1"]


def painted_picture(seed):
    """Soft blobs of colour with some noise, a little like a photograph. uint8 [64, 80, 3]."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.zeros(1, 3, 64, 80)
    for grain in (4, 12, 40):
        coarse = torch.rand(1, 3, grain, grain, generator=generator)
        image += F.interpolate(coarse, size=(64, 80), mode="bicubic") / 3
    return (image[0].permute(1, 2, 0).clamp(0, 1) * 255).byte().numpy()


def write_teacher(path, widths, inputs=3, before=False):
    """A network with random weights, stored as the teachers' files are."""
    generator = torch.Generator().manual_seed(len(widths))
    stored = {}
    if before:  # the 1x1 convolution in front
        stored["conv0.weight"] = torch.randn(3, 3, 1, 1, generator=generator)
        stored["conv0.bias"] = torch.randn(3, generator=generator)
    for name, width in widths.items():
        spread = (2 / (9 * inputs)) ** 0.5
        stored[f"{name}.weight"] = spread * torch.randn(width, inputs, 3, 3, generator=generator)
        stored[f"{name}.bias"] = 0.1 * torch.randn(width, generator=generator)
        inputs = width
    save_file({name: value.half() for name, value in stored.items()}, path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """128 pictures, the fewest that the script takes, and two teachers as it knows them."""
    folder = tmp_path_factory.mktemp("distill")
    (folder / "photos").mkdir()
    for seed in range(128):
        Image.fromarray(painted_picture(seed)).save(folder / "photos" / f"{seed}.png")
    shallow = scaled_widths(2 * WIDTH, last="conv3_4")
    write_teacher(folder / "shallow.safetensors", shallow)
    write_teacher(folder / "deep.safetensors", scaled_widths(WIDTH), before=True)
    return folder


@pytest.fixture(scope="module")
def photos(folder):
    return Photos(folder / "photos")


@pytest.fixture(autouse=True)
def small_crops(monkeypatch):
    """The script's own 192 pixels would take half a minute."""
    small = functools.partialmethod(Photos.centre_crops, side=64)
    monkeypatch.setattr(Photos, "centre_crops", small)


@pytest.fixture(scope="module")
def crops(photos):
    return photos.centre_crops(8, side=64)


@pytest.fixture(scope="module")
def teachers(folder, crops):
    paths = (folder / "shallow.safetensors", folder / "deep.safetensors")
    return [load_teacher(path, crops.split(1)) for path in paths]


@pytest.fixture(scope="module")
def student(teachers, crops):
    torch.manual_seed(0)
    return distill.Student(WIDTH, distill.Lesson(teachers, crops), crops)


def arguments(folder, name, *more):
    teachers = [str(folder / "shallow.safetensors"), str(folder / "deep.safetensors")]
    return [
        *("--images", str(folder / "photos"), "--teacher", *teachers, *STEPS),
        *("--checkpoint", str(folder / f"{name}.pt"), "--out", str(folder), *more),
    ]


# End to end


@pytest.mark.slow
def test_the_script_writes_a_backbone_and_its_table(folder, capsys):
    assert distill.main(arguments(folder, "end to end")) == 0
    said = capsys.readouterr().out
    stored = load_file(folder / "vgg19_x0.0625.safetensors")
    assert f"Wrote {folder / 'vgg19_x0.0625.safetensors'}" in said
    widths = scaled_widths(WIDTH)
    assert {key.removesuffix(".bias"): len(v) for key, v in stored.items() if "bias" in key} == (
        widths
    )
    assert all(value.dtype == torch.float16 for value in stored.values())
    assert all(value.isfinite().all() for value in stored.values())
    rows = [line.split() for line in said.splitlines()]
    table = {" ".join(row[: -len(PROBED)]): row[-len(PROBED) :] for row in rows}
    assert table[""] == list(PROBED)
    trained, untrained = (
        np.array(table[name], float) for name in ("vgg19_x0.0625", "random vgg19_x0.0625")
    )
    assert (trained <= 1).all()
    assert trained.mean() > untrained.mean()


def test_bad_pictures_and_a_missing_teacher_are_refused(folder, tmp_path, capsys):
    Image.fromarray(painted_picture(0)).save(tmp_path / "only.png")
    images = ["--images", str(tmp_path), "--teacher", "nobody.safetensors"]
    images += ["--out", str(tmp_path / "new")]
    assert distill.main(images) == 2
    assert "has 1 pictures; at least 128 are needed" in capsys.readouterr().err
    (tmp_path / "only.png").write_bytes(b"no picture")
    with pytest.raises(NSTError, match="only.png can't be read"):
        Photos(tmp_path, held_out=0)
    with pytest.raises(NSTError, match="no teacher file nobody.safetensors"):
        load_teacher("nobody.safetensors", [])


@pytest.mark.slow
def test_a_resumed_run_ends_with_the_same_weights(folder, photos, crops, monkeypatch):
    def train(name):
        args = distill.parse(arguments(folder, name, "--steps", "3"))
        lesson = distill.Lesson([load_teacher(t, crops.split(1)) for t in args.teacher], crops)
        torch.manual_seed(0)
        students = distill.enrol(args.width, lesson, photos)
        distill.train(students, lesson, photos, args.steps, args.lr, 0.3, args.checkpoint, args)
        return students["vgg19_x0.0625"].state_dict()

    whole = train("whole")
    monkeypatch.setattr(distill, "CHECKPOINT_EVERY", 2)
    batches, batch = [], photos.batch

    def stopping_batch(size, side):
        batches.append(size)
        if len(batches) == 3:
            raise KeyboardInterrupt
        return batch(size, side)

    monkeypatch.setattr(photos, "batch", stopping_batch)
    with pytest.raises(KeyboardInterrupt):
        train("stopped")
    resumed = train("stopped")
    assert len(batches) == 4  # only the third step was left to do
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def test_a_checkpoint_of_other_widths_is_refused(tmp_path, student):
    path = tmp_path / "checkpoint.pt"
    distill._save_checkpoint(path, 5, {"student": {"a": student}})
    assert distill._resume(path, {"student": {"a": student}}) == 5
    with pytest.raises(NSTError, match="other widths"):
        distill._resume(path, {"student": {"b": student}})
    assert distill._resume(tmp_path / "none.pt", {"student": {"a": student}}) == 0


@pytest.mark.slow
def test_a_network_leaves_two_states_of_each_picture(photos):
    own = own_pictures(load_backbone("tiny_vgg19"), photos, 1)
    assert len(own) == 2
    assert own[0].ne(own[1]).float().mean() > 0.05


def test_pictures_of_its_own_are_made_once_and_shown_at_their_own_scale(folder, photos, student):
    args = distill.parse(arguments(folder, "own"))
    own = distill._own_pictures({"vgg19_x0.0625": student}, photos, args)
    assert own.shape[1:] == (3, 192, 192)
    assert own.dtype == torch.uint8
    nobody = distill._own_pictures({}, photos, args)  # nobody is there to make another
    assert torch.equal(nobody, own)

    ramp = torch.arange(64).expand(3, 64, 64).byte()  # at another scale its steps would not be 1
    mixed = Photos.__new__(Photos)
    mixed.training, mixed.own = photos.training, ramp[None]
    torch.manual_seed(0)
    across = mixed.batch(40, 32).diff(dim=-1)
    ramps = (across - 1 / 255).abs().amax(dim=(1, 2, 3)) < 1e-6
    assert 6 <= ramps.sum() <= 22


# Its parts


@torch.no_grad()
def test_batch_norm_changes_nothing_at_first(student, teachers, crops):
    plain = Backbone(scaled_widths(WIDTH))
    torch.manual_seed(0)  # as the student was made
    start_from_teachers(plain, teachers, crops)
    before, after = plain(crops, plain.layers), student.eval().backbone(crops, plain.layers)
    for layer, feature in before.items():
        torch.testing.assert_close(after[layer], feature, rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_folded_batch_norms_compute_the_same(student, crops):
    generator = torch.Generator().manual_seed(0)
    for _, norm in student.backbone.convs.values():  # as if they had been trained for a while
        for value in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            value *= 0.5 + torch.rand(value.shape, generator=generator)
    student.eval()
    folded = student.folded()
    assert all(isinstance(conv, torch.nn.Conv2d) for conv in folded.convs.values())
    for layer, feature in student.backbone(crops, folded.layers).items():
        ours = folded(crops, [layer])[layer]
        torch.testing.assert_close(ours, feature, rtol=1e-3, atol=1e-4 * feature.abs().max())


@torch.no_grad()
def test_a_start_at_equal_width_has_all_of_the_teachers_features(folder, crops):
    teacher = load_teacher(folder / "deep.safetensors", crops.split(1))
    student = Backbone(scaled_widths(WIDTH), padding="reflect")
    start_from_teachers(student, [teacher], crops)
    for layer in ("relu1_1", "relu2_2", "relu3_3", "relu5_1"):
        theirs, ours = (net(crops, [layer])[layer].transpose(0, 1) for net in (teacher, student))
        errors = torch.cdist(theirs.flatten(1), ours.flatten(1))  # channels come in another order
        relative = errors.min(1).values / theirs.flatten(1).norm(dim=1).clamp_min(1e-3)
        assert relative.max() < 0.05, layer
        alive = theirs.flatten(1).norm(dim=1) > 0
        assert len(errors.argmin(1)[alive].unique()) == alive.sum() > len(theirs) / 2


@torch.no_grad()
def test_the_original_vgg19_reads_colours_as_caffe_does(folder, crops):
    teacher = load_teacher(folder / "shallow.safetensors", crops.split(1))
    stored = load_file(folder / "shallow.safetensors")
    image = 255 * crops - torch.tensor([123.68, 116.779, 103.939]).view(3, 1, 1)
    weight, bias = (stored[f"conv1_1.{kind}"].float() for kind in ("weight", "bias"))
    expected = F.conv2d(image, weight, bias, padding=1)
    assert_equal_up_to_scale(teacher(crops, ["conv1_1"])["conv1_1"], expected)


@torch.no_grad()
def test_the_convolution_in_front_is_merged_into_the_first(folder, crops):
    teacher = load_teacher(folder / "deep.safetensors", crops.split(1))
    stored = {key: v.float() for key, v in load_file(folder / "deep.safetensors").items()}
    x = F.conv2d(crops, stored["conv0.weight"], stored["conv0.bias"])
    x = F.pad(x, (1, 1, 1, 1), mode="reflect")
    expected = F.conv2d(x, stored["conv1_1.weight"], stored["conv1_1.bias"])
    assert_equal_up_to_scale(teacher(crops, ["conv1_1"])["conv1_1"], expected)


def assert_equal_up_to_scale(features, expected):
    """Normalised filters have one positive factor a channel."""
    scale = (features * expected).sum((0, 2, 3)) / expected.square().sum((0, 2, 3))
    assert scale.min() > 0
    torch.testing.assert_close(features, expected * scale.view(1, -1, 1, 1), rtol=1e-3, atol=1e-3)


def test_the_first_teacher_that_has_a_layer_teaches_it(teachers):
    assert teacher_of("relu3_4", teachers) is teachers[0]
    assert teacher_of("relu4_1", teachers) is teachers[1]
    with pytest.raises(NSTError, match="relu5_2"):
        teacher_of("relu5_2", teachers)


def test_the_loss_is_zero_only_at_the_targets(teachers, crops):
    targets = distill.Lesson(teachers, crops)(crops, shift=0)
    assert distill.loss_of(targets, targets).item() == 0
    nothing = {layer: torch.zeros_like(target) for layer, target in targets.items()}
    # All variance is left (1), and the whole Gram matrix is missing (0.3 more).
    assert distill.loss_of(nothing, targets).item() == pytest.approx(1.3, rel=0.15)


def test_the_probe_is_1_for_the_teacher_itself(teachers, photos):
    class Both(torch.nn.Module):
        def forward(self, images, layers):
            return {layer: teacher_of(layer, teachers)(images, [layer])[layer] for layer in layers}

    scores = probe(Both(), teachers, photos)
    assert set(scores) == set(PROBED)
    assert min(scores.values()) > 0.999


def test_held_out_photographs_are_never_trained_on(photos):
    assert len(photos.held_out) == 32
    assert len(photos.training) == 96
    trained_on = {picture.numpy().tobytes() for picture in photos.training}
    assert not any(picture.numpy().tobytes() in trained_on for picture in photos.held_out)
    crops = photos.centre_crops(4, side=32, held_out=True)
    assert crops.shape == (4, 3, 32, 32)
    assert 0 <= crops.min() < crops.max() <= 1


def test_batches_are_images_and_follow_the_seed(photos):
    def batch(seed):
        torch.manual_seed(seed)
        return photos.batch(12, 40)

    images = batch(0)
    assert images.shape == (12, 3, 40, 40)
    assert 0 <= images.min() < images.max() <= 1
    assert torch.equal(images, batch(0))
    assert not torch.equal(images, batch(1))
