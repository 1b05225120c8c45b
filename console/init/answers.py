"""The questions of `flowbeat init`: each answer is tried at once, and asked for again with the reason."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import click

from console.init import connecting
from console.init.connecting import Access, Login
from console.shared import errors
from worker.errors import ConfigError, FatalError
from worker.jira.faults import LoginError
from worker.runtime import Runtime
from worker.settings import Connection

TOKEN_VARIABLE: Final = "JIRA_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_FILE: Final = "jira.token"  # noqa: S105 - the name of a file
TOKEN_PAGE: Final = "https://github.com/flowbeat/flowbeat/blob/main/docs/token.md"  # noqa: S105 - an address
_LOGINS: Final = 3  # more refusals, and Jira may ask this account for a CAPTCHA
_KEPT: Final = ("environment", "file", "none")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Given:
    """What the options say; None where they say nothing. ``asks``: whether there is a terminal to ask on."""

    url: str | None = None
    email: str | None = None
    jql: str | None = None
    token_env: str | None = None
    token_file: str | None = None
    anonymous: bool = False
    asks: bool = False


def settled(given: str | None, option: str, ask: Callable[[], str] | None, accept: Callable[[str], T]) -> T:
    """Return what ``accept`` makes of an option or an answer; ask until an answer is accepted."""
    if given is not None:
        return accept(given)
    if ask is None:
        raise ConfigError(f"{option} is missing; without a terminal nothing can be asked")
    while True:
        try:
            return accept(ask())
        except errors.EXPECTED as error:
            _complain(error)


def ask_address(current: Runtime, given: Given) -> tuple[str, str | None]:
    """Return (base URL, flavour) of the Jira."""
    question = "Jira's address, such as https://acme.atlassian.net"
    return settled(given.url, "--url", _prompt(given, question), lambda text: connecting.try_address(current, text))


def ask_login(current: Runtime, given: Given, address: str, flavour: str | None) -> Access:
    """Return the access to the Jira; ask up to three times for the account and its token."""
    kept = _how_kept(given)
    if kept == "none":
        return connecting.try_login(current, address, Login())
    for left in reversed(range(_LOGINS)):
        try:
            return connecting.try_login(current, address, _login(given, kept, flavour))
        except LoginError as error:
            if not given.asks or not left:
                raise FatalError(f"{error}; see {TOKEN_PAGE}") from error
            _complain(error)
            if flavour == "cloud":
                click.echo("  A token with scopes works at https://api.atlassian.com/ex/jira/<cloudId> only.")
            click.echo(f"  How to get one: {TOKEN_PAGE}")
    raise AssertionError("the loop above returns or raises")


def ask_jql(access: Access, given: Given) -> tuple[str, int]:
    """Return (JQL, about how many issues it finds)."""
    question = "Which issues are the team's? A JQL, such as project = PAY"
    return settled(given.jql, "--jql", _prompt(given, question), lambda text: connecting.try_jql(access, text))


def _prompt(given: Given, question: str) -> Callable[[], str] | None:
    return (lambda: str(click.prompt(question))) if given.asks else None


def _complain(error: BaseException) -> None:
    click.secho(f"  {errors.sentence(error)}", fg="red")


def _how_kept(given: Given) -> str:
    """Return where the token is kept: as an option says, else as the person chooses."""
    if given.anonymous:
        return "none"
    if given.token_file is not None:
        return "file"
    if given.token_env is not None or not given.asks:
        return "environment"
    click.echo("How will Flowbeat get the token? From an environment variable, from a file that only you can read,")
    click.echo("or not at all, if this Jira is public.")
    return str(click.prompt("Where the token is kept", type=click.Choice(_KEPT), default=_KEPT[0]))


def _login(given: Given, kept: str, flavour: str | None) -> Login:
    email = _email(given, flavour)
    if kept == "file":
        usual = connecting.config_file().parent / TOKEN_FILE
        file = Path(given.token_file).expanduser() if given.token_file else usual
        return Login(email, _token_of_file(given, file), token_file=file)
    name: str = connecting.checked("connections", "token_env", given.token_env or TOKEN_VARIABLE)
    if os.environ.get(name, "").strip():
        return Login(email, Connection("jira", "", token_env=name).token(os.environ), token_env=name)
    if not given.asks:
        raise ConfigError(
            f"the environment variable {name} is not set; put the token there, or name --token-file or --anonymous"
        )
    return Login(email, _hidden_token(), token_env=name)


def _email(given: Given, flavour: str | None) -> str | None:
    if given.email is not None or not given.asks:
        return (given.email or "").strip() or None
    question = "E-mail of the account (Enter without one: OAuth or a service account)"
    if flavour == "datacenter":
        question = "User name (Enter without one: a personal access token)"
    return str(click.prompt(question, default="", show_default=False)).strip() or None


def _token_of_file(given: Given, file: Path) -> str:
    """Return the token in a file that exists, else the one that is typed; the file is written at the end."""
    if file.exists():
        if given.asks:
            click.echo(f"  {file} exists; its token is used, and the file is not changed.")
        return str(Connection("jira", "", token_file=file).token(os.environ))
    if not given.asks:
        raise ConfigError(f"--token-file {file} does not exist; write the token into it")
    return _hidden_token()


def _hidden_token() -> str:
    """Ask for a token without showing it."""
    while True:
        words = str(click.prompt("Token (it is not shown)", hide_input=True)).split()
        if len(words) == 1:
            return words[0]
        click.secho("  a token is one word without blanks", fg="red")
