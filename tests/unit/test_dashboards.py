"""The dashboards as data: what Grafana would pass over in silence is wrong here. And how their files are written."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from console_world import UNCOMPILED, Said, environment, program, said_here

from console.dashboards.grafana import COLUMNS, NO_VALUE, SOURCE, TYPES, Dialect, dashboards
from console.dashboards.provisioning import PASSWORD_VARIABLE, files
from console.dashboards.written import MANIFEST
from models.epoch_views import NAMES
from models.metrics.catalogue import METRICS

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "dashboards"
OWN_KEYS = {
    "grafana-postgresql-datasource": {"rawSql", "format", "rawQuery", "editorMode"},
    "frser-sqlite-datasource": {"queryText", "rawQueryText", "queryType", "timeColumns"},
}
DIALECTS: tuple[Dialect, ...] = ("postgresql", "sqlite")
BOARDS = [
    pytest.param(dialect, json.loads(text), id=f"{dialect} {name}")
    for dialect in DIALECTS
    for name, text in dashboards(dialect).items()
]
Json = dict[str, Any]


# --- the JSON ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_dashboard_has_an_id_of_its_own(dialect: Dialect) -> None:
    """Grafana shows only one of two with the same, and takes at most 40 letters."""
    boards = {name: json.loads(text) for name, text in dashboards(dialect).items()}
    assert {f"{board['uid']}.json" for board in boards.values()} == set(boards)
    assert len(boards) == 2
    assert all(len(board["uid"]) <= 40 for board in boards.values())
    assert all(isinstance(board["schemaVersion"], int) and "id" not in board for board in boards.values())


@pytest.mark.parametrize(("dialect", "board"), BOARDS)
def test_panels_have_numbers_and_places_of_their_own(dialect: Dialect, board: Json) -> None:
    """Within 24 columns, and no cell of the grid belongs to two."""
    assert dialect in DIALECTS
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    cells: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= COLUMNS == 24
        own = {(x + place["x"], y + place["y"]) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & own, panel["title"]
        cells |= own


@pytest.mark.parametrize(("dialect", "board"), BOARDS)
def test_each_target_is_of_the_provisioned_data_source(dialect: Dialect, board: Json) -> None:
    """Its type and id, and exactly the keys that this type reads."""
    (source,) = yaml.safe_load(files(f"{dialect}:///flowbeat")["datasources/flowbeat.yaml"])["datasources"]
    expected = {"type": source["type"], "uid": source["uid"]}
    assert expected == {"type": TYPES[dialect], "uid": SOURCE}
    for panel in board["panels"]:
        (target,) = panel["targets"]
        assert panel["datasource"] == target["datasource"] == expected
        assert set(target) == {"refId", "datasource", *OWN_KEYS[source["type"]]}
    for variable in board["templating"]["list"]:
        assert variable.get("datasource", expected) == expected


@pytest.mark.parametrize(("dialect", "board"), BOARDS)
def test_each_variable_is_declared_and_used(dialect: Dialect, board: Json) -> None:
    """A slip would be sent to the database as it stands. Texts are quoted by Grafana, never by hand."""
    assert dialect in DIALECTS
    declared = {variable["name"] for variable in board["templating"]["list"]}
    text = json.dumps(board["panels"])
    used = set(re.findall(r"\$\{?(\w+)", text))
    assert declared == used - {"__from", "__to", "__data", "__value"}
    assert not re.search(r"'\$|\$\w", text)


@pytest.mark.parametrize(("dialect", "board"), BOARDS)
def test_a_missing_value_is_said_and_never_bridged(dialect: Dialect, board: Json) -> None:
    """No line joins the weeks beside a gap, and nothing turns null into a number."""
    assert dialect in DIALECTS
    for panel in board["panels"]:
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["noValue"] == NO_VALUE == "no data"
        assert (panel["type"] == "table") or defaults["custom"]["spanNulls"] is False
        assert [item["id"] for item in panel.get("transformations", [])] in ([], ["partitionByValues"])
        assert "coalesce" not in _sql(panel).lower()
        assert panel["description"]
    assert '"spanNulls": true' not in json.dumps(board)


@pytest.mark.parametrize(("dialect", "board"), BOARDS)
def test_no_panel_computes(dialect: Dialect, board: Json) -> None:
    """A mean of weekly medians is nothing. Sums, means and shares come from Flowbeat, not from a query or a legend."""
    assert dialect in DIALECTS
    for panel in board["panels"]:
        sql = _sql(panel)
        assert not re.search(r"[/+]|\b(?:avg|sum|count|percentile\w*|ntile|total)\s*\(", sql, re.IGNORECASE), sql
        assert all(factor == "1000" for factor in re.findall(r"\* (\S+?),?(?= )", sql))
        assert "reduceOptions" not in panel["options"]
        assert panel["options"].get("legend", {}).get("calcs", []) == []


def test_each_metric_has_a_panel_of_its_weeks() -> None:
    """A metric that is added is drawn too."""
    board = json.loads(dashboards("sqlite")["flowbeat-team.json"])
    bars = [panel for panel in board["panels"] if "so far" in _sql(panel)]
    assert [re.findall(r"metric_type = '(\w+)'", _sql(panel)) for panel in bars] == [[name] for name in METRICS]
    (variable,) = json.loads(dashboards("sqlite")["flowbeat-teams.json"])["templating"]["list"]
    assert variable["query"].split(",") == list(METRICS)


def _sql(panel: Json) -> str:
    (target,) = panel["targets"]
    text: str = target.get("rawSql") or target["queryText"]
    return text


# --- the files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_examples_are_those_that_the_command_writes(dialect: Dialect, tmp_path: Path) -> None:
    """The compose file uses them."""
    shutil.copy(EXAMPLES / f"{dialect}.toml", tmp_path / "flowbeat.toml")
    assert _write(tmp_path).code == 0
    written = {file.relative_to(tmp_path / "out") for file in (tmp_path / "out").rglob("*") if file.is_file()}
    examples = {file.relative_to(EXAMPLES / dialect) for file in (EXAMPLES / dialect).rglob("*") if file.is_file()}
    assert written == examples, "run: make dashboards"
    for file in written:
        assert (tmp_path / "out" / file).read_text() == (EXAMPLES / dialect / file).read_text(), "run: make dashboards"


def test_no_file_has_the_password_of_the_database() -> None:
    """Grafana gets another role, whose password is in its own environment."""
    made = files("postgresql://owner:s3cret@db.example:6543/flow$beat?sslmode=verify-full")
    assert "s3cret" not in "".join(made.values())
    (source,) = yaml.safe_load(made["datasources/flowbeat.yaml"])["datasources"]
    assert source["url"] == "db.example:6543"
    assert source["user"] == "flowbeat_reader"
    assert source["jsonData"] == {"database": "flow$$beat", "sslmode": "verify-full"}
    assert source["secureJsonData"] == {"password": f"${{{PASSWORD_VARIABLE}}}"}


def test_the_documented_role_reads_the_views_that_the_written_one_reads() -> None:
    """What a person types by hand gives no more and no less."""
    grant = f"GRANT SELECT ON {', '.join(NAMES)} TO flowbeat_reader;"
    assert grant in (ROOT / "docs" / "dashboards.md").read_text()
    assert grant in files("postgresql://db/flowbeat")["reader.sql"]


def test_a_sqlite_file_is_named_by_its_whole_path(tmp_path: Path) -> None:
    """Grafana works in another folder; and a dollar in a path is not a variable."""
    (tmp_path / "flowbeat.toml").write_text(f'database_url = "sqlite:///{tmp_path}/a$b.db"\n')
    said = _write(tmp_path)
    (source,) = yaml.safe_load((tmp_path / "out/datasources/flowbeat.yaml").read_text())["datasources"]
    assert source["jsonData"] == {"path": f"{tmp_path}/a$$b.db"}
    assert "frser-sqlite-datasource" in said.out
    assert "reader.sql" not in said.out


def test_the_command_ends_with_what_to_do(tmp_path: Path) -> None:
    """The steps are numbered, and name the files and the variable."""
    said = _write(_configured(tmp_path), FLOWBEAT_DATABASE_URL="postgresql://flow:hidden@db/flowbeat")
    lines = said.out.splitlines()
    assert lines[0] == "Wrote 5 files into out; 0 were up to date."
    assert [line.partition(".")[0] for line in lines[1:]] == ["1", "2", "3", "4", "5"]
    for word in (PASSWORD_VARIABLE, "out/reader.sql", "out/datasources/flowbeat.yaml", "/etc/grafana/provisioning"):
        assert word in said.out
    assert "hidden" not in said.out


def test_writing_again_changes_nothing_and_own_files_are_renewed(tmp_path: Path) -> None:
    """Those of an earlier version are replaced without a word, because nobody has edited them."""
    _write(_configured(tmp_path))
    assert _write(tmp_path).out.startswith("Wrote 0 files into out; 5 were up to date.")
    _configured(tmp_path, "second")
    assert _write(tmp_path).out.startswith("Wrote 1 file into out; 4 were up to date.")
    assert "second:5432" in (tmp_path / "out/datasources/flowbeat.yaml").read_text()


@pytest.mark.parametrize("edited", ["datasources/flowbeat.yaml", "dashboards/flowbeat/flowbeat-team.json"])
def test_an_edited_file_is_replaced_only_with_force(tmp_path: Path, edited: str) -> None:
    """The refusal names it, says what to do, and comes before the first write."""
    _write(_configured(tmp_path))
    file = tmp_path / "out" / edited
    file.write_text("my own\n")
    (tmp_path / "out/dashboards/flowbeat.yaml").unlink()
    said = _write(tmp_path)
    assert said.code == 1
    assert f"out/{edited}" in said.err
    assert "--force" in said.err
    assert file.read_text() == "my own\n"
    assert not (tmp_path / "out/dashboards/flowbeat.yaml").exists()
    assert _write(tmp_path, "--force").out.startswith("Wrote 2 files")
    assert file.read_text() != "my own\n"
    assert _write(tmp_path).code == 0


@pytest.mark.parametrize("manifest", [None, "{", "[]", '{"datasources/flowbeat.yaml": 1}'])
def test_a_file_of_somebody_else_is_never_replaced(tmp_path: Path, manifest: str | None) -> None:
    """Also where the list of own files is missing or cannot be read."""
    file = _configured(tmp_path) / "out" / "datasources" / "flowbeat.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("datasources: []\n")
    if manifest is not None:
        (tmp_path / "out" / MANIFEST).write_text(manifest)
    assert _write(tmp_path).code == 1
    assert file.read_text() == "datasources: []\n"


def test_files_of_a_run_that_broke_off_are_its_own(tmp_path: Path) -> None:
    """The list names a file before it is written, so that a later version may replace what a kill left behind."""
    _write(_configured(tmp_path))
    _configured(tmp_path, "second")
    (tmp_path / "out/dashboards/flowbeat/flowbeat-team.json").unlink()
    words = shlex.join(program("dashboards", "out"))
    done = subprocess.run(
        ["sh", "-c", f"ulimit -f 20; exec {words}"],  # blocks: the dashboards are larger, and cannot be written
        env={**environment(tmp_path), **UNCOMPILED},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1
    assert "second:5432" in (tmp_path / "out/datasources/flowbeat.yaml").read_text()
    _configured(tmp_path, "third")
    assert _write(tmp_path).code == 0
    assert "third:5432" in (tmp_path / "out/datasources/flowbeat.yaml").read_text()


def test_without_a_configuration_nothing_is_written(tmp_path: Path) -> None:
    """The files would name a database that is not there."""
    said = said_here(tmp_path, {}, "dashboards", "out")
    assert said.code == 2
    assert "flowbeat init" in said.err
    assert not (tmp_path / "out").exists()


def _configured(folder: Path, host: str = "first") -> Path:
    """Write a configuration of another database, by its host; a changed one changes the data source."""
    (folder / "flowbeat.toml").write_text(f'database_url = "postgresql://flow@{host}/flowbeat"\n')
    return folder


def _write(folder: Path, *options: str, **environ: str) -> Said:
    own = {"FLOWBEAT_CONFIG": str(folder / "flowbeat.toml"), **environ}
    return said_here(folder, own, "dashboards", "out", *options)
