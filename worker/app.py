"""The Celery application: ``celery -A worker.app worker`` and ``beat`` begin here."""

import atexit
import gc
import logging
import os
import signal
import sys
import threading
import time
import warnings
from typing import Any, Final

from celery import Celery, bootsteps, signals
from celery.exceptions import CPendingDeprecationWarning, WorkerShutdown
from celery.worker import state
from sqlalchemy.exc import SQLAlchemyError

from models.backups import Backup
from models.database import migrate
from models.database_faults import describe
from models.store import installation
from models.upgrades import Watch
from worker import logs, messages, nodes, patches, runtime, settings
from worker.errors import ConfigError
from worker.recovery_log import RecoveryFilter
from worker.redact import redact
from worker.runtime import Runtime
from worker.signs import SENT_AT, LoopSign, Signs
from worker.sweeping import QuietSweeps, Sweeping

# For long-running processes: Redis restarts within 20 seconds. A command reports the failure at once.
PUBLISH_RETRY_SECONDS: Final = 20.0
# Few tries, for one at a Redis that hangs takes as long as its time-out; of one that is gone they end after PATIENCE.
PATIENT: Final = {"max_retries": 8, "interval_start": 0.5, "interval_step": 0.6, "interval_max": 4.0}

PARENT_SECONDS: Final = 1.0  # how often a worker that serves one command looks whether that is still there


class ExitWithParent(bootsteps.StartStopStep):
    """Ends a worker, warm, when the process that started it for itself is gone: a kill -9 does not notify children.

    Its start is the moment from which Celery heeds SIGTERM.
    """

    def __init__(self, parent: Any, exit_with_parent: int | None = None, **options: Any) -> None:
        """Take the process id of the parent; without one the worker stays."""
        super().__init__(parent, **options)
        self._parent = exit_with_parent
        self.enabled = exit_with_parent is not None

    def start(self, parent: Any) -> None:  # noqa: ARG002 - Celery's signature
        """Begin to look; a thread ends with its process."""
        threading.Thread(target=self._leave, name="exit-with-parent", daemon=True).start()

    def _leave(self) -> None:
        while os.getppid() == self._parent:
            time.sleep(PARENT_SECONDS)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


class Publishing(bootsteps.StartStopStep):
    """Publishes what a worker works with, before it answers, until it ends; commands compare it with their own."""

    _publisher: nodes.Publisher | None = None

    def start(self, parent: Any) -> None:
        """Publish it."""
        self._publisher = _publisher(parent.hostname)
        self._publisher.start()

    def stop(self, parent: Any) -> None:  # noqa: ARG002 - Celery's signature
        """Withdraw it."""
        if self._publisher is not None:
            self._publisher.stop()

    terminate = stop


log = logging.getLogger(__name__)

app = Celery("flowbeat")
app.config_from_object("celeryconfig")
app.steps["worker"].update((ExitWithParent, Publishing, Signs))
app.steps["consumer"].update((Sweeping, LoopSign))


@app.add_defaults
def configured() -> dict[str, Any]:
    """Return what depends on the configuration; Celery asks for it when it first needs it, in a command too."""
    patches.mend_channel()
    current = _current_or_exit()
    # By name, for the rooms depend on the worker and not the other way round.
    schedule = app.loader.import_from_cwd("scheduler.schedule")
    return {
        "broker_url": current.broker_url,
        "timezone": current.settings.timezone,
        "beat_schedule": schedule.beat_schedule(current.settings),
    }


def _current_or_exit() -> Runtime:
    """Celery's own commands end with our sentence in place of its traceback, as ours do."""
    try:
        current = runtime.current()
        settings.require_file(current.settings)
    except ConfigError as error:
        sys.stderr.write(f"flowbeat: {error}\n")
        raise SystemExit(2) from error
    return current


@signals.before_task_publish.connect
def _write_time(headers: Any = None, **_: Any) -> None:
    """Let each message say when it was sent, because a probe tells how long the oldest one has waited."""
    if isinstance(headers, dict):
        headers[SENT_AT] = time.time()


@signals.setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    """Celery leaves logging to us when this signal has a receiver."""
    _configure_logs(runtime.current().settings)


def _configure_logs(value: settings.Settings) -> None:
    runtime.configure_logs(value)
    for handler in logging.getLogger().handlers:
        handler.addFilter(RecoveryFilter())
        handler.addFilter(QuietSweeps())


@signals.celeryd_init.connect
def _name_node(sender: Any = None, **_: Any) -> None:
    runtime.current().node = str(sender)


@signals.celeryd_init.connect
@signals.beat_init.connect
def _begin(**_: Any) -> None:
    patches.apply()
    messages.install()
    app.conf.task_publish_retry_policy = PATIENT
    # A process that has no connection yet heeds only this, and without it gives up after four seconds.
    app.conf.broker_transport_options = {
        **app.conf.broker_transport_options,
        "connect_retries_timeout": PUBLISH_RETRY_SECONDS,
    }
    current = runtime.current()
    if current.server:
        current.server.watch()
    atexit.register(current.close)  # the last to leave stops the embedded server; children leave without it


@signals.celeryd_after_setup.connect
def _keep_to_the_point(**_: Any) -> None:
    """Celery asks at each lost connection whether a setting is meant; celeryconfig.py says why it is.

    Not earlier, for to set up logging Celery turns on all such warnings.
    """
    asked = "(?s).*worker_cancel_long_running_tasks_on_connection_loss"
    warnings.filterwarnings("ignore", asked, CPendingDeprecationWarning)


@signals.beat_init.connect
def _beat_ready(sender: Any = None, **_: Any) -> None:
    from celery.beat import beat_nodename  # type: ignore[attr-defined]  # noqa: PLC0415 - 5.7; only beat needs it

    _publisher(beat_nodename(sender.hostname)).start()


def _publisher(name: str) -> nodes.Publisher:
    """Return what publishes the configuration and the database that this process keeps."""
    current = runtime.current()
    return nodes.Publisher(
        current.redis, name, nodes.Node(settings.fingerprint(current.settings), current.installation)
    )


@signals.worker_shutdown.connect
def _end_well(sender: Any = None, **_: Any) -> None:
    """One Ctrl-C is how a person ends a worker: Celery lets it finish, and then calls that a failure (exit code 1).

    The flag of its signal handlers and its own exception tell this end from one by an error, which also comes by here.
    """
    if vars(state)["should_stop"] is not None and isinstance(sys.exception(), WorkerShutdown):
        sender.exitcode = 0


class _Backups(Watch):
    """Logs where the backup before an update of the schema is."""

    def backed_up(self, backup: Backup) -> None:
        """Log it, although Celery sets up logging later."""
        _configure_logs(runtime.current().settings)
        log.info("backup written before a schema update", extra={"file": str(backup.file)})


@signals.worker_init.connect
def _migrate(**_: Any) -> None:
    """Update the schema before the worker's first task, and leave no engine for its children to share.

    Celery swallows a receiver's error, so a worker that cannot use its database ends here by itself.
    """
    current = runtime.current()
    try:
        migrate(current.engine, _Backups())
        with current.reads() as session:
            current.installation = installation.load_id(session)
    except SQLAlchemyError as error:
        _configure_logs(current.settings)  # Celery sets up logging later
        why = str(redact(describe(error)))
        log.critical("worker does not start", extra={"why": why})
        sys.stderr.write(f"flowbeat: {why}\n")
        raise SystemExit(1) from error
    finally:
        current.engine.dispose()


@signals.worker_process_init.connect
def _after_fork(**_: Any) -> None:
    # A child works with the configuration its worker began with, also one that is started a day later.
    worker = runtime.current()
    runtime.adopt(Runtime(worker.settings, node=worker.node, installation=worker.installation))
    gc.freeze()  # modules imported before the fork are not garbage: a fifth of the CPU went into checking them
    _configure_logs(worker.settings)


@signals.before_task_publish.connect
def _send_request_id(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Pass the request id along the chain, so that one refresh can be followed through all its tasks."""
    request_id = logs.context().get("request_id")
    if headers is not None and request_id:
        headers.setdefault("request_id", request_id)
