"""The worker of one command, as ``python -m worker.temporary NODE CONCURRENCY PARENT``.

Not by Celery's command line: to import that, with all its commands and Flower, takes half of such a worker's start.
"""

import logging
import sys

from celery.utils.nodenames import default_nodename, host_format

from worker.app import app


def main() -> None:
    """Work at all queues, several tasks at a time, until told to end or until the parent process is gone."""
    node, concurrency, parent = sys.argv[1:]
    worker = app.Worker(
        hostname=host_format(default_nodename(node)),
        loglevel=logging.WARNING,
        concurrency=int(concurrency),
        without_mingle=True,
        without_gossip=True,
        exit_with_parent=int(parent),
    )
    worker.start()
    sys.exit(worker.exitcode)


if __name__ == "__main__":
    main()
