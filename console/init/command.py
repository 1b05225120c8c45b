"""The init command: asks, tries, proposes, and writes a commented flowbeat.toml; never overwrites."""

import logging
import os
import re
import sys
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from console.init import answers, connecting, files, written
from console.init.addresses import profile_name
from console.init.answers import Given
from console.init.connecting import Access, Login
from console.init.proposing import propose_all
from console.init.template import TEMPLATE
from console.init.written import Entry
from models.wording import format_count
from worker.errors import ConfigError
from worker.runtime import Runtime

_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?", re.ASCII)


@click.command()
@click.option("--url", metavar="ADDRESS", help="Jira's address.")
@click.option("--email", metavar="EMAIL", help="The account; leave it out for a Data Center token.")
@click.option("--token-env", metavar="NAME", help="The variable that holds the token (default: JIRA_TOKEN).")
@click.option("--token-file", metavar="FILE", help="The file that holds the token.")
@click.option("--anonymous", is_flag=True, help="Use no login, because the Jira is public.")
@click.option("--jql", metavar="JQL", help="Which issues are the team's.")
@click.option("--profile", metavar="NAME", help="The profile's name (default: the project's key).")
@click.option("--yes", is_flag=True, help="Accept every proposal without a question.")
def init(profile: str | None, *, yes: bool, **options: Any) -> None:
    """Ask a few questions, try each answer on Jira, and write a commented flowbeat.toml with proposals.

    Reads the newest 500 issues to propose statuses, fields and the source of deployments, and says why. Without a
    terminal and without options it writes a template to fill in. An existing file is never changed.

    Example: flowbeat init --url https://acme.atlassian.net --email me@acme.example --jql "project = PAY" --yes
    """
    file = connecting.config_file()
    files.require_place(file)
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    given = Given(**options, asks=is_terminal)
    if given == Given():
        _write_template(file)
        return
    if profile is not None:
        _require_name(profile)
    logging.getLogger().addHandler(logging.NullHandler())  # the folder for logs does not exist yet
    current = connecting.open_runtime()
    try:
        _set_up(current, file, given, profile, accepts_all=yes or not is_terminal)
    finally:
        current.close()


COMMANDS: tuple[click.Command, ...] = (init,)


def _set_up(current: Runtime, file: Path, given: Given, profile: str | None, *, accepts_all: bool) -> None:
    if given.asks:
        click.echo(f"The answers go into {file}. Each is tried at once. Ctrl-C stops, and nothing is written.\n")
    address, flavour = answers.ask_address(current, given)
    access = answers.ask_login(current, given, address, flavour)
    click.echo(f"  {_greeting(access)}")
    jql, count = answers.ask_jql(access, given)
    click.echo(f"  It finds about {format_count(count, 'issue')}.")
    access = connecting.patient(current, access)
    proposed = propose_all(access, jql, count, current.now(), accepts_all=accepts_all)
    if not accepts_all and not click.confirm(f"Write {file}?", default=True):
        raise click.Abort
    text = written.fill(written.entries_of(proposed) | _answered(access, jql, file), profile or profile_name(jql))
    has_token_file = files.write_token(access.login)
    files.write_config(file, text)
    click.echo(_next_steps(file, access.login, has_token_file=has_token_file))


def _greeting(access: Access) -> str:
    if access.client.anonymous:
        return f"Jira answers ({access.flavour}), without a login."
    zone = f"; the account's time zone is {access.zone}" if access.zone else ""
    return f"Logged in ({access.flavour}){zone}."


def _answered(access: Access, jql: str, file: Path) -> dict[tuple[str, str], Entry]:
    """Return the entries of what was answered; the lines of the template that do not hold are switched off."""
    login, off = access.login, Entry(is_on=False)
    entries = {
        (written.CONNECTION, "base_url"): Entry(access.base_url),
        (written.CONNECTION, "email"): Entry(login.email) if login.email else off,
        (written.CONNECTION, "token_env"): Entry(login.token_env) if login.token_env else off,
        (written.PROFILE, "jql"): Entry(jql),
    }
    if login.token_file:
        entries[written.CONNECTION, "token_file"] = Entry(_from_folder(login.token_file, file))
    if _is_zone(access.zone):
        entries["", "timezone"] = Entry(access.zone, ("the time zone of the account",))
    return entries


def _from_folder(token_file: Path, file: Path) -> str:
    """Return a path as the configuration counts it: from its own folder."""
    folder, path = file.absolute().parent, token_file.absolute()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name) or "__" in name:
        raise ConfigError("--profile must be letters, digits and single - or _, at most 64, such as payments")


def _next_steps(file: Path, login: Login, *, has_token_file: bool) -> str:
    lines = [f"Wrote {file}."]
    if has_token_file:
        lines.append(f"Wrote {login.token_file}, which only you can read. Keep it out of version control.")
    if login.token_env and os.environ.get(login.token_env, "").strip():
        lines.append(f"{login.token_env} is set here; each shell and service that runs Flowbeat needs it.")
    elif login.token_env:
        lines.append("Each shell that runs Flowbeat needs the token. To enter it there unseen, run (bash, zsh):")
        lines.append(f"  read -rs {login.token_env} && export {login.token_env}")
    return "\n".join([*lines, "Next: flowbeat check, then flowbeat refresh and flowbeat results"])


def _write_template(file: Path) -> None:
    files.write_config(file, TEMPLATE)
    click.echo(
        f"Wrote {file}. Fill in base_url, email and jql; put the token into the environment: export JIRA_TOKEN=…\n"
        "Then: flowbeat check, and flowbeat refresh. On a terminal, flowbeat init asks and fills it in."
    )
