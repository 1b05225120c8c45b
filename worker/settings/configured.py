"""What is configured, as frozen records: connections, profiles and everything beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from models.records import Rules
from worker.errors import ConfigError, MissingTokenError

CONFIG_NAME = "flowbeat.toml"
CONFIG_VARIABLE = "FLOWBEAT_CONFIG"
PREFIX = "FLOWBEAT_"
PLACEHOLDER = "your-site.atlassian.net"  # the host that flowbeat init writes, for a person to replace

KeyPath = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days rows about past work, and archives of the logs, are kept."""

    runs_days: int = 365
    fetch_operations_days: int = 365
    performance_days: int = 365
    logs_days: int = 30


@dataclass(frozen=True, slots=True)
class StalledRuns:
    """When a run without a heartbeat gets a new attempt, and how often such runs are looked for."""

    after_seconds: int = 30
    check_every_seconds: int = 15


@dataclass(frozen=True, slots=True)
class ChangelogAudit:
    """How fast changelogs are read again in rotation, because Jira changes some without moving ``updated``."""

    every_days: int = 7
    issues_per_run: int = 1000


@dataclass(frozen=True, slots=True)
class Notify:
    """What is called when a scheduled refresh fails, is overdue or is well again: a command or a webhook.

    The webhook's address may be a secret, so only its place is configured.
    """

    command: tuple[str, ...] = ()
    webhook_env: str | None = None
    webhook_file: Path | None = None
    overdue_minutes: int = 60
    timeout_seconds: float = 10.0

    @property
    def is_configured(self) -> bool:
        """Whether anything is to be called."""
        return bool(self.command or self.webhook_env or self.webhook_file)

    def webhook(self, environ: Mapping[str, str]) -> str | None:
        """Return the address of the webhook, None where none is configured; raise ConfigError if it is not usable."""
        if self.webhook_env is not None:
            return _address(environ.get(self.webhook_env, ""), f"the environment variable {self.webhook_env}")
        if self.webhook_file is None:
            return None
        try:
            text = self.webhook_file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"notify.webhook_file: {self.webhook_file} cannot be read ({reason(error)}); "
                "make it a readable file that holds only the webhook's address"
            ) from error
        return _address(text, f"the file {self.webhook_file}")


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
                f"connections.{self.name}.token_file: {file} cannot be read ({reason(error)}); "
                "make it a readable file that holds only the Jira token"
            ) from error

    def _one_word(self, text: str, source: str) -> str:
        """Return the token without the line end that editors add; nothing of it is ever shown."""
        words = text.split()
        if len(words) == 1:
            return words[0]
        result = "holds more than one word" if words else "is not set or empty"
        raise MissingTokenError(
            f"connections.{self.name}: {source} {result}; put the Jira token there and nothing else"
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """A team's issues: where they are, when they are refreshed, and the rules of their metrics.

    ``report``: the file that each calculation writes its page to.
    """

    name: str
    connection: str
    jql: str
    schedule: str | None = None
    store_summaries: bool = True
    report: Path | None = None
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything configured; paths are absolute. ``path`` is the file read, None without one."""

    database_url: str = field(repr=False)
    log_dir: Path
    state_dir: Path
    path: Path | None = None
    redis_url: str | None = field(default=None, repr=False)
    database_password_file: Path | None = None
    redis_password_file: Path | None = None
    timezone: str = "UTC"
    log_level: str = "INFO"
    max_age_hours: float = 24.0
    retention: Retention = field(default_factory=Retention)
    stalled_runs: StalledRuns = field(default_factory=StalledRuns)
    changelog_audit: ChangelogAudit = field(default_factory=ChangelogAudit)
    notify: Notify = field(default_factory=Notify)
    connections: Mapping[str, Connection] = field(default_factory=dict)
    profiles: Mapping[str, Profile] = field(default_factory=dict)


def _address(text: str, source: str) -> str:
    """Return the address in a text; nothing of it is ever shown."""
    words = text.split()
    if len(words) != 1 or not words[0].startswith(("https://", "http://")):
        raise ConfigError(f"notify: {source} does not hold an address; put the webhook's http address there")
    return words[0]


def reason(error: OSError | UnicodeDecodeError) -> str:
    """Without the bytes or the path that the error itself would repeat."""
    return (error.strerror or "unknown reason") if isinstance(error, OSError) else "it is not UTF-8 text"


def passwords(url: str) -> Iterator[str]:
    """Yield the passwords in a URL, as written and decoded."""
    parts = urlsplit(url)
    if parts.password:
        yield from (parts.password, unquote(parts.password))
    yield from (value for name, value in parse_qsl(parts.query) if "password" in name.casefold())


def without_password(url: str) -> str:
    """Return a URL that may be shown: with its user and without its passwords."""
    parts = urlsplit(url)
    login, at, place = parts.netloc.rpartition("@")
    kept = [pair for pair in parts.query.split("&") if "password" not in unquote(pair.partition("=")[0]).casefold()]
    return urlunsplit(parts._replace(netloc=f"{login.partition(':')[0]}{at}{place}", query="&".join(kept)))
