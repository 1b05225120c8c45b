"""Writes a profile's page, or several with an index, so that a reader never sees an incomplete one."""

import os
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from report.build import build
from report.collect import read
from report.content import Page
from report.page import render, render_index
from worker.database import Stored


def load_page(
    current: Stored,
    session: Session,
    profile: str,
    *,
    text: str | None = None,
    asked: datetime | None = None,
    with_titles: bool = True,
) -> Page:
    """Return a profile's page as content; raise FatalError if nothing has been calculated yet."""
    return build(session, read(current, session, profile, text=text, asked=asked, with_titles=with_titles))


def write_page(page: Page, file: Path) -> None:
    """Write a page; the file is replaced in one step, or left as it was."""
    write_file(file, render(page))


def write_folder(pages: Sequence[Page], folder: Path) -> Path:
    """Write the pages of several profiles and their index; return the index."""
    named = [(f"{_file_name(page.profile)}.html", page) for page in pages]
    for name, page in named:
        write_page(page, folder / name)
    write_file(folder / "index.html", render_index(named))
    return folder / "index.html"


def write_file(file: Path, text: str) -> None:
    """Replace a file by a text in one step; create its folder if needed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        temporary.chmod(0o644)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)  # it is still there only where the page was not written


def _file_name(profile: str) -> str:
    """Return a file name for a profile's name; characters that a path could misread become a dash."""
    return (
        "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in profile).lstrip(".") or "profile"
    )
