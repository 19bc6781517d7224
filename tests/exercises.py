"""The notebooks' exercises, for tests: their cells, and the imports that these rely on."""

import ast
from pathlib import Path

SOURCES = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))


def graded(cells):
    """The solution and check cells of a notebook, in turn."""
    return [cell for cell in cells if "nbgrader" in cell.metadata]


def imports(cells):
    """The import statements of a notebook's code, those of its first code cell left out."""
    code = [cell for cell in cells if cell.cell_type == "code"][1:]
    nodes = [node for cell in code for node in ast.parse(cell.source).body]
    found = [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(dict.fromkeys(found))
