"""Run notebooks and store their outputs as they are committed.

    python tests/execute_notebooks.py notebooks/03_style_transfer.ipynb

A stored notebook keeps pictures and printed results. It loses what is dead without a kernel
(progress bars, widgets and their state) and what differs at each run (times).
"""

import argparse
from pathlib import Path

import nbformat
from nbconvert.preprocessors import ExecutePreprocessor

CELL_TIMEOUT = 600  # seconds
WIDGET = "application/vnd.jupyter.widget-view+json"


def is_dead(output: dict) -> bool:
    """Whether a stored output shows nothing without a kernel: a widget, or an emptied display."""
    data = output.get("data")
    return data is not None and (WIDGET in data or not any(data.values()))


def clean(notebook: nbformat.NotebookNode) -> None:
    """Remove dead outputs, times and widget state, in place."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not is_dead(output)]


def execute(path: Path) -> None:
    """Run a notebook in its own folder on a fresh kernel and write it back; an error leaves it."""
    notebook = nbformat.read(path, as_version=4)
    runner = ExecutePreprocessor(timeout=CELL_TIMEOUT, store_widget_state=False)
    runner.preprocess(notebook, {"metadata": {"path": str(path.parent)}})
    clean(notebook)
    nbformat.write(notebook, path)


def main() -> None:
    """Execute the notebooks given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--clean", action="store_true", help="do not run, only clean the outputs")
    args = parser.parse_args()
    for path in args.notebooks:
        if not args.clean:
            execute(path)
            continue
        notebook = nbformat.read(path, as_version=4)
        clean(notebook)
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
