"""The queues: which tasks go to each, as celeryconfig.py routes them, and which of them a worker takes from."""

from typing import Any, Final

from celeryconfig import task_queues

MAINTAIN: Final = "maintain"
NAMES: Final = tuple(queue.name for queue in task_queues)


def queue_of(task: str) -> str:
    """Return the queue that the messages of a task go to, by the name of its module."""
    return task.split(".")[1]


def own_queue(app: Any) -> str | None:
    """Return the queue by which this worker reaches itself, ``maintain`` if possible; None if it takes from none."""
    taken = app.amqp.queues.consume_from
    return next((name for name in (MAINTAIN, *NAMES) if name in taken), None)
