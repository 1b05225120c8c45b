"""The metrics command: the figures for Prometheus, over HTTP."""

import contextlib
import os
from typing import Final

import click
from prometheus_client import CollectorRegistry, start_http_server

from console.monitor.collector import Figures, Part
from console.monitor.queues import QueueFigures
from console.monitor.stored import StoredFigures
from worker import ending, runtime, settings
from worker.errors import ConfigError
from worker.settings import Settings

PORT: Final = 9464


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="0: any free one.")
@click.option("--address", default="127.0.0.1", show_default=True, help="Where to listen; others need no password.")
def metrics(*, port: int, address: str) -> None:
    """Serve figures for Prometheus: the age of the data, runs, requests, queues, workers.

    They are read from the database and from Redis when Prometheus asks, with short time-outs. A part that does not
    answer has flowbeat_up 0, and its figures are absent. No worker is asked, and no server is started.

    Example: flowbeat metrics --port 9464
    """
    configured = settings.load(None, os.environ)
    settings.require_file(configured)
    ending.exit_when_told()
    runtime.configure_logs(configured)
    registry = CollectorRegistry()
    registry.register(figures_of(configured))
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as error:
        sentence = f"--port {port} at {address}: {error.strerror}; choose another, or 0 for any free"
        raise ConfigError(sentence) from error
    click.echo(f"Figures for Prometheus: http://{address}:{server.server_port}/metrics (Ctrl-C ends it)", err=True)
    with contextlib.suppress(KeyboardInterrupt):
        thread.join()
    server.shutdown()


def figures_of(configured: Settings) -> Figures:
    """Return what reads the figures of an installation."""
    return Figures([Part("database", StoredFigures(configured)), Part("redis", QueueFigures(configured))])


COMMANDS: tuple[click.Command, ...] = (metrics,)
