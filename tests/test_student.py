"""notebooks/student/ is what `make student` makes, holds no solution, and its links work."""

import re

import nbformat
import pytest
import student
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

MADE = student.student_versions()
each_notebook = pytest.mark.parametrize("name", sorted(MADE))


def cells(path):
    return nbformat.read(path, as_version=4).cells


def graded(path, part):
    return [cell for cell in cells(path) if cell.metadata.get("nbgrader", {}).get(part)]


def test_there_is_one_for_each_notebook():
    there = {path.name for path in student.STUDENT.glob("*.ipynb")}
    assert there == MADE.keys() == {path.name for path in student.SOURCE.glob("*.ipynb")}


@each_notebook
def test_the_committed_one_is_what_make_student_makes(name):
    same = (student.STUDENT / name).read_text("utf-8") == MADE[name]
    assert same, f"{name} is out of date: run `make student`."


@each_notebook
def test_solutions_and_hidden_tests_are_gone(name):
    text = MADE[name]
    assert "BEGIN SOLUTION" not in text and "HIDDEN TESTS" not in text
    solutions = graded(student.STUDENT / name, "solution")
    assert len(solutions) == len(graded(student.SOURCE / name, "solution")) >= 2
    for cell in solutions:
        assert cell.source.endswith("    # YOUR CODE HERE\n    raise NotImplementedError()")
        with pytest.raises(NotImplementedError):
            call_without_arguments(cell.source)


def call_without_arguments(source):
    """Call a cell's function with None for every argument."""
    namespace = {}
    exec(source, namespace)
    function = namespace[re.search(r"def (\w+)", source)[1]]
    function(*[None] * function.__code__.co_argcount)


@each_notebook
def test_checks_are_locked_and_worth_the_same(name):
    ours, theirs = (graded(folder / name, "grade") for folder in (student.SOURCE, student.STUDENT))
    points = [cell.metadata.nbgrader.points for cell in ours]
    assert points == [cell.metadata.nbgrader.points for cell in theirs]
    assert not any(cell.metadata.editable or cell.metadata.deletable for cell in theirs)
    assert not any(cell.outputs for cell in theirs)


@each_notebook
def test_all_other_outputs_are_kept(name):
    made = {cell.id: cell for cell in cells(student.STUDENT / name)}
    for cell in cells(student.SOURCE / name):
        if cell.cell_type == "code" and "nbgrader" not in cell.metadata:
            assert made[cell.id].source == cell.source
            assert made[cell.id].outputs == cell.outputs, cell.source


@each_notebook
def test_every_exercise_links_back_to_its_section(name):
    text = "\n".join(cell.source for cell in cells(student.STUDENT / name))
    links = re.findall(rf"\[This section[^\]]+\]\(\.\./{name}#cell-id=([^)]+)\)", text)
    assert len(set(links)) == len(graded(student.SOURCE / name, "solution"))
    assert {cell.id for cell in cells(student.SOURCE / name)} >= set(links)


@each_notebook
def test_links_lead_somewhere(name):
    text = "\n".join(c.source for c in cells(student.STUDENT / name) if c.cell_type == "markdown")
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", re.sub(r"`[^`]*`", "", text))
    assert f"../{name}" in targets
    for target in targets:
        assert "://" in target or (student.STUDENT / target).is_file(), target


def test_relative_links_move_one_folder_down():
    moved = student.move_links('[a](../data/CREDITS.md) ![b](b.jpg) <img src="f.png">')
    assert moved == '[a](../../data/CREDITS.md) ![b](../b.jpg) <img src="../f.png">'
    for link in ("[c](#top)", "[d](01_next.ipynb)", "[e](https://example.org)"):
        assert student.move_links(link) == link


def code(source, **part):
    cell = new_code_cell(source, outputs=[new_output("stream", text="something")])
    cell.execution_count = 1
    if part:
        cell.metadata["nbgrader"] = part
    return cell


def kept(*given):
    """The sources of the cells whose outputs stay."""
    notebook = new_notebook(cells=[new_markdown_cell("text"), *given])
    student.clear_outputs(notebook)
    for cell in notebook.cells[1:]:
        assert bool(cell.outputs) == (cell.execution_count is not None)
    return [cell.source for cell in notebook.cells[1:] if cell.outputs]


def test_outputs_that_need_the_solution_are_removed():
    solution = code("def f(x):\n    inner = x\n    return inner", solution=True)
    check = code("value = f(1)\nassert value", grade=True)
    assert kept(solution, check) == []
    assert kept(code("f(0)"), solution, code("f(1)")) == ["f(0)"]
    assert kept(solution, code("a = f(1)"), code("b = a"), code("print(b)")) == []
    assert kept(solution, code("def g():\n    return f(1)"), code("[g() for _ in range(2)]")) == []


def test_outputs_that_only_look_like_it_are_kept():
    solution = code("def f(x):\n    inner = x\n    return inner", solution=True)
    for source in ("inner = 1\nprint(inner)", "def g(f):\n    return f", "nst.f(1)", "!ls\nx = 1"):
        assert kept(solution, code(source)) == [source]
    again = [code("from nst_utils import f"), code("f(1)")]
    assert len(kept(solution, *again)) == 2
    check = code("value = f(1)", grade=True)
    assert kept(solution, check, code("print(value)")) == ["print(value)"]


def test_the_order_of_the_steps_is_nbgraders():
    """LockCells first; checksums after everything that changes a cell."""
    order = [step.__name__ for step in student.STEPS]
    assert order.index("LockCells") < order.index("ClearSolutions")
    assert order.index("ClearHiddenTests") < len(order) - 1 - order[::-1].index("ComputeChecksums")
