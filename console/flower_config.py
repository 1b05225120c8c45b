"""Flower's settings: everything it shows is redacted, and it keeps a limited number of tasks."""

from typing import Any

from worker.redact import redact

max_tasks = 10_000


def format_task(task: Any) -> Any:
    """Return a task as Flower shows it, without secrets and people."""
    for name in ("args", "kwargs", "result", "exception", "traceback"):
        setattr(task, name, redact(getattr(task, name, None)))
    return task
