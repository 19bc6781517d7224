"""Notebooks are stored executed, small and readable, and their functions are the package's."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
import torch
from execute_notebooks import is_dead

import nst_utils as nst

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = {path.stem: nbformat.read(path, as_version=4) for path in FOLDER.glob("*.ipynb")}
MARK = "# NBVAL_CHECK_OUTPUT"
MAX_BYTES = 1_500_000
MAX_LINES = 30
# What GitHub, JupyterLab and Colab do not all render.
FORBIDDEN_MATHS = (r"\operatorname", r"\mbox", r"\phantom", r"\{", "^*", "}_{")

each_notebook = pytest.mark.parametrize("name", sorted(NOTEBOOKS))


def cells(name, kind):
    return [cell for cell in NOTEBOOKS[name].cells if cell.cell_type == kind]


def markdown(name):
    return "\n\n".join(cell.source for cell in cells(name, "markdown"))


def formulas(name):
    return re.findall(r"\$\$.+?\$\$|\$[^$\n]+?\$", without_code(markdown(name)), re.DOTALL)


def without_code(text):
    return re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)


def test_there_are_notebooks():
    assert "00_start_here" in NOTEBOOKS


# stored outputs


@each_notebook
def test_it_is_stored_as_run_from_top_to_bottom(name):
    counts = [cell.execution_count for cell in cells(name, "code")]
    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_marked_cells_have_something_to_compare(name):
    marked = [cell for cell in cells(name, "code") if MARK in cell.source]
    assert len(marked) >= 5
    for cell in marked:
        assert cell.source.startswith(MARK + "\n")
        assert cell.outputs, cell.source
        assert {output.output_type for output in cell.outputs} <= {"stream", "execute_result"}


@each_notebook
def test_every_mark_is_one_that_nbval_understands(name):
    for cell in cells(name, "code"):
        for line in cell.source.splitlines():
            assert "nbval" not in line.lower() or line == MARK, line


@each_notebook
def test_no_error_warning_or_dead_output_is_stored(name):
    for cell in cells(name, "code"):
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", output.text
            assert not is_dead(output), cell.source


@each_notebook
def test_no_widget_state_or_time_is_stored(name):
    assert "widgets" not in NOTEBOOKS[name].metadata
    assert not any("execution" in cell.metadata for cell in NOTEBOOKS[name].cells)


@each_notebook
def test_it_is_small_enough_to_open_on_github(name):
    assert (FOLDER / f"{name}.ipynb").stat().st_size < MAX_BYTES


@each_notebook
def test_a_kernel_that_everybody_has_runs_it(name):
    assert NOTEBOOKS[name].metadata.kernelspec.name == "python3"


# reading


@each_notebook
def test_code_cells_are_short(name):
    for cell in cells(name, "code"):
        assert len(cell.source.splitlines()) <= MAX_LINES, cell.source


@each_notebook
def test_one_title_and_headings_in_order(name):
    text = re.sub(r"```.*?```", "", markdown(name), flags=re.DOTALL)
    levels = [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


@each_notebook
def test_it_has_the_parts_that_every_notebook_has(name):
    text = markdown(name)
    for part in ("**Time:**", "**Objectives.**", "**You need**"):
        assert part in text
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[0] == "Setup"
    assert headings[-3:] == ["Recap", "On your own", "Further reading"]


@each_notebook
def test_a_sentence_follows_every_figure(name):
    every = NOTEBOOKS[name].cells
    for cell, following in zip(every, every[1:], strict=False):
        drawn = [kind for out in cell.get("outputs", []) for kind in out.get("data", {})]
        if any(kind.startswith("image/") for kind in drawn):
            assert following.cell_type == "markdown", cell.source
            assert not following.source.startswith("#"), following.source


@each_notebook
def test_pictures_in_the_text_are_described_and_there(name):
    for alt, target in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", markdown(name)):
        assert len(alt) > 15, target
        assert not target.startswith("data:"), "pictures belong into outputs or data/"
        assert "://" in target or (FOLDER / target).is_file(), target


@each_notebook
def test_links_to_files_lead_somewhere(name):
    for target in re.findall(r"(?<!!)\[[^\]]+\]\(([^)#\s]+)[^)]*\)", markdown(name)):
        assert "://" in target or (FOLDER / target).exists(), target


@each_notebook
def test_mathematics_renders_everywhere(name):
    for formula in formulas(name):
        for macro in FORBIDDEN_MATHS:
            assert macro not in formula, formula
        assert "\n" not in formula, formula


# exercises


@each_notebook
def test_exercises_follow_nbgraders_conventions(name):
    graded = [cell for cell in NOTEBOOKS[name].cells if "nbgrader" in cell.metadata]
    assert graded
    ids = [cell.metadata.nbgrader.grade_id for cell in graded]
    assert len(set(ids)) == len(ids)
    for cell in graded:
        meta = cell.metadata.nbgrader
        assert meta.schema_version == 3 and meta.task is False
        assert re.fullmatch(r"[\w-]+", meta.grade_id)
        assert meta.grade != meta.solution and meta.locked == meta.grade
        assert (meta.get("points", 0) > 0) == meta.grade


@each_notebook
def test_every_solution_has_its_check_right_after_it(name):
    graded = [cell for cell in NOTEBOOKS[name].cells if "nbgrader" in cell.metadata]
    for solution, check in zip(graded[::2], graded[1::2], strict=True):
        assert solution.metadata.nbgrader.solution and check.metadata.nbgrader.grade
        for cell, part in ((solution, "SOLUTION"), (check, "HIDDEN TESTS")):
            starts = cell.source.count(f"### BEGIN {part}")
            assert starts == cell.source.count(f"### END {part}") == 1, cell.source
        for test in re.findall(r"^ *assert .+", check.source, re.MULTILINE):
            assert '"' in test, f"no message: {test}"


# the cells' functions and the package's


def parsed(name):
    """The statements of a notebook's cells, without the shell commands of the bootstrap."""
    bodies = [ast.parse(cell.source).body for cell in cells(name, "code")[1:]]
    return [node for body in bodies for node in body]


def defined_functions(name):
    return [node.name for node in parsed(name) if isinstance(node, ast.FunctionDef)]


def function_of(name, function, **others):
    """A function that a cell defines, with the notebook's imports and `others` around it."""
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef
    nodes = [node for node in parsed(name) if isinstance(node, kinds)]
    nodes = [node for node in nodes if getattr(node, "name", function) == function]
    namespace = dict(others)
    exec(compile(ast.Module(nodes, type_ignores=[]), name, "exec"), namespace)
    return namespace[function]


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


F_, P_ = noise(1, 5, 6, 7), noise(1, 5, 6, 7, seed=1)
G_, A_ = nst.gram_matrix(F_), nst.gram_matrix(P_)
IMAGE = noise(1, 3, 9, 8).sigmoid()
SAME = {
    "content_loss": ((F_, P_), nst.content_loss),
    "gram_matrix": ((F_,), nst.gram_matrix),
    "style_loss": ((G_, A_), nst.style_loss),
    "total_variation": ((IMAGE,), nst.total_variation),
}
DEFINED = [(n, f) for n in sorted(NOTEBOOKS) for f in defined_functions(n) if f in SAME]


def test_each_building_block_is_shown_in_a_notebook():
    assert {function for _, function in DEFINED} == set(SAME)


@pytest.mark.parametrize(("name", "function"), DEFINED)
def test_a_cells_function_agrees_with_the_packages(name, function):
    arguments, reference = SAME[function]
    torch.testing.assert_close(function_of(name, function)(*arguments), reference(*arguments))


def test_the_total_loss_of_notebook_03_is_the_packages_objective():
    network = nst.load_backbone("random_tiny_vgg19", normalise=False)
    content, style, x = (noise(1, 3, 32, 40, seed=seed).sigmoid() for seed in range(3))
    content_term = nst.content_term(network, content, weight=3.0)
    style_term = nst.style_term(network, style, nst.weigh_layers(nst.STYLE_LAYERS), weight=5.0)
    expected, _ = nst.Objective(network, {"content": content_term, "style": style_term})(x)

    target = network(content, [nst.CONTENT_LAYER])[nst.CONTENT_LAYER]
    grams = {layer: nst.gram_matrix(f) for layer, f in network(style, nst.STYLE_LAYERS).items()}
    features = network(x, [nst.CONTENT_LAYER, *nst.STYLE_LAYERS])
    total_loss = function_of("03_style_transfer", "total_loss")
    torch.testing.assert_close(total_loss(features, target, grams, 3.0, 5.0), expected)


def test_the_starting_images_of_notebook_03_are_the_packages():
    start_image = function_of("03_style_transfer", "start_image")
    content, style = noise(1, 3, 20, 30).sigmoid(), noise(1, 3, 50, 40).sigmoid()
    assert torch.equal(start_image("noise", content, style, 7), nst.white_noise((20, 30), 7))
    assert torch.equal(start_image("style", content, style), nst.resize(style, (20, 30)))


def test_the_conversion_of_notebook_00_is_load_images():
    array = (noise(6, 5, 3).sigmoid() * 255).byte()
    convert = function_of("00_start_here", "to_image_tensor")
    assert torch.equal(convert(array), nst.load_image(array.numpy()))
