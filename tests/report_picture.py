"""Save a picture of the first screen of a report page: ``python tests/report_picture.py PAGE.html PICTURE.png``."""

import sys
from pathlib import Path
from shutil import which

from playwright.sync_api import sync_playwright

MOST_BYTES = 150_000


def main(page_file: str, picture: str) -> None:
    """Open the page at the size of a laptop and save a picture of its head and cards."""
    path = next((path for name in ("chromium", "google-chrome") if (path := which(name))), None)
    if path is None:
        sys.exit("no Chromium here; install it with: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(Path(page_file).absolute().as_uri())
        boxes = [card.bounding_box() for card in page.locator(".card").all()]
        height = max(box["y"] + box["height"] for box in boxes if box) + 6
        page.screenshot(path=picture, clip={"x": 0, "y": 0, "width": 1280, "height": height}, full_page=True)
        browser.close()
    size = Path(picture).stat().st_size
    if size > MOST_BYTES:
        sys.exit(f"{picture} has {size:,} bytes, more than {MOST_BYTES:,}; README should stay quick to load")


if __name__ == "__main__":
    main(*sys.argv[1:3])
