"""The report page in a real browser shows the stored data on every screen, in print and without scripts."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import Opened, find_chromium, open_browser, opened, stop
from playwright.sync_api import Browser
from report_world import VARIANTS, stored_variant

from report.content import Chart, Page
from report.write import load_page, write_page

pytestmark = pytest.mark.xdist_group("report page")  # one process makes what all tests here read

ROOT = Path(__file__).parents[2]
NAMES = tuple(VARIANTS)
CHARTS = ("ageing", "scatter", "wip", "cumulative", "delivered", "timeline")
MARKS = {"value": ".bar", "running": ".so-far", "none": ".dash", "unknown": ".blank", "missing": ".blank"}

# The labels of a chart that overlap or lie outside the screen.
OVERLAPS = """
[...document.querySelectorAll('main .chart')].flatMap(chart =>
  ['.ys span:not(.r)', '.ys .r', '.xs span'].flatMap(kind => {
    const boxes = [...chart.querySelectorAll(kind)]
      .map(label => [label.textContent, label.getBoundingClientRect()]).filter(([, box]) => box.width);
    const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    const outside = boxes.filter(([, box]) => box.right > innerWidth + 1 || box.left < -1).map(([words]) => words);
    return boxes.flatMap(([words, box], index) => boxes.slice(index + 1)
      .filter(([, other]) => meet(box, other)).map(([others]) => words + ' / ' + others)).concat(outside);
  }))
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield one browser for all tests."""
    with open_browser() as running:
        yield running


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory, migrated_file: Path, browser: Browser
) -> dict[str, tuple[Path, Page]]:
    """Return the file and the content of each team's page."""
    assert browser.is_connected()  # without a browser the pages are not made
    made = {}
    for name in NAMES:
        folder = tmp_path_factory.mktemp(name.replace(" ", "-"))
        with stored_variant(folder, migrated_file, name) as current, current.reads() as session:
            made[name] = folder / "report.html", load_page(current, session, "payments")
        write_page(made[name][1], made[name][0])
    return made


Pages = dict[str, tuple[Path, Page]]
View = Callable[..., Opened]


@pytest.fixture(scope="module")
def view_of(browser: Browser, pages: Pages) -> Iterator[View]:
    """Yield a function that returns a team's page in a window of a width, for tests that only look at it.

    The windows stay open, because opening one takes longer than most looks at it.
    """
    with ExitStack() as stack:

        @cache
        def window(name: str) -> Opened:
            return stack.enter_context(opened(browser, pages[name][0]))

        def view(name: str, width: int = 1280) -> Opened:
            window(name).page.set_viewport_size({"width": width, "height": 800})
            return window(name)

        yield view


@pytest.fixture(scope="module")
def scripted_view_of(browser: Browser, pages: Pages) -> Iterator[View]:
    """Yield a function that returns a team's page in a colour scheme, in a window that takes scripts of a test."""
    with ExitStack() as stack:

        @cache
        def window(name: str) -> Opened:
            return stack.enter_context(opened(browser, pages[name][0], bypass_csp=True))

        def view(name: str, scheme: Literal["light", "dark"]) -> Opened:
            window(name).page.emulate_media(color_scheme=scheme)
            return window(name)

        yield view


@pytest.mark.parametrize("name", NAMES)
def test_the_page_requests_nothing_and_logs_nothing(view_of: View, name: str) -> None:
    """Only the file itself is requested; the console has no error, the policy refuses nothing, no dialog opens."""
    view = view_of(name)
    view.page.wait_for_load_state("networkidle")
    assert (len(view.requests), view.said) == (1, [])
    assert view.count("script, img, b, iframe") == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_marks_is_that_of_the_data(view_of: View, pages: Pages, name: str) -> None:
    """Cards have the right bars, running bars, dots of 0, dashes and unknown weeks; charts their dots and bands."""
    _, page = pages[name]
    view = view_of(name)
    for index, card in enumerate(page.cards):
        expected = dict.fromkeys((*MARKS.values(), ".zero"), 0)
        for bar in card.weeks:
            expected[".zero" if bar.value == 0 else MARKS[bar.known]] += 1
        host = view.page.locator(".card").nth(index)
        assert {css: host.locator(f"path{css}").count() for css in expected} == expected, card.metric
        assert host.locator("title").count() == len(card.weeks)
    _check_charts(view, page)


def _check_charts(view: Opened, page: Page) -> None:
    """Assert that each chart has a drawing with marks, or a sentence instead."""
    drawings = 0
    for name in CHARTS:
        chart: Chart = getattr(page, name)
        has_marks = bool(chart.dots or chart.spans or any(any(band.values) for band in chart.bands))
        drawings += has_marks
        assert view.page.get_by_text(chart.says, exact=True).count() >= 1, name
    assert view.count("main .chart:not(.card .chart) svg") == drawings
    assert view.count("#now ~ .chart .dot a") == len(page.ageing.dots)
    linked = [dot for dot in page.scatter.dots if dot.url]
    assert view.count("#took ~ .chart .dot a") == (0 if page.scatter.is_crowded else len(linked))
    assert bool(view.count("#took ~ .chart .cell")) == page.scatter.is_crowded
    assert view.count("#deployments ~ .chart path.tick") == len(page.timeline.dots)
    assert view.count("#deployments ~ .chart path.failed") == sum(dot.kind == "failed" for dot in page.timeline.dots)
    assert view.count("#deployments ~ .chart path.down") == len(page.timeline.spans)


def test_an_area_reaches_from_edge_to_edge(view_of: View) -> None:
    """No drawing ends to the right of its box, where the axis ends."""
    beyond = view_of("year").page.evaluate(
        """[...document.querySelectorAll('main .chart:not(.card .chart) svg path')].filter(path =>
             path.getBBox().x < -0.01 || path.getBBox().x + path.getBBox().width > 100.01).length"""
    )
    assert beyond == 0


def test_a_page_of_very_many_items_stays_small(view_of: View, pages: Pages) -> None:
    """A page of about 6,600 issues is below 600 kB and 20,000 elements; its style sheet is below 8 kB."""
    file, _ = pages["ten times"]
    html = file.read_bytes()
    assert len(html) < 600_000
    assert (ROOT / "report" / "page.css").stat().st_size < 8_192
    assert view_of("ten times").count("*") < 20_000


def test_a_machine_without_a_browser_skips_with_a_line_and_fails_under_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        find_chromium()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"):
        find_chromium()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["none", "one week", "year", "hostile", "not configured"])
def test_axe_has_nothing_to_say(scripted_view_of: View, name: str, scheme: str) -> None:
    """Contrast, names, roles and order have no violation in either colour scheme."""
    result = Axe().run(scripted_view_of(name, scheme).page, options={"resultTypes": ["violations"]})
    assert result.violations_count == 0, result.generate_report()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [390, 1280])
def test_no_screen_scrolls_sideways(view_of: View, name: str, width: int) -> None:
    """A wide table scrolls inside its own region; the page does not."""
    assert view_of(name, width).overflow() <= 0


@pytest.mark.parametrize("name", ["year", "one week", "unknown weeks", "not configured"])
def test_the_cards_of_all_metrics_are_on_one_laptop_screen(view_of: View, pages: Pages, name: str) -> None:
    """The screen is 1280 by 800, and the notes are in their box."""
    _, page = pages[name]
    boxes = [card.bounding_box() for card in view_of(name).page.locator(".card").all()]
    assert len(boxes) == len(page.cards)
    assert max(box["y"] + box["height"] for box in boxes if box) <= 800


def test_no_label_overlaps_another_or_is_outside(view_of: View) -> None:
    """The labels beside and below each chart are compared on a laptop and on a phone."""
    for name in NAMES:
        for width in (390, 1280):
            assert view_of(name, width).page.evaluate(OVERLAPS) == [], (name, width)


def test_a_keyboard_reaches_everything_except_the_dots(browser: Browser, pages: Pages) -> None:
    """The skip link comes first; Enter opens a summary; Tab does not stop at the links of dots."""
    with opened(browser, pages["year"][0]) as view:
        view.page.keyboard.press("Tab")
        assert view.page.evaluate("document.activeElement.textContent") == "Skip to the values"
        view.page.keyboard.press("Tab")
        assert view.page.evaluate("document.activeElement.getAttribute('href')") == "https://sandbox.example"
        assert view.count("svg a:not([tabindex='-1'])") == 0
        summaries = view.page.locator("summary")
        assert summaries.count() > 0
        for summary in summaries.all():
            summary.focus()
            view.page.keyboard.press("Enter")
            assert summary.evaluate("element => element.parentElement.open")


def test_a_page_that_was_tampered_with_still_requests_nothing(browser: Browser, pages: Pages, tmp_path: Path) -> None:
    """The page's policy refuses an image and a script that were put into the file."""
    html = pages["one week"][0].read_text(encoding="utf-8")
    injected = '<main><img src="http://192.0.2.1/x.png"><script>alert(1)</script><p style="color:red">x</p>'
    (tmp_path / "bad.html").write_text(html.replace("<main>", injected, 1), encoding="utf-8")
    with opened(browser, tmp_path / "bad.html") as view:
        assert view.requests[1:] == view.refused
        assert len([words for words in view.said if "Content Security Policy" in words]) >= 3
        assert "1" not in view.said


def test_without_scripts_the_page_is_the_same(browser: Browser, pages: Pages) -> None:
    """Mail programs and wikis run no JavaScript."""
    pictures = []
    for enabled in (True, False):
        with opened(browser, pages["year"][0], java_script_enabled=enabled) as view:
            pictures.append(view.page.screenshot())
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("name", ["year", "hostile", "not configured"])
def test_the_first_printed_page_has_all_cards(view_of: View, pages: Pages, tmp_path: Path, name: str) -> None:
    """The page is A4, with every note; pdftotext reads the text of its PDF."""
    if shutil.which("pdftotext") is None:
        stop("no pdftotext here, so the printed page is not read; install it with: apt-get install poppler-utils")
    _, page = pages[name]
    view_of(name).page.pdf(path=str(tmp_path / "page.pdf"), prefer_css_page_size=True)
    words = ["pdftotext", "-l", "1", "-layout", str(tmp_path / "page.pdf"), "-"]
    text = " ".join(subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())
    for card in page.cards:
        assert text.count(card.title.split()[0]) >= 1, card.title
    assert text.count("Before:") + text.count("notes for what") == len(page.cards)
    for note in page.notes:
        assert " ".join(note.split()[:3]) in text
