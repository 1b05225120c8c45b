"""The import command stores a file completely or not at all, may be repeated, and changes the three metrics."""

import json
import shutil
import statistics
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import console_world as world
import pytest

from models.records import TableDeployment
from models.store import deployments

pytestmark = pytest.mark.xdist_group("console import")  # one process makes what all tests here read

PERIOD_DAYS = 30  # 2026-09-14 to 2026-10-13 in Zagreb
DAY = 86_400


def _configure(folder: Path, *, source: str = "table") -> None:
    file = world.configure(folder)
    file.write_text(file.read_text().replace('source = "versions"', f'source = "{source}"'))


def _import(folder: Path, text: str, *words: str) -> world.Said:
    file = folder / "deployments.csv"
    file.write_text(text)
    return world.say(folder, "import", "deployments", str(file), *words)


def _stored(folder: Path) -> dict[str, TableDeployment]:
    with world.world(folder, issues=1) as current, current.reads() as session:
        return deployments.load_table(session, "payments")


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Return a configured folder without a database."""
    _configure(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a refreshed profile with three deployments that were then imported and calculated."""
    place = tmp_path_factory.mktemp("import")
    _configure(place)
    with world.world(place, issues=200) as current:
        world.refresh(current)
        keys = [part["key"] for part in _done(place)]
        text = "deployed_at,name,failed,issue_keys\n"
        text += f"2026-10-13,late,no,{' '.join(keys[:2])}\n2026-10-13T10:00:00+02:00,bad,yes,{keys[2]}\n"
        said = _import(place, text + "2026-09-13,before the period,yes,\n")
        assert (said.code, said.err) == (0, "")
        world.carry_out(current, world.request(current, "calculate"))
    yield place
    shutil.rmtree(place)


def _done(folder: Path) -> list[dict[str, Any]]:
    """Return the delivered items with their instants, oldest first."""
    explained = world.say(folder, "explain", "payments", "flow_time", "--format", "json").json
    return list(explained["used"])


def _value(folder: Path, metric: str) -> dict[str, object]:
    (row,) = world.say(folder, "results", "--metric", metric, "--format", "json").json
    return dict(row)


def test_the_deployments_of_the_period_are_counted(team: Path) -> None:
    """The period has two of the three, and one of these failed: 2 ÷ 30 days, 50 percent."""
    assert _value(team, "deployment_frequency")["value"] == pytest.approx(2 / PERIOD_DAYS)
    assert _value(team, "cfr")["value"] == 50


def test_lead_time_runs_to_the_deployment_that_names_the_issue(team: Path) -> None:
    """The value is the median of three, from each item's start to 2026-10-13 23:59:59 or 10:00 in Zagreb (UTC+2)."""
    ends = ["2026-10-13T21:59:59Z"] * 2 + ["2026-10-13T08:00:00Z"]
    starts = [part["instants"]["started"] for part in _done(team)[:3]]
    pairs = zip(starts, ends, strict=True)
    spans = [(datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() for start, end in pairs]
    row = _value(team, "lead_time")
    assert row["value"] == pytest.approx(statistics.median(spans) / DAY)
    assert row["n_used"] == 3


def test_explain_names_the_imported_deployments(team: Path) -> None:
    """They are the parts of the frequency, and for lead time each issue names its deployment."""
    parts = world.say(team, "explain", "payments", "deployment_frequency", "--format", "json").json["used"]
    assert [(part["key"], part["at"]) for part in parts] == [
        ("bad", "2026-10-13T08:00:00.000000Z"),
        ("late", "2026-10-13T21:59:59.000000Z"),
    ]
    changes = world.say(team, "explain", "payments", "lead_time", "--format", "json").json["used"]
    assert sorted(part["deployment"] for part in changes) == ["bad", "late", "late"]


def test_a_first_import_makes_the_database_and_says_what_to_run(empty: Path) -> None:
    """A pipeline may import before the first refresh; none of the issues it names is stored yet."""
    said = _import(empty, "deployed_at,name,issue_keys,versions\n2026-10-01,a,X-1,2.4\n2026-10-02,b,X-1 X-2,2.4\n")
    assert said.code == 0
    assert said.out.splitlines() == [
        "payments: deployments: 2 new, 0 changed, 0 unchanged.",
        "To update the metrics, run: flowbeat calculate payments",
    ]
    assert said.err.splitlines() == [
        "Warning: issue keys not in the copy (yet): 2 (X-1, X-2)",
        "Warning: versions not in the copy (yet): 1 (2.4)",
    ]
    assert len(_stored(empty)) == 2


def test_importing_again_changes_nothing_and_a_correction_one_row(empty: Path) -> None:
    """A row with a known id replaces the stored one; the import keeps stored rows that the file lacks."""
    text = "deployed_at,name,failed,deployment_id\n2026-10-01,a,no,1\n2026-10-02,b,no,2\n"
    _import(empty, text)
    before = _stored(empty)
    assert "0 new, 0 changed, 2 unchanged" in _import(empty, text).out
    assert _stored(empty) == before
    said = _import(empty, "failed,name,deployed_at,deployment_id\nyes,a,2026-10-01,1\n,c,2026-10-03,3\n")
    assert "1 new, 1 changed, 0 unchanged" in said.out
    assert {key: row.failed for key, row in _stored(empty).items()} == {"1": True, "2": False, "3": None}


def test_a_stored_failure_survives_a_file_without_that_column(empty: Path) -> None:
    """An export without the column keeps what SQL or another file has stored; `no` replaces it."""
    text = "deployed_at,name,deployment_id\n2026-10-01,a,1\n"
    _import(empty, text)
    _import(empty, "deployed_at,name,deployment_id,failed\n2026-10-01,a,1,yes\n")
    assert "0 new, 0 changed, 1 unchanged" in _import(empty, text).out
    assert "0 new, 1 changed, 0 unchanged" in _import(empty, text.replace(",a,", ",b,")).out
    assert [(row.name, row.failed) for row in _stored(empty).values()] == [("b", True)]
    _import(empty, "deployed_at,name,deployment_id,failed\n2026-10-01,b,1,no\n")
    assert [row.failed for row in _stored(empty).values()] == [False]


def test_a_stored_rework_survives_a_file_without_that_column(empty: Path) -> None:
    """The two columns are kept independently."""
    text = "deployed_at,name,deployment_id,failed\n2026-10-01,a,1,\n"
    _import(empty, text)
    _import(empty, "deployed_at,name,deployment_id,rework\n2026-10-01,a,1,yes\n")
    assert "0 new, 0 changed, 1 unchanged" in _import(empty, text).out
    _import(empty, text.replace(",1,", ",1,no"))
    assert [(row.failed, row.rework) for row in _stored(empty).values()] == [(False, True)]
    _import(empty, "deployed_at,name,deployment_id,rework\n2026-10-01,a,1,0\n")
    assert [(row.failed, row.rework) for row in _stored(empty).values()] == [(False, False)]


def test_an_export_of_one_row_per_issue_is_joined_with_a_note(empty: Path) -> None:
    """Three rows with one `deployment_id` are one deployment with three issues."""
    rows = "".join(f"2026-10-01T09:30:00Z,build 1,d1,PAY-{number}\n" for number in (1, 2, 3))
    said = _import(empty, "deployed_at,name,deployment_id,issue_keys\n" + rows)
    assert said.code == 0
    assert said.out.splitlines()[:2] == [
        "payments: deployments: 1 new, 0 changed, 0 unchanged.",
        "Joined by deployment_id: 3 rows are 1 deployment.",
    ]
    assert [row.issue_keys for row in _stored(empty).values()] == [("PAY-1", "PAY-2", "PAY-3")]


def test_deployments_that_may_be_one_are_stored_with_a_warning(empty: Path) -> None:
    """The rows have different ids, each made from its issue."""
    rows = "".join(f"2026-10-01T09:30:00Z,build 1,d1-{number},PAY-{number}\n" for number in (1, 2, 3))
    said = _import(empty, "deployed_at,name,deployment_id,issue_keys\n" + rows)
    assert (said.code, len(_stored(empty))) == (0, 3)
    assert "Warning: 2 deployments (d1-2, d1-3) have the instant and name of an earlier row" in said.err


def test_with_one_mistake_nothing_is_imported(empty: Path) -> None:
    """Every mistake is reported with its line, and their number last."""
    _import(empty, "deployed_at,name\n2026-10-01,a\n")
    said = _import(empty, "deployed_at,name\n2026-10-02,b\nyesterday,c\n2026-10-03,\n")
    assert said.code == 1
    assert said.out == ""
    lines = said.err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["line 3", "line 4", "flowbeat"]
    assert lines[-1].endswith("deployments.csv: 2 mistakes; nothing was imported")
    assert [row.name for row in _stored(empty).values()] == ["a"]


def test_a_dry_run_writes_nothing(empty: Path) -> None:
    """A missing database is not made; an existing one is compared with the file."""
    text = "deployed_at,name\n2026-10-01,a\n"
    assert "would import deployments: 1 new, 0 changed, 0 unchanged" in _import(empty, text, "--dry-run").out
    assert not (empty / "flowbeat.db").exists()
    _import(empty, text)
    said = _import(empty, text + "2026-10-02,b\n", "--dry-run")
    assert said.out == "payments: would import deployments: 1 new, 0 changed, 1 unchanged.\n"
    assert len(_stored(empty)) == 1


def test_a_file_that_is_not_utf_8_is_refused_with_its_line(empty: Path) -> None:
    """A byte-order mark is accepted; Latin-1 and UTF-16 are errors."""
    file = empty / "d.csv"
    for raw, fault in [
        (b"deployed_at,name\n2026-10-01,\xfcber\n", "line 2 is not UTF-8"),
        ("deployed_at,name\n2026-10-01,a\n".encode("utf-16-le"), "NUL bytes"),
    ]:
        file.write_bytes(raw)
        said = world.say(empty, "import", "deployments", str(file))
        assert said.code == 1
        assert fault in said.err
    file.write_bytes("deployed_at,name\n2026-10-01,a\n".encode("utf-8-sig"))
    assert world.say(empty, "import", "deployments", str(file)).code == 0


def test_a_dash_reads_standard_input(empty: Path) -> None:
    """Pipelines use this form."""
    done = subprocess.run(
        world.program("import", "deployments", "-", "--profile", "payments"),
        input="deployed_at,name\n2026-10-01,a\n2026-10-01,a\n",
        env=world.environment(empty),
        cwd=empty,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "line 3: deployment '2026-10-01 a' is in line 2 already" in done.stderr
    assert "flowbeat: <stdin>: 1 mistake; nothing was imported" in done.stderr


def test_with_several_profiles_one_has_to_be_named(empty: Path) -> None:
    """An unknown name is answered with the profiles that exist."""
    file = empty / "flowbeat.toml"
    file.write_text(file.read_text() + '[profiles.billing]\nconnection = "sandbox"\njql = "project = BILL"\n')
    text = "deployed_at,name\n2026-10-01,a\n"
    said = _import(empty, text)
    assert (said.code, "known: payments, billing" in said.err) == (2, True)
    assert _import(empty, text, "--profile", "biling").code == 2
    assert _import(empty, text, "--profile", "billing").code == 0


def test_a_profile_that_counts_other_deployments_is_warned_of(tmp_path: Path) -> None:
    """The rows are stored, and are counted when `source` is `table`."""
    _configure(tmp_path, source="versions")
    said = _import(tmp_path, "deployed_at,name\n2026-10-01,a\n")
    assert said.code == 0
    assert said.err == 'Warning: they do not count yet; set source = "table" under [profiles.payments.deployments]\n'


def test_a_refresh_leaves_imported_rows_as_they_are(empty: Path) -> None:
    """Only the deployments that come from Jira are replaced."""
    _import(empty, "deployed_at,name,issue_keys\n2026-10-01,a,PAY-1\n")
    before = _stored(empty)
    with world.world(empty) as current:
        world.refresh(current)
    assert json.dumps(_stored(empty), default=str) == json.dumps(before, default=str)
