"""Plain English: no text of the repository has a mannerism that the word list names."""

from pathlib import Path

import pytest
from english import find_mannerisms, read_prose

ROOT = Path(__file__).parents[2]
ROOMS = ("benchmarks", "console", "docs", "models", "report", "sandbox", "scheduler", "tasks", "tests", "worker")
FILES = [
    *ROOT.glob("*.md"),
    *(path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in (".md", ".py")),
]
NAMES = sorted({str(path.relative_to(ROOT)) for path in FILES} - {"tests/english.py", "tests/unit/test_english.py"})

# The files still to be rewritten, with the number of phrases in each.
REMAINING: dict[str, int] = {
    "benchmarks/bench_fetch.py": 1,
    "benchmarks/bench_metrics.py": 2,
    "benchmarks/bench_refresh.py": 2,
    "benchmarks/bench_rivals.py": 3,
    "benchmarks/bench_seeds.py": 1,
    "benchmarks/bench_workday.py": 1,
    "benchmarks/big_copy.py": 2,
    "benchmarks/copies.py": 5,
    "benchmarks/engines.py": 2,
    "benchmarks/environments.py": 1,
    "console/check/command.py": 1,
    "console/refresh/command.py": 1,
    "docs/forecast.md": 1,
    "models/records/results.py": 1,
    "sandbox/adapter.py": 1,
    "sandbox/cloud.py": 1,
    "sandbox/common.py": 1,
    "sandbox/datacenter.py": 1,
    "sandbox/lives.py": 1,
    "sandbox/logins.py": 1,
    "sandbox/plan.py": 1,
    "sandbox/server.py": 1,
    "sandbox/site.py": 2,
    "tests/console_world.py": 2,
    "tests/databases.py": 1,
    "tests/explained_parts.py": 1,
    "tests/fetch_world.py": 1,
    "tests/first_schema.py": 1,
    "tests/jira_gate.py": 5,
    "tests/redis_server.py": 1,
    "tests/reference/against.py": 1,
    "tests/reference/ageing.py": 1,
    "tests/reference/measures.py": 1,
    "tests/reference/profiles.py": 1,
    "tests/store_rows.py": 2,
    "tests/unit/test_console_cli.py": 2,
    "tests/unit/test_console_logs.py": 2,
    "tests/unit/test_console_lookdefaults.py": 1,
    "tests/unit/test_deployment_files.py": 1,
    "tests/unit/test_import_csv.py": 1,
    "tests/unit/test_imports.py": 1,
    "tests/unit/test_jira_client.py": 6,
    "tests/unit/test_jira_control.py": 1,
    "tests/unit/test_jira_fields.py": 1,
    "tests/unit/test_jira_pages.py": 3,
    "tests/unit/test_jira_parse.py": 2,
    "tests/unit/test_jira_readers.py": 4,
    "tests/unit/test_jira_waits.py": 1,
    "tests/unit/test_limiter.py": 8,
    "tests/unit/test_metrics_calculate.py": 2,
    "tests/unit/test_metrics_damage.py": 2,
    "tests/unit/test_metrics_dora.py": 7,
    "tests/unit/test_metrics_evidence.py": 1,
    "tests/unit/test_metrics_facts.py": 5,
    "tests/unit/test_metrics_flow.py": 1,
    "tests/unit/test_metrics_forecast.py": 2,
    "tests/unit/test_metrics_histories.py": 1,
    "tests/unit/test_metrics_properties.py": 1,
    "tests/unit/test_metrics_reported_cases.py": 3,
    "tests/unit/test_metrics_timelines.py": 1,
    "tests/unit/test_metrics_windows.py": 2,
    "tests/unit/test_records.py": 1,
    "tests/unit/test_recovery_log.py": 1,
    "tests/unit/test_redact_values.py": 1,
    "tests/unit/test_reference_flow.py": 1,
    "tests/unit/test_reference_repairs.py": 2,
    "tests/unit/test_sandbox_cloud.py": 3,
    "tests/unit/test_sandbox_faults.py": 2,
    "tests/unit/test_sandbox_living.py": 1,
    "tests/unit/test_sandbox_logins.py": 3,
    "tests/unit/test_settings_reference.py": 1,
    "tests/unit/test_settings_refusals.py": 1,
    "tests/world.py": 3,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_text_has_no_mannerism(name: str) -> None:
    """Each phrase found is shown with what to write instead."""
    phrases = find_mannerisms(read_prose(ROOT / name))
    assert len(phrases) <= REMAINING.get(name, 0), phrases


@pytest.mark.parametrize(
    "sentence",
    [
        "Use this command, for it asks for a password.",
        "The log is short, for a reader has little time.",
        "None is no fault.",
        "The list is read anew.",
        "At most so many issues.",
        "The worker goes on with the run.",
        "SQLite has but one writer.",
        "The reader is told why.",
        "Who leaves a wait stops it.",
        "It is over.\nWhoever waits can go.",
        "The copy knows nothing.",
        "The reason stands beside the value.",
    ],
)
def test_the_list_finds_a_mannerism(sentence: str) -> None:
    """One example of each kind."""
    assert find_mannerisms(sentence)


def test_the_list_leaves_plain_sentences_alone() -> None:
    """Questions, and *for* before a noun."""
    plain = (
        "Who may read it? Wait for a worker, for the run and its steps. It is no longer live. Unknown is never zero."
    )
    assert not find_mannerisms(plain)


def test_code_in_markdown_is_not_prose(tmp_path: Path) -> None:
    """Names in backticks and code blocks are quoted, not written."""
    page = tmp_path / "page.md"
    page.write_text("Run `x is no y`.\n\n```\nis no y\n```\n")
    assert not find_mannerisms(read_prose(page))
