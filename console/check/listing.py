"""What the Jiras of the profiles have, by name and id, and what each name means to the profiles: check --names."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Final, TypeVar

import click

from console.check import versions
from console.check.jira import IMPATIENT, api_of, identify_site, reach
from console.check.names import Lists, Named
from console.shared.output import Column, Format, Sheet, is_for_people, show
from models.configured import KINDS, Kind
from models.metrics.rules import Context
from models.names import fold_name
from models.records import Field, IssueHead, Rules, Status, Version
from models.wording import format_count
from worker.errors import FatalError
from worker.jira import parse
from worker.jira.client import Client
from worker.jira.site import reader
from worker.runtime import Runtime
from worker.settings import Profile, require_file

_CATEGORIES: Final = {"new": "To Do", "indeterminate": "In Progress", "done": "Done", "undefined": "No Category"}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NameRow:
    """A name that a Jira has: its kind, its id, what Jira says of it, and what it means to the profiles."""

    connection: str
    kind: str
    name: str
    id: str
    jira: str
    meaning: str


_FIELDS: Final = tuple(field.name for field in fields(NameRow))
_COLUMNS: Final = (
    Column("name", lambda row: row["name"]),
    Column("id", lambda row: row["id"], keep=True),
    Column("in Jira", lambda row: row["jira"]),
    Column("to Flowbeat", lambda row: row["meaning"]),
)


def show_names(current: Runtime, form: Format) -> None:
    """Print all names of each Jira that a profile uses; a list that is closed to the login is reported."""
    require_file(current.settings)
    connections = dict.fromkeys(profile.connection for profile in current.settings.profiles.values())
    rows = [row for name in connections for row in _connection(current, name)]
    if not is_for_people(form):
        show(form, Sheet(_FIELDS, [asdict(row) for row in rows], _COLUMNS))
        return
    groups = dict.fromkeys((row.connection, row.kind) for row in rows)
    sheets = {
        f"{connection} {kind}": Sheet(
            _FIELDS,
            [asdict(row) for row in rows if (row.connection, row.kind) == (connection, kind)],
            _COLUMNS,
            title=f"{connection}: {kind}",
        )
        for connection, kind in groups
    }
    show(form, sheets or Sheet(_FIELDS, [], _COLUMNS, empty="No profile uses a Jira."))


def _connection(current: Runtime, name: str) -> Iterator[NameRow]:
    """Yield the names of one Jira: six requests, and up to 41 for the projects of each profile."""
    connection = current.settings.connections[name]
    profiles = [profile for profile in current.settings.profiles.values() if profile.connection == name]
    client = current.client(connection, IMPATIENT)
    reach(connection)
    current.redis.ping()  # no request is sent without the limiter, and the client would wait for it
    flavour = identify_site(client, connection).flavour
    lists = Lists(client, api_of(flavour))
    listed: dict[Kind, list[Named]] = {
        kind: _read(f"the list of {kind} names", partial(lists.of, kind)) for kind in KINDS
    }
    contexts = {profile.name: _context(profile.rules, listed["status"]) for profile in profiles}
    for kind, items in listed.items():
        for item in items:
            words = {profile: _MEANINGS[kind](context, item) for profile, context in contexts.items()}
            yield NameRow(name, kind, item.name, item.number, _describe(kind, item), _joined(words))
    asked = reader(client, flavour, parse.Wanted({}, summaries=False))
    for field in _read("fields", asked.fields):
        words = {profile.name: _role(profile.rules, field) for profile in profiles}
        yield NameRow(name, "field", field.name, field.field_id, _type_of(field), _joined(words))
    projects = [pair for profile in profiles for pair in _projects(client, flavour, profile)]
    for number, key in dict.fromkeys(projects):
        yield _project(name, number, key, _read(f"versions of {key}", partial(asked.versions, number, key)))


def _project(connection: str, number: str, key: str, listed: list[Version]) -> NameRow:
    """Return the row of a project: how many versions it has, and how many of them are released."""
    released = sum(version.released for version in listed)
    return NameRow(
        connection, "project", key, number, f"{format_count(len(listed), 'version')}, {released} released", ""
    )


def _projects(client: Client, flavour: str, profile: Profile) -> list[tuple[str, str]]:
    return _read(f"projects of {profile.name}", partial(versions.projects, client, flavour, profile.jql))


def _read(what: str, ask: Callable[[], Iterable[T]]) -> list[T]:
    """Return a list; report on standard error what this login may not read, and go without it."""
    try:
        return list(ask())
    except FatalError as error:
        click.echo(f"flowbeat: {what} cannot be read: {error}", err=True)
        return []


def _joined(words: Mapping[str, str]) -> str:
    """Return what a name means to the profiles: once if they agree, else by profile."""
    if len(set(words.values())) == 1:
        return next(iter(words.values()))
    return "; ".join(f"{name}: {word or 'nothing'}" for name, word in words.items())


def _context(rules: Rules, statuses: list[Named]) -> Context:
    return Context.of(rules, [Status(item.number, item.name, item.category) for item in statuses])


def _stage(context: Context, status: Named) -> str:
    stage, _ = context.stages.stage(status.number, status.name)
    folded = (fold_name(status.number), fold_name(status.name))
    is_blocked = any(word in context.blocked_statuses for word in folded)
    is_excluded = any(word in context.excluded_statuses for word in folded)
    is_deployed = any(word in context.deployment_statuses for word in folded)
    extra = (("blocked", is_blocked), ("excluded", is_excluded), ("deployment", is_deployed))
    return ", ".join((stage, *(word for word, holds in extra if holds)))


def _type(context: Context, kind: Named) -> str:
    folded = fold_name(kind.name)
    if folded in context.incident_types:
        return "incident"
    if folded in context.deployment_types:
        return "deployment"
    head = IssueHead("", "", kind.name, "", None, {}, kind.level, kind.subtask)
    return "left out" if context.is_ignored(head) else context.categories.get(folded, "no category")


def _resolution(context: Context, resolution: Named) -> str:
    return "excluded" if fold_name(resolution.name) in context.excluded_resolutions else ""


def _priority(context: Context, priority: Named) -> str:
    return "incident" if fold_name(priority.name) in context.incident_priorities else ""


_MEANINGS: Final[Mapping[Kind, Callable[[Context, Named], str]]] = {
    "status": _stage,
    "issue type": _type,
    "resolution": _resolution,
    "priority": _priority,
}


def _role(rules: Rules, field: Field) -> str:
    """Return the roles that a field is mapped to, by its name, its id, or a path below one of them."""
    names = (fold_name(field.field_id), fold_name(field.name))
    return ", ".join(
        role
        for role in rules.fields
        for path in rules.paths(role)
        if any(fold_name(path) == name or fold_name(path).startswith(f"{name}.") for name in names)
    )


def _describe(kind: Kind, item: Named) -> str:
    """Return what Jira says of a member of a list: the category of a status, the level of an issue type."""
    if kind == "status":
        return _CATEGORIES.get(item.category, item.category)
    if kind == "issue type" and item.level is not None:
        return f"level {item.level}"
    return "sub-task" if item.subtask else ""


def _type_of(field: Field) -> str:
    return f"{field.schema} of {field.items}" if field.items else field.schema
