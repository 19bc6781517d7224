"""Pictures side by side, loss curves, and animations, small enough to be stored in a notebook."""

import io
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from nst_utils.errors import NSTError
from nst_utils.image import ImageSource, load_image, to_pil, write_whole

if TYPE_CHECKING:
    import IPython.display
    from matplotlib.figure import Figure

MAX_WIDTH = 9  # inches; at 100 dots per inch as wide as a notebook's cell
# Okabe and Ito's colours, apart for colour-blind eyes; line styles and markers tell them in grey.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
LINE_STYLES = ["-", "--", "-.", ":"]
MARKERS = ["", "o", "s", "^", "x"]


def notebook_style() -> None:
    """Store figures as JPEG (quality 85, 100 dpi, white), so that a notebook stays small.

    Call it once in a notebook's setup; outside IPython it does nothing.
    """
    if "IPython" not in sys.modules or sys.modules["IPython"].get_ipython() is None:
        return
    import matplotlib.pyplot as plt
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    set_matplotlib_formats("jpeg", pil_kwargs={"quality": 85})
    plt.rcParams.update({"figure.dpi": 100, "figure.facecolor": "white"})


def show(
    images: ImageSource | Iterable[ImageSource],
    titles: str | Sequence[str] | None = None,
    columns: int | None = None,
    width: float = MAX_WIDTH,
    path: str | os.PathLike | None = None,
) -> None:
    """Show one picture or a grid of them in one figure, and write it to `path` if given.

    images: tensors [1, 3, H, W], PIL images or anything else that load_image reads.
    titles: one for each picture. columns: at most 4 unless given. width: inches, at most 9.
    Raises NSTError if there is no picture or the titles are fewer or more than the pictures.
    """
    import matplotlib.pyplot as plt

    single = isinstance(images, ImageSource)
    pictures = [_picture(image) for image in ([images] if single else images)]
    labels = [titles] if isinstance(titles, str) else list(titles or [])
    if not pictures:
        raise NSTError("There is no picture to show: the list is empty.")
    if labels and len(labels) != len(pictures):
        raise NSTError(f"{len(labels)} titles do not fit {len(pictures)} pictures: give one each.")
    columns = min(len(pictures), 4) if columns is None else columns
    if columns < 1 or not 0 < width <= MAX_WIDTH:
        raise NSTError(f"columns={columns} must be 1 or more, and width={width} at most 9 inches.")

    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    tallest = [max(picture.height / picture.width for picture in row) for row in rows]
    title_height = 0.35 if labels else 0.05
    height = sum(tallest) * width / columns + title_height * len(rows)
    figure, axes = plt.subplots(
        len(rows),
        columns,
        figsize=(width, height),
        dpi=100,
        facecolor="white",
        squeeze=False,
        layout="constrained",
        gridspec_kw={"height_ratios": tallest},
    )
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for axis, picture, label in zip_longest(axes.flat, pictures, labels):
        axis.set_axis_off()
        if picture is not None:
            axis.imshow(picture)
            axis.set_title(label or "", fontsize=10)
    _finish(figure, path)


def plot_history(
    histories: Any,
    terms: Sequence[str] = ("total",),
    logscale: bool = True,
    path: str | os.PathLike | None = None,
) -> None:
    """Draw loss against evaluations, one line for each run and term, and write it to `path`.

    histories: a Result, its history (a list of dicts with "evaluation" and each term), or a
        dict from label to either. terms: keys of the records, such as "total" or "style".
    Raises NSTError if a history is empty or has no such term.
    """
    import matplotlib.pyplot as plt

    runs = histories if isinstance(histories, Mapping) else {"": histories}
    figure, axis = plt.subplots(figsize=(7, 4), dpi=100, facecolor="white", layout="constrained")
    try:
        for label, run in runs.items():
            for term in terms:
                evaluations, losses = _curve(run, term, logscale)
                name = ": ".join(part for part in (label, term if len(terms) > 1 else "") if part)
                axis.plot(evaluations, losses, label=name or term, **_line_style(len(axis.lines)))
    except NSTError:
        plt.close(figure)
        raise
    axis.set_yscale("log" if logscale else "linear")
    axis.set_xlabel("evaluations of loss and gradient")
    axis.set_ylabel("loss")
    axis.grid(alpha=0.3)
    axis.legend()
    _finish(figure, path)


def animate(
    result: Any,
    path: str | os.PathLike | None = None,
    seconds: float = 4,
    size: int = 192,
    frames: int = 16,
) -> "IPython.display.Image":
    """Animate result.snapshots, a list of (evaluation, uint8 array [H, W, 3]), and display it.

    path: also write it as .gif, .webp or .png. seconds: one round, before the last frame's
    second of rest. size: the longer side in pixels. frames: how many snapshots at
    most. As they are, from white noise, these take about 0.4 MB of a notebook.
    In a notebook it is an animated PNG: viewers such as GitHub's show no stored GIF.
    Raises NSTError if there are no snapshots or the suffix is unknown.
    """
    from IPython.display import Image as Display

    if not result.snapshots:
        raise NSTError("There are no snapshots to animate: ask for them when starting the run.")
    chosen = np.linspace(0, len(result.snapshots) - 1, min(frames, len(result.snapshots)))
    pictures = [Image.fromarray(result.snapshots[index][1]) for index in chosen.round().astype(int)]
    scale = size / max(pictures[-1].size)
    shape = [max(1, round(side * scale)) for side in pictures[-1].size]
    pictures = [picture.resize(shape, Image.Resampling.LANCZOS) for picture in pictures]
    durations = [max(20, round(1000 * seconds / len(pictures)))] * len(pictures)
    durations[-1] += 1000
    if path is not None:
        kind = Path(path).suffix.lower()
        if kind not in (".gif", ".webp", ".png"):
            raise NSTError(f"'{Path(path).name}' needs one of the endings .gif, .webp, .png.")
        write_whole(path, _encode_frames(pictures, durations, kind[1:]))
    return Display(data=_encode_frames(pictures, durations, "png"), format="png")


def _encode_frames(pictures: list[Image.Image], durations: list[int], kind: str) -> bytes:
    if kind != "webp":  # one palette for all frames: a third of the size, and no flicker
        strip = Image.fromarray(np.concatenate([np.asarray(picture) for picture in pictures]))
        palette = strip.quantize(128)
        pictures = [picture.quantize(palette=palette, dither=0) for picture in pictures]
    encoded = io.BytesIO()
    pictures[0].save(
        encoded, kind, save_all=True, append_images=pictures[1:], duration=durations, loop=0
    )
    return encoded.getvalue()


def _picture(image: ImageSource) -> Image.Image:
    if isinstance(image, torch.Tensor):  # not through load_image: a run may overshoot [0, 1]
        return to_pil(image)
    return to_pil(load_image(image))


def _curve(run: Any, term: str, logscale: bool) -> tuple[list[int], list[float]]:
    history = getattr(run, "history", run)
    if not history:
        raise NSTError("The history is empty: there is nothing to plot.")
    if term not in history[0]:
        raise NSTError(f"The history has no term '{term}': it has {', '.join(history[0])}.")
    losses = [float(record[term]) for record in history]
    if logscale:  # a loss of zero has no logarithm: leave a gap
        losses = [loss if loss > 0 else float("nan") for loss in losses]
    return [record["evaluation"] for record in history], losses


def _line_style(index: int) -> dict[str, Any]:
    """Every index looks different also in black and white, up to 20 lines."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": LINE_STYLES[index % len(LINE_STYLES)],
        "marker": MARKERS[index // len(LINE_STYLES) % len(MARKERS)],
        "markevery": 0.1,
        "markersize": 4,
    }


def _finish(figure: "Figure", path: str | os.PathLike | None) -> None:
    import matplotlib.pyplot as plt

    if path is not None:
        kinds = figure.canvas.get_supported_filetypes()
        kind = Path(path).suffix.lower()[1:]
        if kind not in kinds:
            plt.close(figure)
            raise NSTError(f"'{Path(path).name}' needs one of the endings {', '.join(kinds)}.")
        encoded = io.BytesIO()
        figure.savefig(encoded, format=kind)
        write_whole(path, encoded.getvalue())
    plt.show()
    plt.close(figure)
