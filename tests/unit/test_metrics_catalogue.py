"""One record for each metric, with all of its parts, in one list that agrees with the names in the records."""

import re
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from metric_rows import STATUSES, time
from metric_teams import SOURCES, scene, snapshot_of
from reference.formulas import KINDS
from reference.measures import Measures
from reference.teams import Team

from models.metrics.calculate import calculate
from models.metrics.catalogue import METRICS, in_groups, require_whole
from models.metrics.metric import Metric
from models.records import METRIC_TYPES, DeploymentRules, IncidentRules, Rules

ROOT: Final = Path(__file__).parents[2]
ALL = tuple(METRICS.values())


@pytest.mark.parametrize("part", sorted(Metric.__dataclass_fields__))
def test_a_metric_without_one_of_its_parts_is_an_error_at_once(part: str) -> None:
    """No part has a default, so that a new metric cannot lack one."""
    parts: dict[str, Any] = {name: getattr(ALL[0], name) for name in Metric.__dataclass_fields__ if name != part}
    with pytest.raises(TypeError, match=part):
        Metric(**parts)


@pytest.mark.parametrize(
    ("metrics", "names", "says"),
    [
        (ALL[1:], METRIC_TYPES, rf"no Metric.* in METRICS .*\['{ALL[0].name}'\]"),
        (ALL, METRIC_TYPES[1:], rf"not in MetricType .*\['{ALL[0].name}'\]"),
        ((*ALL, ALL[0]), METRIC_TYPES, "different orders"),
        ((replace(ALL[0], title=""), *ALL[1:]), METRIC_TYPES, "title is empty"),
        ((replace(ALL[0], definition=""), *ALL[1:]), METRIC_TYPES, "definition is empty"),
        ((replace(ALL[0], no_data=""), *ALL[1:]), METRIC_TYPES, "no_data is empty"),
        ((replace(ALL[0], windows=()), *ALL[1:]), METRIC_TYPES, "windows is empty"),
        ((replace(ALL[0], levels=None), *ALL[1:]), METRIC_TYPES, "bounds"),
    ],
)
def test_a_list_that_is_not_whole_is_an_error_at_import(
    metrics: tuple[Metric, ...], names: tuple[str, ...], says: str
) -> None:
    """A name without a record, a record without a name, or an empty part."""
    with pytest.raises(ValueError, match=says):
        require_whole(metrics, names)


def test_every_metric_is_in_one_group() -> None:
    """The groups in their order are the whole list."""
    assert [metric.name for group in in_groups().values() for metric in group] == list(METRIC_TYPES)
    assert all(in_groups().values())


@pytest.mark.parametrize("metric", METRIC_TYPES)
def test_the_reference_computes_every_metric(metric: str) -> None:
    """With its parts, and with the value that they give."""
    assert hasattr(Measures, metric), f"write the method Measures.{metric} in tests/reference/measures.py"
    how = METRICS[metric].adds_up.how
    kinds = [kind for kind, metrics in KINDS.items() if metric in metrics]
    assert kinds == [how], f"add {metric!r} to the metrics of KINDS[{how!r}] only, in tests/reference/formulas.py"


def test_every_name_in_the_details_is_described() -> None:
    """docs/tables.md describes each name."""
    cell = re.search(r"^\| `details` \|(.*)\|$", (ROOT / "docs" / "tables.md").read_text(), re.MULTILINE)
    assert cell is not None
    described = set(re.findall(r"\w+", cell[1]))
    for seed, source in product(range(20), SOURCES):
        ready = snapshot_of(*scene(source, seed))
        for metric in METRIC_TYPES:
            for measured in calculate(metric, ready):
                missing = {*measured.details} - described
                assert not missing, f"add {sorted(missing)} of {metric} to the row `details` in docs/tables.md"


@pytest.mark.parametrize("metric", METRIC_TYPES)
def test_a_window_without_data_is_never_an_error(metric: str) -> None:
    """A team without issues has 0, no data or a missing mapping, and a message for all but 0."""
    rules = Rules(
        deployments=DeploymentRules("versions"),
        incidents=IncidentRules(("Incident",)),
        workflow={"waiting": ("Review",)},
    )
    for measured in calculate(metric, snapshot_of(Team((), STATUSES), rules, time("11-01"))):
        assert measured.state in {"success", "no_data", "missing_mapping"}
        assert (measured.message is None) is (measured.state == "success")
        assert asdict(measured)["unit"] == METRICS[metric].unit
