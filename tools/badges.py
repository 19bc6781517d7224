"""Write the repository's address into pyproject.toml, and from there into every notebook.

    python tools/badges.py owner/name    # as `make badges REPO=owner/name`
    python tools/badges.py               # the notebooks again, by the address in pyproject.toml

Until there is an address, the notebooks show no badge and their first code cell asks for one.
"""

import argparse
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
BADGE = "[![Open this notebook in Colab]({image})]({target})"
BADGE_IMAGE = "https://colab.research.google.com/assets/colab-badge.svg"
COLAB = "https://colab.research.google.com/github/"
GITHUB = "https://github.com/"
BRANCH = "main"

# The first code cell of every notebook. nst_utils is read from the clone, so nothing is installed.
BOOTSTRAP = """\
# On Colab this fetches the series; everywhere else it does nothing.
import os
import sys

if "google.colab" in sys.modules and "nst_utils" not in sys.modules:
    # The address of your copy, https://github.com/OWNER/NAME
    REPOSITORY = "{address}"
    assert REPOSITORY, "Set REPOSITORY to the address of your copy of this series."
    ![ -d nst ] || git clone --depth 1 {{REPOSITORY}} nst
    sys.path.insert(0, os.path.abspath("nst"))
    %cd nst/notebooks"""


def read_address(text: str) -> str:
    """The repository's address in the text of a pyproject.toml, or "" while there is none."""
    found = re.search(r'^\[project\.urls\]\nRepository = "(.*)"$', text, re.MULTILINE)
    return found[1] if found else ""


def write_address(text: str, repository: str) -> str:
    """The text of a pyproject.toml with the address of owner/name in it.

    Raises ValueError if the repository is not written as owner/name.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise ValueError(f"'{repository}' is not a repository: write owner/name.")
    table = f'[project.urls]\nRepository = "{GITHUB}{repository}"\n'
    if read_address(text):
        return re.sub(r"^\[project\.urls\]\nRepository = .*\n", table, text, flags=re.MULTILINE)
    return text.replace("[project.scripts]\n", f"{table}\n[project.scripts]\n")


def mark(notebook: NotebookNode, path: str, address: str) -> None:
    """Write badge and first code cell, in place.

    path: the notebook's place in the repository, such as "notebooks/00_start_here.ipynb"
    address: "" removes the badge, for it would lead nowhere
    """
    title = notebook.cells[0]
    lines = [line for line in title.source.split("\n\n") if BADGE_IMAGE not in line]
    if address.startswith(GITHUB):
        target = f"{COLAB}{address.removeprefix(GITHUB)}/blob/{BRANCH}/{path}"
        lines.insert(1, BADGE.format(image=BADGE_IMAGE, target=target))
    title.source = "\n\n".join(lines)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert "google.colab" in first.source, f"{path}: the first code cell is not the bootstrap."
    first.source = BOOTSTRAP.format(address=address)


def main() -> None:
    """Write the address given, or the one that is there, into all notebooks with solutions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository", nargs="?", help="owner/name on GitHub")
    repository = parser.parse_args().repository
    project = ROOT / "pyproject.toml"
    if repository:
        project.write_text(write_address(project.read_text("utf-8"), repository), "utf-8")
    address = read_address(project.read_text("utf-8"))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        mark(notebook, path.relative_to(ROOT).as_posix(), address)
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
