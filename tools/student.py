"""Make notebooks/student/ from the notebooks with solutions: `make student`.

nbgrader's own preprocessors take out solutions and hidden tests and lock the checks. Stored
outputs stay, so that a student sees what is to come, except those that an exercise makes: of its
own cells, and of every cell that uses its function or what was computed with it.
"""

import re
from pathlib import Path
from symtable import symtable

import nbformat
from nbformat import NotebookNode
from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import ClearOutput, IncludeHeaderFooter, InstantiateTests, SaveCells

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "notebooks"
STUDENT = SOURCE / "student"
# SaveCells writes into a course's database; the others have nothing to do here.
LEFT_OUT = {ClearOutput, IncludeHeaderFooter, InstantiateTests, SaveCells}
STEPS = [step for step in GenerateAssignment.preprocessors.default() if step not in LEFT_OUT]
NOTE = """\
**Student version** of [{name}](../{name}). Write your code where `# YOUR CODE HERE` stands, then \
run the check below it: it says what is wrong. Outputs that need your code are missing; all others \
are there. No later section waits for an exercise; only *Run All* stops at the first that is not \
done."""
BACK = "[This section with its solution](../{name}#cell-id={id})"


def globals_of(source: str) -> tuple[set[str], set[str]]:
    """The global names that a cell's code stores, and those that it reads, in functions too."""
    code = re.sub(r"^(\s*)[!%].*$", r"\1pass", source, flags=re.MULTILINE)  # shell and magics
    top = symtable(code, "cell", "exec")
    stored = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    read = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    inner = top.get_children()
    while inner:
        table = inner.pop()
        inner += table.get_children()
        read |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    return stored, read


def clear_outputs(notebook: NotebookNode) -> None:
    """Remove the outputs that depend on a student's code, in place."""
    unfinished = set()  # names whose values do
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        stored, read = globals_of(cell.source)
        part = cell.metadata.get("nbgrader", {})
        if not part and not read & unfinished:
            unfinished -= stored
            continue
        cell.outputs, cell.execution_count = [], None
        if not part.get("grade"):  # what a check stores is its own business
            unfinished |= stored


def move_links(text: str) -> str:
    """Markdown whose relative links work one folder deeper; other notebooks have a sibling here."""
    here = r"(?!\w+:|#|\d\d_\w+\.ipynb)"
    return re.sub(rf"(\]\(|src=\"){here}", r"\1../", text)


def link_back(notebook: NotebookNode, name: str) -> None:
    """End the text of each exercise with a link to the section that has the solution, in place."""
    for cell, following in zip(notebook.cells, notebook.cells[1:], strict=False):
        if following.metadata.get("nbgrader", {}).get("solution"):
            # By its id: JupyterLab finds no heading in a notebook that it has yet to open.
            cell.source += "\n\n" + BACK.format(name=name, id=cell.id)


def student_version(notebook: NotebookNode, name: str) -> NotebookNode:
    """What a student gets of a notebook with solutions; `notebook` itself is changed."""
    clear_outputs(notebook)
    for step in STEPS:
        notebook, _ = step().preprocess(notebook, {})
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = move_links(cell.source)
            cell.source = cell.source.replace(f"/notebooks/{name}", f"/notebooks/student/{name}")
    link_back(notebook, name)
    note = nbformat.v4.new_markdown_cell(NOTE.format(name=name), id="student-version")
    notebook.cells.insert(1, note)
    return notebook


def student_versions() -> dict[str, str]:
    """The text of every student notebook, by file name."""
    made = {}
    for path in sorted(SOURCE.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        made[path.name] = nbformat.writes(student_version(notebook, path.name)) + "\n"
    return made


def main() -> None:
    """Write all student notebooks and remove those without a source."""
    STUDENT.mkdir(exist_ok=True)
    made = student_versions()
    for old in STUDENT.glob("*.ipynb"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (STUDENT / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
