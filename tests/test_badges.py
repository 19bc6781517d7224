"""The repository's address stands in pyproject.toml only, and the notebooks start on Colab."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import badges
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = badges.ROOT
PROJECT = (ROOT / "pyproject.toml").read_text("utf-8")
ADDRESS = badges.read_address(PROJECT)
FILES = sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb"))
each_notebook = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))


def small():
    return new_notebook(
        cells=[
            new_markdown_cell("# Title\n\nText."),
            new_code_cell("import sys\n'google.colab' in sys.modules"),
        ]
    )


# the address


def test_the_address_is_written_once_and_again():
    without = "[project]\nname = 'x'\n\n[project.scripts]\nnst = 'y'\n"
    assert badges.read_address(without) == ""
    first = badges.write_address(without, "ada/paint")
    assert badges.read_address(first) == "https://github.com/ada/paint"
    second = badges.write_address(first, "bob/paint")
    assert badges.read_address(second) == "https://github.com/bob/paint"
    assert second == first.replace("ada", "bob")
    assert first.replace('[project.urls]\nRepository = "https://github.com/ada/paint"\n\n', "") == (
        without
    )


def test_pyproject_stays_readable_with_an_address():
    tomllib = pytest.importorskip("tomllib")  # part of Python from 3.11 on
    project = tomllib.loads(badges.write_address(PROJECT, "ada/paint"))["project"]
    assert project["urls"] == {"Repository": "https://github.com/ada/paint"}
    assert project["scripts"] == tomllib.loads(PROJECT)["project"]["scripts"]


@pytest.mark.parametrize("wrong", ["ada", "https://github.com/ada/paint", "ada/paint/x", "a b/c"])
def test_another_form_of_address_is_refused(wrong):
    with pytest.raises(ValueError, match="write owner/name"):
        badges.write_address(PROJECT, wrong)


# the notebooks


def test_a_badge_comes_once_and_goes():
    notebook, path = small(), "notebooks/student/00_x.ipynb"
    for _ in range(2):
        badges.mark(notebook, path, "https://github.com/ada/paint")
        title, badge, text = notebook.cells[0].source.split("\n\n")
        assert (title, text) == ("# Title", "Text.")
        assert "(https://colab.research.google.com/github/ada/paint/blob/main/" + path in badge
        assert 'REPOSITORY = "https://github.com/ada/paint"' in notebook.cells[1].source
    badges.mark(notebook, path, "")
    assert notebook.cells[0].source == "# Title\n\nText."
    assert 'REPOSITORY = ""' in notebook.cells[1].source


def test_a_notebook_without_bootstrap_is_not_overwritten():
    notebook = new_notebook(cells=[new_markdown_cell("# T"), new_code_cell("print(1)")])
    with pytest.raises(AssertionError, match="not the bootstrap"):
        badges.mark(notebook, "notebooks/x.ipynb", "")


@each_notebook
def test_badge_and_address_are_those_of_pyproject(path):
    notebook = nbformat.read(path, as_version=4)
    before = nbformat.writes(notebook)
    badges.mark(notebook, path.relative_to(ROOT).as_posix(), ADDRESS)
    assert nbformat.writes(notebook) == before, "run: python tools/badges.py && make student"
    assert ADDRESS or "colab-badge" not in before


def test_the_bootstrap_installs_nothing():
    assert "pip" not in badges.BOOTSTRAP and "torch" not in badges.BOOTSTRAP


def test_the_bootstrap_does_nothing_outside_colab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = sys.path.copy()
    code = badges.BOOTSTRAP.replace("![ -d", "pass  # ").replace("%cd", "pass  # ")
    exec(code.format(address=""), {})
    assert sys.path == kept and not list(tmp_path.iterdir()) and Path.cwd() == tmp_path


# Colab, as far as it can be had here

RUN_CELLS = """
import sys
import google.colab, nbformat
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
cells = [c for c in nbformat.read(sys.argv[1], as_version=4).cells if c.cell_type == "code"]
for cell in cells[:3]:  # bootstrap, imports, the pictures that are there
    shell.run_cell(cell.source).raise_error()
import nst_utils
print("from", nst_utils.__file__)
"""


def local_repository(folder):
    """A git repository of this working tree, without the notebooks' pictures."""
    for name in ("nst_utils", "data"):
        shutil.copytree(
            ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "gallery")
        )
    (folder / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "00_start_here.ipynb", folder / "notebooks")
    author = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "all"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder.as_uri()


def colab_python(folder):
    """A new environment with everything that is installed here but nst_utils, and google.colab."""
    venv.create(folder, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    (site / "google" / "colab").mkdir(parents=True)
    (site / "google" / "colab" / "__init__.py").touch()
    # A path that is added this way is not searched for further .pth files: an editable nst_utils
    # stays behind.
    (site / "installed_here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt" or not shutil.which("git"), reason="Colab has Linux and git")
def test_it_starts_on_colab_with_the_notebook_alone(tmp_path):
    (tmp_path / "repository").mkdir()
    address = local_repository(tmp_path / "repository")
    python = colab_python(tmp_path / "environment")
    content = tmp_path / "content"
    content.mkdir()
    notebook = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4)
    badges.mark(notebook, "notebooks/00_start_here.ipynb", address)
    nbformat.write(notebook, content / "alone.ipynb")

    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    clean |= {"IPYTHONDIR": str(tmp_path / "ipython"), "MPLBACKEND": "Agg"}
    command = [python, "-c", RUN_CELLS, "alone.ipynb"]
    for _ in range(2):  # the second time as after a restart of the kernel: the clone is there
        done = subprocess.run(command, cwd=content, env=clean, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"from {content / 'nst' / 'nst_utils'}" in done.stdout
        listed = next(c for c in notebook.cells if "NBVAL_CHECK_OUTPUT" in c.source).outputs[0].text
        assert listed in done.stdout
    assert not (content / "nst" / "notebooks" / "nst").exists()
