"""The commands that request work: refresh and calculate enqueue runs, and wait for them except with --no-wait."""

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import click
from rich.console import Console

from console.refresh import outcome, withdrawal
from console.shared import completing, errors, schema, voice, writable
from console.shared.output import progress_console
from models.records import Run, RunOptions
from models.store import caches
from models.store import runs as stored_runs
from report import staleness
from report.asked import parse_asked
from worker import runtime, settings
from worker.errors import ConfigError, FatalError, MissingTokenError
from worker.runtime import Runtime
from worker.settings import Settings

Form = Literal["table", "json"]


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is requested for each of the profiles."""

    kind: Literal["refresh", "calculate"]
    profiles: tuple[str, ...]
    as_of: dict[str, datetime]
    options: RunOptions
    as_of_text: str | None = None  # as the person wrote it
    form: Form = "table"
    asked: list[str] = field(default_factory=list)
    """The ids of the runs that this command has made."""


_NO_WAIT: Final = click.option("--no-wait", is_flag=True, help="Enqueue, print the run ids and exit.")
_FORMAT: Final = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to print what came of each run.",
)


@click.command()
@click.argument("profiles", nargs=-1, metavar="[PROFILE]...", shell_complete=completing.profiles)
@click.option("--full", is_flag=True, help="Read every issue again, and accept it if most of them are gone.")
@click.option("--verify", is_flag=True, help="Read every issue again; report and repair differences of the copy.")
@_NO_WAIT
@click.option("--dry-run", is_flag=True, help="Print what it would cost, from up to five requests to Jira, and exit.")
@_FORMAT
def refresh(profiles: tuple[str, ...], *, full: bool, verify: bool, no_wait: bool, dry_run: bool, form: Form) -> None:
    """Fetch what changed from Jira, then calculate the metrics.

    Example: flowbeat refresh payments --no-wait
    """
    if full and verify:
        raise click.UsageError("--full and --verify cannot be combined; use one of them")
    if dry_run and no_wait:
        raise click.UsageError("--dry-run enqueues nothing; leave out --no-wait")
    current, names = prepare_run(profiles)
    options = RunOptions(full=full, verify=verify)
    if dry_run:
        from console.refresh import dry_run as estimates  # noqa: PLC0415 - see run_and_wait

        estimates.show_estimates(current, names, options, form)
        return
    _carry_out(current, RunRequest("refresh", names, {}, options, form=form), no_wait=no_wait)


@click.command()
@click.argument("profiles", nargs=-1, metavar="[PROFILE]...", shell_complete=completing.profiles)
@click.option(
    "--as-of",
    metavar="DATE",
    help="A past day (2026-10-31, yesterday, 7d: its end) or instant; default: that of the data.",
)
@_NO_WAIT
@_FORMAT
def calculate(profiles: tuple[str, ...], *, as_of: str | None, no_wait: bool, form: Form) -> None:
    """Calculate from the stored data, asking Jira only if the data is too old.

    Example: flowbeat calculate payments --as-of 2026-10-31
    """
    current, names = prepare_run(profiles)
    moments = {name: _moment(current, name, as_of) for name in names} if as_of else {}
    _carry_out(current, RunRequest("calculate", names, moments, RunOptions(), as_of, form), no_wait=no_wait)


COMMANDS: tuple[click.Command, ...] = (refresh, calculate)


def prepare_run(profiles: Sequence[str] = ()) -> tuple[Runtime, tuple[str, ...]]:
    """Return the runtime of a command that makes work, logs attached and schema up to date, and the profiles it is for.

    Report mistakes that a person must fix before anything is created.
    """
    configured = settings.load(None, os.environ)
    settings.require_file(configured)
    names = _known(configured, profiles)
    for name in names:
        settings.require_address(configured, configured.connections[configured.profiles[name].connection])
    writable.require(configured, "database_url", "state_dir")  # without log files the work continues
    current = Runtime(configured)
    runtime.adopt(current)
    runtime.configure_logs(configured, console=False)
    schema.update(current)
    return current, names


def _known(value: Settings, names: Sequence[str]) -> tuple[str, ...]:
    """Return the requested profiles, or all; raise ConfigError for an unknown name, or if none is configured."""
    configured = value.profiles
    if not configured:
        raise ConfigError(f"{value.path} has no profile; add a section [profiles.<name>]")
    for name in names:
        if name not in configured:
            near = get_close_matches(name, configured, n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(configured)}"
            raise ConfigError(f"{value.path} has no profile {name!r}; {advice}")
    return tuple(dict.fromkeys(names)) or tuple(configured)


@contextlib.contextmanager
def run_and_wait(current: Runtime, wish: RunRequest, console: Console) -> Iterator[list[Run]]:
    """Enqueue a request and wait until its runs have ended, with a temporary worker if no other worker runs.

    That worker needs two seconds to end: it does so after the block, which tells the person what came of it.
    """
    # Celery is slow to import, and not every command needs it.
    from console.refresh import entries, temporary_worker, wait  # noqa: PLC0415 - as said above
    from console.shared import nodes  # noqa: PLC0415 - as said above

    with withdrawal.withdrawn_on_error(current, wish.asked), temporary_worker.serving(current) as own:
        for sentence in nodes.must_restart(current, own.others):
            console.print(sentence, highlight=False)
        since = current.now()
        try:
            ids = [_enqueue(current, wish, profile, console, own.serve).run_id for profile in wish.profiles]
            with entries.followed(current, ids, since, console):
                runs = wait.until_ended(current, ids, console, own.serve)
        except KeyboardInterrupt:
            if own.pid is not None:
                console.print(temporary_worker.LEAVING, highlight=False)
            raise
        yield runs


def _carry_out(current: Runtime, wish: RunRequest, *, no_wait: bool) -> None:
    console = progress_console()
    try:
        current.redis.ping()  # an unreachable Redis is reported at once, not after a search for its workers
        _announce(current, wish, console)
        if no_wait:
            _enqueue_only(current, wish)
            return
        with run_and_wait(current, wish, console) as runs:
            _show(current, runs, wish)
            short = [sentence for run in runs for sentence in outcome.shortcomings(current, run)]
            for sentence in short:
                click.echo(sentence, err=True)
    except KeyboardInterrupt:
        if _is_queued(current, wish):
            console.print("Stopped waiting. The run continues when a worker is available; see: flowbeat status")
        raise
    finally:
        current.close()
    failed = [run for run in runs if run.state == "failed"]
    if failed:
        raise click.exceptions.Exit(2 if all(run.error_kind == MissingTokenError.kind for run in failed) else 1)
    if short:
        raise click.exceptions.Exit(1)


def _show(current: Runtime, runs: Sequence[Run], wish: RunRequest) -> None:
    """Print what came of the runs, and on a page for people the metrics of those that completed."""
    if wish.form == "json":
        click.echo(json.dumps([outcome.plain(current, run) for run in runs], indent=2))
        return
    for run in runs:
        if run.state != "completed" or outcome.differs(run) or not voice.is_quiet():
            click.echo(outcome.describe(current, run, wish.as_of_text))
    if voice.is_quiet():
        return
    from console.results.command import show_results  # noqa: PLC0415 - a command that does not wait needs none

    completed = [run.profile for run in runs if run.state == "completed"]
    if completed:
        show_results(*completed, as_of=wish.as_of_text)


def _announce(current: Runtime, wish: RunRequest, console: Console) -> None:
    """Announce a refresh that costs more than usual, unless --full or --verify was given."""
    if wish.options != RunOptions():
        return
    with current.reads() as session:
        copies = {profile: caches.find(session, profile) for profile in wish.profiles}
    for profile, cache in copies.items():
        why = staleness.full_refetch_reason(current, profile, cache)
        if why is not None:
            console.print(f"{profile}: {why}.", highlight=False)


def _is_queued(current: Runtime, wish: RunRequest) -> bool:
    """Return whether a run of these profiles still has to be done by another worker."""
    with current.reads() as session:
        return any(run.profile in wish.profiles for run in stored_runs.live(session))


def _enqueue_only(current: Runtime, wish: RunRequest) -> None:
    from console.shared import nodes  # noqa: PLC0415 - see run_and_wait

    with withdrawal.withdrawn_on_error(current, wish.asked):
        runs = [_request(current, wish, profile) for profile in wish.profiles]
        for run, new in runs:
            if not new and not _stands_for(current, run, wish):
                raise FatalError(_busy(run))
    if wish.form == "json":
        queued = [{"profile": run.profile, "run_id": run.run_id, "state": run.state, "new": new} for run, new in runs]
        click.echo(json.dumps(queued, indent=2))
    for run, new in runs if wish.form == "table" else ():
        if not voice.is_quiet():
            click.echo(f"{run.profile}: run {run.run_id[:8]} {'is queued' if new else 'is live already'}", err=True)
        click.echo(run.run_id)
    try:
        answering = nodes.answering(current)
    except errors.EXPECTED as error:  # the runs are in the queue all the same
        click.echo(f"Whether a worker is running is unknown: {errors.sentence(error)}", err=True)
        return
    for sentence in nodes.must_restart(current, answering):
        click.echo(sentence, err=True)
    if not answering.workers:
        click.echo("No worker is running. To start one, run: flowbeat worker", err=True)


def _enqueue(current: Runtime, wish: RunRequest, profile: str, console: Console, keep: Any) -> Run:
    """Return the requested run, or a live one with the same effect, after waiting for any other live run."""
    from console.refresh import wait  # noqa: PLC0415 - see run_and_wait

    while True:
        run, new = _request(current, wish, profile)
        if new or _stands_for(current, run, wish):
            return run
        console.print(f"{_busy(run)}; waiting for it first", highlight=False)
        wait.until_ended(current, [run.run_id], console, keep)


def _request(current: Runtime, wish: RunRequest, profile: str) -> tuple[Run, bool]:
    from tasks import steps  # noqa: PLC0415 - see run_and_wait
    from worker import view  # noqa: PLC0415 - see run_and_wait
    from worker.app import app  # noqa: PLC0415 - see run_and_wait

    moment = wish.as_of.get(profile)
    current.redis.ping()  # a Redis that is away is reported at once
    configured, now = view.configured_rules_hash(current, profile), current.run_time()
    run, new = steps.request(
        current.sessions, profile, wish.kind, now, as_of=moment, rules=configured, options=wish.options
    )
    if new:
        wish.asked.append(run.run_id)
        steps.enqueue(app, run, run.step)
    return run, new


def _stands_for(current: Runtime, run: Run, wish: RunRequest) -> bool:
    """Return whether a live run has the requested effect with the same rules: a refresh also calculates."""
    profile = run.profile
    with current.reads() as session:
        if not staleness.was_requested_now(current, run) or not staleness.is_of_now(current, session, run):
            return False
    if wish.kind == "calculate" and run.kind == "refresh":
        return profile not in wish.as_of
    same = run.kind == wish.kind and run.options == wish.options
    return same and (run.as_of == wish.as_of[profile] if profile in wish.as_of else run.kind == "refresh")


def _busy(run: Run) -> str:
    return f"profile {run.profile!r} has a {run.kind} at work (run {run.run_id[:8]})"


def _moment(current: Runtime, profile: str, text: str) -> datetime:
    zone = ZoneInfo(current.settings.profiles[profile].rules.timezone)
    try:
        moment = parse_asked(text, zone, current.now())
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if moment > current.now():
        raise ConfigError(f"--as-of {text} is not over yet: leave it out, or name an earlier day or instant")
    return moment
