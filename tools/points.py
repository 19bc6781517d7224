"""Write the table of times and points into docs/instructors.md, from the notebooks.

python tools/points.py
"""

import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "instructors.md"
BETWEEN = re.compile(r"(?<=<!-- points -->\n\n).*?(?=\n\n<!-- end of points -->)", re.DOTALL)
HEAD = "| notebook | computing | with you | exercises | points |\n| --- | --- | --- | --- | --- |"


def exercises(notebook: nbformat.NotebookNode) -> list[tuple[str, int]]:
    """Title and points of each exercise: title from the text before it, points from its check."""
    found, text = [], ""
    for cell in notebook.cells:
        part = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "markdown":
            text = cell.source
        elif part.get("grade"):
            title = re.findall(r"^### Exercise \d+: (.+) \(\d+ points\)$", text, re.MULTILINE)[-1]
            found.append((title.rstrip("?"), part["points"]))
    return found


def row(path: Path) -> tuple[str, int]:
    """One notebook's line of the table, and its points."""
    notebook = nbformat.read(path, as_version=4)
    text = notebook.cells[0].source
    computing, reading = re.search(
        r"\*\*Time:\*\* about (.+?) of computing.*?, about (.+? minutes)", text
    ).groups()
    given = exercises(notebook)
    total = sum(points for _, points in given)
    number, *words = path.stem.split("_")
    name = f"[{number} {' '.join(words).capitalize()}](../notebooks/{path.name})"
    listed = "; ".join(f"{title} ({points})" for title, points in given)
    return f"| {name} | {computing} | {reading} | {listed} | {total} |", total


def table() -> str:
    """The whole table, in Markdown."""
    rows = [row(path) for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    total = sum(points for _, points in rows)
    return "\n".join([HEAD, *(line for line, _ in rows), f"| **all** | | | | **{total}** |"])


def main() -> None:
    """Write the table into the page."""
    PAGE.write_text(BETWEEN.sub(lambda _: table(), PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
