"""JupyterLab on copies of the notebooks, and a page of a browser that works in one of them."""

import io
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SHOTS = ROOT / "outputs" / "browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
START = 60  # seconds for JupyterLab to answer, or for a page to be ready
# An exception in a cell, or a warning: JupyterLab shows both in red.
ERROR = '[data-mime-type$="jupyter.error"], [data-mime-type$="jupyter.stderr"]'
DONE = """error => {
    const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")];
    const texts = prompts.map(prompt => prompt.textContent);
    return !texts.some(text => text.includes("*")) &&
        (texts.every(text => /\\d/.test(text)) || document.querySelector(error));
}"""


def find_browser() -> str | None:
    """The path of a Chromium that is installed."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def copy_notebooks(folder: Path) -> None:
    """Copy the notebooks without their outputs, so that what a page shows was made in it."""
    for source in (ROOT / "notebooks").rglob("*.ipynb"):
        notebook = nbformat.read(source, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        path = folder / source.relative_to(ROOT)
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
    (folder / "data").symlink_to(ROOT / "data")


class Lab:
    """JupyterLab as a process of its own, with settings of its own, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.token = folder, secrets.token_hex(16)
        self._settings = folder / "settings"
        self.set("apputils-extension/notification", fetchNews="false")  # needs a network
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
        command += [f"--ServerApp.root_dir={folder}", "--ip=127.0.0.1", f"--port={port}"]
        command += [f"--IdentityProvider.token={self.token}", "--ServerApp.port_retries=0"]
        own = {
            "JUPYTER_CONFIG_DIR": folder / "config",
            "JUPYTER_RUNTIME_DIR": folder / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": self._settings,
            "JUPYTERLAB_WORKSPACES_DIR": folder / "workspaces",
            "OMP_NUM_THREADS": 2,
        }
        environment = {**os.environ, **{name: str(value) for name, value in own.items()}}
        environment.pop("MPLBACKEND", None)  # of the tests: the notebooks show their figures
        self.log = folder / "lab.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def set(self, extension: str, **values) -> None:
        """Change settings of one of JupyterLab's extensions for the pages opened after this."""
        path = self._settings / "@jupyterlab" / f"{extension}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))

    def wait(self) -> None:
        """Return when JupyterLab answers."""
        end = time.monotonic() + START
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/api?token={self.token}", timeout=5)
                return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"JupyterLab does not start:\n{self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        """End JupyterLab, and with it its kernels."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


class NotebookPage:
    """A page of a browser with one notebook in it; `problems` are its console's errors."""

    def __init__(self, page, lab: Lab) -> None:
        self.page, self.lab, self.problems = page, lab, []
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def _listen(self, message) -> None:
        if message.type == "error":
            self.problems.append(f"{message.text} ({message.location.get('url')})")

    def open(self, path: str, everything: bool = True) -> None:
        """Show notebooks/PATH, with a kernel that is ready.

        everything: all cells stand in the page; JupyterLab's own way leaves out those out of sight.
        """
        mode = "none" if everything else "full"
        self.lab.set("notebook-extension/tracker", windowingMode=mode)
        self.page.goto(f"{self.lab.url}/lab/tree/notebooks/{path}?token={self.lab.token}&reset")
        self.page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=START * 1000)
        # The circle beside the kernel's name says so, too, but also before there is a kernel.
        self.page.get_by_text(re.compile(r"\| Idle$")).wait_for(timeout=START * 1000)

    def run_all(self, seconds: float) -> None:
        """Run all cells by the menu, and wait until they have run or one has failed."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        # Not at each frame, as it would by itself: the browser shares two cores with the kernel.
        self.page.wait_for_function(DONE, arg=ERROR, timeout=seconds * 1000, polling=500)

    def run(self, cell) -> None:
        """Run one cell, as Shift+Enter in it does, and wait for its number."""
        cell.locator(".jp-InputArea-editor").click()
        self.page.keyboard.press("Shift+Enter")
        cell.locator(".jp-InputPrompt", has_text=re.compile(r"\d")).wait_for()

    def cell(self, text: str):
        """The code cell with this text in its source."""
        source = self.page.locator(".jp-InputArea-editor", has_text=text)
        return self.page.locator(".jp-CodeCell").filter(has=source)

    def shoot(self, name: str, whole: bool = False) -> None:
        """Keep a picture of the page, or of the whole notebook at its full height."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        seen = self.page.viewport_size
        if whole:
            panel = self.page.locator(".jp-WindowedPanel-outer").first
            height = panel.evaluate("panel => (panel.scrollTop = 0, panel.scrollHeight)")
            self.page.set_viewport_size({**seen, "height": height + 150})
            self.page.wait_for_timeout(1000)  # it draws what had been out of sight
        self.page.screenshot(path=SHOTS / f"{name}.png")
        self.page.set_viewport_size(seen)


def pixels(picture) -> np.ndarray:
    """What is seen of an element, [H, W, 3] in [0, 1]."""
    return np.asarray(Image.open(io.BytesIO(picture.screenshot())).convert("RGB")) / 255
