"""The demo: everything embedded, without a configuration. A made-up team's Jira, a real refresh, the metrics."""

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from models.records import RunOptions
from worker.errors import FatalError

FOLDER: Final = Path(".flowbeat") / "demo"
PROFILE: Final = "payments"
TOKEN_VARIABLE: Final = "SET_WHILE_FLOWBEAT_DEMO_RUNS"  # noqa: S105 - the name of a variable; who misses it reads why
LIVES_FOR: Final = timedelta(weeks=10)  # then the made-up team has no future left, and the demo starts again
ISSUES: Final = 600
CONFIG: Final = """# Written by `flowbeat demo`: a made-up team on a stand-in Jira that runs on this machine only.
timezone = "UTC"

[connections.sandbox]
base_url = "{url}"
email = "{email}"
token_env = "{variable}"

[profiles.{profile}]
connection = "sandbox"
jql = "project = PAY"
report = "{profile}.html"

[profiles.{profile}.fields]
points = "Story point estimate"
flagged = "Flagged"

[profiles.{profile}.workflow]
waiting = ["In Review", "Blocked"]

[profiles.{profile}.blocked]
statuses = ["Blocked"]

[profiles.{profile}.service_level]
days = 10

[profiles.{profile}.deployments]
source = "versions"

[profiles.{profile}.incidents]
types = ["Incident"]
"""


@click.command()
def demo() -> None:
    """Try it: a made-up Jira, a real refresh, the metrics; nothing to configure.

    Example: flowbeat demo
    """
    folder = FOLDER.absolute()
    team = _team(folder)
    with _jira(team) as url:
        _configure(folder, team, url)
        failed = _refresh()
    if failed:
        raise FatalError(f"the demo's refresh failed: {failed}")
    _tell(folder)


COMMANDS: tuple[click.Command, ...] = (demo,)


def _team(folder: Path) -> dict[str, Any]:
    """Return the team of the last demo at the present time, so that a second demo is an incremental refresh."""
    file = folder / "team.json"
    if file.exists():
        team: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if datetime.now(UTC) - datetime.fromisoformat(team["anchor"]) < LIVES_FOR:
            return team
        for old in folder.glob("flowbeat.db*"):
            old.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    return {"anchor": datetime.now(UTC).isoformat(), "port": 0}


@contextmanager
def _jira(team: dict[str, Any]) -> Iterator[str]:
    """Yield the made-up Jira, at the port it had before if that is free."""
    from sandbox.server import Options, build, running  # noqa: PLC0415 - the web server is needed by this command only

    jira = build(Options(issues=ISSUES), datetime.fromisoformat(team["anchor"]))
    account = jira.site.accounts[0]
    os.environ[TOKEN_VARIABLE], team["email"] = account.token, account.email
    with ExitStack() as stack:
        try:
            url = stack.enter_context(running(jira, port=team["port"]))
        except OSError:  # another program has the port: at a new one the copy is fetched again
            url = stack.enter_context(running(jira))
        yield url


def _configure(folder: Path, team: dict[str, Any], url: str) -> None:
    """Write the configuration that a person would write, and remove other settings from the environment."""
    for name in [name for name in os.environ if name.startswith("FLOWBEAT_")]:
        del os.environ[name]
    config = folder / "flowbeat.toml"
    text = CONFIG.format(url=url, email=team["email"], variable=TOKEN_VARIABLE, profile=PROFILE)
    config.write_text(text, encoding="utf-8")
    port = int(url.rpartition(":")[2])
    (folder / "team.json").write_text(json.dumps({"anchor": team["anchor"], "port": port}), encoding="utf-8")
    os.environ["FLOWBEAT_CONFIG"] = str(config)


def _refresh() -> str | None:
    """Refresh as `flowbeat refresh` does; return the reason if it failed."""
    from console.refresh import command, outcome  # noqa: PLC0415 - after the environment is set

    current, _ = command.prepare_run()
    try:
        click.echo(f"A made-up team's Jira runs at {current.settings.connections['sandbox'].base_url}; refreshing …")
        with command.run_and_wait(current, command.RunRequest("refresh", (PROFILE,), {}, RunOptions()), Console()) as (
            run,
        ):
            click.echo(outcome.describe(current, run))
        return run.error if run.state == "failed" else None
    finally:
        current.close()


def _tell(folder: Path) -> None:
    """Print the metrics, the places of all files, and the steps for your own Jira."""
    from console.results.command import show_results  # noqa: PLC0415 - after the environment is set

    show_results(PROFILE)
    program = _program()
    config = shlex.quote(str((folder / "flowbeat.toml").absolute()))
    lines = (
        "",
        f"Database  {os.path.relpath(folder / 'flowbeat.db')}  (SQLite; views latest_results and weekly_results)",
        f"Logs      {os.path.relpath(folder / 'logs')}",
        "",
        "More about this demo (its Jira runs only during the demo):",
        f"  export FLOWBEAT_CONFIG={config}",
        f"  {program} explain {PROFILE} lead_time",
        f"  {program} results {PROFILE} --window weeks",
        "",
        "Your own Jira, in a folder of its own (unset FLOWBEAT_CONFIG before):",
        f"  {program} init      ask for your Jira, and write flowbeat.toml",
        f"  {program} check     check each part of the installation",
        f"  {program} refresh   fetch and calculate",
        "",
        f"Page      {os.path.relpath(folder / f'{PROFILE}.html')}  (all of this as one file: open it in a browser)",
    )
    click.echo("\n".join(lines))


def _program() -> str:
    """Return how to call the program again from any folder."""
    beside = Path(sys.executable).parent / "flowbeat"
    if not beside.exists():
        return "flowbeat"
    on_path = any(
        Path(part).absolute() == beside.parent for part in os.environ.get("PATH", "").split(os.pathsep) if part
    )
    if on_path:
        return "flowbeat"
    return shlex.quote(str(beside))
