"""The configuration, from ``flowbeat.toml`` and the environment to checked, frozen settings; all else starts here.

The file is read as plain tables, ``FLOWBEAT_*`` variables are laid over them, and one walk along the schema of
``worker/config_schema.py`` checks and converts every value. All errors are reported at once, one sentence a line. A
connection keeps no token: it knows where its token lies and reads it when asked.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from models.names import fold_name
from models.records import DEFAULT_CATEGORIES, DEFAULT_LEVELS, DeploymentRules, IncidentRules, Rules, digest
from worker.config_schema import KIND_WORDS, Key, Kind, Schema, did_you_mean, repeated, schema, unknown
from worker.errors import ConfigError, MissingTokenError

CONFIG_NAME = "flowbeat.toml"
CONFIG_VARIABLE = "FLOWBEAT_CONFIG"
PREFIX = "FLOWBEAT_"
PLACEHOLDER = "your-site.atlassian.net"  # the host that flowbeat init writes, for a person to replace

Place = tuple[str, ...]

# For each source of deployments: the keys it cannot do without, and those it may have.
_SOURCE_KEYS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "issues": (frozenset({"types"}), frozenset({"group_by"})),
    "versions": (frozenset(), frozenset()),
    "status": (frozenset({"statuses"}), frozenset()),
    "table": (frozenset(), frozenset()),
}


# --- what travels ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days rows about past work, and archives of the logs, are kept."""

    runs_days: int = 365
    fetch_operations_days: int = 365
    performance_days: int = 365
    logs_days: int = 30


@dataclass(frozen=True, slots=True)
class Sweep:
    """When a silent run is picked up, and how fast the rotation reads changelogs again."""

    silent_seconds: int = 30
    every_seconds: int = 15
    turn_days: int = 7
    issues_per_run: int = 1000


@dataclass(frozen=True, slots=True)
class Connection:
    """One Jira: where it is, where its token lies (never the token), and how hard it may be asked."""

    name: str
    base_url: str
    email: str | None = field(default=None, repr=False)
    token_env: str | None = None
    token_file: Path | None = None
    requests: int = 100
    per_seconds: float = 10.0
    concurrency: int = 8
    overlap_minutes: int = 15
    flavour: Literal["cloud", "datacenter"] | None = None
    timeout_seconds: float = 30.0

    def token(self, environ: Mapping[str, str]) -> str | None:
        """Read the secret from where the configuration says; None where it names no place (anonymous).

        Raises ConfigError when the variable is not set, the file cannot be read, or either is not one word.
        """
        if self.token_env is not None:
            return self._one_word(environ.get(self.token_env, ""), f"the environment variable {self.token_env}")
        if self.token_file is not None:
            return self._one_word(self._token_text(self.token_file), f"the file {self.token_file}")
        return None

    def _token_text(self, file: Path) -> str:
        try:
            return file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise MissingTokenError(
                f"connections.{self.name}.token_file: {file} cannot be read ({_reason(error)}); "
                "make it a readable file that holds only the Jira token"
            ) from error

    def _one_word(self, text: str, source: str) -> str:
        """The token without the line end that editors add; nothing of it is ever shown."""
        words = text.split()
        if len(words) == 1:
            return words[0]
        found = "holds more than one word" if words else "is not set or empty"
        raise MissingTokenError(f"connections.{self.name}: {source} {found}; put the Jira token there and nothing else")


@dataclass(frozen=True, slots=True)
class Profile:
    """A team's issues: where they are, when they are refreshed, and the rules of their metrics."""

    name: str
    connection: str
    jql: str
    schedule: str | None = None
    store_summaries: bool = True
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything configured; paths are absolute. ``path`` is the file read, None without one."""

    database_url: str = field(repr=False)
    log_dir: Path
    state_dir: Path
    path: Path | None = None
    redis_url: str | None = field(default=None, repr=False)
    timezone: str = "UTC"
    log_level: str = "INFO"
    max_age_hours: float = 24.0
    retention: Retention = field(default_factory=Retention)
    sweep: Sweep = field(default_factory=Sweep)
    connections: Mapping[str, Connection] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)


# --- the public verbs -----------------------------------------------------------------------------------------------


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read ``path``, else the file FLOWBEAT_CONFIG names, else ./flowbeat.toml, else take the defaults.

    Variables of ``environ`` named FLOWBEAT_<KEY> or FLOWBEAT_<SECTION>__<NAME>__<KEY> override the file. Relative
    paths count from the file's folder, from the current folder without a file. Raises ConfigError; its message has one
    sentence a line, each naming the file or the variable, the dotted key and what would be right.
    """
    found = _find(path, environ)
    tree = _parse(found) if found else {}
    walk = _Validator(str(found or CONFIG_NAME))
    walk.overlay(tree, environ)
    values = walk.table(tree, schema(), ())
    _cross_check(walk, values)
    if walk.problems:
        raise ConfigError("\n".join(walk.problems))
    return _settings(values, found)


def require_file(found: Settings) -> None:
    """Raise ConfigError where no file was found: there is no profile then, and all would be made in a wrong folder."""
    if found.path is None:
        raise ConfigError(
            f"there is no {CONFIG_NAME} in {Path.cwd()}, and {CONFIG_VARIABLE} names none; go to the folder that has "
            "one, or write one here: flowbeat init"
        )


def require_address(found: Settings, connection: Connection) -> None:
    """Raise ConfigError where base_url is still the template's: whoever may answer there, it is not the team's."""
    if urlsplit(connection.base_url).hostname == PLACEHOLDER:
        where = _line_of_placeholder(found.path, connection.name)
        raise ConfigError(
            f"{where}: connections.{connection.name}.base_url is still the placeholder"
            f" https://{PLACEHOLDER}; write your Jira's address in its place"
        )


def fingerprint(found: Settings) -> str:
    """Names what decides about work and numbers: equal on two machines whose places for files and secrets differ."""
    told = (found.timezone, found.max_age_hours, asdict(found.retention), asdict(found.sweep))
    connections = [asdict(replace(each, token_env=None, token_file=None)) for each in found.connections.values()]
    return digest([told, connections, [asdict(each) for each in found.profiles.values()]])


def secrets(settings: Settings, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Every configured secret that is present: tokens, and the passwords in the database's and Redis' URLs.

    A token that cannot be read is left out here; whoever needs it is told by ``Connection.token``.
    """
    found = [_token_or_none(connection, environ) for connection in settings.connections.values()]
    for url in (settings.database_url, settings.redis_url):
        found.extend(_passwords(url or ""))
    return tuple(dict.fromkeys(secret for secret in found if secret))


# --- the walk -------------------------------------------------------------------------------------------------------


class _Validator:
    """One pass over the tables: collects what is wrong, with the file or the variable it came from."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[str] = []
        self.wrong: set[Place] = set()
        self._variables: dict[Place, str] = {}

    def problem(self, place: Place, sentence: str) -> None:
        variable = self._variables.get(place)
        source = f"environment variable {variable}" if variable else self.file
        self._tell(f"{source}: {'.'.join(place)} {sentence}")
        self.wrong.add(place)

    def _tell(self, line: str) -> None:
        """A name may hold a line end or a terminal's escape code; the message shows it escaped."""
        self.problems.append("".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line))

    def overlay(self, tree: dict[str, Any], environ: Mapping[str, str]) -> None:
        """Lay the FLOWBEAT_* variables over the tables; an empty one counts as not set."""
        known = {_normal(PREFIX + "__".join(place)): (place, key) for place, key in _leaves(schema(), tree, ())}
        given = [name for name in sorted(environ) if _normal(name).startswith(PREFIX) and environ[name].strip()]
        for name in given:
            if _normal(name) in known:
                place, key = known[_normal(name)]
                _set_path(tree, place, _from_text(key.kind, environ[name]))
                self._variables[place] = name
        # Only now, for a variable may have changed which variable holds a token.
        for name in sorted(set(given) - {CONFIG_VARIABLE} - _token_variables(tree)):
            if _normal(name) not in known:
                names = [one.removeprefix(PREFIX) for one in (*known, CONFIG_VARIABLE)]
                guess = did_you_mean(_normal(name).removeprefix(PREFIX), names, PREFIX)
                self._tell(f"environment variable {name}: no setting has this name{guess or '; unset it'}")

    def table(self, raw: object, section: Schema, place: Place) -> dict[str, Any]:
        """The checked values of one section; what is wrong or unknown is reported and left out."""
        if not isinstance(raw, dict):
            self.problem(place, f"must be a section with its own keys, not {_described(raw)}")
            return {}
        if "*" in section:
            return self._named(raw, section["*"], place)
        for name, key in section.items():
            if isinstance(key, Key) and key.required and name not in raw:
                self.problem((*place, name), "is missing; this section cannot do without it")
        checked = {name: self._entry(value, section, (*place, name)) for name, value in raw.items()}
        return {name: value for name, value in checked.items() if value is not None}

    def _named(self, raw: dict[str, Any], section: "Key | Schema", place: Place) -> dict[str, Any]:
        """A section of sections whose names the user chooses; variables must be able to name them."""
        twice = repeated(_normal(name) for name in raw)
        if twice:
            self.problem(place, f"has two sections named {twice} (case, - and _ make no difference)")
        for name in raw:
            if "__" in _normal(name) or not re.fullmatch(r"\w([\w-]{0,62}\w)?", name):
                self.problem((*place, name), "has no usable name; take letters, digits and single - or _, at most 64")
        return {name: self._entry(value, {name: section}, (*place, name)) for name, value in raw.items()}

    def _entry(self, value: object, section: Schema, place: Place) -> Any:
        expected = section.get(place[-1])
        if expected is None:
            return self.problem(place, unknown(place[-1], section))
        if not isinstance(expected, Key):
            return self.table(value, expected, place)
        if not _is_kind(expected.kind, value):
            return self.problem(place, f"must be {KIND_WORDS[expected.kind]}, not {_described(value)}")
        try:
            checked = expected.check(value)
        except ValueError as error:
            return self.problem(place, str(error))
        if place[-1] in {"database_url", "redis_url"} and place not in self._variables and any(_passwords(checked)):
            return self.problem(place, f"must hold no password here; set the whole URL as {PREFIX}{place[-1].upper()}")
        return checked


def _leaves(section: Schema, tree: object, place: Place) -> Iterator[tuple[Place, Key]]:
    """Every key that can be set, with the names of connections and profiles taken from the file."""
    inner = tree if isinstance(tree, dict) else {}
    for name, expected in section.items():
        for known in inner if name == "*" else (name,):
            if isinstance(expected, Key):
                yield (*place, known), expected
            else:
                yield from _leaves(expected, inner.get(known), (*place, known))


def _set_path(tree: dict[str, Any], place: Place, value: object) -> None:
    inner: Any = tree
    for section in place[:-1]:
        inner = inner.setdefault(section, {})
        if not isinstance(inner, dict):
            return  # the walk reports the section that is none
    inner[place[-1]] = value


def _from_text(kind: Kind, text: str) -> object:
    """A variable's text as the TOML value it stands for; what stands for none stays text, for the walk to refuse."""
    bare = not text.lstrip().startswith("[")
    if kind == "text" or (kind == "fields" and bare):
        return text
    if kind == "texts" and bare:
        return text.split(",")
    written = f"[{text}]" if kind == "numbers" and bare else text.lower() if kind == "flag" else text
    try:
        return tomllib.loads(f"value = {written}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _token_variables(tree: Mapping[str, Any]) -> set[str]:
    """The names given as token_env: such a variable may begin with FLOWBEAT_ without being a setting."""
    connections = tree.get("connections")
    tables = connections.values() if isinstance(connections, dict) else ()
    return {str(table.get("token_env")) for table in tables if isinstance(table, dict)}


def _is_kind(kind: Kind, value: object) -> bool:
    if isinstance(value, bool) or kind == "flag":  # in Python a bool is an int, in TOML it is not
        return kind == "flag" and isinstance(value, bool)
    if kind == "text":
        return isinstance(value, str)
    if kind == "whole":
        return isinstance(value, int)
    if kind == "number":
        return isinstance(value, int | float)
    if kind == "fields" and isinstance(value, str):
        return True
    inner: Kind = "number" if kind == "numbers" else "text"
    return isinstance(value, list) and all(_is_kind(inner, member) for member in value)


def _described(value: object) -> str:
    words = {bool: "true or false", str: "text", int: "a whole number", float: "a number", dict: "a section"}
    if isinstance(value, list):
        return f"a list that holds {' and '.join(sorted({_described(one) for one in value})) or 'nothing'}"
    return words.get(type(value), "a date or time")


def _normal(name: str) -> str:
    return name.replace("-", "_").upper()


# --- what must fit together -----------------------------------------------------------------------------------------


def _cross_check(walk: _Validator, values: Mapping[str, Any]) -> None:
    """Report what is right by itself and wrong beside another key."""
    connections = values.get("connections", {})
    for name, connection in connections.items():
        _check_login(walk, ("connections", name), connection)
    for name, profile in values.get("profiles", {}).items():
        place = ("profiles", name)
        _check_connection(walk, (*place, "connection"), profile.get("connection"), connections)
        _check_deployments(walk, (*place, "deployments"), profile.get("deployments", {}))
        _check_lists(walk, (*place, "workflow"), profile.get("workflow", {}), {})
        _check_lists(walk, (*place, "categories"), profile.get("categories", {}), DEFAULT_CATEGORIES)


def _check_login(walk: _Validator, place: Place, connection: Mapping[str, Any]) -> None:
    if "token_env" in connection and "token_file" in connection:
        walk.problem((*place, "token_file"), "stands beside token_env; keep the one that holds the token")
    if "email" in connection and not {"token_env", "token_file"} & connection.keys():
        walk.problem((*place, "email"), "needs a token beside it; add token_env or token_file, or remove it")


def _check_connection(walk: _Validator, place: Place, name: str | None, connections: Mapping[str, Any]) -> None:
    if name is None or name in connections:
        return
    guess = did_you_mean(name, connections) or f"; add a section [connections.{name}]"
    walk.problem(place, f"names {name!r}, which is no connection here{guess}")


def _check_deployments(walk: _Validator, place: Place, section: Mapping[str, Any]) -> None:
    source = section.get("source")
    if source is None:
        return
    needed, allowed = _SOURCE_KEYS[source]
    for name in sorted(needed - section.keys()):
        if (*place, name) not in walk.wrong:
            walk.problem((*place, name), f"is missing; source {source!r} needs it")
    for name in sorted(section.keys() - {"source"} - needed - allowed):
        taken = ", ".join(sorted(needed | allowed)) or "no other key"
        walk.problem((*place, name), f"means nothing for source {source!r}, which takes {taken}")


def _check_lists(
    walk: _Validator, place: Place, lists: Mapping[str, tuple[str, ...]], defaults: Mapping[str, tuple[str, ...]]
) -> None:
    """A status has one stage and a type one category, the lists that stay at their default included."""
    standing = {name: words for name, words in defaults.items() if name not in lists}
    owners = {fold_name(word): name for name, words in standing.items() for word in words}
    for name, words in lists.items():
        for word in words:
            owner = owners.setdefault(fold_name(word), name)
            if owner != name:
                default = " by default" if owner in standing else ""
                walk.problem((*place, name), f"names {word!r}, as {owner} does{default}; keep it in one list only")


# --- files and building ---------------------------------------------------------------------------------------------


def _find(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    named = environ.get(CONFIG_VARIABLE, "").strip()
    if path is None and named:
        path = Path(named)
    if path is not None:
        return path.absolute()
    usual = Path(CONFIG_NAME).absolute()
    return usual if usual.exists() else None


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # -sig: some editors put a byte order mark
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such file; write one with flowbeat init") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path}: this is not valid TOML: {error}; mend it there (a key and its value a line, text in quotes), "
            "then: flowbeat check"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the file cannot be read: {_reason(error)}") from error


def _line_of_placeholder(path: Path | None, connection: str) -> str:
    """The file and the line a person has to edit; without the line where it is not found below its own heading."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines() if path else []
    except OSError:  # removed or closed since it was read
        lines = []
    headings = (f"[connections.{connection}]", f'[connections."{connection}"]')
    inside = False
    for number, line in enumerate(lines, 1):
        inside = line.partition("#")[0].strip() in headings if line.lstrip().startswith("[") else inside
        if inside and PLACEHOLDER in line.partition("#")[0]:
            return f"{path}, line {number}"
    return str(path or "the environment")


def _reason(error: OSError | UnicodeDecodeError) -> str:
    """Without the bytes or the path that the error itself would repeat."""
    return (error.strerror or "unknown reason") if isinstance(error, OSError) else "it is not UTF-8 text"


def _settings(values: Mapping[str, Any], path: Path | None) -> Settings:
    folder = path.parent if path else Path.cwd()
    built = {
        "database_url": _whole_database_url(values.get("database_url", "sqlite:///flowbeat.db"), folder),
        "log_dir": folder / values.get("log_dir", "logs"),
        "state_dir": folder / values.get("state_dir", ".flowbeat"),
        "retention": Retention(**values.get("retention", {})),
        "sweep": Sweep(**values.get("sweep", {})),
        "connections": {
            name: _connection(name, table, folder) for name, table in values.get("connections", {}).items()
        },
        "profiles": {
            name: _profile(name, table, values.get("timezone")) for name, table in values.get("profiles", {}).items()
        },
    }
    return Settings(**{**values, **built, "path": path})


def _connection(name: str, table: Mapping[str, Any], folder: Path) -> Connection:
    if "token_file" in table:
        return Connection(name=name, **{**table, "token_file": folder / table["token_file"]})
    return Connection(name=name, **table)


def _profile(name: str, table: Mapping[str, Any], zone: str | None) -> Profile:
    own = {key: table[key] for key in ("connection", "jql", "schedule", "store_summaries") if key in table}
    rules = {key: value for key, value in table.items() if key not in own}
    if zone is not None:
        rules.setdefault("timezone", zone)
    if "deployments" in rules:
        rules["deployments"] = DeploymentRules(**rules["deployments"])
    if "incidents" in rules:
        rules["incidents"] = IncidentRules(**rules["incidents"])
    rules["categories"] = {**DEFAULT_CATEGORIES, **rules.get("categories", {})}
    rules["levels"] = {**DEFAULT_LEVELS, **rules.get("levels", {})}
    return Profile(name=name, rules=Rules(**rules), **own)


def _whole_database_url(url: str, folder: Path) -> str:
    """A SQLite file with its whole path, so that every process opens the same one."""
    start = "sqlite:///"
    if not url.startswith(start):
        return url
    file, mark, query = url.removeprefix(start).partition("?")
    quoted = str(folder).replace("%", "%25").replace("?", "%3F")  # SQLAlchemy decodes the file's name
    return f"{start}{Path(quoted) / file}{mark}{query}"


def _passwords(url: str) -> Iterator[str]:
    """The passwords in a URL, as written and decoded."""
    parts = urlsplit(url)
    if parts.password:
        yield from (parts.password, unquote(parts.password))
    yield from (value for name, value in parse_qsl(parts.query) if "password" in name.casefold())


def _token_or_none(connection: Connection, environ: Mapping[str, str]) -> str | None:
    try:
        return connection.token(environ)
    except ConfigError:
        return None
