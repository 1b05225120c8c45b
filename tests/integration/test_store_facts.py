"""Facts in the store: metrics read what the last calculation wrote, and no older facts."""

from dataclasses import fields, replace
from typing import Final

import numpy as np
import pytest
from sqlalchemy import Engine, text
from store_rows import PROFILE, after, facts_found, issue

from models.database import Sessions
from models.metrics.columns import Dataset, Items, columns_of
from models.records import INVALID, Deployment, Incident, Version, WorkItem, instant, micros
from models.store import catalogue, census, dataset, facts, issues

TIMELINE: Final = ((micros(after(0)), "todo"), (micros(after(1.000001)), "active"), (micros(after(2)), "done"))
ITEM: Final = WorkItem(
    "1",
    "PAY-1",
    "Story",
    "feature",
    excluded=False,
    timeline=TIMELINE,
    committed_at=micros(after(0.5)),
    points=3.0,
    version_ids=("10", "20"),
)
INCIDENT: Final = Incident("2", "PAY-2", TIMELINE, micros(after(1)), None, ("10",), ("1",))
DEPLOYMENT: Final = Deployment(
    "3", "issues", "PAY-3", micros(after(2)), micros(after(0)), TIMELINE, failed=True, version_ids=("10",)
)


def _save(
    sessions: Sessions,
    issue_id: str,
    *,
    item: WorkItem | None = None,
    incident: Incident | None = None,
    deployments: tuple[Deployment, ...] = (),
) -> None:
    with sessions.begin() as session:
        issues.save(session, PROFILE, [issue(int(issue_id))])
        facts.save(
            session,
            PROFILE,
            "rules",
            {issue_id: "hash"},
            facts_found(
                *([item] if item else []),
                incidents=[incident] if incident else [],
                deployments=[(issue_id, deployment) for deployment in deployments],
            ),
        )


def _dataset(sessions: Sessions, source: str | None = None) -> Dataset:
    with sessions() as session:
        return dataset.load(session, PROFILE, source)


def _equal(items: Items, other: Items) -> bool:
    pairs = ((getattr(items, field.name), getattr(other, field.name)) for field in fields(Items))
    return all(np.array_equal(left, right, equal_nan=left.dtype.kind == "f") for left, right in pairs)


@pytest.mark.parametrize(
    "item",
    [
        ITEM,
        replace(ITEM, committed_at=None, points=None, version_ids=()),
        replace(ITEM, committed_at=INVALID, points=INVALID, excluded=True),
        replace(ITEM, points=0.0, category="unmapped", timeline=TIMELINE[:1]),
    ],
)
def test_a_work_item_is_read_as_it_was_written(sessions: Sessions, item: WorkItem) -> None:
    """Instants are exact to the microsecond; no value, an invalid one and 0 differ, but points exist or do not."""
    _save(sessions, "1", item=item)
    assert _equal(_dataset(sessions).items, columns_of([item]))


@pytest.mark.parametrize(
    "incident",
    [INCIDENT, replace(INCIDENT, detected_at=INVALID, restored_at=INVALID, version_ids=(), linked_ids=())],
)
def test_an_incident_is_read_as_it_was_written(sessions: Sessions, incident: Incident) -> None:
    """Its mapped instants, versions and links are read too."""
    _save(sessions, "2", incident=incident)
    assert _dataset(sessions).incidents == (incident,)


@pytest.mark.parametrize(
    "deployment",
    [
        DEPLOYMENT,
        replace(DEPLOYMENT, at=None, failed=False, version_ids=()),
        replace(DEPLOYMENT, at=INVALID, created=None, timeline=()),
        replace(DEPLOYMENT, issue_ids=("1", "2"), linked_ids=("5",)),
    ],
)
def test_a_deployment_is_read_as_it_was_written_and_only_by_its_source(
    sessions: Sessions, deployment: Deployment
) -> None:
    """Other sources do not have it."""
    _save(sessions, "3", deployments=(deployment, replace(deployment, deployment_id="4")))
    loaded = sorted(_dataset(sessions, "issues").deployments, key=lambda deployment: deployment.deployment_id)
    assert loaded == [deployment, replace(deployment, deployment_id="4")]
    assert _dataset(sessions, "status").deployments == ()
    assert _dataset(sessions).deployments == ()


def test_facts_of_a_former_role_are_removed(sessions: Sessions) -> None:
    """An item that became an incident only counts as an incident."""
    _save(sessions, "1", item=ITEM, deployments=(DEPLOYMENT,))
    _save(sessions, "1", incident=replace(INCIDENT, issue_id="1"))
    loaded = _dataset(sessions, "issues")
    assert (len(loaded.items), loaded.deployments, len(loaded.incidents)) == (0, (), 1)


def test_the_facts_of_a_gone_issue_are_removed(sessions: Sessions) -> None:
    """It counts for no as-of."""
    with sessions.begin() as session:
        issues.save(session, PROFILE, [issue(1), issue(2)])
    _save(sessions, "1", item=ITEM, deployments=(DEPLOYMENT,))
    _save(sessions, "2", incident=INCIDENT)
    with sessions.begin() as session:
        census.mark(session, PROFILE, ["1", "2"], "run hidden")
        census.mark_gone(session, PROFILE, "run hidden", "hidden", after(9))
    loaded = _dataset(sessions, "issues")
    assert (len(loaded.items), loaded.deployments, loaded.incidents) == (0, (), ())


def test_deployments_of_versions_are_replaced_all_at_once(sessions: Sessions) -> None:
    """A release date changes no issue; deployments of other sources are kept."""
    released = Deployment("10", "versions", "1.0", micros(after(1)), version_ids=("10",))
    _save(sessions, "3", deployments=(DEPLOYMENT,))
    with sessions.begin() as session:
        for deployments in ([released, replace(released, deployment_id="20")], [released]):
            facts.replace_version_deployments(session, PROFILE, deployments)
    assert _dataset(sessions, "versions").deployments == (released,)
    assert len(_dataset(sessions, "issues").deployments) == 1


def test_rows_that_users_insert_name_issues_by_key_and_versions_by_name_or_id(
    sessions: Sessions, engine: Engine
) -> None:
    """They are written by a pipeline's SQL: source and flags have defaults, and a name may mean several versions."""
    version = Version("10", "PAY", "1.0", released=True, release_date=None, archived=False)
    versions = [version, replace(version, version_id="11"), replace(version, version_id="12", name="2")]
    with sessions.begin() as session:
        issues.save(session, PROFILE, [issue(1), issue(2)])
        catalogue.save_versions(session, PROFILE, versions)
    row = "INSERT INTO deployments (profile, deployment_id, name, deployed_at, issue_keys, versions)"
    row += " VALUES (:profile, 'build-7', 'Build 7', :at, '[\"PAY-2\", \"PAY-404\"]', '[\"1.0\", \"12\"]')"
    at = after(3)
    with engine.begin() as connection:
        connection.execute(
            text(row), {"profile": PROFILE, "at": at if engine.dialect.name == "postgresql" else "2026-03-05 12:00:00"}
        )
    (deployment,) = _dataset(sessions, "table").deployments
    assert deployment == Deployment(
        "build-7", "table", "Build 7", micros(at), version_ids=("10", "11", "12"), issue_ids=("2",)
    )
    assert isinstance(deployment.at, int)
    assert instant(deployment.at) == at
