"""A course with the real nbgrader: what is released, and what the autograder gives for it.

Autograding runs every notebook, so the assignment has the exercises of all notebooks in one,
without the long computations between them.
"""

import csv
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest
from exercises import SOURCES, graded, imports
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parents[1]
WEEK, NAME = "style", "exercises"
WRONG = ["estimate-test", "gram-matrix-test", "content-gradient-test"]
CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "course"
c.ExecutePreprocessor.timeout = 120
"""


def part(cell, key):
    return cell.metadata.get("nbgrader", {}).get(key)


def all_exercises():
    """One notebook with all solution and check cells, each notebook's imports before its own."""
    cells = []
    for path in SOURCES:
        notebook = nbformat.read(path, as_version=4)
        exercises = graded(notebook.cells)
        for cell in exercises:
            cell.id = f"{path.stem[:2]}-{cell.id}"
        cells += [new_code_cell(imports(notebook.cells)), *exercises]
    return new_notebook(cells=cells, metadata=notebook.metadata)


def nbgrader(course, *arguments):
    """Run an nbgrader command as an instructor would, with this working tree's package."""
    env = os.environ | {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(course / "ipython")}
    env |= {"JUPYTER_CONFIG_DIR": str(course / "config"), "MPLBACKEND": "Agg"}
    # nbgrader looks for alembic on the path, where an activated environment has it.
    env["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    command = [sys.executable, "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=course, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def hand_in(course, student, changes):
    """Submit the released notebook with {grade_id: source} written into its cells."""
    notebook = nbformat.read(course / "release" / WEEK / f"{NAME}.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = changes.get(part(cell, "grade_id"), cell.source)
    folder = course / "submitted" / student / WEEK
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{NAME}.ipynb")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course with three students, released and graded."""
    folder = tmp_path_factory.mktemp("course")
    (folder / "nbgrader_config.py").write_text(CONFIG)
    source = folder / "source" / WEEK
    source.mkdir(parents=True)
    notebook = all_exercises()
    nbformat.write(notebook, source / f"{NAME}.ipynb")
    nbgrader(folder, "generate_assignment", WEEK)
    filled = {part(c, "grade_id"): c.source for c in notebook.cells if part(c, "solution")}
    mistaken = filled | {
        "estimate": filled["estimate"].replace("** 2", ""),  # the visible check finds it
        "gram-matrix": filled["gram-matrix"].replace("F.shape[2]", "3"),  # only the hidden test
        # A check that a student has emptied comes back from the source.
        "content-gradient": "def content_gradient(z, target):\n    return z",
        "content-gradient-test": "pass",
    }
    for student, changes in {"full": filled, "empty": {}, "mistaken": mistaken}.items():
        hand_in(folder, student, changes)
    nbgrader(folder, "autograde", WEEK)
    return folder


def scores(course, student):
    """Points by grade_id."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
        grades = gradebook.find_submission_notebook(NAME, WEEK, student).grades
        return {grade.name: grade.score for grade in grades}


def points():
    return {
        part(c, "grade_id"): part(c, "points") for c in all_exercises().cells if part(c, "grade")
    }


@pytest.mark.slow
def test_a_filled_copy_gets_full_marks(course):
    assert len(points()) >= 10
    assert scores(course, "full") == points()


@pytest.mark.slow
def test_an_empty_copy_gets_nothing(course):
    assert scores(course, "empty") == dict.fromkeys(points(), 0)


@pytest.mark.slow
def test_a_mistake_costs_its_own_exercise(course):
    assert scores(course, "mistaken") == points() | dict.fromkeys(WRONG, 0)


@pytest.mark.slow
def test_feedback_and_grades_can_be_handed_back(course):
    nbgrader(course, "generate_feedback", WEEK)
    page = (course / "feedback" / "mistaken" / WEEK / f"{NAME}.html").read_text("utf-8")
    assert "Twice the side is four times the pixels: square the ratio." in page
    nbgrader(course, "export")
    with (course / "grades.csv").open() as file:
        exported = {line["student_id"]: float(line["score"]) for line in csv.DictReader(file)}
    total = sum(points().values())
    lost = sum(points()[name] for name in WRONG)
    assert exported == {"full": total, "empty": 0, "mistaken": total - lost}


@pytest.mark.slow
def test_the_student_notebooks_have_the_cells_that_nbgrader_releases(course):
    release = nbformat.read(course / "release" / WEEK / f"{NAME}.ipynb", as_version=4)
    released = {part(c, "grade_id"): c for c in release.cells if part(c, "grade_id")}
    ours = [c for p in SOURCES for c in nbformat.read(p.parent / "student" / p.name, 4).cells]
    ours = {part(c, "grade_id"): c for c in ours if part(c, "grade_id")}
    assert ours.keys() == released.keys()
    for grade_id, cell in ours.items():
        assert (cell.source, cell.metadata) == (
            released[grade_id].source,
            released[grade_id].metadata,
        )
