"""Tries what was answered: the address, the login and the JQL, each by one or two requests."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from console.check.jira import IMPATIENT, LONGEST_ANSWER, api_of, count_issues, identify_site, reach
from console.init.addresses import base_url
from worker import settings
from worker.config_schema import Key, schema
from worker.errors import ConfigError
from worker.jira.client import Client
from worker.jira.faults import ForbiddenError, LoginError
from worker.runtime import Runtime
from worker.settings import CONFIG_NAME, CONFIG_VARIABLE, Connection

CONNECTION: Final = "jira"


@dataclass(frozen=True, slots=True)
class Login:
    """How Jira is logged in to: the account, the token, and where it is kept (neither place: not kept)."""

    email: str | None = None
    token: str | None = None
    token_env: str | None = None
    token_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """A Jira that accepted a login; ``zone`` is the account's time zone, empty where it is not known."""

    client: Client
    flavour: str
    zone: str
    base_url: str
    login: Login


def config_file() -> Path:
    """Return where the configuration is written: the file that FLOWBEAT_CONFIG names, else one in this folder."""
    return Path(os.environ.get(CONFIG_VARIABLE, "").strip() or CONFIG_NAME)


def open_runtime() -> Runtime:
    """Return a runtime with the defaults, whose limiter is the one that the new configuration will use."""
    environ = {name: value for name, value in os.environ.items() if name != CONFIG_VARIABLE}
    state = config_file().absolute().parent / ".flowbeat"
    return Runtime(settings.load(None, {"FLOWBEAT_STATE_DIR": str(state), **environ}))


def checked(section: str, key: str, value: str) -> Any:
    """Return a value as the configuration takes it; raise ConfigError with what is wrong with it."""
    table: Any = schema()[section]
    expected: Key = table["*"][key]
    try:
        return expected.check(value)
    except ValueError as error:
        raise ConfigError(f"{key} {error}") from error


def try_address(current: Runtime, text: str) -> tuple[str, str | None]:
    """Return (base URL, flavour) of the Jira at an address; the flavour is None where it is said to logins only."""
    address: str = checked("connections", "base_url", base_url(text))
    connection = _connection(address, Login())
    reach(connection)
    current.redis.ping()  # no request is sent without the limiter, and the client would wait for it
    try:
        return address, identify_site(_client(current, connection, None), connection).flavour
    except (LoginError, ForbiddenError):
        return address, None


def try_login(current: Runtime, address: str, login: Login) -> Access:
    """Return the access of a login; raise LoginError if Jira does not accept it."""
    connection = _connection(address, login)
    client = _client(current, connection, login.token)
    site = identify_site(client, connection)
    if client.anonymous:
        return Access(client, site.flavour, "", address, login)
    account = client.get(f"{api_of(site.flavour)}/myself")
    zone = account.get("timeZone") if isinstance(account, dict) else None
    return Access(client, site.flavour, str(zone or ""), address, login)


def try_jql(access: Access, text: str) -> tuple[str, int]:
    """Return (JQL, about how many issues it finds); raise ConfigError if it finds none."""
    jql: str = checked("profiles", "jql", text.strip())
    count = count_issues(access.client, access.flavour, jql)
    if not count:
        raise ConfigError("this JQL finds no issue; check the project, and what this account may see")
    return jql, count


def _connection(address: str, login: Login) -> Connection:
    return Connection(CONNECTION, address, email=login.email, timeout_seconds=LONGEST_ANSWER)


def _client(current: Runtime, connection: Connection, token: str | None) -> Client:
    limiter = current.limiter(connection, token)
    session = current.open_session(connection.concurrency)
    return Client(connection, token, limiter, session=session, tried=IMPATIENT, now=current.now)


def patient(current: Runtime, access: Access) -> Access:
    """Return the same access for longer questions, which tries again after a passing fault."""
    connection = replace(access.client.connection, timeout_seconds=Connection(CONNECTION, "").timeout_seconds)
    client = Client(
        connection,
        access.login.token,
        current.limiter(connection, access.login.token),
        session=current.open_session(connection.concurrency),
        heard=True,
        now=current.now,
    )
    return replace(access, client=client)
