"""Save pictures of the report page as people meet it: ``python tests/report_screenshots.py FOLDER``.

A laptop, a phone, a dark screen and paper, for each team of the page's tests. Nothing compares them; people look at
them, and CI keeps them with the run.
"""

import sys
import tempfile
from pathlib import Path

from browser import open_browser, opened
from playwright.sync_api import Browser
from report_world import VARIANTS, stored_variant

from models.database import migrate, open_engine
from report.write import load_page, write_page

SCREENS = {"laptop": (1280, 800, "light"), "phone": (390, 844, "light"), "dark": (1280, 800, "dark")}


def main(target: str) -> None:
    """Write the pictures into the folder."""
    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, open_browser() as browser:
        schema = Path(place) / "schema.db"
        engine = open_engine(f"sqlite:///{schema}")
        migrate(engine)
        engine.dispose()
        for name in VARIANTS:
            take(browser, make_page(Path(place), schema, name), folder / name.replace(" ", "-"))


def make_page(place: Path, schema: Path, name: str) -> Path:
    """Return the file of a team's page."""
    team = place / name.replace(" ", "-")
    team.mkdir()
    with stored_variant(team, schema, name) as current, current.reads() as session:
        write_page(load_page(current, session, "payments"), team / "report.html")
    return team / "report.html"


def take(browser: Browser, page: Path, stem: Path) -> None:
    """Save the whole page on each screen, and as it is printed."""
    for screen, (width, height, scheme) in SCREENS.items():
        with opened(browser, page, width, height, color_scheme=scheme) as view:
            view.page.screenshot(path=stem.with_name(f"{stem.name}-{screen}.png"), full_page=True)
    with opened(browser, page) as view:
        view.page.pdf(path=stem.with_name(f"{stem.name}-print.pdf"), prefer_css_page_size=True)


if __name__ == "__main__":
    main(sys.argv[1])
