"""One record per metric: all of its parts, in one list that the names in the records agree with."""

from dataclasses import asdict, replace
from typing import Any

import pytest
from metric_rows import STATUSES, time
from metric_teams import snapshot_of
from reference.teams import Team

from models.metrics.calculate import calculate
from models.metrics.catalogue import METRICS, in_groups, require_whole
from models.metrics.metric import Metric
from models.records import METRIC_TYPES, DeploymentRules, IncidentRules, Rules

ALL = tuple(METRICS.values())


@pytest.mark.parametrize("part", sorted(Metric.__dataclass_fields__))
def test_a_metric_without_one_of_its_parts_is_an_error_at_once(part: str) -> None:
    """No part has a default, so a new metric cannot forget one."""
    parts: dict[str, Any] = {name: getattr(ALL[0], name) for name in Metric.__dataclass_fields__ if name != part}
    with pytest.raises(TypeError, match=part):
        Metric(**parts)


@pytest.mark.parametrize(
    ("metrics", "names", "says"),
    [
        (ALL[1:], METRIC_TYPES, "differ"),
        (ALL, METRIC_TYPES[1:], "differ"),
        ((*ALL, ALL[0]), METRIC_TYPES, "differ"),
        ((replace(ALL[0], no_data=""), *ALL[1:]), METRIC_TYPES, "no sentence"),
        ((replace(ALL[0], windows=()), *ALL[1:]), METRIC_TYPES, "no window"),
        ((replace(ALL[0], levels=None), *ALL[1:]), METRIC_TYPES, "bounds"),
        ((replace(ALL[0], group="flow"), *ALL[1:]), METRIC_TYPES, "group"),
    ],
)
def test_a_list_that_is_not_whole_is_an_error_at_import(
    metrics: tuple[Metric, ...], names: tuple[str, ...], says: str
) -> None:
    """A name without its record, a record without its name, a part that is there but says nothing."""
    with pytest.raises(ValueError, match=says):
        require_whole(metrics, names)


def test_every_metric_is_in_one_group() -> None:
    """The groups together are the list, in its order."""
    assert [metric.name for group in in_groups().values() for metric in group] == list(METRIC_TYPES)
    assert all(in_groups().values())


@pytest.mark.parametrize("metric", METRIC_TYPES)
def test_a_window_without_data_is_never_an_error(metric: str) -> None:
    """A team without any issue has a true zero, no data or a missing mapping, and a sentence for all but the first."""
    rules = Rules(
        deployments=DeploymentRules("versions"),
        incidents=IncidentRules(("Incident",)),
        workflow={"waiting": ("Review",)},
    )
    for measured in calculate(metric, snapshot_of(Team((), STATUSES), rules, time("11-01"))):
        assert measured.state in {"success", "no_data", "missing_mapping"}
        assert (measured.message is None) is (measured.state == "success")
        assert asdict(measured)["unit"] == METRICS[metric].unit
