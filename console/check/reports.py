"""The checks of a profile's report page: whether it can be written and is up to date."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from console.check.local import Line, trouble
from models.records import Run
from models.store import runs
from report import reading
from worker.runtime import Runtime


def page(current: Runtime, profile: str) -> Iterator[Line]:
    """Yield the state of a profile's page, if it has one."""
    file = current.settings.profiles[profile].report
    if file is None:
        return
    what, key = f"report {profile}", f"profiles.{profile}.report"
    if file.is_dir():
        yield Line(what, "bad", f"{file} is a folder", f"name a file in {key}")
        return
    why = trouble(file.parent)
    if why:
        yield Line(what, "bad", f"{file} cannot be written ({why})", f"make its folder writable, or change {key}")
        return
    run = _last_calculation(current, profile)
    if run is None or run.ended_at is None:
        yield Line(what, "ok", f"{file} will be written by the first calculation")
    elif not file.exists() or _written_at(file) < run.ended_at:
        lacks = "is older than the last calculation" if file.exists() else "does not exist"
        advice = f"write it: flowbeat report {profile} -o {file} (flowbeat logs --level WARNING says why it is late)"
        yield Line(what, "warning", f"{file} {lacks}", advice)
    else:
        yield Line(what, "ok", f"{file} is of the last calculation")


def _last_calculation(current: Runtime, profile: str) -> Run | None:
    """Return the last completed calculation; None without a database."""
    if reading.missing_file(current) is not None or reading.schema_of(current) is None:
        return None
    with current.reads() as session:
        ended = (runs.last_ended(session, profile, kind) for kind in ("refresh", "calculate"))
        done = [run for run in ended if run is not None and run.state == "completed" and run.ended_at is not None]
    return max(done, key=lambda run: run.ended_at or run.requested_at, default=None)


def _written_at(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)
