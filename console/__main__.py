"""``python -m console`` is the ``flowbeat`` command."""

from console.cli import main

main()
