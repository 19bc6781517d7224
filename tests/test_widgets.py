"""The widgets call their function with what is chosen, and a cancelled run keeps its picture."""

import datetime
import io
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import nst_utils as nst
from nst_utils.widgets import LiveRun, encode, explorer, painter, uploaded_file

WAIT = 20  # seconds; a run that has not ended by then hangs


def grey(value):
    return torch.full((1, 3, 20, 30), float(value))


def level(jpeg):
    """The mean grey value in [0, 1] of an Image widget's bytes."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("L")).mean() / 255


def png(value, size=(8, 6)):
    file = io.BytesIO()
    Image.new("RGB", size, (value,) * 3).save(file, "PNG")
    return file.getvalue()


class Brighten:
    """Stands for a task: its picture gets brighter at each step; `gate` holds it at a step."""

    def __init__(self, hold_at=None):
        self.calls, self.hold_at = [], hold_at
        self.reached, self.gate = threading.Event(), threading.Event()

    def __call__(self, steps, callback, **settings):
        self.calls.append(settings)
        history, stopped = [], "finished"
        for step in range(1, steps + 1):
            history.append({"evaluation": step})
            try:
                callback(history[-1], grey(step / steps))
            except KeyboardInterrupt:
                stopped = "interrupted"
                break
            if step == self.hold_at:
                self.reached.set()
                assert self.gate.wait(WAIT)
        return SimpleNamespace(image=grey(step / steps), history=history, stopped=stopped)


def click(button):
    button.click()


# LiveRun


def test_a_run_gets_the_settings_and_leaves_its_result():
    paint = Brighten()
    live = LiveRun(paint, lambda: {"alpha": 3}, steps=10)
    assert live.result is None
    click(live.run)
    assert live.wait(WAIT)
    assert paint.calls == [{"alpha": 3}]
    assert live.result.stopped == "finished"
    assert (live.bar.value, live.bar.max) == (10, 10)
    assert level(live.picture.value) == pytest.approx(1, abs=0.02)
    assert live.message.value == "Finished after 10 steps."


def test_cancel_ends_the_run_and_keeps_the_picture():
    paint = Brighten(hold_at=4)
    live = LiveRun(paint, dict, steps=10)
    click(live.run)
    assert paint.reached.wait(WAIT)
    assert (live.run.disabled, live.stop.disabled) == (True, False)
    click(live.stop)
    paint.gate.set()
    assert live.wait(WAIT)
    assert live.result.stopped == "interrupted"
    assert len(live.result.history) == 5
    assert level(live.picture.value) == pytest.approx(0.5, abs=0.02)
    assert "best picture is kept" in live.message.value
    assert (live.run.disabled, live.stop.disabled) == (False, True)


def test_a_second_click_starts_no_second_run_but_a_later_one_does():
    paint = Brighten(hold_at=1)
    live = LiveRun(paint, dict, steps=2)
    live.start()
    assert paint.reached.wait(WAIT)
    live.start()
    paint.gate.set()
    assert live.wait(WAIT)
    assert len(paint.calls) == 1
    live.start()
    assert live.wait(WAIT)
    assert len(paint.calls) == 2


def test_a_cancelled_run_can_be_started_again():
    paint = Brighten(hold_at=1)
    live = LiveRun(paint, dict, steps=3)
    live.start()
    assert paint.reached.wait(WAIT)
    live.cancel()
    paint.gate.set()
    assert live.wait(WAIT)
    live.start()
    assert live.wait(WAIT)
    assert live.result.stopped == "finished"


def test_an_error_is_shown_and_the_button_is_ready_again():
    def paint(**_):
        raise nst.NSTError("The size 3 is too small.")

    live = LiveRun(paint, dict, steps=2)
    live.start()
    assert live.wait(WAIT)
    assert live.message.value == "No picture: The size 3 is too small."
    assert live.result is None
    assert (live.run.disabled, live.stop.disabled) == (False, True)


@pytest.mark.slow
def test_a_real_run_can_be_cancelled_after_its_first_step():
    network = nst.load_backbone("random_tiny_vgg19", normalise=False)

    def paint(steps, callback):
        generator = torch.Generator().manual_seed(0)
        content, style = (torch.rand(1, 3, 48, 48, generator=generator) for _ in range(2))

        def first_step(record, image):
            live.cancel()
            callback(record, image)

        return nst.transfer_style(
            content,
            style,
            size=48,
            steps=steps,
            backbone=network,
            device="cpu",
            progress=False,
            callback=first_step,
        )

    live = LiveRun(paint, dict, steps=400)
    live.start()
    assert live.wait(WAIT)
    assert live.result.stopped == "interrupted"
    assert len(live.result.history) == 1
    assert live.result.image.shape == (1, 3, 48, 48)


# explorer


def test_moving_a_slider_changes_the_picture_and_the_run_uses_the_same_settings():
    levels = {("cat", 1): 0.1, ("cat", 2): 0.4, ("tower", 1): 0.6, ("tower", 2): 0.9}
    paint = Brighten()
    live = explorer(
        {"content": ["cat", "tower"], "ratio": [("low", 1), ("high", 2)]},
        lambda content, ratio: grey(levels[content, ratio]),
        paint,
        steps=2,
    )
    content, ratio, picture = live.panel.children[:3]
    assert level(picture.value) == pytest.approx(0.1, abs=0.02)
    content.value = "tower"
    assert level(picture.value) == pytest.approx(0.6, abs=0.02)
    ratio.index = 1
    assert level(picture.value) == pytest.approx(0.9, abs=0.02)
    click(live.run)
    assert live.wait(WAIT)
    assert paint.calls == [{"content": "tower", "ratio": 2}]


# painter


def columns(live):
    """(menu, upload, preview, problem) of the content and of the style."""
    return [box.children for box in live.panel.children[0].children]


def upload(widget, data):
    """What the browser sends for one file."""
    file = {"name": "a.png", "type": "image/png", "size": len(data), "content": memoryview(data)}
    widget.value = ({**file, "last_modified": datetime.datetime(2026, 1, 1)},)


def test_a_menu_chooses_among_the_pictures():
    paint = Brighten()
    live = painter({"a": png(30), "b": png(60)}, {"c": png(90)}, paint, steps=1)
    (menu, _, preview, _), _ = columns(live)
    assert menu.options == (("a", png(30)), ("b", png(60)))
    menu.index = 1
    assert level(preview.value) == pytest.approx(60 / 255, abs=0.02)
    live.start()
    assert live.wait(WAIT)
    assert paint.calls == [{"content": png(60), "style": png(90)}]


def test_an_uploaded_picture_is_chosen_and_a_second_one_replaces_it():
    paint = Brighten()
    live = painter({"a": png(30)}, {"c": png(90)}, paint, steps=1)
    _, (menu, button, preview, _) = columns(live)
    for value in (200, 120):
        upload(button, png(value))
        assert menu.label == "own picture"
        assert len(menu.options) == 2
        assert level(preview.value) == pytest.approx(value / 255, abs=0.02)
    live.start()
    assert live.wait(WAIT)
    assert paint.calls == [{"content": png(30), "style": png(120)}]


def test_a_file_that_is_no_picture_is_named_as_such():
    live = painter({"a": png(30)}, {"c": png(90)}, Brighten(), steps=1)
    (_, button, _, problem), _ = columns(live)
    upload(button, b"not a picture")
    assert "picture" in problem.value
    upload(button, png(10))
    assert problem.value == ""


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (({"name": "a", "content": memoryview(b"old")}, {"name": "b", "content": b"new"}), b"new"),
        ({"a": {"content": b"old"}, "b": {"content": b"new"}}, b"new"),  # ipywidgets 7
        ((), None),
        ({}, None),
    ],
)
def test_uploads_of_both_versions_of_ipywidgets_are_read(value, content):
    assert uploaded_file(value) == content


def test_an_encoded_picture_is_a_jpeg_of_the_same_size():
    picture = Image.open(io.BytesIO(encode(grey(0.5))))
    assert (picture.format, picture.size) == ("JPEG", (30, 20))


def test_ipywidgets_is_imported_only_when_a_widget_is_made():
    code = "import sys, nst_utils.widgets; sys.exit('ipywidgets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
