"""Recall, false alarms and speed of redaction on the two generated corpora and on the worst texts.

Run: ``python -m benchmarks.bench_redaction [SEED]``; another seed makes another corpus. Both corpora are synthetic
and by the authors of the patterns: recall on them is an upper bound of what to expect of texts nobody has seen.
The second corpus was built after the patterns and scored 0.9213 the first time; it has since been learnt from.
"""

import dataclasses
import statistics
import sys
import time
from collections import Counter

from benchmarks.redaction_corpus import DEVELOPED, HELD_OUT, Corpus, leaks, ordinary
from worker.redact import redact

EACH = 24
PASSWORDS = 420
WORST = (
    "token=", "password=(", "sid=(", "a.a-", "x@y.co ", "eyJ", "://u:p@h ", "<password>", "assignee in (", "changed ",
    "author: A B C ", "password:\n", '\\"token\\":\\"', "a" * 15 + " ", "%252f", "-----BEGIN PRIVATE KEY-----",
)  # fmt: skip


def main() -> None:
    """Print the three tables."""
    for name, corpus in (("developed", DEVELOPED), ("other templates", HELD_OUT)):
        seeded = dataclasses.replace(corpus, seed=int(sys.argv[1])) if len(sys.argv) > 1 else corpus
        _recall(name, seeded)
    _false_alarms()
    _speed()


def _recall(name: str, corpus: Corpus) -> None:
    cases = list(corpus.cases(EACH, PASSWORDS))
    secrets = EACH * len(corpus.shaped) + PASSWORDS
    left = [case for case in cases if leaks(case.needle, redact(case.text))]
    print(f"{name}: {secrets} secrets, {len(cases)} texts, recall {1 - len(left) / len(cases):.4f}")
    for (kind, place), count in Counter((case.kind, case.place) for case in left).most_common(5):
        print(f"  left: {kind} in {place}: {count}")


def _false_alarms() -> None:
    lines = ordinary(10_000)
    altered = [line for line in lines if redact(line) != line]
    print(f"ordinary lines: {len(lines)}, altered {len(altered)} ({len(altered) / len(lines):.2%})")


def _speed() -> None:
    # Every line once: a repeated text is cached and costs a tenth.
    lines = [f"{line} #{number}" for number, line in enumerate(ordinary(10_000, seed=6))]
    started = time.perf_counter()
    for line in lines:
        redact(line)
    print(f"a fresh ordinary line: {(time.perf_counter() - started) / len(lines) * 1e6:.1f} us")
    worst = {text: _megabyte(text) for text in WORST}
    slowest = max(worst, key=lambda text: worst[text])
    print(f"1 MB of {slowest!r}, the slowest of {len(WORST)}: {worst[slowest] * 1000:.0f} ms")


def _megabyte(piece: str) -> float:
    text = (piece * (1_000_000 // len(piece) + 1))[:1_000_000]
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        redact(text)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
