"""The central operation of the metrics in four engines; started by bench_engines.py in an environment that has them.

``python engines.py make FOLDER ITEMS`` writes made-up timelines as columns. ``python engines.py ENGINE FOLDER ROUNDS``
answers from them and prints JSON: seconds and processor's seconds of each round, those of the import, memory in MB
before and at the peak, and the answer.

The columns: ``first`` (ITEMS + 1 offsets), and for each entry ``at`` (microseconds) and ``stage`` (0 todo, 1 active,
2 waiting, 3 done; changes only), the entries of an item together and in order. The question, at an instant ``AS_OF``:
when was each item started and done, how long was it active and waiting; then for each week how many were done, and the
median of done less started. The answer: for each week ``[count, median]``, and the sums of active and waiting.
"""

import json
import resource
import statistics
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

Answer = list[Any]
WEEK = 7 * 86_400_000_000
WEEKS = 156
AS_OF = WEEKS * WEEK - WEEK // 3
NEVER = 2**62


def make(folder: Path, items: int) -> None:
    """Timelines of three years, six entries each on average: todo, then active and waiting by turns, often done."""
    import numpy as np  # noqa: PLC0415 - each engine is imported only where it is measured

    dice = np.random.default_rng(1)
    middle = 1 + dice.geometric(0.25, items)
    finished = dice.random(items) < 0.95
    lengths = 1 + middle + finished
    first = np.concatenate(([0], np.cumsum(lengths)))
    place = np.arange(first[-1]) - np.repeat(first[:-1], lengths)
    stage = np.where(place == 0, 0, 2 - place % 2)
    stage[first[1:][finished] - 1] = 3
    gaps = (dice.exponential(WEEK / 4, first[-1]) + 1).astype(np.int64)
    gaps[first[:-1]] = 0
    run = np.cumsum(gaps)
    created = np.sort(dice.integers(0, WEEKS * WEEK, items))
    at = run - np.repeat(run[first[:-1]] - created, lengths)
    for name, column in (("first", first), ("at", at), ("stage", stage)):
        column.astype(np.int8 if name == "stage" else np.int64).tofile(folder / name)


# --- the engines ------------------------------------------------------------------------------------------------------


def pure(folder: Path) -> Callable[[], Answer]:
    """Loops over the columns as arrays of the standard library."""
    first, at, stage = (array(kind) for kind in "qqb")
    for column, name in ((first, "first"), (at, "at"), (stage, "stage")):
        column.frombytes((folder / name).read_bytes())

    def ask() -> Answer:
        weeks: list[list[int]] = [[] for _ in range(WEEKS)]
        active = waiting = 0
        for begin, end in pairwise(first):
            started, spent, done, last = _facts(at, stage, begin, end)
            active, waiting = active + spent[1], waiting + spent[2]
            if last == 3 and started is not None:
                weeks[done // WEEK].append(done - started)
        return [[[len(week), statistics.median(week) if week else None] for week in weeks], active, waiting]

    return ask


def _facts(at: Sequence[int], stage: Sequence[int], begin: int, end: int) -> tuple[int | None, list[int], int, int]:
    """Return of one item: when started, time in each stage, when it entered the last stage, and which that is."""
    started, spent, entered, last = None, [0, 0, 0, 0], 0, -1
    for index in range(begin, end):
        now, what = at[index], stage[index]
        if now >= AS_OF:
            break
        if last >= 0:
            spent[last] += now - entered
        if started is None and what in (1, 2):
            started = now
        entered, last = now, what
    if last >= 0:
        spent[last] += AS_OF - entered
    return started, spent, entered, last


def numpy(folder: Path) -> Callable[[], Answer]:
    """Whole columns at a time."""
    import numpy as np  # noqa: PLC0415 - see make

    first, at = (np.fromfile(folder / name, np.int64) for name in ("first", "at"))
    stage = np.fromfile(folder / "stage", np.int8)

    def ask() -> Answer:
        begin = first[:-1]
        known = at < AS_OF
        until = np.minimum(np.append(at[1:], AS_OF), AS_OF)
        until[first[1:] - 1] = AS_OF
        spent = np.maximum(until - at, 0)
        active, waiting = (np.add.reduceat(np.where(stage == which, spent, 0), begin) for which in (1, 2))
        started = np.minimum.reduceat(np.where(known & ((stage == 1) | (stage == 2)), at, NEVER), begin)
        last = begin + np.maximum(np.add.reduceat(known, begin, dtype=np.int64) - 1, 0)
        done = np.where(known[last] & (stage[last] == 3), at[last], NEVER)
        use = np.flatnonzero((done < NEVER) & (started < NEVER))
        week, length = done[use] // WEEK, done[use] - started[use]
        order = np.lexsort((length, week))
        edges = np.searchsorted(week[order], np.arange(WEEKS + 1))
        parts = np.split(length[order], edges[1:-1])
        counts = [[len(part), float(np.median(part)) if len(part) else None] for part in parts]
        return [counts, int(active.sum()), int(waiting.sum())]

    return ask


def polars(folder: Path) -> Callable[[], Answer]:
    """Return a lazy query over long rows."""
    import numpy as np  # noqa: PLC0415 - see make
    import polars as pl  # noqa: PLC0415 - see make

    rows = pl.DataFrame(_long(np, folder))

    def ask() -> Answer:
        same = pl.col("item").shift(-1) == pl.col("item")
        spent = pl.when(same).then(pl.col("at").shift(-1)).otherwise(AS_OF) - pl.col("at")
        known = rows.lazy().filter(pl.col("at") < AS_OF).with_columns(spent=spent)
        facts = known.group_by("item").agg(
            active=pl.col("spent").filter(pl.col("stage") == 1).sum(),
            waiting=pl.col("spent").filter(pl.col("stage") == 2).sum(),
            started=pl.col("at").filter(pl.col("stage").is_between(1, 2)).min(),
            entered=pl.col("at").last(),
            last=pl.col("stage").last(),
        )
        result = facts.collect()
        done = result.lazy().filter(pl.col("last") == 3, pl.col("started").is_not_null())
        length = pl.col("entered") - pl.col("started")
        weeks = done.group_by(week=pl.col("entered") // WEEK).agg(count=pl.len(), median=length.median()).collect()
        return [_weeks(weeks.rows()), result["active"].sum(), result["waiting"].sum()]

    return ask


def duckdb(folder: Path) -> Callable[[], Answer]:
    """Write SQL over a table of long rows."""
    import duckdb as engine  # noqa: PLC0415 - see make
    import numpy as np  # noqa: PLC0415 - see make

    connection = engine.connect()
    columns = _long(np, folder)
    connection.register("timelines", columns)
    connection.execute("CREATE TABLE entries AS SELECT * FROM timelines")

    def ask() -> Answer:
        connection.execute(DUCKDB_FACTS)
        weeks = connection.execute(DUCKDB_WEEKS).fetchall()
        active, waiting = connection.execute("SELECT sum(active), sum(waiting) FROM facts").fetchall()[0]
        return [_weeks(weeks), int(active), int(waiting)]

    return ask


DUCKDB_FACTS = f"""
CREATE OR REPLACE TEMP TABLE facts AS
SELECT item, sum(spent) FILTER (stage = 1) AS active, sum(spent) FILTER (stage = 2) AS waiting,
       min("at") FILTER (stage IN (1, 2)) AS started, max("at") AS entered, arg_max(stage, "at") AS final
FROM (
    SELECT *, lead("at", 1, {AS_OF}) OVER (PARTITION BY item ORDER BY "at") - "at" AS spent
    FROM entries WHERE "at" < {AS_OF}
)
GROUP BY item
"""  # noqa: S608 - constants of this module
DUCKDB_WEEKS = f"""
SELECT entered // {WEEK}, count(*), quantile_cont(entered - started, 0.5) FROM facts
WHERE final = 3 AND started IS NOT NULL GROUP BY 1
"""  # noqa: S608 - constants of this module


def _long(np: Any, folder: Path) -> dict[str, Any]:
    first = np.fromfile(folder / "first", np.int64)
    return {
        "item": np.repeat(np.arange(len(first) - 1, dtype=np.int32), np.diff(first)),
        "at": np.fromfile(folder / "at", np.int64),
        "stage": np.fromfile(folder / "stage", np.int8),
    }


def _weeks(rows: list[tuple[int, int, float]]) -> Answer:
    result = {week: [count, median] for week, count, median in rows}
    return [result.get(week, [0, None]) for week in range(WEEKS)]


# --- the measurement --------------------------------------------------------------------------------------------------


def main() -> None:
    """Make the columns, or ask one engine."""
    name, folder, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if name == "make":
        make(folder, number)
        print("null")
        return
    started = time.perf_counter()
    if name != "pure":
        __import__(name)
    imported = time.perf_counter() - started
    ask = {"pure": pure, "numpy": numpy, "polars": polars, "duckdb": duckdb}[name](folder)
    before = _megabytes()
    rounds = [_timed(ask) for _ in range(number)]
    answer = ask()
    values = {"import": imported, "rounds": rounds, "before": before, "peak": _megabytes(), "answer": answer}
    print(json.dumps(values))


def _timed(ask: Callable[[], Answer]) -> tuple[float, float]:
    started, busy = time.perf_counter(), time.process_time()
    ask()
    return time.perf_counter() - started, time.process_time() - busy


def _megabytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1_000_000


if __name__ == "__main__":
    main()
