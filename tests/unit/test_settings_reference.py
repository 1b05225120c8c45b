"""The template and docs/configuration.md name every key of the configuration, with its default."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from console.init.template import TEMPLATE
from models.records import (
    DEFAULT_CATEGORIES,
    DEFAULT_LEVELS,
    DeploymentRules,
    IncidentRules,
    Rules,
    ServiceLevelRules,
)
from worker.config_schema import Key, Schema, schema
from worker.settings import ChangelogAudit, Connection, Notify, Profile, Retention, Settings, StalledRuns, load

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"

LINES = re.compile(r"^(?:#(?=\S))?(.*)$", re.MULTILINE)

# Lines that exclude each other: those that each source of deployments forbids, the second place of a token,
# and the other ways to notify.
CHOICES = {
    "versions": (
        'types = ["Deployment"]',
        "group_by",
        'statuses = ["Released"]',
        "token_file",
        "webhook_",
    ),
    "table": ('types = ["Deployment"]', "group_by", 'statuses = ["Released"]', "token_env", "webhook_env", "command"),
    "issues": ('statuses = ["Released"]', "token_file", "webhook_file", "command"),
    "status": ('types = ["Deployment"]', "group_by", "token_file", "webhook_"),
}


def _places(section: Schema, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every key of the schema as its path, ``*`` for a name; the defaults have the keys of a profile."""
    for name, expected in section.items():
        if (*place, name) == ("defaults",):
            continue
        if isinstance(expected, Key):
            yield (*place, name)
        else:
            yield from _places(expected, (*place, name))


def _switched_on(source: str) -> str:
    """Return the template with every line active, except those that the source cannot have."""
    text = LINES.sub(r"\1", TEMPLATE).replace('source = "versions"\n', f'source = "{source}"\n')
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(CHOICES[source]))


def _loadable(source: str) -> str:
    """Return the same without the files of passwords: these must exist, and the template's database has no password."""
    lines = _switched_on(source).splitlines(keepends=True)
    return "".join(line for line in lines if not re.match(r"\w+_password_file ", line))


def _set_places(table: dict[str, object], place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _set_places(value, (*place, "*" if place in {("connections",), ("profiles",)} else name))
        else:
            yield (*place, name)


def _load(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "flowbeat.toml"
    path.write_text(text, encoding="utf-8")
    return load(path, {})


# --- the template ---------------------------------------------------------------------------------------------------


def test_the_template_loads_as_written_and_says_nothing_but_what_must_be_filled_in(tmp_path: Path) -> None:
    """Active lines equal the defaults, so that the file changes nothing before it is edited."""
    settings = _load(tmp_path, TEMPLATE)

    assert settings.connections == {
        "jira": Connection("jira", "https://your-site.atlassian.net", email="you@example.com", token_env="JIRA_TOKEN")
    }
    assert settings.profiles == {"team": Profile("team", "jira", "project = KEY")}
    assert (settings.retention, settings.stalled_runs, settings.changelog_audit) == (
        Retention(),
        StalledRuns(),
        ChangelogAudit(),
    )


@pytest.mark.parametrize("source", CHOICES)
def test_every_line_of_the_template_can_be_switched_on(tmp_path: Path, source: str) -> None:
    """For each source of deployments, with all its keys."""
    settings = _load(tmp_path, _loadable(source))

    deployments = settings.profiles["team"].rules.deployments
    assert deployments is not None
    assert deployments.source == source


def test_the_template_shows_every_key() -> None:
    """People find keys in the template."""
    places = {place for source in CHOICES for place in _set_places(tomllib.loads(_switched_on(source)))}

    assert places == set(_places(schema()))


def test_the_defaults_that_the_template_shows_are_the_defaults(tmp_path: Path) -> None:
    """Activating a default changes nothing."""
    given = _load(tmp_path, _loadable("versions"))
    bare = _load(tmp_path, "")

    assert (given.timezone, given.log_level, given.max_age_hours) == (bare.timezone, bare.log_level, bare.max_age_hours)
    assert (given.database_url, given.log_dir, given.state_dir) == (bare.database_url, bare.log_dir, bare.state_dir)
    assert given.retention == bare.retention
    assert (given.stalled_runs, given.changelog_audit) == (bare.stalled_runs, bare.changelog_audit)
    assert replace(given.notify, command=()) == bare.notify
    for name in ("requests", "per_seconds", "concurrency", "overlap_minutes", "timeout_seconds"):
        assert getattr(given.connections["jira"], name) == getattr(Connection("a", "b"), name)
    rules = given.profiles["team"].rules
    for name in ("time_period_days", "history_weeks", "excluded_resolutions", "failure_values", "gone_issues"):
        assert getattr(rules, name) == getattr(Rules(), name)
    assert rules.service_level == ServiceLevelRules(10.0)
    assert (rules.categories, rules.levels) == (DEFAULT_CATEGORIES, DEFAULT_LEVELS)


# --- the schema and what travels ------------------------------------------------------------------------------------


def test_the_defaults_have_the_keys_of_a_profile() -> None:
    """Whatever may be said of one profile may be said of all."""
    whole = schema()
    profiles = whole["profiles"]
    assert not isinstance(profiles, Key)
    assert list(_keys_of(whole["defaults"])) == list(_keys_of(profiles["*"]))


def _keys_of(section: "Key | Schema") -> Iterator[tuple[str, ...]]:
    assert not isinstance(section, Key)
    return _places(section)


@pytest.mark.parametrize(
    ("place", "owners"),
    [
        ((), [Settings]),
        (("retention",), [Retention]),
        (("stalled_runs",), [StalledRuns]),
        (("changelog_audit",), [ChangelogAudit]),
        (("notify",), [Notify]),
        (("connections", "*"), [Connection]),
        (("profiles", "*"), [Profile, Rules]),
        (("profiles", "*", "deployments"), [DeploymentRules]),
        (("profiles", "*", "incidents"), [IncidentRules]),
        (("profiles", "*", "service_level"), [ServiceLevelRules]),
    ],
)
def test_the_keys_of_a_section_are_the_fields_it_becomes(place: tuple[str, ...], owners: list[type]) -> None:
    """A key without a field, or a field without a key, is a mistake in the code."""
    section = schema()
    for name in place:
        inner = section[name]
        assert not isinstance(inner, Key)
        section = inner
    made_by_load = {"name", "path", "rules", "blocked_statuses"}  # the last from the section ``blocked``

    assert (
        set(section) - {"blocked", "defaults"}
        == {field.name for owner in owners for field in fields(owner)} - made_by_load
    )


# --- the docs -------------------------------------------------------------------------------------------------------


def _documented() -> dict[tuple[str, ...], tuple[str, str]]:
    """Return each row of the tables: the key's path → its default and its variable, as written."""
    documented = {}
    place: tuple[str, ...] = ()
    for line in DOCS.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"## `\[(.*)\]`", line):
            place = tuple("*" if part == "<name>" else part for part in heading[1].split("."))
        if row := re.match(r"\| `(\w+)` \| (.*?) \| `(\w+(?:<NAME>\w+)?)` \| .+ \|$", line):
            documented[(*place, row[1])] = (row[2].strip("`"), row[3])
    return documented


def _default(place: tuple[str, ...]) -> object:
    """Return the default of a key in TOML: "required", "none", or its value."""
    key = _key(place)
    if key.required:
        return "required"
    bare = Settings(database_url="sqlite:///flowbeat.db", log_dir=Path("logs"), state_dir=Path(".flowbeat"))
    owner = {
        (): bare,
        ("retention",): bare.retention,
        ("stalled_runs",): bare.stalled_runs,
        ("changelog_audit",): bare.changelog_audit,
        ("notify",): bare.notify,
        ("connections", "*"): Connection("a", "b"),
        ("profiles", "*", "deployments"): DeploymentRules("versions"),
        ("profiles", "*", "incidents"): IncidentRules(("A",)),
        ("profiles", "*", "service_level"): ServiceLevelRules(1.0),
    }.get(place[:-1])
    if place == ("profiles", "*", "timezone"):
        return "the general one"
    if owner is None and len(place) == 4:
        value = getattr(Rules(), place[2]).get(place[3])
    elif owner is None:
        value = getattr(Rules() if hasattr(Rules(), place[-1]) else Profile("a", "b", "c"), place[-1])
    else:
        value = getattr(owner, place[-1])
    return "none" if value in (None, ()) else value


def _key(place: tuple[str, ...]) -> Key:
    section = schema()
    for name in place:
        inner = section[name]
        if isinstance(inner, Key):
            return inner
        section = inner
    raise AssertionError(place)


def _written(text: str) -> object:
    """Return a default as the docs write it: TOML for a value, else the word."""
    if text in {"none", "required", "the general one"}:
        return text
    value = tomllib.loads(f"value = {text}")["value"]
    return tuple(value) if isinstance(value, list) else value


def test_the_docs_name_every_key_and_no_other() -> None:
    """Each key of the schema has a row, under the heading of its section."""
    assert set(_documented()) == set(_places(schema()))


@pytest.mark.parametrize("place", list(_places(schema())), ids=".".join)
def test_the_docs_give_the_default_and_the_variable(place: tuple[str, ...]) -> None:
    """The default is that of the dataclass, and the variable is the dotted name."""
    default, variable = _documented()[place]
    expected = _default(place)

    assert _written(default) == (str(expected) if isinstance(expected, Path) else expected)
    assert variable == "FLOWBEAT_" + "__".join("<NAME>" if part == "*" else part.upper() for part in place)
