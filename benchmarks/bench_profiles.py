"""Fifty profiles on four workers: whether they end when the quota allows, and whether a big one holds up small ones.

Run: ``python benchmarks/bench_profiles.py [--profiles 50]``. The stand-in Jira answers after 100 ms and refuses what
exceeds 100 requests in 10 seconds. Workers are real ones, with the embedded queue and SQLite.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from subprocess import DEVNULL
from typing import Final

from benchmarks.copies import Quota, Site, asked, flowbeat, hampered, refused, served
from benchmarks.measuring import heading, show
from worker import embedded

PROGRAM: Final = (sys.executable, "-c", "from console.cli import main; main()")
QUOTA: Final = Quota(100, 10)  # that of Jira Cloud, and Flowbeat's default
LATENCY: Final = 0.1
# Four workers, each with its options: all alike, or one or two for each kind of work as docs/operations.md advises.
ALIKE: Final = tuple(f"-c 2 -n w{number}@%h" for number in range(4))
BY_KIND: Final = (
    "-Q fetch -c 4 -n f1@%h",
    "-Q fetch -c 4 -n f2@%h",
    "-Q calculate -c 2 -n c@%h",
    "-Q maintain -c 1 -n m@%h",
)
BIG, SMALL = 20_000, 10
LONGEST: Final = 900
PROFILE: Final = """
[profiles.{name}]
connection = "sandbox"
jql = "{jql}"
[profiles.{name}.workflow]
waiting = ["In Review", "Blocked"]
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """When each run of a batch ended, in seconds after the batch was queued, by profile; and what Jira was asked."""

    seconds: dict[str, float]
    requests: int
    refused: int

    @property
    def dictated(self) -> float:
        """Seconds that the quota allows at best: the first requests of a window may all be sent at once."""
        return max(0, self.requests - 1) // QUOTA.requests * QUOTA.per_seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", type=int, default=50)
    profiles = parser.parse_args().profiles
    heading("bench_profiles")
    print_many(profiles)
    print_big()


def print_many(profiles: int) -> None:
    """Print how long equal profiles take together: the first copy of each, then an incremental refresh of each."""
    names = [f"team{number:02}" for number in range(profiles)]
    rows = []
    for layout, options in (("alike", ALIKE), ("by kind", BY_KIND)):
        with place(600, dict.fromkeys(names, "project = PAY")) as (site, folder), workers(folder, options):
            kinds = ("first copy", "incremental")
            rows += [_row(f"{what}, {layout}", refreshed(site, folder, names)) for what in kinds]
    head = ("refresh of all", "requests", "refused", "quota", "last", "ratio", "first", "median")
    reference = (
        f"{profiles} profiles on four workers. alike: each takes all work, in two children. by kind: two for fetch, "
        "with four children each, one for calculate with two, one for maintain. Reference (quota): the seconds that "
        f"{QUOTA.requests} requests in any {QUOTA.per_seconds} s allow for these. last, first, median: the second when "
        "such a run ended, with its results."
    )
    show("Do many profiles end when the quota allows?", reference, head, rows)


def _row(name: str, ended: Ended) -> Sequence[str]:
    seconds = sorted(ended.seconds.values())
    ratio = f"{seconds[-1] / ended.dictated:.2f}" if ended.dictated else ""
    figures = (f"{second:.1f}" for second in (seconds[0], seconds[len(seconds) // 2]))
    return (
        name,
        f"{ended.requests:,}",
        str(ended.refused),
        f"{ended.dictated:.0f}",
        f"{seconds[-1]:.1f}",
        ratio,
        *figures,
    )


def print_big() -> None:
    """Print when small profiles end that were queued behind a big one, and without it."""
    small = [f"small{number}" for number in range(SMALL)]
    queries = {"big": "project in (PAY, OPS)"} | dict.fromkeys(small, "key in (PAY-1, PAY-2, PAY-3)")
    rows = []
    for names in (small, ["big", *small]):
        with place(BIG, queries) as (site, folder), workers(folder, ALIKE):
            ended = refreshed(site, folder, names)
        last = max(ended.seconds[name] for name in small)
        big = ended.seconds.get("big")
        rows.append((f"{len(names)} profiles", f"{ended.requests:,}", f"{last:.1f}", f"{big:.1f}" if big else ""))
    head = ("queued at once", "requests", "last small one s", "big one s")
    reference = f"The big profile has {BIG:,} issues and is queued first; the {SMALL} small ones have three each."
    show("Does a big profile hold up small ones?", reference, head, rows)


@contextmanager
def place(issues: int, queries: dict[str, str]) -> Iterator[tuple[Site, Path]]:
    """Yield a stand-in Jira with latency and quota, and a folder with a migrated Flowbeat of these profiles."""
    with tempfile.TemporaryDirectory(prefix="flowbeat-bench-") as made, served(issues) as site:
        folder = Path(made)
        site.order(partial(hampered, latency=LATENCY, quota=QUOTA))
        with flowbeat(site, folder, quota=QUOTA):
            pass  # the configuration and the schema
        config = folder / "flowbeat.toml"
        head = config.read_text().partition("[profiles.")[0]
        config.write_text(head + "".join(PROFILE.format(name=name, jql=jql) for name, jql in queries.items()))
        yield site, folder


@contextmanager
def workers(folder: Path, layout: Sequence[str]) -> Iterator[None]:
    """Run the workers during the block; they have started when it begins."""
    with ExitStack() as stack, closing(embedded.ensure(folder / ".flowbeat")):
        for options in layout:
            command = (*PROGRAM, "worker", *options.split())
            process = subprocess.Popen(command, cwd=folder, env=_environment(folder), stdout=DEVNULL, stderr=DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        while len(list((folder / ".flowbeat").glob("alive/worker*"))) < len(layout):
            time.sleep(0.1)
        time.sleep(2)  # their children
        yield


def refreshed(site: Site, folder: Path, names: Sequence[str]) -> Ended:
    """Queue a refresh of each profile, wait until all have ended, and return when."""
    time.sleep(QUOTA.per_seconds)  # so that the quota is whole
    site.order(asked)
    queued = subprocess.run(
        (*PROGRAM, "refresh", "--no-wait", *names),
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        check=True,
    )
    ids = queued.stdout.decode().split()
    until = time.monotonic() + LONGEST
    while len(ended := _ended(folder, ids)) < len(names):
        if time.monotonic() > until:
            raise AssertionError(f"only {len(ended)} of {len(names)} runs have ended")
        time.sleep(0.5)
    return Ended(ended, site.order(asked), site.order(refused))


def _ended(folder: Path, ids: Sequence[str]) -> dict[str, float]:
    """Return the seconds from the first request until each of these runs ended; all must have completed."""
    marks = ", ".join("?" * len(ids))
    query = f"SELECT profile, state, requested_at, ended_at FROM runs WHERE run_id IN ({marks})"  # noqa: S608 - marks only
    with closing(sqlite3.connect(f"file:{folder / 'flowbeat.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute(query, ids).fetchall()
    begun = min(_seconds(requested) for _, _, requested, _ in rows)
    if failed := [profile for profile, state, _, _ in rows if state == "failed"]:
        raise AssertionError(f"failed: {failed}")
    return {profile: _seconds(end) - begun for profile, _, _, end in rows if end is not None}


def _environment(folder: Path) -> dict[str, str]:
    root = str(Path(__file__).parents[1])
    return {**os.environ, "FLOWBEAT_CONFIG": str(folder / "flowbeat.toml"), "PYTHONPATH": root}


def _seconds(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


if __name__ == "__main__":
    main()
