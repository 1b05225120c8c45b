"""The ``flowbeat`` command, also as ``python -m console``; the probe is called apart, because it must cost little."""

import sys


def main() -> None:
    """Run the command line of this process."""
    from console import alive  # noqa: PLC0415 - a command imports only what it needs

    if sys.argv[1:2] == ["alive"] and sys.argv[2:] in [[kind] for kind in alive.KINDS]:
        sys.exit(alive.main(sys.argv[2]))
    from console import cli  # noqa: PLC0415 - as said above

    cli.main()


if __name__ == "__main__":
    main()
