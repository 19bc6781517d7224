"""Every mistake of docs/mistakes.md gets its message, and the notebooks' solutions pass."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
import torch
from exercises import SOURCES, graded, imports
from mistakes import MISTAKES

from nst_utils import checks

ROOT = Path(__file__).resolve().parents[1]
ROWS = [
    tuple(part.strip() for part in line.strip("|").split("|"))
    for line in (ROOT / "docs" / "mistakes.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| exercise", "| ---"))
]


IN_EVERY = {"not begun", "no `return`"}


def check_of(exercise):
    return getattr(checks, f"check_{exercise}")


def not_begun(*_, **__):
    raise NotImplementedError


def exercises():
    """Name, imports, solution cell and check cell of every exercise of the notebooks."""
    for path in SOURCES:
        cells = nbformat.read(path, as_version=4).cells
        found = graded(cells)
        for solution, check in zip(found[::2], found[1::2], strict=True):
            name = re.search(r"def (\w+)", solution.source)[1]
            yield name, imports(cells), solution, check


def run(*sources):
    """The names after these pieces of code have run, one after the other."""
    namespace = {}
    for source in sources:
        exec(source, namespace)
    return namespace


EXERCISES = [pytest.param(*exercise, id=exercise[0]) for exercise in exercises()]
SOLUTIONS = {name: run(first, cell.source)[name] for name, first, cell, _ in exercises()}


@pytest.mark.parametrize(("name", "first", "solution", "check"), EXERCISES)
def test_the_check_cell_prints_what_is_stored(name, first, solution, check, capsys):
    assert f"check_{name}({name})" in check.source
    torch.manual_seed(0)
    run(first, solution.source, check.source)
    assert capsys.readouterr().out == "".join(output.text for output in check.outputs)


def test_every_exercise_has_a_check_and_every_check_its_mistakes():
    assert {f"check_{name}" for name in SOLUTIONS} <= set(checks.__all__)
    assert {f"check_{name}" for name in MISTAKES} == set(checks.__all__)


@pytest.mark.parametrize(("exercise", "mistake", "symptom", "message"), ROWS)
def test_a_mistake_is_named(exercise, mistake, symptom, message):
    made = {"not begun": not_begun, "no `return`": lambda *_, **__: None}
    names = list(MISTAKES) if exercise == "every" else [exercise]
    for name in names:
        state = torch.get_rng_state()
        with pytest.raises(AssertionError) as caught:
            check_of(name)(made[mistake] if exercise == "every" else MISTAKES[name][mistake])
        torch.set_rng_state(state)
        assert str(caught.value).split("\nassert ")[0] == message
        assert symptom


def test_the_table_and_the_mistakes_here_are_the_same():
    listed = [(exercise, mistake) for exercise, mistake, *_ in ROWS if exercise != "every"]
    made = [(exercise, mistake) for exercise, found in MISTAKES.items() for mistake in found]
    assert sorted(listed) == sorted(made)
    assert {mistake for exercise, mistake, *_ in ROWS if exercise == "every"} == IN_EVERY


def messages():
    """Every message in the checks, as a pattern: what an f-string fills in may be anything."""
    for path in Path(checks.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            said = node.msg if isinstance(node, ast.Assert) else None
            if isinstance(node, ast.Raise):
                said = node.exc.args[0]
            if isinstance(said, ast.Constant):
                yield re.escape(said.value)
            elif isinstance(said, ast.JoinedStr):
                constant = (v.value if isinstance(v, ast.Constant) else None for v in said.values)
                yield "".join(".+" if v is None else re.escape(v) for v in constant)


def test_every_message_is_in_the_table():
    found = list(messages())
    assert len(found) > 60
    for pattern in found:
        assert any(re.fullmatch(pattern, row[3]) for row in ROWS), pattern


@pytest.mark.parametrize("exercise", SOLUTIONS)
def test_a_check_leaves_the_random_numbers_alone(exercise):
    before = torch.get_rng_state()
    check_of(exercise)(SOLUTIONS[exercise])
    assert torch.equal(before, torch.get_rng_state())
