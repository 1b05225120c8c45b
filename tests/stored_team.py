"""A made-up team stored in a folder as after a refresh, with its configuration and all its results."""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import console_world
from console_world import InProcess
from made_once import made_once
from reference.teams import Team

from models.records import (
    CACHE_VERSION,
    METRIC_TYPES,
    CacheMetadata,
    CopyCursor,
    CopyIdentity,
    Issue,
    Rules,
    TableDeployment,
    digest,
)
from models.store import caches, catalogue, census, deployments
from models.store import issues as stored_issues
from tasks import calculate, steps
from worker import settings

CONFIG = """
[connections.sandbox]
base_url = "https://sandbox.example"
email = "somebody@example.com"
token_env = "SANDBOX_TOKEN"
[profiles.payments]
connection = "sandbox"
jql = "project = PAY"
timezone = {zone}
time_period_days = {days}
history_weeks = {weeks}
failure_values = {failure_values}
gone_issues = {gone_issues}
excluded_statuses = {excluded_statuses}
"""


@contextmanager
def stored(
    folder: Path, schema: Path, team: Team, rules: Rules, as_of: datetime, *, url: str | None = None
) -> Iterator[InProcess]:
    """Yield the team's issues, versions and deployments as rows of ``payments``, and the metrics calculated of them.

    ``schema`` is a SQLite file with the newest schema and no row; ``url`` is that of another database, in its place.
    """
    place = "" if url is None else f"database_url = {_toml(url)}\n"
    (folder / "flowbeat.toml").write_text(place + configuration(rules), encoding="utf-8")
    current = InProcess(settings.load(folder / "flowbeat.toml", {"FLOWBEAT_STATE_DIR": str(folder)}), lambda: as_of)

    def make() -> None:
        if url is None:
            shutil.copy(schema, folder / "flowbeat.db")
        save(current, team, rules, as_of)
        calculated(current)
        current.engine.dispose()

    try:
        if url is None:
            made_once(folder / "flowbeat.db", (team, rules, as_of), make)
        else:
            make()
        yield current
    finally:
        current.close()


def save(current: InProcess, team: Team, rules: Rules, as_of: datetime) -> None:
    """Store a team as a fetch would; its table names issues by key and versions by id."""
    issues = (*team.issues, *team.gone)
    keys = {issue.issue_id: issue.key for issue in issues}
    table = [
        TableDeployment(
            deployment_id=row.deployment_id,
            name=row.deployment_id,
            deployed_at=row.at,
            failed=row.failed,
            rework=row.rework,
            issue_keys=tuple(keys.get(number, f"NONE-{number}") for number in row.issue_ids),
            versions=row.version_ids,
        )
        for row in team.table
    ]
    with current.sessions.begin() as session:
        stored_issues.save(session, "payments", [_parsed(issue) for issue in issues])
        census.mark(session, "payments", [issue.issue_id for issue in team.gone], "hidden")
        census.mark_gone(session, "payments", "hidden", "hidden", as_of)
        catalogue.save_statuses(session, "payments", team.statuses)
        catalogue.save_versions(session, "payments", team.versions)
        deployments.save_table(session, "payments", table)
        caches.save(session, cache(team, rules, as_of))


def _parsed(issue: Issue) -> Issue:
    """Return each history item once, as the parser does with Jira's repeated items."""
    unique = {(change.history_id, change.field, change.position): change for change in issue.transitions}
    return replace(issue, transitions=tuple(unique.values()))


def cache(team: Team, rules: Rules, as_of: datetime) -> CacheMetadata:
    """Return Cache Metadata whose fetch began at the as-of and resolved the fields to those of the rules."""
    key = digest("payments")
    fields = {path.partition(".")[0] for role in rules.fields for path in rules.paths(role)}
    identity = CopyIdentity(resolved=dict(rules.fields), mapped={field: field for field in fields})
    return CacheMetadata(
        cache_key=key,
        creation_timestamp=as_of,
        expiration_timestamp=as_of + timedelta(days=1),
        data_size_bytes=0,
        version_identifier=CACHE_VERSION,
        config_hash=key,
        issue_count=len(team.issues),
        jql_query="project = PAY",
        profile="payments",
        data_as_of=as_of,
        cursor=CopyCursor(identity),
    )


def calculated(current: InProcess, as_of: datetime | None = None) -> None:
    """Run a whole calculation, as a worker does after a cache hit."""
    run, _ = steps.request(current.sessions, "payments", "calculate", current.now(), as_of=as_of)
    calculate.work(current, run)
    for _ in METRIC_TYPES:
        calculate.metric_step(current, console_world.found(current, run))
    calculate.finish_step(current, console_world.found(current, run))


def configuration(rules: Rules) -> str:
    """Return the TOML configuration with these rules."""
    text = CONFIG.format(
        zone=_toml(rules.timezone),
        days=rules.time_period_days,
        weeks=rules.history_weeks,
        failure_values=_toml(rules.failure_values),
        gone_issues=_toml(rules.gone_issues),
        excluded_statuses=_toml(rules.excluded_statuses),
    )
    text += "" if rules.ignored_types is None else f"ignored_types = {_toml(rules.ignored_types)}\n"
    for name in ("workflow", "categories", "fields", "levels"):
        text += _section(name, getattr(rules, name))
    for name, section in (("deployments", rules.deployments), ("incidents", rules.incidents)):
        if section is not None:
            text += _section(
                name,
                {
                    key: value
                    for key, value in asdict(section).items()
                    if value is not None and (value or key == "excluded_resolutions")
                },
            )
    if rules.blocked_statuses:
        text += _section("blocked", {"statuses": rules.blocked_statuses})
    if rules.service_level is not None:
        text += _section("service_level", asdict(rules.service_level))
    return text


def _section(name: str, values: Mapping[str, Any]) -> str:
    lines: Iterable[str] = (f"{key} = {_toml(value)}" for key, value in values.items())
    return "\n".join([f"[profiles.payments.{name}]", *lines, ""])


def _toml(value: Any) -> str:
    """Return a text or a list of texts in TOML, which is the same as in JSON."""
    return json.dumps(value)
