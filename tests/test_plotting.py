"""Figures are single, white and narrow; curves differ without colour; animations move."""

import io
from base64 import b64decode
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from PIL import Image

from nst_utils.errors import NSTError
from nst_utils.plotting import animate, notebook_style, plot_history, show


@pytest.fixture
def shown(monkeypatch):
    """The figures that reach the screen."""
    figures = []
    monkeypatch.setattr(plt, "show", lambda: figures.append(plt.gcf()))
    yield figures
    assert plt.get_fignums() == []  # nothing stays open, whatever happened


def picture(height=20, width=30, value=0.5):
    return torch.full((1, 3, height, width), value)


def record(evaluation, **terms):
    return {"evaluation": evaluation, "size": 64, **terms}


HISTORY = [record(step, total=10.0 / step, style=1.0 / step) for step in range(1, 31)]


# show


def test_one_figure_holds_all_pictures_in_their_order(shown):
    sources = [picture(value=0.2), Image.new("RGB", (40, 10), "red"), np.ones((5, 5))]
    show(sources, ["a", "b", "c"], columns=2)
    (figure,) = shown
    drawn = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert [array[0, 0].tolist() for array in drawn] == [[51] * 3, [255, 0, 0], [255] * 3]
    assert [axis.get_title() for axis in figure.axes] == ["a", "b", "c", ""]
    assert not any(axis.axison for axis in figure.axes)


@pytest.mark.parametrize("count", [1, 3, 9])
def test_figures_are_white_and_at_most_900_pixels_wide(shown, count):
    show([picture()] * count)
    (figure,) = shown
    assert figure.get_size_inches()[0] * figure.dpi == 900
    assert to_rgb(figure.get_facecolor()) == (1, 1, 1)


def test_pictures_fill_their_cells(tmp_path, shown):
    show([picture(value=0.0)] * 3, path=tmp_path / "strip.png")
    grey = np.asarray(Image.open(tmp_path / "strip.png").convert("L"))
    assert grey.shape[1] == 900
    assert (grey < 10).mean() > 0.9


def test_a_single_picture_needs_no_list(shown, tmp_path):
    show(picture(), "alone", path=tmp_path / "new" / "one.jpg")
    assert shown[0].axes[0].get_title() == "alone"
    assert Image.open(tmp_path / "new" / "one.jpg").format == "JPEG"


def test_values_beyond_the_range_are_clamped(shown):
    show(picture(value=1.2))
    assert shown[0].axes[0].images[0].get_array().min() == 255


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"images": []}, "no picture"),
        ({"images": [picture()], "titles": ["a", "b"]}, "2 titles do not fit 1 pictures"),
        ({"images": [picture()], "columns": 0}, "columns=0"),
        ({"images": [picture()], "width": 12}, "width=12"),
        ({"images": [picture()], "path": "grid.xyz"}, "endings .*png"),
        ({"images": picture(value=float("nan"))}, "NaN"),
    ],
)
def test_what_cannot_be_shown_is_refused(shown, arguments, problem):
    with pytest.raises(NSTError, match=problem):
        show(**arguments)
    assert shown == []


# plot_history


def test_curves_are_the_recorded_losses(shown):
    plot_history(SimpleNamespace(history=HISTORY))
    axis = shown[0].axes[0]
    (line,) = axis.lines
    assert line.get_xdata().tolist() == list(range(1, 31))
    assert line.get_ydata() == pytest.approx([10 / step for step in range(1, 31)])
    assert axis.get_yscale() == "log"


def test_labels_name_run_and_term(shown):
    plot_history({"adam": HISTORY, "lbfgs": HISTORY}, ("total", "style"), logscale=False)
    axis = shown[0].axes[0]
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels == ["adam: total", "adam: style", "lbfgs: total", "lbfgs: style"]
    assert axis.get_yscale() == "linear"


def test_twenty_curves_differ_without_colour(shown):
    plot_history({str(run): HISTORY for run in range(20)})
    lines = shown[0].axes[0].lines
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 20


def test_a_loss_of_zero_leaves_a_gap_on_the_log_axis(shown):
    plot_history([record(1, total=2.0), record(2, total=0.0), record(3, total=1.0)])
    assert np.isnan(shown[0].axes[0].lines[0].get_ydata()).tolist() == [False, True, False]


def test_missing_terms_and_empty_histories_are_refused(shown):
    with pytest.raises(NSTError, match="no term 'tv': it has evaluation, size, total, style"):
        plot_history(HISTORY, ["tv"])
    with pytest.raises(NSTError, match="empty"):
        plot_history({"run": []})


# animate


def run_with_snapshots(count=40):
    """A pyramid of two sizes whose grey value is the evaluation."""
    return SimpleNamespace(
        snapshots=[
            (step, np.full((10, 15, 3) if step < count / 2 else (20, 30, 3), 6 * step, np.uint8))
            for step in range(count)
        ]
    )


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_animation_plays_from_the_first_to_the_last_snapshot(tmp_path, suffix):
    path = tmp_path / "new" / f"run.{suffix}"
    display = animate(run_with_snapshots(), path, seconds=2, size=60, frames=10)
    for data in (path.read_bytes(), display.data):
        with Image.open(io.BytesIO(data)) as animation:
            levels, length = [], 0
            for frame in range(animation.n_frames):
                animation.seek(frame)
                levels.append(animation.convert("L").getpixel((30, 20)))
                animation.load()
                length += animation.info["duration"]
            assert animation.size == (60, 40)
        assert len(levels) == 10
        assert (levels[0], levels[-1]) == pytest.approx((0, 234), abs=4)
        assert levels == sorted(levels)
        assert length == pytest.approx(3000, abs=60)
    assert display.format == "png"  # the one animated format that every notebook viewer shows


def test_few_snapshots_are_all_shown():
    assert Image.open(io.BytesIO(animate(run_with_snapshots(3)).data)).n_frames == 3


def test_the_worst_case_is_small_enough_for_a_notebook():
    generator = np.random.default_rng(0)
    noise = [(step, generator.integers(0, 256, (256, 256, 3), np.uint8)) for step in range(30)]
    assert len(animate(SimpleNamespace(snapshots=noise)).data) < 600_000


def test_animations_that_cannot_be_made_are_refused(tmp_path):
    with pytest.raises(NSTError, match="no snapshots"):
        animate(SimpleNamespace(snapshots=[]))
    with pytest.raises(NSTError, match=r"\.gif, \.webp, \.png"):
        animate(run_with_snapshots(), tmp_path / "run.mp4")
    assert list(tmp_path.iterdir()) == []


# notebook_style


def test_notebooks_store_small_white_jpegs():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    try:
        with plt.rc_context():
            notebook_style()
            figure, axis = plt.subplots()
            axis.imshow(np.random.default_rng(0).random((200, 200, 3)))
            data, _ = shell.display_formatter.format(figure)
            plt.close(figure)
    finally:
        InteractiveShell.clear_instance()
    assert "image/png" not in data
    with Image.open(io.BytesIO(b64decode(data["image/jpeg"]))) as stored:
        assert stored.format == "JPEG"
        assert stored.getpixel((1, 1)) == (255, 255, 255)
        assert stored.width <= 900


def test_notebook_style_does_nothing_outside_a_notebook():
    before = plt.rcParams.copy()
    notebook_style()
    assert plt.rcParams == before
