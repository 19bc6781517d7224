"""The instructors' page tells the truth: its points, its links, its code, its headings."""

import re

import nbformat
import points
import pytest

import nst_utils as nst

PAGE = points.PAGE.read_text("utf-8")
SOURCES = sorted((points.ROOT / "notebooks").glob("*.ipynb"))


def test_the_table_is_that_of_the_notebooks():
    assert points.table() in PAGE, "run: python tools/points.py"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_the_points_in_a_heading_are_those_of_its_check(path):
    text, given = "", []
    for cell in nbformat.read(path, as_version=4).cells:
        text += f"{cell.source}\n" * (cell.cell_type == "markdown")
        if cell.metadata.get("nbgrader", {}).get("grade"):
            given.append(cell.metadata.nbgrader.points)
    assert given == [int(n) for n in re.findall(r"^### Exercise .+\((\d+) points\)$", text, re.M)]


def test_links_lead_somewhere():
    for page in points.PAGE.parent.glob("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text("utf-8")):
            assert "://" in target or (page.parent / target).exists(), target


def test_the_sections_it_names_are_there():
    text = "".join(path.read_text("utf-8") for path in SOURCES)
    plans = PAGE.split("### Two lectures")[1].split("## What to weight")[0]
    named = re.findall(r"\*([A-Z][^*]+)\*", plans)
    assert len(named) >= 6
    for section in named:
        assert f"## {section}" in text, section


def test_two_students_get_different_starts_and_each_gets_it_again():
    (code,) = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
    ada, again, bob = {}, {}, {}
    for names, student in ((ada, "ada"), (again, "ada"), (bob, "bob")):
        exec(code.replace('"ada"', f'"{student}"'), names)
    assert ada["start"].equal(again["start"]) and not ada["start"].equal(bob["start"])
    assert ada["start"].equal(nst.white_noise((192, 256), ada["seed"]))
    assert ada["photo"].is_file() and ada["painting"].is_file()
