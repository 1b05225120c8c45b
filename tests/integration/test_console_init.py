"""The init command: questions on a real terminal, options for scripts, both against a stand-in Jira over HTTP."""

import json
import os
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import console_world as world
import forked
import pytest
from terminal import Terminal, terminal

from sandbox import faults
from sandbox.api import Jira
from sandbox.server import Options, build, running
from sandbox.shapes import Flavour
from sandbox.team import EMAIL, TOKEN
from worker.settings import load

pytestmark = pytest.mark.xdist_group("console init")  # one process makes what all tests here read

ADDRESS, KEPT, ACCOUNT, SECRET, QUERY, WRITE = (
    "Jira's address",
    "Where the token is kept",
    "E-mail of the account",
    "Token (it is not shown)",
    "Which issues are the team's?",
    "Write flowbeat.toml?",
)


@pytest.fixture(scope="module")
def jira() -> Iterator[str]:
    """Yield the URL of a made-up team's Jira Cloud."""
    with running(build(Options(issues=200), datetime.now(UTC))) as url:
        yield url


@contextmanager
def _init(folder: Path, redis_url: str, *words: str, **environ: str) -> Iterator[Terminal]:
    """Yield init on a terminal, in a folder without a configuration."""
    with terminal(folder, _environ(redis_url) | environ, "init", *words) as screen:
        yield screen


def _environ(redis_url: str) -> dict[str, str]:
    """Return the environment of a person who has not set anything up, with the tests' Redis."""
    kept = world.environment(Path())
    del kept["FLOWBEAT_CONFIG"], kept["SANDBOX_TOKEN"]
    return kept | {"FLOWBEAT_REDIS_URL": redis_url.replace("unix://", "redis+socket://")}


def _scripted(folder: Path, redis_url: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Return init in a script: without a terminal."""
    words = ("-m", "console", "init", *words)
    return forked.run(*words, cwd=folder, env=_environ(redis_url) | environ, timeout=60)


def _check(folder: Path, redis_url: str, **environ: str) -> list[dict[str, str]]:
    """Return the lines of `flowbeat check` that are broken."""
    words = ("-m", "console", "check", "--format", "json")
    done = forked.run(*words, cwd=folder, env=_environ(redis_url) | environ, timeout=60)
    lines: list[dict[str, str]] = json.loads(done.stdout)
    assert any("its JQL finds about" in line["message"] for line in lines)
    return [line for line in lines if line["state"] == "bad"]


def test_a_person_answers_the_questions_and_each_wrong_answer_is_asked_for_again(
    jira: str, tmp_path: Path, redis_url: str
) -> None:
    """The token is in a file of its own that only its owner can read, and neither on the screen nor in the TOML."""
    with _init(tmp_path, redis_url) as screen:
        screen.answer(ADDRESS, "http://127.0.0.1:1")
        assert "cannot be reached" in screen.wait_for(ADDRESS)
        screen.answer(ADDRESS, f"{jira}/browse/PAY-1")
        screen.answer(KEPT, "file")
        screen.answer(ACCOUNT, EMAIL)
        screen.answer(SECRET, "wrong-token")
        refusal = screen.wait_for(ACCOUNT)
        assert "refused the login" in refusal
        assert "A token with scopes works at https://api.atlassian.com/ex/jira/<cloudId> only." in refusal
        screen.answer(ACCOUNT, EMAIL)
        screen.answer(SECRET, TOKEN)
        screen.answer(QUERY, "projct = PAY")
        assert "did not accept the request (400)" in screen.wait_for(QUERY)
        screen.answer(QUERY, "project = PAY AND created < 1990-01-01")
        assert "finds no issue" in screen.wait_for(QUERY)
        screen.answer(QUERY, "project = PAY")
        screen.answer(WRITE, "y")
        assert screen.end() == 0
    text = (tmp_path / "flowbeat.toml").read_text(encoding="utf-8")
    for secret in (TOKEN, "wrong-token"):
        assert secret not in screen.text + text
    file = tmp_path / "jira.token"
    assert (file.read_text(), file.stat().st_mode & 0o777) == (f"{TOKEN}\n", 0o600)
    assert load(tmp_path / "flowbeat.toml", {}).connections["jira"].token_file == file
    assert _check(tmp_path, redis_url) == []


def test_the_proposals_are_shown_and_written_with_their_reasons(jira: str, tmp_path: Path, redis_url: str) -> None:
    """The time zone is the account's; the profile has the project's key; the requests are counted on the screen."""
    with _init(tmp_path, redis_url, "--url", jira, "--email", EMAIL, "--yes", JIRA_TOKEN=TOKEN) as screen:
        screen.answer(KEPT, "")
        screen.answer(QUERY, "project = PAY")
        assert screen.end() == 0
    settings = load(tmp_path / "flowbeat.toml", {})
    rules = settings.profiles["pay"].rules
    assert settings.timezone == "America/New_York"
    assert rules.workflow == {"waiting": ("In Review", "Blocked")}
    assert rules.blocked_statuses == ("Blocked",)
    assert rules.fields["points"] == "Story point estimate"
    assert rules.fields["flagged"] == "Flagged"
    assert rules.incidents is not None
    assert rules.incidents.types == ("Incident",)
    assert rules.deployments is not None
    assert rules.deployments.source == "versions"
    text = " ".join((tmp_path / "flowbeat.toml").read_text(encoding="utf-8").replace("\n#", "").split())
    for page in (" ".join(screen.text.split()), text):
        assert "of the time between start and done, median stay " in page
        assert "days: waiting, because a review mostly waits for the reviewer" in page
    assert " requests sent." in screen.text
    assert "JIRA_TOKEN is set here" in screen.text
    assert _check(tmp_path, redis_url, JIRA_TOKEN=TOKEN) == []


def test_data_center_takes_a_personal_access_token_without_a_user(tmp_path: Path, redis_url: str) -> None:
    """The question is about a user name there; the file has neither e-mail nor token."""
    with running(build(Options(issues=100, flavour="datacenter", context="/jira"), datetime.now(UTC))) as url:
        with _init(tmp_path, redis_url) as screen:
            screen.answer(ADDRESS, f"{url}/secure/Dashboard.jspa")
            screen.answer(KEPT, "file")
            screen.answer("User name", "")
            screen.answer(SECRET, TOKEN)
            screen.answer(QUERY, "project = PAY")
            screen.answer(WRITE, "")
            assert screen.end() == 0, screen.text
        assert _check(tmp_path, redis_url) == []
    connection = load(tmp_path / "flowbeat.toml", {}).connections["jira"]
    assert (connection.base_url, connection.email) == (url, None)
    assert "Logged in (datacenter)" in screen.text


def test_a_script_needs_no_terminal_on_either_flavour(flavour: Flavour, tmp_path: Path, redis_url: str) -> None:
    """The token is in the environment; with `--profile` the name is chosen; few requests are enough."""
    jira = build(Options(issues=600, flavour=flavour), datetime.now(UTC))
    with running(jira) as url:
        account = ("--email", EMAIL) if flavour == "cloud" else ()
        words = ("--url", url, *account, "--jql", "project = PAY", "--profile", "payments")
        done = _scripted(tmp_path, redis_url, *words, JIRA_TOKEN=TOKEN)
        assert (done.returncode, done.stderr) == (0, "")
        assert load(tmp_path / "flowbeat.toml", {}).profiles.keys() == {"payments"}
        assert _requests(jira) <= 24  # five try the answers; the rest reads the lists and 437 issues
        assert _check(tmp_path, redis_url, JIRA_TOKEN=TOKEN) == []
    assert TOKEN not in done.stdout


def test_a_token_file_that_exists_is_used_and_not_changed(jira: str, tmp_path: Path, redis_url: str) -> None:
    """Its path is written as it counts from the configuration's folder."""
    folder = tmp_path / "team"
    folder.mkdir()
    (folder / "secret").write_text(TOKEN)
    words = ("--url", jira, "--email", EMAIL, "--token-file", "secret", "--jql", "project = PAY")
    assert _scripted(folder, redis_url, *words).returncode == 0
    assert (folder / "secret").read_text() == TOKEN
    assert tomllib.loads((folder / "flowbeat.toml").read_text())["connections"]["jira"]["token_file"] == "secret"


def test_a_public_jira_needs_no_login_and_is_read_in_few_requests(tmp_path: Path, redis_url: str) -> None:
    """A history costs a request there, so the sample is small."""
    public = build(Options(issues=200, anonymous=True), datetime.now(UTC))
    with running(public) as url:
        done = _scripted(tmp_path, redis_url, "--url", url, "--anonymous", "--jql", "project = PAY")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the newest 40 issues" in done.stdout
    assert _requests(public) <= 60
    connection = load(tmp_path / "flowbeat.toml", {}).connections["jira"]
    assert (connection.email, connection.token_env, connection.token_file) == (None, None, None)


def _requests(jira: Jira) -> int:
    """Return how many requests a stand-in Jira has received."""
    return len(jira.log)


REFUSED: Final[tuple[tuple[tuple[str, ...], dict[str, str], str], ...]] = (
    (("--jql", "project = PAY"), {}, "--url is missing"),
    (("--url", "{jira}", "--jql", "project = PAY"), {}, "the environment variable JIRA_TOKEN is not set"),
    (("--url", "{jira}", "--email", EMAIL), {"JIRA_TOKEN": TOKEN}, "--jql is missing"),
    (("--url", "{jira}", "--email", EMAIL, "--jql", "x = y"), {"JIRA_TOKEN": "wrong"}, "refused the login"),
    (("--url", "{jira}", "--token-file", "none", "--jql", "x"), {}, "--token-file none does not exist"),
    (("--url", "ftp://x", "--jql", "x"), {}, "base_url must be Jira's address with http or https"),
    (("--url", "{jira}", "--profile", "a b", "--jql", "x"), {}, "--profile must be letters"),
)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[2])
def test_a_script_gets_one_sentence_and_no_file(
    jira: str, tmp_path: Path, redis_url: str, case: tuple[tuple[str, ...], dict[str, str], str]
) -> None:
    """The exit code is 1 or 2, as for other commands."""
    words, environ, sentence = case
    done = _scripted(tmp_path, redis_url, *(word.format(jira=jira) for word in words), **environ)
    assert done.returncode in (1, 2)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "flowbeat.toml").exists()


def test_three_refused_logins_end_it_before_jira_asks_for_a_captcha(jira: str, tmp_path: Path, redis_url: str) -> None:
    """The sentence says where the page about tokens is."""
    with _init(tmp_path, redis_url, "--url", jira, "--email", EMAIL) as screen:
        screen.answer(KEPT, "file")
        for _ in range(3):
            screen.answer(SECRET, "wrong-token")
        assert screen.end() == 1
    assert "docs/token.md" in screen.text.splitlines()[-1]
    assert sorted(file.name for file in tmp_path.iterdir()) == []


def test_ctrl_c_at_the_last_question_leaves_no_file(jira: str, tmp_path: Path, redis_url: str) -> None:
    """Neither the configuration nor the token's file."""
    words = ("--url", jira, "--email", EMAIL, "--jql", "project = PAY")
    with _init(tmp_path, redis_url, *words) as screen:
        screen.answer(KEPT, "file")
        screen.answer(SECRET, TOKEN)
        screen.wait_for(WRITE)
        screen.interrupt()
        assert screen.end() == 130
    assert list(tmp_path.iterdir()) == []


def test_a_token_with_scopes_is_tried_at_the_gateway(tmp_path: Path, redis_url: str) -> None:
    """The gateway answers no request without a login, so which Jira it is becomes known with the login."""
    jira = build(Options(issues=60, context="/ex/jira/abc"), datetime.now(UTC))
    scopes = frozenset({"read:jira-work", "read:jira-user"})
    jira.site.accounts[0] = replace(jira.site.accounts[0], scopes=scopes)
    with running(jira) as url, _init(tmp_path, redis_url, "--jql", "project = PAY", "--yes") as screen:
        screen.answer(ADDRESS, url)
        screen.answer(KEPT, "file")
        screen.answer(ACCOUNT, EMAIL)
        screen.answer(SECRET, TOKEN)
        assert screen.end() == 0, screen.text
    assert load(tmp_path / "flowbeat.toml", {}).connections["jira"].base_url == url


def test_a_stage_against_jiras_category_is_asked_about(tmp_path: Path, redis_url: str) -> None:
    """A refused one is not written; the question shows the reason."""
    jira = build(Options(issues=200), datetime.now(UTC))
    next(status for status in jira.site.catalogue.statuses if status["name"] == "In Review")["name"] = "Resolved"
    with running(jira) as url:
        words = ("--url", url, "--email", EMAIL, "--jql", "project = PAY")
        with _init(tmp_path, redis_url, *words, JIRA_TOKEN=TOKEN) as screen:
            screen.answer(KEPT, "environment")
            screen.answer("Is its stage done?", "n")
            screen.answer(WRITE, "y")
            assert screen.end() == 0
    assert "although Jira's category is In Progress" in screen.text
    assert load(tmp_path / "flowbeat.toml", {}).profiles["pay"].rules.workflow == {"waiting": ("Blocked",)}


def test_a_token_for_the_environment_is_typed_unseen_and_kept_nowhere(
    jira: str, tmp_path: Path, redis_url: str
) -> None:
    """The last lines say how to put it there without showing it either."""
    words = ("--url", jira, "--email", EMAIL, "--jql", "project = PAY", "--yes")
    with _init(tmp_path, redis_url, *words) as screen:
        screen.answer(KEPT, "environment")
        screen.answer(SECRET, TOKEN)
        assert screen.end() == 0
    assert "read -rs JIRA_TOKEN && export JIRA_TOKEN" in screen.text
    assert TOKEN not in screen.text
    assert [file.name for file in tmp_path.iterdir()] == ["flowbeat.toml"]
    assert TOKEN not in (tmp_path / "flowbeat.toml").read_text(encoding="utf-8")


def test_answers_are_not_lost_if_the_reading_fails(tmp_path: Path, redis_url: str) -> None:
    """The file has the answers, and nothing is proposed that was not read."""
    jira = build(Options(issues=60), datetime.now(UTC))
    jira.faults.append(faults.failing(403, endpoint="bulkfetch", times=faults.EVERY_TIME))
    with running(jira) as url:
        words = ("--url", url, "--email", EMAIL, "--jql", "project = PAY")
        done = _scripted(tmp_path, redis_url, *words, JIRA_TOKEN=TOKEN)
    assert done.returncode == 0
    assert "Reading failed, so nothing is proposed" in done.stdout
    profile = load(tmp_path / "flowbeat.toml", {}).profiles["pay"]
    assert (profile.jql, profile.rules.workflow, profile.rules.deployments) == ("project = PAY", {}, None)


def test_a_list_that_is_closed_is_reported_and_the_rest_is_proposed(tmp_path: Path, redis_url: str) -> None:
    """Nothing is said of what was not read."""
    jira = build(Options(issues=100), datetime.now(UTC))
    jira.faults.append(faults.closed_versions("10000", status=403))
    with running(jira) as url:
        words = ("--url", url, "--email", EMAIL, "--jql", "project = PAY")
        done = _scripted(tmp_path, redis_url, *words, JIRA_TOKEN=TOKEN)
    assert "This login may not read the versions of PAY" in done.stdout
    profile = load(tmp_path / "flowbeat.toml", {}).profiles["pay"]
    assert profile.rules.workflow == {"waiting": ("In Review", "Blocked")}
    assert profile.rules.deployments is None


def test_a_folder_that_is_missing_is_refused_before_anything_is_asked(tmp_path: Path, redis_url: str) -> None:
    """Otherwise all answers would be lost at the end."""
    with _init(tmp_path, redis_url, FLOWBEAT_CONFIG=str(tmp_path / "none" / "flowbeat.toml")) as screen:
        assert screen.end() == 1
    assert "cannot be written: No such file or directory" in screen.text
    assert ADDRESS not in screen.text


def test_an_existing_file_is_refused_before_anything_is_asked(tmp_path: Path, redis_url: str) -> None:
    """On a terminal too."""
    (tmp_path / "flowbeat.toml").write_text("# mine")
    with _init(tmp_path, redis_url) as screen:
        assert screen.end() == 1
    assert "already exists and was not changed" in screen.text
    assert (tmp_path / "flowbeat.toml").read_text() == "# mine"
    assert os.listdir(tmp_path) == ["flowbeat.toml"]  # noqa: PTH208 - names only
