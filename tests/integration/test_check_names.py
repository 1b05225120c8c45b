"""`flowbeat check --names`: what a Jira has, and what each name means to the profiles."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import console_world as world

from sandbox import faults
from sandbox.api import Jira
from sandbox.server import Options, build, running
from sandbox.shapes import Flavour

OPS = '[profiles.ops]\nconnection = "sandbox"\njql = "project = OPS"\n[profiles.ops.workflow]\ntodo = ["Blocked"]\n'
KEYS = 'excluded_statuses = ["Closed"]\nexcluded_resolutions = ["Duplicate"]'


def _listed(jira: Jira, folder: Path, redis_url: str, *words: str) -> world.Said:
    """Return what the command prints for a profile, or for two of them."""
    with running(jira) as url:
        file = world.configure(folder, base_url=url, keys=KEYS)
        if "--two" in words:
            file.write_text(file.read_text() + OPS)
        queue = redis_url.replace("unix://", "redis+socket://")
        options = [word for word in words if word != "--two"]
        return world.say_apart(folder, "check", "--names", *options, FLOWBEAT_REDIS_URL=queue)


def _by_name(rows: list[dict[str, Any]], kind: str) -> dict[str, tuple[str, str, str]]:
    return {row["name"]: (row["id"], row["jira"], row["meaning"]) for row in rows if row["kind"] == kind}


def test_every_name_has_its_id_and_its_meaning_on_both_flavours(
    flavour: Flavour, tmp_path: Path, redis_url: str
) -> None:
    """Statuses have a category and a stage, types a level and a category, fields a type and a role."""
    jira = build(Options(issues=100, flavour=flavour), datetime.now(UTC))
    said = _listed(jira, tmp_path, redis_url, "--format", "json")
    assert (said.code, said.err) == (0, "")
    statuses, types = _by_name(said.json, "status"), _by_name(said.json, "issue type")
    assert statuses["To Do"] == ("10000", "To Do", "todo")
    assert statuses["In Review"] == ("10011", "In Progress", "waiting")
    assert statuses["Closed"] == ("6", "Done", "done, excluded")
    assert types["Bug"][2] == "defect"
    assert types["Incident"][2] == "incident"
    assert types["Epic"][2] == types["Sub-task"][2] == "left out"
    assert types["Epic"][1] == ("level 1" if flavour == "cloud" else "")
    assert _by_name(said.json, "resolution")["Duplicate"][2] == "excluded"
    assert _by_name(said.json, "resolution")["Won't Do"][2] == ""
    fields = _by_name(said.json, "field")
    assert fields["Story point estimate"] == ("customfield_10016", "number", "points")
    assert fields["Labels"] == ("labels", "array of string", "")
    assert _by_name(said.json, "project").keys() == {"PAY"}
    assert _by_name(said.json, "project")["PAY"][1].endswith(" released")


def test_profiles_that_disagree_are_named(tmp_path: Path, redis_url: str) -> None:
    """Where all agree the meaning is listed once; each project is listed once."""
    jira = build(Options(issues=100), datetime.now(UTC))
    rows = _listed(jira, tmp_path, redis_url, "--two", "--format", "json").json
    assert _by_name(rows, "status")["Blocked"][2] == "payments: waiting; ops: todo"
    assert _by_name(rows, "status")["In Progress"][2] == "active"
    assert _by_name(rows, "field")["Flagged"][2] == "payments: flagged; ops: nothing"
    assert list(_by_name(rows, "project")) == ["PAY", "OPS"]


def test_the_number_of_requests_is_bounded(tmp_path: Path, redis_url: str) -> None:
    """Six for the lists, then for each project two, and one that finds no further project."""
    jira = build(Options(issues=100), datetime.now(UTC))
    _listed(jira, tmp_path, redis_url, "--two")
    assert len(jira.log) <= 6 + 2 * (2 + 1)


def test_a_person_sees_a_table_for_each_kind(tmp_path: Path, redis_url: str) -> None:
    """A name that could steer a terminal cannot."""
    jira = build(Options(issues=20), datetime.now(UTC))
    jira.site.catalogue.statuses[1]["name"] = "In\x1b[31m Progress"
    said = _listed(jira, tmp_path, redis_url)
    for kind in ("status", "issue type", "priority", "resolution", "field", "project"):
        assert f"sandbox: {kind}" in said.out.splitlines()
    assert "\x1b" not in said.out


def test_it_asks_jira_so_local_excludes_it(tmp_path: Path) -> None:
    """The sentence names both options."""
    world.configure(tmp_path)
    said = world.say(tmp_path, "check", "--local", "--names")
    assert said.code == 2
    assert "--names asks Jira" in said.err


def test_a_list_that_is_closed_to_the_login_is_reported_and_the_rest_is_listed(tmp_path: Path, redis_url: str) -> None:
    """The report is on standard error, so that the output stays data."""
    jira = build(Options(issues=20), datetime.now(UTC))
    jira.faults.append(faults.failing(403, endpoint="resolution", times=faults.EVERY_TIME))
    said = _listed(jira, tmp_path, redis_url, "--format", "json")
    assert said.code == 0
    assert "the list of resolution names cannot be read" in said.err
    assert not _by_name(said.json, "resolution")
    assert _by_name(said.json, "field")


def test_the_rows_are_json_with_fixed_keys(tmp_path: Path, redis_url: str) -> None:
    """Programs read them."""
    said = _listed(build(Options(issues=20), datetime.now(UTC)), tmp_path, redis_url, "--format", "json")
    assert all(row.keys() == {"connection", "kind", "name", "id", "jira", "meaning"} for row in said.json)
