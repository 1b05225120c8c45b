"""The configurations in examples/ are ones that the program accepts, and mean what their comments say."""

import re
import shutil
from pathlib import Path
from typing import Final

import pytest

from worker.settings import Settings, load

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = sorted((ROOT / "examples").glob("*.toml"))


def _load(name: str, folder: Path) -> Settings:
    """Return the settings of an example, with its secrets in files of a test's folder."""
    file = folder / "flowbeat.toml"
    shutil.copy(ROOT / "examples" / name, file)
    (folder / "secret").write_text("a made-up secret\n")
    secrets = re.sub(r'^(\w+_file) = "/run/secrets/\w+"', r'\1 = "secret"', file.read_text(), flags=re.MULTILINE)
    file.write_text(secrets)
    return load(file, {})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_accepted_explained_and_linked(example: Path, tmp_path: Path) -> None:
    """A quarter of its lines or more have a comment, and the first hour names the file."""
    settings = _load(example.name, tmp_path)
    assert settings.profiles
    assert all(profile.schedule for profile in settings.profiles.values())
    lines = [line for line in example.read_text().splitlines() if line]
    assert sum("# " in line for line in lines) * 4 >= len(lines)
    assert f"](../examples/{example.name})" in (ROOT / "docs" / "first-hour.md").read_text()


def test_the_examples_use_three_sources_of_deployments(tmp_path: Path) -> None:
    """A Kanban team with releases, two Scrum teams with a pipeline, operations with issues of changes."""
    sources = {}
    for example in EXAMPLES:
        profiles = _load(example.name, tmp_path).profiles
        rules = [profile.rules.deployments for profile in profiles.values()]
        sources[example.stem] = {rule.source for rule in rules if rule}
    assert sources == {"kanban-releases": {"versions"}, "scrum-pipeline": {"table"}, "support-datacenter": {"issues"}}


def test_the_team_that_reviews_in_pairs_takes_the_review_from_the_defaults(tmp_path: Path) -> None:
    """As the comment says: a review is work there, and waits in the other team."""
    profiles = _load("scrum-pipeline.toml", tmp_path).profiles
    checkout, search = profiles["checkout"].rules.workflow, profiles["search"].rules.workflow
    assert checkout == {"waiting": ("In Review", "Ready for QA", "Blocked")}
    assert search == {"active": ("In Review",), "waiting": ("Ready for QA", "Blocked")}


def test_the_data_center_team_stores_no_title_and_sends_no_name(tmp_path: Path) -> None:
    """A personal access token is sent alone."""
    settings = _load("support-datacenter.toml", tmp_path)
    connection, profile = settings.connections["intranet"], settings.profiles["operations"]
    assert (connection.email, connection.base_url) == (None, "https://jira.acme.example/jira")
    assert profile.store_summaries is False
