"""What others ask of settings: is there a file, is its address a real one, which secrets does it hold, whose is it."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from urllib.parse import urlsplit

from models.records import digest
from worker.errors import ConfigError
from worker.settings.configured import CONFIG_NAME, CONFIG_VARIABLE, PLACEHOLDER, Connection, Settings, passwords


def require_file(settings: Settings) -> None:
    """Raise ConfigError where no file was found: otherwise files would be created in a wrong folder."""
    if settings.path is None:
        raise ConfigError(
            f"no {CONFIG_NAME} exists in {Path.cwd()}, and {CONFIG_VARIABLE} names none; go to the folder that has "
            "one, or write one here: flowbeat init"
        )


def require_address(settings: Settings, connection: Connection) -> None:
    """Raise ConfigError where base_url is still the template's: the site there is not the team's."""
    if urlsplit(connection.base_url).hostname == PLACEHOLDER:
        where = _line_of_placeholder(settings.path, connection.name)
        raise ConfigError(
            f"{where}: connections.{connection.name}.base_url is still the placeholder"
            f" https://{PLACEHOLDER}; write your Jira's address in its place"
        )


def fingerprint(settings: Settings) -> str:
    """Return names what decides about work and numbers: equal on two machines whose places for files and secrets
    differ.
    """
    names = (
        settings.timezone,
        settings.max_age_hours,
        asdict(settings.retention),
        asdict(settings.stalled_runs),
        asdict(settings.changelog_audit),
        asdict(replace(settings.notify, webhook_env=None, webhook_file=None)),
    )
    connections = [
        asdict(replace(connection, token_env=None, token_file=None)) for connection in settings.connections.values()
    ]
    return digest([names, connections, [asdict(profile) for profile in settings.profiles.values()]])


def secrets(settings: Settings, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return every configured secret that is present.

    These are tokens, the webhook's address, and the passwords in the database's and Redis' URLs. One that cannot be
    read is left out here; ``Connection.token`` and ``Notify.webhook`` raise for it.
    """
    tokens = [_token_or_none(connection, environ) for connection in settings.connections.values()]
    tokens.extend(_webhook(settings, environ))
    for url in (settings.database_url, settings.redis_url):
        tokens.extend(passwords(url or ""))
    return tuple(dict.fromkeys(secret for secret in tokens if secret))


def _line_of_placeholder(path: Path | None, connection: str) -> str:
    """Return the file and the line a person has to edit; without the line where it is not found below its own
    heading.
    """
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


def _webhook(settings: Settings, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the address of the webhook, and its path alone, as a library of HTTP would log it."""
    try:
        url = settings.notify.webhook(environ) or ""
    except ConfigError:
        return ()
    path = url.partition("://")[2].partition("/")[2]
    return (url, path)


def _token_or_none(connection: Connection, environ: Mapping[str, str]) -> str | None:
    try:
        return connection.token(environ)
    except ConfigError:
        return None
