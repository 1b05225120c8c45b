"""From ``flowbeat.toml`` and the environment to checked, frozen settings."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.records import (
    DEFAULT_CATEGORIES,
    DEFAULT_LEVELS,
    DeploymentRules,
    IncidentRules,
    Rules,
    ServiceLevelRules,
)
from worker.config_schema import schema
from worker.errors import ConfigError
from worker.settings import password_files
from worker.settings.configured import (
    CONFIG_NAME,
    CONFIG_VARIABLE,
    ChangelogAudit,
    Connection,
    Notify,
    Profile,
    Retention,
    Settings,
    StalledRuns,
    reason,
)
from worker.settings.cross_checks import cross_check
from worker.settings.defaults import lay_under
from worker.settings.validator import Validator


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read ``path``, else the file FLOWBEAT_CONFIG names, else ./flowbeat.toml, else take the defaults.

    Variables of ``environ`` named FLOWBEAT_<KEY> or FLOWBEAT_<SECTION>__<NAME>__<KEY> override the file. Relative
    paths count from the file's folder, from the current folder without a file. Raises ConfigError; its message has one
    sentence a line, each naming the file or the variable, the dotted key and what would be right.
    """
    result = _find(path, environ)
    tree = _parse(result) if result else {}
    walk = Validator(str(result or CONFIG_NAME))
    walk.overlay(tree, environ)
    values = lay_under(walk, walk.table(tree, schema(), ()))
    cross_check(walk, values)
    if walk.problems:
        raise ConfigError("\n".join(walk.problems))
    return _settings(values, result)


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
        raise ConfigError(f"{path}: this file does not exist; to write it, run: flowbeat init") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path}: this is not valid TOML: {error}; correct that line (one key per line, text in quotes), "
            "then: flowbeat check"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the file cannot be read: {reason(error)}") from error


def _settings(values: Mapping[str, Any], path: Path | None) -> Settings:
    folder = path.parent if path else Path.cwd()
    values = {**values, **password_files.fill_in(values, folder)}
    built = {
        "database_url": _whole_database_url(values.get("database_url", "sqlite:///flowbeat.db"), folder),
        "log_dir": folder / values.get("log_dir", "logs"),
        "state_dir": folder / values.get("state_dir", ".flowbeat"),
        "retention": Retention(**values.get("retention", {})),
        "stalled_runs": StalledRuns(**values.get("stalled_runs", {})),
        "changelog_audit": ChangelogAudit(**values.get("changelog_audit", {})),
        "notify": _notify(values.get("notify", {}), folder),
        "connections": {
            name: _connection(name, table, folder) for name, table in values.get("connections", {}).items()
        },
        "profiles": {
            name: _profile(name, table, values.get("timezone"), folder)
            for name, table in values.get("profiles", {}).items()
        },
    }
    return Settings(**{**values, **built, "path": path})


def _connection(name: str, table: Mapping[str, Any], folder: Path) -> Connection:
    if "token_file" in table:
        return Connection(name=name, **{**table, "token_file": folder / table["token_file"]})
    return Connection(name=name, **table)


def _notify(table: Mapping[str, Any], folder: Path) -> Notify:
    file = {"webhook_file": folder / table["webhook_file"]} if "webhook_file" in table else {}
    return Notify(**{**table, **file})


def _profile(name: str, table: Mapping[str, Any], zone: str | None, folder: Path) -> Profile:
    own = {key: table[key] for key in ("connection", "jql", "schedule", "store_summaries", "report") if key in table}
    rules = {key: value for key, value in table.items() if key not in own}
    if "report" in own:
        own["report"] = folder / own["report"]
    if zone is not None:
        rules.setdefault("timezone", zone)
    if "deployments" in rules:
        rules["deployments"] = DeploymentRules(**rules["deployments"])
    if "incidents" in rules:
        rules["incidents"] = IncidentRules(**rules["incidents"])
    if "service_level" in rules:
        rules["service_level"] = ServiceLevelRules(**rules["service_level"])
    rules["blocked_statuses"] = rules.pop("blocked", {}).get("statuses", ())
    rules["categories"] = {**DEFAULT_CATEGORIES, **rules.get("categories", {})}
    rules["levels"] = {**DEFAULT_LEVELS, **rules.get("levels", {})}
    return Profile(name=name, rules=Rules(**rules), **own)


def _whole_database_url(url: str, folder: Path) -> str:
    """Return a SQLite file with its whole path, so that every process opens the same one."""
    start = "sqlite:///"
    if not url.startswith(start):
        return url
    file, mark, query = url.removeprefix(start).partition("?")
    quoted = str(folder).replace("%", "%25").replace("?", "%3F")  # SQLAlchemy decodes the file's name
    return f"{start}{Path(quoted) / file}{mark}{query}"
