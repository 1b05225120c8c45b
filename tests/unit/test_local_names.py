"""No local is called found, one, each, some, told or shown: a name says what the value is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("benchmarks", "console", "models", "report", "sandbox", "scheduler", "tasks", "tests", "worker")
NAMES = sorted(str(path.relative_to(ROOT)) for room in ROOMS for path in (ROOT / room).rglob("*.py"))
VAGUE = {"found", "one", "each", "some", "told", "shown"}

# The files still to be renamed, with the number of bindings in each.
REMAINING: dict[str, int] = {
    "benchmarks/bench_workday.py": 1,
    "console/explain/trace.py": 1,
    "console/forecast.py": 6,
    "console/results/command.py": 1,
    "console/results/groups.py": 2,
    "console/shared/output.py": 2,
    "models/metrics/evidence.py": 1,
    "report/build.py": 1,
    "sandbox/site.py": 1,
    "tasks/calculate.py": 6,
    "tasks/departed.py": 1,
    "tasks/fetch/absent.py": 4,
    "tasks/fetch/plan.py": 1,
    "tasks/fetch/state.py": 1,
    "tasks/fetch/verify.py": 6,
    "tasks/steps.py": 1,
    "tests/fetch_world.py": 1,
    "tests/integration/conftest.py": 1,
    "tests/redis_server.py": 1,
    "tests/unit/test_console_cli.py": 1,
    "tests/unit/test_console_logs.py": 4,
    "tests/unit/test_console_lookdefaults.py": 4,
    "tests/unit/test_console_lookjira.py": 3,
    "tests/unit/test_console_render.py": 2,
    "tests/unit/test_deployment_files.py": 1,
    "tests/unit/test_import_csv.py": 6,
    "tests/unit/test_jira_client.py": 35,
    "tests/unit/test_jira_fields.py": 1,
    "tests/unit/test_jira_jql.py": 1,
    "tests/unit/test_jira_pages.py": 2,
    "tests/unit/test_jira_parse.py": 11,
    "tests/unit/test_jira_readers.py": 21,
    "tests/unit/test_jira_refusals.py": 1,
    "tests/unit/test_metrics_batches.py": 5,
    "tests/unit/test_metrics_blocking.py": 7,
    "tests/unit/test_metrics_calculate.py": 8,
    "tests/unit/test_metrics_columns.py": 4,
    "tests/unit/test_metrics_damage.py": 3,
    "tests/unit/test_metrics_dora.py": 47,
    "tests/unit/test_metrics_evidence.py": 16,
    "tests/unit/test_metrics_facts.py": 12,
    "tests/unit/test_metrics_flow.py": 17,
    "tests/unit/test_metrics_histories.py": 12,
    "tests/unit/test_metrics_properties.py": 3,
    "tests/unit/test_metrics_recovery.py": 16,
    "tests/unit/test_metrics_windows.py": 2,
    "tests/unit/test_metrics_wip.py": 4,
    "tests/unit/test_metrics_wrong_answers.py": 8,
    "tests/unit/test_names.py": 1,
    "tests/unit/test_records.py": 1,
    "tests/unit/test_recovery_log.py": 2,
    "tests/unit/test_redact_secrets.py": 3,
    "tests/unit/test_redact_text.py": 4,
    "tests/unit/test_sandbox_cloud.py": 4,
    "tests/unit/test_sandbox_faults.py": 5,
    "tests/unit/test_sandbox_jql.py": 4,
    "tests/unit/test_sandbox_living.py": 1,
    "tests/unit/test_sandbox_logins.py": 6,
    "tests/unit/test_sandbox_recorded.py": 1,
    "tests/unit/test_sandbox_team.py": 11,
    "tests/unit/test_settings.py": 2,
    "tests/unit/test_settings_reference.py": 4,
    "tests/world.py": 1,
    "worker/jira/datacenter.py": 1,
    "worker/jira/reader.py": 1,
    "worker/settings/validator.py": 2,
}


def vague_bindings(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of every assignment, loop, target of `with`, or parameter with one of the vague names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in VAGUE:
            yield node.lineno, node.id
        elif isinstance(node, ast.arg) and node.arg in VAGUE:
            yield node.lineno, node.arg
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name in VAGUE:
            yield node.lineno, str(node.name)


@pytest.mark.parametrize("name", NAMES)
def test_no_local_has_a_vague_name(name: str) -> None:
    """Choose what the value is: match, path, settings, row, metric, …."""
    bindings = list(vague_bindings((ROOT / name).read_text()))
    assert len(bindings) <= REMAINING.get(name, 0), bindings


@pytest.mark.parametrize(
    "source",
    [
        "found = 1",
        "for each in (): ...",
        "def f(shown): ...",
        "[some for some in ()]",
        "with open(p) as one: ...",
        "try: ...\nexcept OSError as told: ...",
        "if (found := 1): ...",
        "match 1:\n    case one: ...",
    ],
)
def test_every_kind_of_binding_is_seen(source: str) -> None:
    """One example of each."""
    assert list(vague_bindings(source))


def test_an_attribute_or_a_text_may_have_the_name() -> None:
    """Only what binds a local counts."""
    assert not list(vague_bindings('site.told = "each"\nprint(found)'))
