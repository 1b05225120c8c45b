"""Explanations of generated teams of every kind: the parts add up to the number, and each instant has its evidence."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import console_world as world
import pytest
from explained_parts import value_of_explained
from hypothesis import settings
from metric_teams import SOURCES, scene
from reference.teams import Team
from stored_team import stored

from models.records import METRIC_TYPES, Issue

# `make soak` explains more teams of each kind.
SEEDS: Final = range(12 if settings.get_current_profile_name() == "soak" else 1)
DAY = 86_400.0


@pytest.mark.parametrize("source", SOURCES)
def test_the_parts_of_any_team_add_up_and_have_evidence(source: str, tmp_path: Path, migrated_file: Path) -> None:
    """The command's JSON is compared with the stored results of all metrics, the period and a week."""
    counts = Counter[str]()
    for seed in SEEDS:
        folder = tmp_path / str(seed)
        folder.mkdir()
        team, rules, as_of = scene(source, seed)
        with stored(folder, migrated_file, team, rules, as_of):
            pass
        weeks = [(), *_weeks(folder)[:1]]
        for metric in METRIC_TYPES:
            for week in weeks:
                counts.update(_check(folder, team, metric, week))
    assert counts["success"] > 0
    assert counts["parts"] > len(METRIC_TYPES)


def _weeks(folder: Path) -> list[tuple[str, ...]]:
    said = world.say(folder, "results", "--window", "weeks", "--format", "json")
    names = [row["week"] for row in said.json] if said.code == 0 else []  # the only week may just have begun
    return [("--week", name) for name in dict.fromkeys(names)]


def _check(folder: Path, team: Team, metric: str, week: tuple[str, ...]) -> Counter[str]:
    """Compare one number with its parts, and return the number of states and parts compared."""
    explained = world.say(folder, "explain", "payments", metric, *week, "--format", "json").json
    (result,) = explained["result"]
    assert result["warning"] is None  # the stored result is the same
    assert (result["n_used"], result["n_excluded"]) == (len(explained["used"]), len(explained["left_out"]))
    if result["state"] == "success":
        expected = value_of_explained(metric, explained["used"], _days(result))
        assert result["value"] == result["stored_value"] == pytest.approx(expected, rel=1e-9)
    issues = {issue.issue_id: issue for issue in (*team.issues, *team.gone)}
    for part in (*explained["used"], *explained["left_out"]):
        _check_part(part, issues)
    return Counter({result["state"]: 1, "parts": len(explained["used"]) + len(explained["left_out"])})


def _days(result: dict[str, Any]) -> float:
    end = result["details"].get("effective_end") or result["window_end"]
    return (datetime.fromisoformat(end) - datetime.fromisoformat(result["window_start"])).total_seconds() / DAY


def _check_part(part: dict[str, Any], issues: dict[str, Issue]) -> None:
    """Assert that each instant and each reason of a part has evidence, and that the evidence is of that instant."""
    for name, at in part["instants"].items():
        setter = part["set_by"][name]
        assert at == setter["at"]
    if part["metric_type"] == "cfr":
        assert bool(part["contribution"]) is bool(part["failed_by"])
    if part["metric_type"] == "recovery_time":
        assert part["failed_by"]
    if part["metric_type"] == "rework_rate" and part["contribution"]:
        assert part["rework_by"]
    if part["metric_type"] == "flow_blocked" and part["reason"] is None:
        assert _length(part["blocked"]) == pytest.approx(part["contribution"], abs=1e-9)
        assert all(span["set_by"] for span in part["blocked"])
    if part["metric_type"] == "flow_efficiency" and part["reason"] is None:
        assert _hours(part, "active") == pytest.approx(part["contribution"], abs=1e-9)
        assert _hours(part, "active") + _hours(part, "waiting") == pytest.approx(part["out_of"], abs=1e-9)
    if part["reason"] == "not_an_incident" or (part["reason"] == "not_delivered" and "status" not in part["set_by"]):
        assert part["set_by"]["resolution"]["value"] == issues[part["subject_id"]].resolution
    if part["reason"] == "invalid_value":
        (begin,) = set(part["set_by"]) - set(part["instants"])
        assert part["set_by"][begin]["field"] == f"{begin}_at"
    if part["stage"]:
        assert part["set_by"]["stage"]["field"] == "status"


def _hours(part: dict[str, Any], stage: str) -> float:
    return _length([stay for stay in part["stays"] if stay["stage"] == stage])


def _length(spans: Sequence[dict[str, Any]]) -> float:
    """Return the total of the spans in hours."""
    lengths = [datetime.fromisoformat(span["until"]) - datetime.fromisoformat(span["at"]) for span in spans]
    return sum(length.total_seconds() for length in lengths) / 3_600
