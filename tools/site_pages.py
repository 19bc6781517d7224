"""Build a static site of the series: `make html`, then open outputs/site/index.html.

Every notebook becomes a page with its stored outputs; the first page has the gallery. On the page
of notebook 03 a slider goes through the stored pictures of Figure 4: it needs no kernel.
"""

import ast
import base64
import io
import re
import shutil
from html import escape
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "outputs" / "site"
COLUMNS, ROWS = 3, 2  # of Figure 4: the photograph, then one picture for each ratio
INDEX = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Neural style transfer, by hand</title>
<style>
body {{ font: 1.05rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: auto; padding: 1rem }}
.gallery {{ display: grid; gap: 1rem }}
.gallery {{ grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)) }}
figure {{ margin: 0 }}
img {{ width: 100% }}
</style>
<h1>Neural style transfer, by hand</h1>
<ul>
{pages}
</ul>
<p>Formulas are drawn by MathJax, which your browser loads from the network: without a connection
they stay in TeX. All else works offline.</p>
<h2>Gallery</h2>
<div class="gallery">
{gallery}
</div>
</html>
"""
# The pictures are parts of one stored figure: a background moved behind a window.
SLIDER = """\
<p><label>Ratio of content to style: <input type="range" min="0" max="{last}" value="{last}"
 id="ratio"> <output id="ratio-name"></output></label></p>
<div id="ratio-picture" role="img" style="width: {width}px; max-width: 100%;
 aspect-ratio: {width} / {height}; background-size: {columns}00% {rows}00%;
 background-image: url(data:image/jpeg;base64,{picture})"></div>
<script>
(() => {{
  const names = {names};
  const [slider, name, picture] = ["ratio", "ratio-name", "ratio-picture"].map(
    (id) => document.getElementById(id));
  const show = () => {{
    const i = Number(slider.value), column = i % {columns}, row = Math.floor(i / {columns});
    picture.style.backgroundPosition =
      `${{(100 * column) / {columns_1}}}% ${{(100 * row) / {rows_1}}}%`;
    name.value = names[i];
    picture.setAttribute("aria-label", names[i]);
  }};
  slider.addEventListener("input", show);
  show();
}})();
</script>
"""


def without_sides(figure: Image.Image) -> Image.Image:
    """A figure without the white left and right of it: then its columns are equally wide."""
    left, _, right, _ = figure.convert("L").point(lambda grey: 255 * (grey < 250)).getbbox()
    return figure.crop((left, 0, right, figure.height))


def ratio_slider(cell: NotebookNode) -> str:
    """HTML that shows one picture of Figure 4 at a time, from the cell that drew it."""
    ratios = ast.literal_eval(re.search(r"^RATIOS = (.+)$", cell.source, re.MULTILINE)[1])
    names = ["photograph", *(f"ratio {ratio:g}" for ratio in ratios)]
    assert len(names) == COLUMNS * ROWS, "Figure 4 has another number of pictures."
    stored = next(o.data["image/jpeg"] for o in cell.outputs if "image/jpeg" in o.get("data", {}))
    figure = without_sides(Image.open(io.BytesIO(base64.b64decode(stored))))
    width, height = figure.size
    file = io.BytesIO()
    figure.save(file, "JPEG", quality=92)
    return SLIDER.format(
        last=len(names) - 1,
        names=names,
        picture=base64.b64encode(file.getvalue()).decode(),
        width=2 * width // COLUMNS,
        height=2 * height // ROWS,
        columns=COLUMNS,
        rows=ROWS,
        columns_1=COLUMNS - 1,
        rows_1=ROWS - 1,
    )


def page(path: Path) -> str:
    """One notebook as HTML: pictures inside, links to other notebooks leading to their pages."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\((\d\d_\w+)\.ipynb", r"](\1.html", cell.source)
        elif "RATIOS = " in cell.source:
            html = {"text/html": ratio_slider(cell)}
            cell.outputs.append(nbformat.v4.new_output("display_data", html))
    title = re.search(r"^# (.+)$", notebook.cells[0].source, re.MULTILINE)[1]
    resources = {"metadata": {"path": str(path.parent), "name": title}}
    exporter = HTMLExporter(embed_images=True, exclude_input_prompt=True)
    return exporter.from_notebook_node(notebook, resources=resources)[0]


def index(names: list[str]) -> str:
    """The first page: the notebooks, and the README's gallery with its descriptions."""
    readme = (ROOT / "README.md").read_text("utf-8")
    shown = re.findall(r"!\[([^\]]+)\]\(data/gallery/([^)]+)\)", readme)
    pages = [
        f'<li><a href="{name}.html">{name[:2]} {name[3:].replace("_", " ").capitalize()}</a></li>'
        for name in names
    ]
    gallery = [
        f'<figure><img src="gallery/{file}" alt="{escape(text)}"><figcaption>{escape(text)}'
        "</figcaption></figure>"
        for text, file in shown
    ]
    return INDEX.format(pages="\n".join(pages), gallery="\n".join(gallery))


def main(site: Path = SITE) -> None:
    """Write all pages, and copy the gallery's pictures."""
    sources = sorted((ROOT / "notebooks").glob("*.ipynb"))
    site.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "data" / "gallery", site / "gallery", dirs_exist_ok=True)
    for path in sources:
        (site / f"{path.stem}.html").write_text(page(path), "utf-8")
    (site / "index.html").write_text(index([path.stem for path in sources]), "utf-8")
    print(f"Open {site / 'index.html'} in a browser.")


if __name__ == "__main__":
    main()
