"""The move command: all rows of the SQLite database into an empty PostgreSQL, compared before it says done."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from psycopg import Error as DriverError
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from console.shared.output import progress_console
from models.database import migrate, open_engine
from models.database_faults import UnusableDatabaseError, first_line
from models.store import moving
from models.store import runs as stored_runs
from models.wording import format_count
from report import reading
from worker import alive, config_schema, embedded, runtime, settings
from worker.errors import ConfigError, FatalError
from worker.redact import Redactor
from worker.runtime import Runtime
from worker.settings import password_files
from worker.settings.configured import passwords, without_password

VARIABLE = "FLOWBEAT_DATABASE_URL"


@click.command()
@click.argument("to_url")
@click.option("--password-file", type=click.Path(path_type=Path), help="A file that has the password as its only line.")
def move(to_url: str, password_file: Path | None) -> None:
    """Copy everything from the SQLite database to the empty PostgreSQL database at TO_URL.

    Stop workers and scheduler first. It takes results, imported deployments and the whole history along. Ended
    early, it leaves PostgreSQL empty, and can be called again. The SQLite file stays as it is. The password of TO_URL
    can be in --password-file or in the variable PGPASSWORD.

    Example: flowbeat move postgresql://flowbeat@db.example/flowbeat --password-file db-password
    """
    current = Runtime(settings.load(None, os.environ))
    settings.require_file(current.settings)
    url = _target(to_url, password_file)
    try:
        if reading.database_file(current.settings) is None:
            raise FatalError("the database is PostgreSQL already; to copy it, use pg_dump and pg_restore")
        reading.require_schema(current)
        _require_no_worker(current)
        with _target_named(url):
            engine = open_engine(url)
            try:
                rows = _moved(current, engine)
            finally:
                engine.dispose()
    finally:
        current.close()
    _say(current, engine, rows, password_file)


COMMANDS: tuple[click.Command, ...] = (move,)


def _target(to_url: str, password_file: Path | None) -> str:
    """Return the whole URL; raise ConfigError, without a password, if it is not that of a PostgreSQL."""
    try:
        url = config_schema.database_url(to_url)
    except ValueError as error:
        raise ConfigError(f"TO_URL {error}") from error
    if url.startswith("sqlite"):
        raise ConfigError("TO_URL must begin with postgresql://; to copy a SQLite file, run: flowbeat backup FILE")
    if password_file is None:
        return url
    if any(passwords(url)) or not make_url(url).username:
        raise ConfigError("--password-file needs a TO_URL with a user and without a password")
    return password_files.with_password(url, password_files.read_password("--password-file", password_file))


# --- what must be at rest -------------------------------------------------------------------------------------------


def _require_no_worker(current: Runtime) -> None:
    """Raise FatalError if a worker of this database runs here, or answers from elsewhere."""
    signs = alive.load(alive.folder_of(current.settings.state_dir), "worker")
    names = sorted(str(sign.get("node") or "a starting one") for sign in signs) or _answering(current)
    if names:
        raise FatalError(f"a worker serves this database ({', '.join(names)}); stop workers and scheduler first")


def _answering(current: Runtime) -> list[str]:
    if not current.settings.redis_url and not embedded.is_running(current.settings.state_dir):
        return []
    from console.shared import nodes  # noqa: PLC0415 - it imports Celery, and mostly no queue runs

    runtime.adopt(current)
    try:
        current.redis.ping()  # without a broker Celery would try again for ever
        result = nodes.answering(current)
    finally:
        runtime.forget()
    return [*result.workers, *result.elsewhere]


def _require_no_run(source: Connection) -> None:
    with Session(source) as session:
        live = stored_runs.live(session)
    if live:
        names = ", ".join(f"{run.profile} ({run.state})" for run in live)
        raise FatalError(f"a run has not ended: {names}; let it end with: flowbeat refresh")


# --- the move -------------------------------------------------------------------------------------------------------


def _moved(current: Runtime, engine: Engine) -> int:
    """Copy and compare all rows, in one unit of work of PostgreSQL; return their number.

    SQLite's write lock is held meanwhile, so that nothing is written there which the copy would lack.
    """
    with current.engine.begin() as source:
        _require_no_run(source)
        migrate(engine)
        with engine.begin() as target, _progress(sum(moving.counts(source).values())) as report:
            moving.lock(target)
            _require_empty(target)
            contents = moving.copy(source, target, report)
            moving.require_same(target, contents, report)
        return sum(content.rows for content in contents.values())


def _require_empty(target: Connection) -> None:
    filled = {name: rows for name, rows in moving.counts(target).items() if rows}
    if filled:
        name, rows = next(iter(filled.items()))
        raise FatalError(
            f"the database at TO_URL has data already ({name}: {format_count(rows, 'row')}), and nothing was copied. "
            "Give an empty database; if an earlier move said done, set database_url"
        )


@contextmanager
def _progress(rows: int) -> Iterator[moving.Report]:
    """Yield what shows the rows that are copied and compared: a bar on a terminal, else a line."""
    console = progress_console()
    if not console.is_terminal:
        console.print(f"copying {format_count(rows, 'row')}, then comparing them", highlight=False)
        yield lambda _table, _rows: None
        return
    columns = (TextColumn("{task.percentage:>3.0f} %"), BarColumn(bar_width=28), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("", total=2 * rows)
        yield lambda table, count: progress.update(task, advance=count, description=table)


@contextmanager
def _target_named(url: str) -> Iterator[None]:
    """Raise FatalError, without the password, in place of the errors of the target."""
    hide = Redactor([*passwords(url), *filter(None, [os.environ.get("PGPASSWORD")])])
    try:
        yield
    except UnusableDatabaseError as error:
        raise FatalError(str(hide(f"nothing was moved: {error}"))) from None
    except moving.DifferentRowsError as error:
        raise FatalError(f"nothing was moved: {error}; please report this") from error
    except (SQLAlchemyError, DriverError) as error:
        why = hide(first_line(getattr(error, "orig", None) or error))
        raise FatalError(f"nothing was moved, because a database failed: {why}") from None


# --- what to do then ------------------------------------------------------------------------------------------------


def _say(current: Runtime, engine: Engine, rows: int, password_file: Path | None) -> None:
    url = engine.url.render_as_string(hide_password=False)
    address = without_password(url)
    tables = format_count(len(moving.TABLES), "table")
    click.echo(f"Moved {format_count(rows, 'row')} of {tables} to {address}.")
    click.echo("Each table has as many rows and the same checksum at both ends. Start no worker before this change:")
    if VARIABLE in os.environ:
        click.echo(f"  {VARIABLE}={address}")
    else:
        click.echo(f"  {current.settings.path}: database_url = {json.dumps(address, ensure_ascii=False)}")
    if password_file is not None:
        click.echo(f"  and its password: database_password_file = {json.dumps(str(password_file.absolute()))}")
    elif any(passwords(url)) or os.environ.get("PGPASSWORD"):
        click.echo("  and its password: database_password_file, or the variable PGPASSWORD of each process")
