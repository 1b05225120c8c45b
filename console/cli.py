"""The flowbeat command: imports each subcommand when it is called, and turns each failure into one sentence.

Exit codes: 0 done, 1 it failed or is unhealthy, 2 bad usage or configuration, 3 a target missed, 130 interrupted.
"""

import gc
import importlib
import io
import os
import sys
from collections.abc import Mapping
from types import ModuleType, TracebackType
from typing import Final

import click

from console.shared import voice
from worker.errors import ConfigError

# Group → command → (its module, its line in the help). Only the module of the command called is imported, because
# Celery and SQLAlchemy take most of a second; so the line stands here and not at the command.
TABLE: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "Begin": {
        "demo": ("demo", "Try it: a made-up Jira, a real refresh, the metrics."),
        "init": ("init.command", "Ask a few questions and write flowbeat.toml."),
        "completion": ("completion", "Let your shell complete names."),
        "check": ("check.command", "Check each part of the installation."),
    },
    "Work": {
        "refresh": ("refresh.command", "Fetch what changed from Jira, then calculate."),
        "calculate": ("refresh.command", "Calculate from the stored data, for now or a past day."),
        "import": ("import_deployments", "Import deployments from a CSV file."),
        "status": ("status", "Show live and recent runs."),
    },
    "Read": {
        "results": ("results.command", "Show the metrics, for the period or by week."),
        "overview": ("overview", "Show all profiles side by side, and what is wrong."),
        "explain": ("explain.command", "Show the issues behind a number, and those left out."),
        "aging": ("aging", "Show the items in progress, oldest first."),
        "issue": ("issue.command", "Show the life of an issue, and the numbers it counts in."),
        "browse": ("browse.command", "Browse the tables in a web browser (SQLite)."),
        "report": ("report", "Write a page with charts that one can send."),
        "dashboards": ("dashboards.command", "Write dashboards for Grafana."),
        "forecast": ("forecast", "Show when work will be done, with its chances."),
        "performance": ("performance", "Show how long calculations and fetches took."),
        "logs": ("logs", "Show or follow the logs."),
    },
    "Run": {
        "worker": ("processes", "Run a worker."),
        "beat": ("processes", "Run the scheduler of the nightly refreshes."),
        "alive": ("processes", "Tell whether worker or scheduler does its work."),
        "metrics": ("monitor.command", "Serve figures for Prometheus."),
        "flower": ("processes", "Watch workers and tasks in a browser."),
        "sandbox": ("processes", "Run a stand-in Jira on this machine."),
        "migrate": ("migrate", "Bring the database schema up to date."),
        "backup": ("backup", "Copy the SQLite database while it is in use."),
        "move": ("move", "Move from SQLite to PostgreSQL."),
    },
}
_MODULES: Final = {name: module for group in TABLE.values() for name, (module, _) in group.items()}
_INTERRUPTED: Final = 130


class Commands(click.Group):
    """The subcommands of ``TABLE``, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return the command of that name, from the COMMANDS of its module."""
        module = _MODULES.get(cmd_name)
        if module is None:
            return None
        commands: tuple[click.Command, ...] = _imported(f"console.{module}").COMMANDS
        return voice.add_options(next(command for command in commands if command.name == cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command as click does, and suggest the nearest name if it does not exist."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from worker.config_schema import did_you_mean  # noqa: PLC0415 - it imports Celery, and the help does not need it

            near = did_you_mean(args[0], _MODULES)
            raise click.UsageError(error.message.rstrip(".") + near, ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the commands by group, one on each line."""
        for group, commands in TABLE.items():
            with formatter.section(group):
                formatter.write_dl([(name.ljust(11), line) for name, (_, line) in commands.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="For details, run: flowbeat COMMAND --help",
)
@click.version_option(package_name="flowbeat")
def flowbeat() -> None:
    """Keep a faithful local copy of a team's Jira issues, and compute the DORA and Flow metrics from it."""


voice.add_options(flowbeat)


def _imported(module: str) -> ModuleType:
    """Import a module of commands, and let the garbage collector look neither at that nor at what it left.

    The collector would visit all classes and functions again and again: a tenth of the time of a short command.
    """
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        gc.enable()


def main() -> None:
    """Run the ``flowbeat`` script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a locale without a character gets a question mark, not a crash
            stream.reconfigure(errors="replace")
    # NumPy's linear algebra, which nothing here uses, would start a thread for each core when NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = run(sys.argv[1:])
    finally:
        # Set last, for the logs, once configured, have a hook of their own. It is called only where run() raises.
        sys.excepthook = _unexpected
    sys.exit(code)


def run(words: list[str]) -> int:
    """Execute a command line and return the exit code; unexpected errors are raised."""
    voice.forget()
    try:
        code = flowbeat.main(words, prog_name="flowbeat", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return _INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    except _expected() as error:
        click.echo(f"{_details(error)}flowbeat: {_sentence(error)}", err=True)
        return 2 if isinstance(error, ConfigError) else 1
    return code if isinstance(code, int) else 0


def _reader_left() -> int:
    """Redirect standard output, whose reader has exited, so that Python's last flush raises no error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _expected() -> tuple[type[Exception], ...]:
    """Return the exceptions to catch; imported only after an error, because a success does not need them."""
    from console.shared import errors  # noqa: PLC0415 - as said above

    return errors.EXPECTED


def _sentence(error: Exception) -> str:
    from console.shared import errors  # noqa: PLC0415 - see _expected

    return errors.sentence(error)


def _details(error: Exception) -> str:
    """Return the traceback if the person wants to read it."""
    from console.shared import errors  # noqa: PLC0415 - see _expected

    return errors.traceback_of(error) if voice.is_verbose() else ""


def _unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    from console.shared import errors  # noqa: PLC0415 - see _expected

    errors.unexpected(kind, error, trace)
