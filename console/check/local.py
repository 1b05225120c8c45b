"""The checks outside Jira: configuration, database, Redis, workers, logs, data."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from redis.exceptions import NoPermissionError
from sqlalchemy.orm import Session

from models.database import newest_revision
from models.records import CacheMetadata, FetchOperation
from models.store import caches, operations, quality
from models.wording import format_count
from report import reading, staleness
from report.verified import load_verified, split_findings
from report.version_notes import version_notes
from report.words import format_duration, in_words
from worker import alive, logs, settings
from worker.errors import ConfigError
from worker.runtime import Runtime

OLDEST_REDIS: Final = (6, 2)
_ROOM: Final = 1_000_000  # bytes
_RECENT: Final = 200  # fetches among which the last one of a profile is looked for


@dataclass(frozen=True, slots=True)
class Line:
    """The result of one check: its state, and what to do if it is not ok."""

    what: str
    state: Literal["ok", "warning", "bad"]
    message: str
    advice: str = ""


def configuration(current: Runtime) -> Iterator[Line]:
    """Check that the file exists and has a profile; its keys were checked when it was read."""
    configured = current.settings
    if configured.path is None:
        where = f"no {settings.CONFIG_NAME} exists in {Path.cwd()}, and {settings.CONFIG_VARIABLE} names none"
        yield Line("configuration", "bad", where, "go to the folder that has one, or write one here: flowbeat init")
    elif not configured.profiles:
        yield Line("configuration", "warning", f"{configured.path} has no profile", "add a section [profiles.<name>]")
    else:
        yield Line("configuration", "ok", f"{configured.path}: {', '.join(configured.profiles)}")


def notices(current: Runtime) -> Iterator[Line]:
    """Check that the operator's command or webhook is there, without calling it; nothing where none is configured."""
    notify = current.settings.notify
    if not notify.is_configured:
        return
    try:
        notify.webhook(os.environ)
    except ConfigError as error:
        message, _, advice = str(error).partition("; ")
        yield Line("notify", "bad", message, advice)
        return
    if notify.command and shutil.which(notify.command[0]) is None:
        yield Line(
            "notify", "bad", f"{notify.command[0]} is not a program", "correct notify.command, or make it executable"
        )
        return
    way = notify.command[0] if notify.command else "a webhook"
    yield Line("notify", "ok", f"{way} is called when a scheduled refresh fails, is overdue or is well again")


def redis(current: Runtime) -> Iterator[Line]:
    """Check that Redis answers, is new enough, and keeps the queue."""
    whose = "Flowbeat's own server" if current.server else "redis_url"
    try:
        info: dict[str, Any] = current.redis.info()
    except NoPermissionError:
        advice = "allow it, so that its version and memory can be checked: ACL SETUSER <user> +info"
        yield Line("Redis", "warning", f"{whose} answers, but its login may not use INFO", advice)
        return
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2] if part.isdecimal()) < OLDEST_REDIS:
        yield Line("Redis", "bad", f"{whose} is version {version}", "Flowbeat needs 6.2 or newer")
        return
    yield Line("Redis", "ok", f"{whose} answers, compatible with Redis {version}")
    yield from _memory(info)
    if not info.get("aof_enabled"):
        advice = "set appendonly yes, so that a restart does not lose the queue"
        yield Line("Redis", "warning", "its append-only file is off", advice)


def _memory(info: Mapping[str, Any]) -> Iterator[Line]:
    """Yield a line about an eviction policy that deletes tasks: bad with a memory limit, else a warning."""
    policy = info.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return
    state: Literal["warning", "bad"] = "bad" if info.get("maxmemory") else "warning"
    yield Line(
        "Redis", state, f"maxmemory-policy is {policy}, which deletes tasks", "set maxmemory-policy to noeviction"
    )


def workers(current: Runtime) -> Iterator[Line]:
    """Check workers and scheduler; without a worker there is only a hint, because refresh starts its own."""
    from console.shared import nodes  # noqa: PLC0415 - Celery's own Redis connection is only wanted behind the ping

    current.redis.ping()  # without a broker the ping below would try again for ever
    answering = nodes.answering(current)
    beats = answering.schedulers
    scheduled = [name for name, profile in current.settings.profiles.items() if profile.schedule]
    if answering.workers:
        yield Line("workers", "ok", f"{len(answering.workers)} answer: {', '.join(answering.workers)}")
    elif not answering.foreign and not answering.elsewhere:
        advice = "start one: flowbeat worker (without it, refresh and calculate start a temporary one)"
        yield Line("workers", "warning", "none answers", advice)
    if len(beats) > 1:
        yield Line("scheduler", "ok", f"{len(beats)} answer, and one of them sends: {', '.join(beats)}")
    elif beats:
        yield Line("scheduler", "ok", f"{beats[0]} answers")
    elif scheduled:
        wanted = f"{', '.join(scheduled)} has a schedule, and no scheduler answers"
        yield Line("scheduler", "warning", wanted, "start one: flowbeat beat")
    yield from _faults_here(current)
    for name in answering.foreign:
        yield Line("workers", "bad", nodes.other_database(name), nodes.SEPARATE)
    for name in answering.elsewhere:
        yield Line("workers", "warning", nodes.other_queue(name), nodes.WITHOUT_QUEUES)
    for queue in answering.unserved if answering.workers else ():
        message, _, advice = nodes.no_queue(queue).partition("; ")
        yield Line("workers", "warning", message, advice)
    for name in answering.outdated:
        message = nodes.other_configuration(current, name)
        yield Line("scheduler" if name in beats else "workers", "warning", message, nodes.RESTART)


def _faults_here(current: Runtime) -> Iterator[Line]:
    """Yield what is wrong with the workers and schedulers of this machine, by their signs of life."""
    folder, now = alive.folder_of(current.settings.state_dir), time.time()
    for kind, what in (("worker", "workers"), ("beat", "scheduler")):
        for sign in alive.load(folder, kind):
            for message, advice in alive.faults(kind, sign, now):
                yield Line(what, "bad", message, advice)


def log_files(current: Runtime) -> Iterator[Line]:
    """Check that logs can be written, and report how much space they take."""
    folder = current.settings.log_dir
    why = trouble(folder)
    if why:
        yield Line("log files", "bad", f"{folder} cannot be written ({why})", "make it writable, or set log_dir")
        return
    files = logs.files(folder)
    size = sum(file.size_bytes for file in files)
    yield Line("log files", "ok", f"{len(files)} in {folder}, {size / 1_000_000:.1f} of at most 100 MB")


def trouble(folder: Path) -> str:
    """Return why a folder, which is created if missing, cannot be written; empty if it can.

    Writes as much as a log needs for a while, because a full disk accepts new names and empty files.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_ROOM))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def data(current: Runtime, profile: str) -> Iterator[Line]:
    """Yield how old the copy of a profile is, how its last fetch ended, and its findings."""
    if reading.missing_file(current) is not None or reading.schema_of(current) != newest_revision():
        return  # the line about the database says it
    what = f"data {profile}"
    with current.reads() as session:
        cache = caches.find(session, profile)
        last = next((fetch for fetch in operations.list_fetches(session, _RECENT) if fetch.profile == profile), None)
        yield _age(current, what, profile, cache)
        yield from _last_fetch(what, profile, last)
        yield from _proof(current, session, what, profile)
        yield from _quality(session, what, profile)
        configured = current.settings.profiles[profile].rules
        for message, advice in staleness.unplaced(session, profile, configured):
            yield Line(what, "warning", message, advice)
        if cache is not None and cache.data_as_of is not None:
            for note in version_notes(session, profile, configured, cache.data_as_of):
                yield Line(what, "warning", note.message, note.advice)


def _age(current: Runtime, what: str, profile: str, cache: CacheMetadata | None) -> Line:
    if cache is None or cache.data_as_of is None:
        return Line(what, "warning", "nothing fetched yet", f"flowbeat refresh {profile}")
    now = current.now()
    age = format_duration(max(0.0, (now - cache.data_as_of).total_seconds()))
    held = f"{format_count(cache.issue_count, 'issue')}, fetched {age} ago"
    if cache.state(now) == "valid":
        return Line(what, "ok", held)
    return Line(what, "warning", f"{held}: {cache.state(now)}", f"flowbeat refresh {profile}")


def _last_fetch(what: str, profile: str, last: FetchOperation | None) -> Iterator[Line]:
    if last is not None and last.state == "failed":
        yield Line(
            what, "bad", f"the last fetch failed: {last.error}", f"fix that, then run: flowbeat refresh {profile}"
        )


_DAMAGE: Final = "if nobody changed the tables by hand, report it with: flowbeat logs --level WARNING"


def _proof(current: Runtime, session: Session, what: str, profile: str) -> Iterator[Line]:
    """Yield up to when the copy is proved; a warning if it is not, or if the nights do not get round."""
    verified = load_verified(current, session, profile)
    if not verified.proof.issues:
        return
    if verified.facts_differed or verified.results_differed:
        yield Line(what, "warning", verified.notes[0].removeprefix("Note: ").rstrip("."), _DAMAGE)
    if verified.is_slow:
        takes = f"a turn takes at least {verified.nights:,} nights"
        advice = f"set issues_per_run = {verified.wanted} under [changelog_audit]"
        yield Line(what, "warning", f"{verified.words}; {takes}", advice)
    elif verified.is_overdue(current.now()):
        nobody = "" if verified.nights is not None else "; no scheduled refresh compares it"
        advice = f"to compare all issues now: flowbeat refresh {profile} --verify"
        yield Line(what, "warning", f"{verified.words}{nobody}", advice)
    else:
        yield Line(what, "ok", verified.words)


def _quality(session: Session, what: str, profile: str) -> Iterator[Line]:
    differences, others = split_findings(quality.count_findings(session, profile))
    if differences:
        message = f"differed from Jira when it was last compared, and was repaired: {_counts(differences)}"
        advice = f"flowbeat results {profile} names the issues, flowbeat logs --level WARNING what was found"
        yield Line(what, "warning", message, advice)
    if others:
        yield Line(what, "warning", f"odd histories, by issues: {_counts(others)}", "flowbeat explain names them")


def _counts(findings: Mapping[str, int]) -> str:
    return ", ".join(f"{in_words(reason)} in {count:,}" for reason, count in findings.items())
