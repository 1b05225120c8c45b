"""Commands for processes that have their own command lines: Celery's worker and beat, Flower, the sandbox Jira."""

import os
import secrets
import sys
from pathlib import Path
from typing import Any, Final

import click

from console import alive as probe
from worker import settings
from worker.errors import ConfigError

PASS_ON: Final[dict[str, Any]] = {"ignore_unknown_options": True, "allow_extra_args": True}
FLOWER_USER: Final = "flowbeat"


@click.command(
    context_settings=PASS_ON,
    epilog="Options are Celery's, such as -c 4 (parallel tasks), -n NAME@%h (where several workers share a "
    "machine), -l WARNING. All of them: celery -A worker.app worker --help",
)
@click.argument("celery_args", nargs=-1, type=click.UNPROCESSED)
def worker(celery_args: tuple[str, ...]) -> None:
    """Run a worker (the same as: celery -A worker.app worker).

    Example: flowbeat worker -c 4 -Q fetch,maintain
    """
    _become_celery("worker", "--loglevel", "INFO", *celery_args)


@click.command(
    context_settings=PASS_ON,
    epilog="Options are Celery's, such as -l WARNING. All of them: celery -A worker.app beat --help",
)
@click.argument("celery_args", nargs=-1, type=click.UNPROCESSED)
def beat(celery_args: tuple[str, ...]) -> None:
    """Run the scheduler (the same as: celery -A worker.app beat). Of several, one sends.

    Example: flowbeat beat
    """
    _become_celery("beat", "--loglevel", "INFO", *celery_args)


@click.command(
    context_settings=PASS_ON,
    epilog="Options are Flower's, such as --port=5555 or --address=0.0.0.0. All of them: celery -A worker.app flower "
    "--help",
)
@click.argument("flower_args", nargs=-1, type=click.UNPROCESSED)
def flower(flower_args: tuple[str, ...]) -> None:
    """Show the workers and their tasks in a browser, on localhost only and with a password.

    Set FLOWER_BASIC_AUTH=user:password to choose the password; otherwise a random one is printed. Unlike celery flower,
    this command redacts secrets and people's names, and writes to the same log files as all processes.

    Example: flowbeat flower --port=5556
    """
    # Before a password is shown:
    settings.require_file(settings.load(None, os.environ))
    _require_free_port(flower_args)
    if not any(name.startswith("FLOWER_BASIC_AUTH") for name in os.environ) and not _logs_in(flower_args):
        password = secrets.token_urlsafe(12)
        # In the environment, because everyone on the machine can read a command line.
        os.environ["FLOWER_BASIC_AUTH"] = f"{FLOWER_USER}:{password}"
        click.echo(f"Log in as {FLOWER_USER} with {password} (set FLOWER_BASIC_AUTH=user:password to choose)", err=True)
    address = () if _says(flower_args, "--address") else ("--address=127.0.0.1",)
    conf = () if _says(flower_args, "--conf") else (f"--conf={Path(__file__).with_name('flower_config.py')}",)
    _run_flower(*address, *conf, *flower_args)


@click.command()
@click.option("--issues", type=click.IntRange(1, 1_000_000), default=600, show_default=True, help="Size of the team.")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Serve recorded responses.")
@click.option("--flavour", type=click.Choice(["cloud", "datacenter"]), default="cloud", show_default=True)
@click.option("--port", type=click.IntRange(0, 65_535), default=8080, show_default=True, help="0: any free one.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another team.")
@click.option("--latency", type=click.FloatRange(0, 60), default=0.0, help="Seconds before every answer.")
@click.option("--anonymous", is_flag=True, help="Publish all projects: show them without a login too.")
@click.option("--context", default="", help="A context path, such as /jira.", callback=lambda _, __, path: _path(path))
def sandbox(**chosen: Any) -> None:
    """Run a stand-in Jira on this machine for trials, tests and measurements.

    Example: flowbeat sandbox --issues 200 --port 8080
    """
    from sandbox.server import Options, run  # noqa: PLC0415 - the web server is needed by this command only

    try:
        run(Options(**chosen), click.echo)
    except OSError as error:
        raise ConfigError(f"--port {chosen['port']}: {error.strerror}; choose another, or 0 for any free") from error
    except ValueError as error:  # a folder of recordings that cannot be served; the message is a sentence
        raise ConfigError(f"--data {chosen['data']}: {error}") from error


@click.command("alive")
@click.argument("kind", type=click.Choice(probe.KINDS), metavar="worker|beat")
def alive_command(kind: str) -> None:
    """Tell whether the workers or the schedulers of this machine run and do their work; for health checks.

    It reads their signs of life in the state folder, and asks neither Redis nor the database. Exit code 0: each
    does its work; 1: none runs, or one does not work, and a sentence says why.

    Example: flowbeat alive worker
    """
    raise click.exceptions.Exit(probe.main(kind))


COMMANDS: tuple[click.Command, ...] = (worker, beat, flower, sandbox, alive_command)


def _path(context: str) -> str:
    """Return a context path with one slash before it and none after it."""
    bare = context.strip("/")
    return f"/{bare}" if bare else ""


def _become_celery(*args: str) -> None:
    """Replace this process by Celery, so that it receives signals itself."""
    configured = settings.load(None, os.environ)  # a wrong configuration is reported before Celery starts
    settings.require_file(configured)
    configured.state_dir.mkdir(parents=True, exist_ok=True)  # beat keeps its schedule there
    os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")  # with Celery's soft shutdown: running slices get their time
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "celery", "-A", "worker.app", *args])  # noqa: S606 - our own arguments


def _run_flower(*args: str) -> None:
    """Run Flower in this process, because it keeps existing log handlers and adds none."""
    from celery.__main__ import main  # noqa: PLC0415 - the other commands do not need Celery

    from worker import runtime  # noqa: PLC0415 - the same

    current = runtime.Runtime(settings.load(None, os.environ))
    runtime.adopt(current)
    runtime.configure_logs(current.settings)
    if current.server:
        current.server.watch()
    _lock_figures()
    sys.argv = ["celery", "-A", "worker.app", "flower", *args]
    try:
        main()
    finally:
        current.close()


def _lock_figures() -> None:
    """Ask for the password at /metrics and /healthcheck too, which Flower leaves open."""
    from flower.views import monitor  # noqa: PLC0415 - the other commands do not need Flower
    from tornado.web import authenticated  # noqa: PLC0415 - the same

    for handler in (monitor.Metrics, monitor.Healthcheck):
        handler.get = authenticated(handler.get)


def _require_free_port(args: tuple[str, ...]) -> None:
    """Raise ConfigError if Flower could not listen; its own message names neither port nor option."""
    from tornado.netutil import bind_sockets  # noqa: PLC0415 - Flower's own web server; the other commands do not need it

    port = _value(args, "--port") or os.environ.get("FLOWER_PORT") or "5555"
    if not port.isdecimal() or _says(args, "--unix-socket") or _says(args, "--unix_socket"):
        return
    address = _value(args, "--address") or "127.0.0.1"
    try:
        listening = bind_sockets(int(port), address)
    except OSError as error:
        sentence = f"--port {port} at {address}: {error.strerror}; choose another, or 0 for any free"
        raise ConfigError(sentence) from error
    for item in listening:
        item.close()


def _value(args: tuple[str, ...], name: str) -> str | None:
    return next((arg.partition("=")[2] for arg in reversed(args) if arg.startswith(f"{name}=")), None)


def _logs_in(args: tuple[str, ...]) -> bool:
    return any(_says(args, name) for name in ("--basic-auth", "--basic_auth", "--auth"))


def _says(args: tuple[str, ...], name: str) -> bool:
    return any(arg == name or arg.startswith(f"{name}=") for arg in args)
