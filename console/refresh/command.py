"""The commands that request work: refresh and calculate enqueue runs, and wait for them except with --no-wait."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Literal
from zoneinfo import ZoneInfo

import click
from rich.console import Console

from console.refresh import withdrawal
from console.shared import completing, errors, writable
from console.shared.database import named_day
from models.database import migrate
from models.metrics.windows import parse_as_of
from models.records import CalculationCursor, FetchOperation, Run, RunOptions, Verification, instant
from models.store import caches, issues, operations
from models.store import runs as stored_runs
from models.wording import format_count
from report import staleness
from worker import runtime, settings
from worker.errors import ConfigError, FatalError, MissingTokenError
from worker.runtime import Runtime
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is requested for each of the profiles."""

    kind: Literal["refresh", "calculate"]
    profiles: tuple[str, ...]
    as_of: dict[str, datetime]
    options: RunOptions
    as_of_text: str | None = None  # as the person wrote it
    asked: list[str] = field(default_factory=list)
    """The ids of the runs that this command has made."""


@click.command()
@click.argument("profiles", nargs=-1, metavar="[PROFILE]...", shell_complete=completing.profiles)
@click.option("--full", is_flag=True, help="Read every issue again, and accept it if most of them are gone.")
@click.option("--verify", is_flag=True, help="Read every issue again; report and repair differences of the copy.")
@click.option("--no-wait", is_flag=True, help="Enqueue, print the run ids and exit.")
def refresh(profiles: tuple[str, ...], *, full: bool, verify: bool, no_wait: bool) -> None:
    """Fetch what changed from Jira, then calculate the metrics.

    Example: flowbeat refresh payments --no-wait
    """
    if full and verify:
        raise click.UsageError("--full and --verify cannot be combined; use one of them")
    current, names = prepare_run(profiles)
    _carry_out(current, RunRequest("refresh", names, {}, RunOptions(full=full, verify=verify)), no_wait=no_wait)


@click.command()
@click.argument("profiles", nargs=-1, metavar="[PROFILE]...", shell_complete=completing.profiles)
@click.option(
    "--as-of",
    metavar="DATE",
    help="A past day (2026-10-31, yesterday, 7d: its end) or instant; default: that of the data.",
)
@click.option("--no-wait", is_flag=True, help="Enqueue, print the run ids and exit.")
def calculate(profiles: tuple[str, ...], *, as_of: str | None, no_wait: bool) -> None:
    """Calculate from the stored data, asking Jira only if the data is too old.

    Example: flowbeat calculate payments --as-of 2026-10-31
    """
    current, names = prepare_run(profiles)
    moments = {name: _moment(current, name, as_of) for name in names} if as_of else {}
    _carry_out(current, RunRequest("calculate", names, moments, RunOptions(), as_of), no_wait=no_wait)


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
    migrate(current.engine)
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
    from console.refresh import temporary_worker, wait  # noqa: PLC0415 - as said above
    from console.shared import nodes  # noqa: PLC0415 - as said above

    with withdrawal.withdrawn_on_error(current, wish.asked), temporary_worker.serving(current) as own:
        for sentence in nodes.must_restart(current, own.others):
            console.print(sentence, highlight=False)
        try:
            ids = [_enqueue(current, wish, profile, console, own.serve).run_id for profile in wish.profiles]
            runs = wait.until_ended(current, ids, console, own.serve)
        except KeyboardInterrupt:
            if own.pid is not None:
                console.print(temporary_worker.LEAVING, highlight=False)
            raise
        yield runs


def _carry_out(current: Runtime, wish: RunRequest, *, no_wait: bool) -> None:
    console = Console(stderr=True)
    try:
        current.redis.ping()  # an unreachable Redis is reported at once, not after a search for its workers
        _announce(current, wish, console)
        if no_wait:
            _enqueue_only(current, wish)
            return
        with run_and_wait(current, wish, console) as runs:
            for run in runs:
                click.echo(outcome(current, run, wish.as_of_text))
            _show_results(runs, wish.as_of_text)
            short = [sentence for run in runs for sentence in shortcomings(current, run)]
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


def _show_results(runs: Sequence[Run], as_of: str | None) -> None:
    """Print the metrics of the runs that completed."""
    from console.results.command import show_results  # noqa: PLC0415 - a command that does not wait needs none

    completed = [run.profile for run in runs if run.state == "completed"]
    if completed:
        show_results(*completed, as_of=as_of)


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
    for run, _ in runs:
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
        steps.enqueue(app, run.run_id, run.attempt, run.step)
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
        moment = instant(parse_as_of(named_day(text, zone, current.now()), zone))
    except ValueError as error:
        raise ConfigError(f"--{error}") from error
    if moment > current.now():
        raise ConfigError(f"--as-of {text} is not over yet: leave it out, or name an earlier day or instant")
    return moment


def outcome(current: Runtime, run: Run, as_of: str | None = None) -> str:
    """Return one or two sentences about an ended run: its result, its cost, and where to look next."""
    if run.state != "completed":
        return f"{run.profile}: failed: {run.error}"
    with current.reads() as session:
        fetched = operations.fetch_of(session, run.run_id)
        stored = issues.count(session, run.profile)
    exactly = f" --as-of {as_of}" if as_of else ""
    words = f"{_verified_words(run)}{_fetch_words(fetched, stored)}, {_whole_seconds(run):.1f} s in all."
    return f"{run.profile}: {words}\n  The metrics: flowbeat results {run.profile}{exactly}"


def shortcomings(current: Runtime, run: Run) -> list[str]:
    """Return what a completed run lacks: metrics that raised an error, and rules that differ from the present ones."""
    if run.state != "completed":
        return []
    sentences = []
    raised = ", ".join(CalculationCursor.from_json(run.cursor).failed)
    if raised:
        sentences.append(f"{run.profile}: these metrics raised an error: {raised}; see flowbeat logs --level ERROR")
    with current.reads() as session:
        is_of_now = staleness.is_of_now(current, session, run)
    if not is_of_now:
        advice = f"{staleness.restart(run)}, then run: flowbeat calculate {run.profile}"
        sentences.append(f"{run.profile}: calculated with an older configuration; {advice}")
    return sentences


def _verified_words(run: Run) -> str:
    """Return what a verification found; empty for a run without one (without a copy)."""
    verification = Verification.from_json(run.cursor)
    if verification is None:
        return ""
    differ = verification.differ
    head = (
        f"verified {format_count(verification.verified, 'issue')}: {differ:,} {'differs' if differ == 1 else 'differ'}"
    )
    if not differ:
        return f"{head}. "
    lines = [f"  {key}: {', '.join(what)}" for key, what in verification.differences]
    more = [f"  … and {differ - len(lines):,} more, in the table data_quality"] if differ > len(lines) else []
    return "\n".join([f"{head}, and {'is' if differ == 1 else 'are'} repaired:", *lines, *more, ""])


def _fetch_words(fetched: FetchOperation | None, stored: int) -> str:
    if fetched is None or fetched.cache_hit:
        return f"{format_count(stored, 'issue')} from the stored copy; no request to Jira"
    gone = f", {fetched.issues_gone:,} gone" if fetched.issues_gone else ""
    return (
        f"{format_count(stored, 'issue')}, {fetched.issues_changed:,} changed{gone}; "
        f"{format_count(fetched.api_calls_made, 'request')} "
        f"in {fetched.duration_seconds or 0:.1f} s"
    )


def _whole_seconds(run: Run) -> float:
    """Return the seconds from the request to the end, which include the start of a worker."""
    return 0.0 if run.ended_at is None else (run.ended_at - run.requested_at).total_seconds()
