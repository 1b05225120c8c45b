"""Flower's settings: what operators see passes through redaction, and its memory of tasks is bounded."""

from typing import Any

from worker.redact import redact

max_tasks = 10_000


def format_task(task: Any) -> Any:
    """Return a task as Flower shows it, less whatever looks like a secret or a person."""
    for name in ("args", "kwargs", "result", "exception", "traceback"):
        setattr(task, name, redact(getattr(task, name, None)))
    return task
