"""Whether stored results match the issues and the rules that flowbeat.toml names now, and what to run if not."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from sqlalchemy.orm import Session

from models.configured import name_lists
from models.metrics.rules import rules_hash
from models.metrics.statuses import StatusStages
from models.names import fold_name
from models.records import CACHE_VERSION, CacheMetadata, Field, Rules, Run
from models.store import caches, catalogue, runs, visits
from models.wording import format_all, format_count
from worker import view
from worker.config_schema import did_you_mean
from worker.database import Stored
from worker.errors import FatalError
from worker.identity import source
from worker.jira import fields

_STATUSES: Final = 5  # that are named of those that Jira no longer lists
# What a name that Jira does not list still matches.
_COUNTS: Final = {
    "status": "No history has it either.",
    "issue type": "It matches only issues that were read before it was renamed.",
    "priority": "It matches only issues that were read before it was renamed.",
    "resolution": "It matches only issues that were read before it was renamed.",
}


def present(current: Stored, profile: str, cache: CacheMetadata) -> Rules | None:
    """Return the configured rules, with the copy's fields; None if they name one that was never fetched."""
    known = [Field(field_id, name, "", "") for field_id, name in cache.cursor.identity.mapped.items()]
    try:
        return fields.resolved(current.settings.profiles[profile].rules, known, profile)
    except FatalError:
        return None


def hash_of_now(current: Stored, profile: str, cache: CacheMetadata | None) -> str | None:
    """Return the hash of the rules of flowbeat.toml; None without the profile, a copy, or a field in it."""
    if cache is None or profile not in current.settings.profiles:
        return None
    result = present(current, profile, cache)
    return None if result is None else rules_hash(result)


def is_of_now(current: Stored, session: Session, run: Run) -> bool:
    """Return whether a run calculates, or calculated, by the rules of flowbeat.toml, as far as it has any yet."""
    cache = caches.find(session, run.profile)
    return run.rules_hash is None or run.rules_hash == hash_of_now(current, run.profile, cache)


def was_requested_now(current: Stored, run: Run) -> bool:
    """Return whether a run was requested with the rules of flowbeat.toml; a run of the first program has none."""
    return run.requested_rules_hash == view.configured_rules_hash(current, run.profile)


def how_to_update(current: Stored, session: Session, profile: str, as_of: str = "") -> str:
    """Return what updates the results to the rules of flowbeat.toml, as in ``run: flowbeat calculate payments``.

    Where a worker has answered the last calculation by older rules, the next one would change nothing: restart it.
    """
    command = f"run: flowbeat calculate {profile}{as_of}"
    last = runs.last_ended(session, profile)
    if last is None or not was_requested_now(current, last):
        return command
    return command if is_of_now(current, session, last) else f"{restart(last)}, then {command}"


def restart(run: Run) -> str:
    """Return the advice to restart the worker with whose rules a run calculated."""
    return f"restart {run.worker or 'the worker'}, which works with another configuration"


def rules_changed(
    current: Stored, profile: str, cache: CacheMetadata | None, hashes: Iterable[str], update: str
) -> str | None:
    """Return a sentence if some results (by their rules' hashes) have older rules; None if all are current.

    ``update`` says how to update them, as ``how_to_update`` does.
    """
    if cache is None or profile not in current.settings.profiles:
        return None
    now, result = hash_of_now(current, profile, cache), list(hashes)
    if now is None:
        return never_fetched(cache, update)
    other = sum(name != now for name in result)
    if not other:
        return None
    which = _which(other, len(result))
    return f"{which} calculated with an older configuration. To update, {update}"


def source_changed(current: Stored, profile: str, cache: CacheMetadata | None, update: str) -> str | None:
    """Return a sentence if flowbeat.toml requests other issues than those of the copy; else None."""
    result = current.settings.profiles.get(profile)
    if cache is None or result is None or cache.cursor.identity.source is None:
        return None
    connection = current.settings.connections[result.connection]
    if cache.cursor.identity.source == source(connection, result):
        return None
    what = "JQL or login" if cache.cursor.identity.base_url == connection.base_url else "Jira"
    return f"flowbeat.toml names another {what} than these issues were fetched with. To update, {update}"


def full_refetch_reason(current: Stored, profile: str, cache: CacheMetadata | None) -> str | None:
    """Return why the next fetch reads every issue again, as a sentence; None if it builds on the copy or has none."""
    if cache is None:
        return None
    result, held = current.settings.profiles[profile], cache.cursor.identity
    address = current.settings.connections[result.connection].base_url
    is_known = present(current, profile, cache) is not None
    reasons = {
        "this version of Flowbeat keeps more of each issue, so": cache.version_identifier != CACHE_VERSION,
        "the copy is of another Jira, so": held.base_url != address,
        "store_summaries was changed, so": held.summaries != result.store_summaries,
        "flowbeat.toml maps a field never fetched by that name; unless it was renamed,": not is_known,
    }
    why = next((words for words, holds in reasons.items() if holds), None)
    return why and f"{why} {format_all(cache.issue_count, 'issue is', 'issues are')} read from Jira again, once"


def unplaced(session: Session, profile: str, rules: Rules) -> list[tuple[str, str]]:
    """Return what to say and what to write about statuses that neither Jira nor the profile places in a stage.

    One line for each of those that most issues were in, and one for all the others.
    """
    visited = visits.unmapped_statuses(session, profile)
    if not visited:
        return []
    stages = StatusStages.of(catalogue.load_statuses(session, profile), rules.workflow)
    counts = Counter[str]()
    for (status_id, name), number in visited.items():
        label = name or status_id
        if label and not stages.stage(status_id, name)[1]:
            counts[label] += number
    where = f"under [profiles.{profile}.workflow]: todo, active, waiting or done"
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = [(_unlisted(label, number), f"name it {where}") for label, number in ranked[:_STATUSES]]
    if len(ranked) > _STATUSES:
        more = f"{_more(len(ranked) - _STATUSES)} as active"
        lines.append((more, f"name each {where}"))
    return lines


def _more(number: int) -> str:
    count = "counts" if number == 1 else "count"
    return f"{format_count(number, 'more status', 'more statuses')} that Jira no longer lists {count}"


def _unlisted(label: str, number: int) -> str:
    issues = "1 issue was" if number == 1 else f"{number:,} issues were"
    return f"{issues} in the status {label!r}, which Jira no longer lists; it counts as active"


def unknown_statuses(current: Stored, session: Session, profile: str, cache: CacheMetadata | None) -> list[str]:
    """Return a sentence for each configured name that Jira does not list, because nothing else would report it.

    Statuses are those of the last fetch; a list of types, priorities or resolutions is of one of the last fetches. A
    status that histories have is a retired one, and no slip.
    """
    result = current.settings.profiles.get(profile)
    if result is None or cache is None:
        return []
    statuses = catalogue.load_statuses(session, profile)
    known = {kind: list(listed.names) for kind, listed in cache.cursor.listed.items()}
    known["status"] = [text for status in statuses for text in (status.name, status.status_id)]
    return [
        f"Note: {names.key} names {word!r}, and Jira lists no such {names.kind}. {_COUNTS[names.kind]}"
        f"{did_you_mean(word, known[names.kind])[1:].replace('did', 'Did', 1)}"
        for names in name_lists(result.rules)
        for word in names.own
        if known.get(names.kind)
        and fold_name(word) not in {fold_name(item) for item in known[names.kind]}
        and not (names.kind == "status" and was_visited(session, profile, word))
    ]


def _which(other: int, values: int) -> str:
    if other < values:
        return f"{other:,} of these {values:,} values {'was' if other == 1 else 'were'}"
    return "This value was" if values == 1 else "These values were"


def never_fetched(cache: CacheMetadata, update: str) -> str:
    """Return the cost of mapping a field that is not in the copy."""
    return (
        "flowbeat.toml maps a field that was never fetched, so that these values do not include it."
        f" To read {format_all(cache.issue_count, 'issue')} from Jira again, once, {update}"
    )


def was_visited(session: Session, profile: str, word: str) -> bool:
    """As written first, because looking at every name takes a moment where there are millions of changes."""
    if visits.was_visited(session, profile, word):
        return True
    folded, visited = fold_name(word), visits.visited_statuses(session, profile)
    return any(folded in (status_id, fold_name(name or "")) for status_id, name in visited)
