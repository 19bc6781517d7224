"""The notebooks in JupyterLab, and the site, in a real browser; pictures go to outputs/browser."""

import re
import time

import nbformat
import numpy as np
import pytest
import site_pages
from lab import ERROR, SHOTS, Lab, NotebookPage, copy_notebooks, find_browser, pixels

import nst_utils as nst
from nst_utils.mask_widget import PREVIEW

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed.")
expect = playwright.expect

pytestmark = pytest.mark.slow
LOADED = "pictures => pictures.every(picture => picture.naturalWidth > 0)"
WHOLE = "texts => texts.every(text => text.scrollWidth <= text.clientWidth)"
SIZES = """picture => [
    picture.clientWidth, picture.clientHeight, picture.naturalWidth, picture.naturalHeight]"""
VIEW = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser():
    path = find_browser()
    if path is None:
        pytest.skip("There is no Chromium here (on Debian: apt-get install chromium).")
    with playwright.sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=path)


@pytest.fixture(scope="module")
def lab(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    copy_notebooks(folder)
    lab = Lab(folder)
    try:
        lab.wait()
        yield lab
    finally:
        lab.stop()


@pytest.fixture
def page(browser, request):
    page = browser.new_page(viewport=VIEW)
    yield page
    page.screenshot(path=SHOTS / f"{request.node.name}.png")  # shows where a failed test stopped
    page.close()


@pytest.fixture
def notebook(page, lab):
    return NotebookPage(page, lab)


def check_that_all_ran(notebook):
    """No error, no warning, no broken picture, no formula left in TeX."""
    page = notebook.page
    assert page.locator(ERROR).all_inner_texts() == []
    pictures = page.locator(".jp-OutputArea img:visible")
    assert pictures.count() >= 3
    assert pictures.evaluate_all(LOADED)
    assert page.locator("mjx-container").count() > 0
    assert page.locator(".progress-bar-danger").count() == 0, "A progress bar was left behind."
    assert page.locator("mjx-merror").count() == 0
    assert not any("$" in text for text in page.locator(".jp-MarkdownOutput p").all_inner_texts())


def size(picture):
    """[width, height] of a picture's file, after a look that it is shown at this size."""
    width, height, *own = picture.evaluate(SIZES)
    assert [width, height] == own, "The page stretches the picture."
    return own


def wait_for_change(picture, before):
    """Wait until the picture is another one than `before`, and return it."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        now = pixels(picture)
        if now.shape != before.shape or np.abs(now - before).mean() > 0.001:
            return now
    raise AssertionError("The picture has not changed within ten seconds.")


def move(slider, picture, key="ArrowRight"):
    """Move a slider by a key, and wait for the picture to follow."""
    before = pixels(picture)
    slider.press(key)
    wait_for_change(picture, before)


def button(cell, name):
    return cell.get_by_role("button", name=name, exact=True)


def message(cell, text):
    return cell.locator(".widget-label", has_text=re.compile(text))


# notebook 00


def upload(cell, path):
    """Choose a file by the first upload button of a cell, as the file dialogue does."""
    with cell.page.expect_file_chooser() as chooser:
        cell.get_by_role("button", name="own picture").first.click()
    chooser.value.set_files(path)


def test_notebook_00_runs_and_stylises_an_uploaded_file(notebook, tmp_path):
    notebook.open("00_start_here.ipynb")
    notebook.run_all(seconds=600)
    notebook.shoot("00_all_cells", whole=True)
    check_that_all_ran(notebook)

    portrait = nst.load_image(nst.DATA / "content" / "chelsea.jpg", 600)[..., 100:400]
    nst.save_image(portrait, tmp_path / "my cat.png")
    shape = portrait.shape[-1] / portrait.shape[-2]
    cell = notebook.cell("live = painter(")
    preview, picture = cell.locator("img").first, cell.locator("img").last
    before = pixels(preview)
    upload(cell, tmp_path / "my cat.png")
    wait_for_change(preview, before)
    width, height = size(preview)
    assert width / height == pytest.approx(shape, abs=0.02)

    button(cell, "Run").click()
    message(cell, r"^Finished after \d+ steps\.$").wait_for(timeout=120_000)
    width, height = size(picture)
    assert width / height == pytest.approx(shape, abs=0.02)
    picture.scroll_into_view_if_needed()
    notebook.shoot("00_uploaded")
    assert notebook.problems == []


# notebook 03


def test_notebook_03_runs_and_its_sliders_and_live_run_work(notebook):
    notebook.open("03_style_transfer.ipynb")
    notebook.run_all(seconds=900)
    notebook.shoot("03_all_cells", whole=True)
    check_that_all_ran(notebook)

    cell = notebook.cell("live = explorer(")
    stored, picture = cell.locator("img").first, cell.locator("img").last
    sliders = cell.get_by_role("slider").all()
    assert len(sliders) == 4
    assert cell.locator(".widget-readout").evaluate_all(WHOLE), "A slider's label is cut off."
    for slider in sliders:
        move(slider, stored)
    notebook.shoot("03_sliders")

    assert picture.is_hidden()
    button(cell, "Run").click()
    progress = cell.locator(".progress-bar")
    cell.page.wait_for_function(
        "bar => parseFloat(bar.style.width) > 5", arg=progress.element_handle()
    )
    picture.wait_for()
    picture.scroll_into_view_if_needed()
    notebook.shoot("03_running")
    button(cell, "Cancel").click()
    message(cell, r"^Interrupted after \d+ steps; the best picture is kept\.$").wait_for()
    expect(button(cell, "Run")).to_be_enabled()
    assert max(size(stored)) == 256 and max(size(picture)) == 352
    assert pixels(picture).std() > 0.05, "The picture is blank."
    notebook.shoot("03_cancelled")
    assert notebook.problems == []


# notebook 05


MASK = """\
import nst_utils as nst
from nst_utils.mask_widget import MaskPainter

painter = MaskPainter(nst.DATA / "content" / "coffee.jpg")
painter.panel"""


def test_a_mask_is_drawn_by_sliders(notebook, lab):
    sources = [MASK, "print(*painter.settings.values())"]
    scratch = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in sources])
    scratch.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(scratch, lab.folder / "notebooks" / "mask.ipynb")
    notebook.open("mask.ipynb")
    cell, settings = notebook.cell("painter.panel"), notebook.cell("painter.settings")
    notebook.run(cell)
    picture = cell.locator("img")
    sliders = cell.get_by_role("slider").all()
    for slider in sliders:
        move(slider, picture, "PageUp")
    assert max(size(picture)) == PREVIEW
    notebook.shoot("05_ellipse")
    before = pixels(picture)
    cell.get_by_role("combobox").select_option("half-plane")
    wait_for_change(picture, before)
    notebook.shoot("05_half_plane")
    notebook.run(settings)
    shown = cell.locator(".widget-readout").all_inner_texts()
    kind, *values = settings.locator(".jp-OutputArea").inner_text().split()
    assert kind == "half-plane"
    assert [float(v) for v in values] == pytest.approx([float(text) for text in shown])
    assert notebook.problems == []


# the student version


ESTIMATE = """\
def estimate_seconds(per_step, size, new_size, steps):
    return per_step * steps * (new_size / size) ** 2"""


def test_a_students_exercise_is_unfinished_until_it_is_written(notebook):
    notebook.open("student/00_start_here.ipynb")
    exercise = notebook.cell("def estimate_seconds")
    check = notebook.cell("check_estimate_seconds(")
    notebook.run(exercise)
    notebook.run(check)
    failure = check.locator(ERROR)
    expect(failure).to_contain_text("Not done yet: write the body of the function above.")
    notebook.shoot("student_unfinished")

    exercise.locator(".cm-content").fill(ESTIMATE)
    notebook.run(exercise)
    notebook.run(check)
    expect(check.locator(".jp-OutputArea")).to_have_text("The estimate is right.")
    expect(failure).to_have_count(0)
    notebook.shoot("student_finished")
    assert notebook.problems == []


def test_an_exercise_leads_to_its_section_with_the_solution(notebook):
    notebook.open("student/00_start_here.ipynb", everything=False)
    page = notebook.page
    link = page.get_by_role("link", name="This section with its solution").first
    while not link.is_visible():
        page.locator(".jp-WindowedPanel-outer").hover()
        page.mouse.wheel(0, 400)
        page.wait_for_timeout(100)
    link.click()
    solution = page.locator(".jp-NotebookPanel:visible .jp-CodeCell", has_text="BEGIN SOLUTION")
    expect(solution.first).to_be_in_viewport(timeout=20_000)
    notebook.shoot("student_link")
    assert notebook.problems == []


# the static site


def test_the_sites_slider_changes_the_picture_without_a_network(page, tmp_path):
    site_pages.main(tmp_path)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.context.set_offline(True)
    page.goto((tmp_path / "03_style_transfer.html").as_uri())
    picture, slider = page.locator("#ratio-picture"), page.locator("#ratio")
    names = [page.locator("#ratio-name").inner_text()]
    for _ in range(5):
        move(slider, picture, "ArrowLeft")
        names.append(page.locator("#ratio-name").inner_text())
    assert names == [*(f"ratio {ratio}" for ratio in (0.001, 0.01, 0.1, 1, 10)), "photograph"]
    page.screenshot(path=SHOTS / "site_slider.png")
    page.goto((tmp_path / "index.html").as_uri())
    assert page.locator("img").evaluate_all(LOADED)
    page.screenshot(path=SHOTS / "site_index.png")
    assert faults == []
