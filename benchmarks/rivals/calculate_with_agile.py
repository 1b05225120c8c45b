"""Runs the calculators of jira-agile-metrics over issues in memory; started by bench_agile.py in their environment.

``python calculate_with_agile.py ISSUES ROUNDS``: a JSON file, a list of issues as Jira sends them. Prints JSON:
seconds of each round, and the processor's in it. Charts and files are left out: no output is configured.
"""

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

from jira.resources import Issue
from jira_agile_metrics.calculator import run_calculators
from jira_agile_metrics.calculators.cfd import CFDCalculator
from jira_agile_metrics.calculators.cycletime import CycleTimeCalculator
from jira_agile_metrics.calculators.histogram import HistogramCalculator
from jira_agile_metrics.calculators.netflow import NetFlowChartCalculator
from jira_agile_metrics.calculators.percentiles import PercentilesCalculator
from jira_agile_metrics.calculators.scatterplot import ScatterplotCalculator
from jira_agile_metrics.calculators.throughput import ThroughputCalculator
from jira_agile_metrics.calculators.wip import WIPChartCalculator
from jira_agile_metrics.config import config_to_options
from jira_agile_metrics.querymanager import QueryManager

# Those that give numbers for any project; the others draw, forecast by dice, or need fields that these issues lack.
CALCULATORS = (
    CycleTimeCalculator,
    CFDCalculator,
    ScatterplotCalculator,
    HistogramCalculator,
    PercentilesCalculator,
    ThroughputCalculator,
    WIPChartCalculator,
    NetFlowChartCalculator,
)
CONFIG = """
Connection:
    Domain: https://acme.example
Query: project in (PAY, OPS)
Workflow:
    Backlog: To Do
    Doing: In Progress
    Waiting: [In Review, Blocked]
    Done: [Done, Closed]
Output:
    Throughput Frequency: 1W
    Quantiles: [0.5, 0.75, 0.85, 0.95]
"""


class Jira:
    """What the calculators ask of a Jira, answered from memory."""

    def __init__(self, issues: list[dict[str, Any]]) -> None:
        """Turn the issues into what the Jira client would hand out."""
        self._options = {"server": "https://acme.example"}
        self._issues = [Issue(self._options, None, raw) for raw in issues]

    def fields(self) -> list[dict[str, str]]:
        """Return the fields that are asked for."""
        return [{"id": "status", "name": "Status"}, {"id": "customfield_10021", "name": "Flagged"}]

    def search_issues(self, _jql: str, **_options: object) -> list[Issue]:
        """Return all of them."""
        return self._issues


def main() -> None:
    """Time the calculators."""
    logging.disable(logging.WARNING)
    jira = Jira(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    settings = config_to_options(CONFIG)["settings"]
    print(json.dumps([_timed(jira, settings) for _ in range(int(sys.argv[2]))]))


def _timed(jira: Jira, settings: dict[str, Any]) -> tuple[float, float]:
    started, busy = time.perf_counter(), time.process_time()
    run_calculators(CALCULATORS, QueryManager(jira, settings), settings)
    return time.perf_counter() - started, time.process_time() - busy


if __name__ == "__main__":
    main()
