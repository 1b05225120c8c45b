"""`python -m sandbox`: the stand-in Jira alone."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from sandbox.server import Options, run


def main(words: list[str] | None = None) -> None:
    """Read the options and serve until SIGTERM or SIGINT."""
    run(_options(words))


def _options(words: list[str] | None) -> Options:
    usual = Options()
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A stand-in Jira on loopback.")
    parser.add_argument("--issues", type=int, default=usual.issues, help="issues created before now")
    parser.add_argument("--data", type=Path, help="serve the recorded responses of this folder instead")
    parser.add_argument("--flavour", choices=("cloud", "datacenter"), default=usual.flavour)
    parser.add_argument("--port", type=int, default=usual.port, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=usual.seed, help="another seed, another team")
    parser.add_argument("--start", type=_instant, help="the team's first day, ISO 8601; UTC where no offset is given")
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds before every answer")
    parser.add_argument("--anonymous", action="store_true", help="publish all projects: show them without a login too")
    parser.add_argument("--context", default=usual.context, help="a context path such as /jira")
    given = vars(parser.parse_args(words))
    return Options(**{**given, "latency": given["latency"] / 1000})


def _instant(text: str) -> datetime:
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)


if __name__ == "__main__":
    main()
