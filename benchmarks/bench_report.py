"""The report page: how large it is, how long it takes to write, and when a browser has drawn it, beside an empty page.

Run: ``python benchmarks/bench_report.py [ISSUES …]``. The copies are those of big_copy.py, three years of issues in
SQLite. The page is opened in the system's Chromium, in a new window each time; the least of the rounds is shown.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from benchmarks import big_copy
from benchmarks.bench_metrics import calculated
from benchmarks.copies import IN_PROCESS, PROFILE, Site, flowbeat
from benchmarks.measuring import heading, in_child, show
from report.page import render
from report.write import load_page
from worker.runtime import Runtime

SIZES = (5_000, 50_000)
ROUNDS = 5
SLOWER = 4
EMPTY = "<!doctype html><html lang=en><title>empty</title><p>empty</p></html>"
TIMES = """() => { const [page] = performance.getEntriesByType('navigation');
  const [paint] = performance.getEntriesByName('first-contentful-paint');
  return [paint ? paint.startTime : 0, page.loadEventEnd, document.querySelectorAll('*').length] }"""
BUDGETS = {5_000: ("600", "1.0", "20,000", "200 / 300"), 50_000: ("1,200", "", "40,000", "300 / 500")}


@dataclass(frozen=True, slots=True)
class Written:
    """A page's bytes and the least seconds to read and to write it."""

    size: int
    read: float
    render: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """The least milliseconds until the first paint and until all is loaded, and the page's elements."""

    paint: float
    load: float
    elements: int


def main() -> None:
    """Make the copies, write their pages, open them, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("issues", nargs="*", type=int, default=SIZES)
    sizes = parser.parse_args().issues
    heading("bench_report")
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as scratch:
        folder = Path(scratch)
        (folder / "empty.html").write_text(EMPTY, encoding="utf-8")
        pages = {size: in_child(written, folder, size)[0] for size in sizes}
        print_written(pages)
        with browser() as running:
            for slower in (1, SLOWER):
                names = {size: f"{size}.html" for size in sizes}
                drawn = {size: opened(running, folder / name, slower) for size, name in names.items()}
                print_drawn(drawn, opened(running, folder / "empty.html", slower), slower)


def written(folder: Path, issues: int) -> Written:
    """Write the page of a copy to ``ISSUES.html``."""
    place = folder / str(issues)
    place.mkdir()
    big_copy.fill(place, issues)
    with flowbeat(Site(IN_PROCESS), place) as current:
        calculated(current)
        times = [_write(current, folder / f"{issues}.html") for _ in range(3)]
    size = (folder / f"{issues}.html").stat().st_size
    return Written(size, min(read for read, _ in times), min(text for _, text in times))


def _write(current: Runtime, file: Path) -> tuple[float, float]:
    started = time.perf_counter()
    with current.reads() as session:
        page = load_page(current, session, PROFILE)
    read = time.perf_counter() - started
    text = render(page)
    file.write_text(text, encoding="utf-8")
    return read, time.perf_counter() - started - read


@contextmanager
def browser() -> Iterator[Browser]:
    """Yield the system's Chromium."""
    path = which("chromium") or which("google-chrome")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


def opened(running: Browser, file: Path, slower: int) -> Drawn:
    """Open a page some times, with a processor slowed by a factor."""
    rounds = [_open(running, file, slower) for _ in range(ROUNDS)]
    return Drawn(min(row[0] for row in rounds), min(row[1] for row in rounds), int(rounds[0][2]))


def _open(running: Browser, file: Path, slower: int) -> list[float]:
    context = running.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    if slower > 1:
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
    page.goto(file.as_uri(), wait_until="load")
    page.wait_for_timeout(200)
    times: Any = page.evaluate(TIMES)
    context.close()
    return [float(value) for value in times]


def print_written(pages: dict[int, Written]) -> None:
    """Print sizes and seconds."""
    rows = [
        (
            f"{size:,}",
            f"{page.size / 1000:,.0f}",
            budget(size, 0),
            f"{page.read:.2f}",
            f"{page.render:.2f}",
            budget(size, 1),
        )
        for size, page in pages.items()
    ]
    head = ("issues", "page kB", "budget", "read s", "write s", "budget")
    show("How large is the page, and how long does it take to write?", "Three rounds; the least.", head, rows)


def print_drawn(pages: dict[int, Drawn], empty: Drawn, slower: int) -> None:
    """Print the browser's times beside those of the empty page."""
    rows = [("empty", f"{empty.paint:.0f}", f"{empty.load:.0f}", "", f"{empty.elements:,}", "")]
    rows += [
        (
            f"{size:,}",
            f"{page.paint:.0f}",
            f"{page.load:.0f}",
            budget(size, 3) if slower == 1 else "600 / 1,200",
            f"{page.elements:,}",
            budget(size, 2),
        )
        for size, page in pages.items()
    ]
    speed = "" if slower == 1 else f", with a processor {slower} times slower"
    head = ("issues", "paint ms", "load ms", "budget", "elements", "budget")
    show(f"When is it drawn{speed}?", f"An empty page; the least of {ROUNDS} rounds.", head, rows)


def budget(size: int, which_one: int) -> str:
    """Return what is wanted of a page of this size."""
    return BUDGETS[size][which_one] if size in BUDGETS else ""


if __name__ == "__main__":
    main()
