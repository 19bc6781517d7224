"""The controls of the notebooks, in core ipywidgets 7 or 8, so that Colab shows them too.

A plain function makes each picture; the widgets only call it.
"""

import io
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from nst_utils.errors import NSTError
from nst_utils.image import ImageSource, load_image, to_pil
from nst_utils.optimize import Result

if TYPE_CHECKING:
    import ipywidgets

PREVIEW = 240  # pixels of the longer side
REFRESH = 0.5  # seconds between two pictures of a run: more would only keep the browser busy


def encode(image: Tensor) -> bytes:
    """An image tensor [1, 3, H, W] as a JPEG file's bytes, which is what an Image widget shows."""
    file = io.BytesIO()
    to_pil(image).save(file, "JPEG", quality=90)
    return file.getvalue()


def picture_widget() -> "ipywidgets.Image":
    """An empty Image widget that shows a picture at its own size, where boxes would stretch it."""
    import ipywidgets as widgets

    layout = widgets.Layout(align_self="flex-start", max_width="100%")
    return widgets.Image(format="jpeg", layout=layout)


def uploaded_file(value: Mapping[str, dict] | Sequence[dict]) -> bytes | None:
    """The content of the newest file in a FileUpload's value; None if there is none.

    ipywidgets 8 gives a tuple of files, ipywidgets 7 a dict from name to file.
    """
    files = list(value.values() if isinstance(value, Mapping) else value)
    return bytes(files[-1]["content"]) if files else None


class LiveRun:
    """A picture made in the background, with its progress, and a cancel that keeps the picture.

    paint: called as paint(**settings(), steps=steps, callback=...) and returns a `Result`; it hands
        `callback` on to one of the package's tasks.
    settings: what is chosen at the moment, as keywords of `paint`.
    steps: evaluations of loss and gradient.
    above: widgets to put above the buttons.

    Display the attribute `panel`; `result` is the latest `Result`, None until a run has ended.
    """

    def __init__(
        self,
        paint: Callable[..., Result],
        settings: Callable[[], dict[str, Any]],
        steps: int,
        above: Sequence["ipywidgets.Widget"] = (),
    ) -> None:
        import ipywidgets as widgets

        self.result: Result | None = None
        self._paint, self._settings, self._steps = paint, settings, steps
        self._thread: threading.Thread | None = None
        self._cancelled, self._shown = threading.Event(), 0.0
        self.run = widgets.Button(description="Run", button_style="primary")
        self.stop = widgets.Button(description="Cancel", disabled=True)
        self.bar = widgets.IntProgress(max=steps, description="progress")
        self.message = widgets.Label("Press Run.")
        self.picture = picture_widget()
        self.picture.layout.display = "none"
        self.run.on_click(lambda _: self.start())
        self.stop.on_click(lambda _: self.cancel())
        buttons = widgets.HBox([self.run, self.stop, self.bar])
        self.panel = widgets.VBox([*above, buttons, self.message, self.picture])

    def start(self) -> None:
        """Begin a run with the present settings, unless one is going on."""
        if not self.wait(timeout=0):
            return
        self._cancelled.clear()
        self.run.disabled, self.stop.disabled, self.bar.value = True, False, 0
        self.message.value = "Running: Cancel keeps the best picture so far."
        # In a thread, because the kernel handles no click while a cell or a handler is busy.
        self._thread = threading.Thread(target=self._work, args=[self._settings()], daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """End the run at its next evaluation; the best picture so far becomes the result."""
        self._cancelled.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the run to end, at most `timeout` seconds; return whether it has."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def _work(self, settings: dict[str, Any]) -> None:
        try:
            self.result = self._paint(**settings, steps=self._steps, callback=self._report)
        except (NSTError, OSError, RuntimeError) as error:  # nobody else would see it in a thread
            self.message.value = f"No picture: {error}"
        else:
            self.bar.value = done = len(self.result.history)
            kept = "" if self.result.stopped == "finished" else "; the best picture is kept"
            self.message.value = f"{self.result.stopped.capitalize()} after {done} steps{kept}."
            self._show(self.result.image)
        finally:
            self.run.disabled, self.stop.disabled = False, True

    def _report(self, record: dict[str, float], image: Tensor) -> None:
        if self._cancelled.is_set():
            raise KeyboardInterrupt
        if time.monotonic() - self._shown > REFRESH:
            self.bar.value = record["evaluation"]
            self._show(image)

    def _show(self, image: Tensor) -> None:
        self.picture.value = encode(image)
        self.picture.layout.display = ""
        self._shown = time.monotonic()


def explorer(
    options: Mapping[str, Sequence],
    look_up: Callable[..., Tensor],
    paint: Callable[..., Result],
    steps: int,
) -> LiveRun:
    """Sliders that show a picture made before, and a live run of the same settings.

    options: the values of each setting, or (label, value) pairs. look_up: look_up(**chosen)
    returns the picture [1, 3, H, W] at once. paint, steps: see `LiveRun`.
    """
    import ipywidgets as widgets

    room = widgets.Layout(width="360px")  # the usual 300 cut a label like "more content"
    sliders = {
        name: widgets.SelectionSlider(options=list(values), description=name, layout=room)
        for name, values in options.items()
    }
    picture = picture_widget()

    def chosen() -> dict[str, Any]:
        return {name: slider.value for name, slider in sliders.items()}

    def update(_: object = None) -> None:
        picture.value = encode(look_up(**chosen()))

    for slider in sliders.values():
        slider.observe(update, "value")
    update()
    return LiveRun(paint, chosen, steps, above=[*sliders.values(), picture])


def painter(
    contents: Mapping[str, ImageSource],
    styles: Mapping[str, ImageSource],
    paint: Callable[..., Result],
    steps: int,
) -> LiveRun:
    """Choose or upload a photograph and a painting, and run paint(content=, style=, ...) on them.

    contents, styles: names to pictures that are there already. paint, steps: see `LiveRun`.
    """
    import ipywidgets as widgets

    content_box, content = _picture_menu("content", contents)
    style_box, style = _picture_menu("style", styles)

    def chosen() -> dict[str, ImageSource]:
        return {"content": content.value, "style": style.value}

    return LiveRun(paint, chosen, steps, above=[widgets.HBox([content_box, style_box])])


def _picture_menu(
    name: str, pictures: Mapping[str, ImageSource]
) -> tuple["ipywidgets.Widget", "ipywidgets.Dropdown"]:
    """A menu of pictures with a preview, and a button that adds a file of one's own to it."""
    import ipywidgets as widgets

    menu = widgets.Dropdown(options=list(pictures.items()), description=name)
    upload = widgets.FileUpload(accept="image/*", description="own picture")
    preview, problem = picture_widget(), widgets.Label()

    def look(_: object = None) -> None:
        try:
            preview.value, problem.value = encode(load_image(menu.value, size=PREVIEW)), ""
        except NSTError as error:
            problem.value = str(error)

    def add(change: dict[str, Any]) -> None:
        file = uploaded_file(change["new"])
        if file is not None:
            menu.options = [*pictures.items(), ("own picture", file)]
            menu.index = len(pictures)

    menu.observe(look, "value")
    upload.observe(add, "value")
    look()
    return widgets.VBox([menu, upload, preview, problem]), menu
