"""The page and the example of alerts name the figures that exist."""

import re
from pathlib import Path

import pytest
import yaml

from console.monitor.figures import FIGURES, Sample, families

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "monitoring.md").read_text()
RULES = [
    rule
    for group in yaml.safe_load((DOCS / "alerts" / "flowbeat.rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
NAME = re.compile(r"\bflowbeat_[a-z_]+")
WORDS = re.compile(r"`([a-z]+)`")


def test_the_page_has_a_row_for_every_figure_with_its_labels() -> None:
    """No figure is forgotten, and none is made up."""
    rows = re.findall(r"^\| `(flowbeat_\w+)` \| (.*?) \| (?:database|redis|both) \| ", PAGE, re.MULTILINE)
    assert {name: tuple(WORDS.findall(labels)) for name, labels in rows} == {
        name: figure.labels for name, figure in FIGURES.items()
    }


@pytest.mark.parametrize("name", FIGURES)
def test_a_name_follows_the_conventions_of_prometheus(name: str) -> None:
    """A counter ends in `_total`, a time is in seconds, a share is a ratio."""
    assert re.fullmatch(r"flowbeat(_[a-z]+)+", name)
    assert not re.search(r"_(minutes|hours|days|ms|percent|count|sum|bucket|created|info)$", name)
    text = f"{FIGURES[name].meaning} "
    assert ("_seconds" in name) == text.startswith(("Time ", "Duration ", "When "))
    assert name.endswith("_ratio") == ("divided by" in text)
    assert name.endswith("_total") == ("since this process began" in text)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_figures_that_exist_by_labels_that_they_have(rule: dict[str, str]) -> None:
    """A misspelt figure or label would never fire."""
    names = NAME.findall(rule["expr"])
    assert names
    assert set(names) <= set(FIGURES)
    for name, matchers in re.findall(r"(flowbeat_[a-z_]+)\{(.*?)\}", rule["expr"]):
        assert set(re.findall(r"(\w+)=", matchers)) <= set(FIGURES[name].labels)
    labels = {label for name in names for label in FIGURES[name].labels}
    assert set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values()))) <= labels  # type: ignore[attr-defined]
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"warning", "critical"}  # type: ignore[index]
    assert set(rule["annotations"]) == {"summary", "action"}


def test_the_promise_has_an_alert_for_each_part() -> None:
    """What an operator must learn at once."""
    expressions = {rule["expr"] for rule in RULES}
    assert expressions >= {
        "flowbeat_data_overdue_seconds > 2 * 3600",
        "flowbeat_verify_differences > 0",
        "avg_over_time(flowbeat_quota_used_ratio[1h]) > 0.8",
        "flowbeat_run_paused_seconds > 15 * 60",
        "flowbeat_workers_alive == 0",
        "flowbeat_up == 0",
    }


def test_a_figure_without_a_value_is_absent_and_samples_are_grouped() -> None:
    """Prometheus refuses an answer in which a figure comes twice."""
    samples = [Sample("flowbeat_jira_requests_total", 3, ("a",)), Sample("flowbeat_up", 1, ("redis",))]
    samples += [Sample("flowbeat_jira_requests_total", 4, ("b",))]
    up, requests = families(samples)
    assert (up.name, up.type) == ("flowbeat_up", "gauge")
    assert (requests.name, requests.type) == ("flowbeat_jira_requests", "counter")
    assert [(sample.name, sample.labels, sample.value) for sample in requests.samples] == [
        ("flowbeat_jira_requests_total", {"profile": "a"}, 3),
        ("flowbeat_jira_requests_total", {"profile": "b"}, 4),
    ]
