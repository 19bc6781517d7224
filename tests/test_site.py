"""The static site has every notebook with its pictures, and no link of it leads nowhere."""

import re
from html.parser import HTMLParser

import pytest
import site_pages
from exercises import SOURCES
from PIL import Image


class Targets(HTMLParser):
    """All addresses that a page links to or shows, and its input elements."""

    def __init__(self, text):
        super().__init__()
        self.found, self.pictures, self.sliders = [], 0, 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.found += [given[key] for key in ("href", "src") if given.get(key)]
        self.pictures += tag == "img"
        self.sliders += tag == "input" and given.get("type") == "range"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    site_pages.main(folder)
    return folder


@pytest.mark.slow
def test_every_page_is_there_and_every_local_link_leads_somewhere(site):
    pages = {path.stem for path in site.glob("*.html")}
    assert pages == {"index", *(path.stem for path in SOURCES)}
    for path in site.glob("*.html"):
        for target in Targets(path.read_text("utf-8")).found:
            if not re.match(r"\w+:|#", target):
                assert (site / target.split("#")[0]).is_file(), f"{path.name}: {target}"


@pytest.mark.slow
def test_pages_show_the_stored_pictures(site):
    assert Targets((site / "index.html").read_text("utf-8")).pictures == 6
    for path in SOURCES:
        stored = len(re.findall(r'"image/(?:jpeg|png)":', path.read_text("utf-8")))
        assert Targets((site / f"{path.stem}.html").read_text("utf-8")).pictures >= stored > 0


def test_a_figure_loses_the_white_beside_it_and_nothing_else():
    figure = Image.new("RGB", (100, 50), "white")
    figure.paste("blue", (8, 10, 40, 40))
    figure.paste("red", (60, 10, 94, 40))
    assert site_pages.without_sides(figure).size == (86, 50)


@pytest.mark.slow
def test_the_ratio_slider_has_a_place_for_each_picture(site):
    text = (site / "03_style_transfer.html").read_text("utf-8")
    assert Targets(text).sliders == 1
    assert "['photograph', 'ratio 10', 'ratio 1', 'ratio 0.1', 'ratio 0.01', 'ratio 0.001']" in text
    assert 'max="5"' in text and "background-size: 300% 200%" in text
