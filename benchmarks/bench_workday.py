"""A working day: how many of the questions people ask are answered from the copy, and what keeping it fresh costs.

Run: ``python benchmarks/bench_workday.py``. The day is made up; what is in it stands in ``benchmarks/README.md``.
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from benchmarks.copies import IN_PROCESS, Site, fetched, fresh, made_up
from benchmarks.measuring import heading, in_child, show
from models.records import FetchOperation
from sandbox.site import Clock

ISSUES: Final = 5_000
NIGHT: Final = datetime(2026, 10, 5, 2, tzinfo=UTC)  # the Monday after the quiet Sunday: the team works
NINE: Final = NIGHT + timedelta(hours=7)
PEOPLE: Final = 6
ASKS: Final = (3, 6)  # questions of one person in a day, from … to
REFRESHES: Final = 5  # one question in this many requires the present data of Jira
SEED: Final = 2026


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a question: ``refresh`` or ``calculate``, its Fetch Operation, and its seconds."""

    kind: str
    operation: FetchOperation
    seconds: float


def main() -> None:
    """Print the day and its sums."""
    heading("bench_workday")
    (full, answers), _ = in_child(day)
    print_day(answers)
    print_saved(full, answers)


def print_day(answers: list[Answer]) -> None:
    """Print the questions of the day, and how many of them were sent to Jira."""
    rows = []
    for name, counted in (
        ("calculate", [member for member in answers if member.kind == "calculate"]),
        ("refresh", [answer for answer in answers if answer.kind == "refresh"]),
        ("all", answers),
    ):
        hits = sum(item.operation.cache_hit for item in counted)
        requests = sum(entry.operation.api_calls_made for entry in counted)
        rows.append((name, f"{len(counted)}", f"{hits}", f"{hits / len(counted):.0%}", f"{requests:,}"))
    show(
        f"How many questions of a working day does the copy of {ISSUES:,} issues answer?",
        f"From two in the morning, when the schedule refreshes, for 24 hours; {PEOPLE} people ask {ASKS[0]} to"
        f" {ASKS[1]} times, one time in {REFRESHES} for a refresh. A hit asks Jira nothing (max_age_hours = 24).",
        ("asked", "times", "hits", "rate", "requests"),
        rows,
    )


def print_saved(full: Answer, answers: list[Answer]) -> None:
    """Print the cost of the day's fetches and of as many full ones."""
    rows = []
    fetches = [answer for answer in answers if not answer.operation.cache_hit]
    for name, seconds, requests in (
        ("as they were", sum(x.seconds for x in fetches), sum(x.operation.api_calls_made for x in fetches)),
        ("all full", full.seconds * len(fetches), full.operation.api_calls_made * len(fetches)),
    ):
        rows.append((name, f"{len(fetches)}", f"{requests:,}", f"{seconds:.2f}"))
    saved = 1 - sum(fetch.seconds for fetch in fetches) / (full.seconds * len(fetches))
    show(
        "What does it save to fetch only what changed?",
        f"In one process, SQLite, no latency. Reference: a full fetch each time. Saved: {saved:.0%} of the time.",
        ("fetches", "times", "requests", "seconds"),
        rows,
    )


def day() -> tuple[Answer, list[Answer]]:
    """Return a full fetch of the day before, then the answers of a day in which the team works."""
    jira = made_up(ISSUES)
    site = Site(IN_PROCESS, jira)
    with fresh(site) as current:
        fetched(current)  # the stand-in Jira makes the JSON of every issue once
    with fresh(site) as current:
        seconds, operation = fetched(current)
        full = Answer("refresh", operation, seconds)
        answers = []
        for at, kind in asked_in_a_day(random.Random(SEED)):
            current.now = jira.clock = Clock(at)
            seconds, operation = fetched(current, kind)
            answers.append(Answer(kind, operation, seconds))
    return full, answers


def asked_in_a_day(chance: random.Random) -> list[tuple[datetime, str]]:
    """Return (instant, kind of run) in order: the schedule's runs, and people's questions between nine and six."""
    questions = sum(chance.randint(*ASKS) for _ in range(PEOPLE))
    times = sorted(NINE + timedelta(seconds=chance.uniform(0, 9 * 3600)) for _ in range(questions))
    asked = [(at, "calculate" if number % REFRESHES else "refresh") for number, at in enumerate(times)]
    return [(NIGHT, "refresh"), *asked]


if __name__ == "__main__":
    main()
