"""An issue as Jira sends it, and what the tests want of it."""

from typing import Any

from worker.jira import parse

WANTED = parse.Wanted({"customfield_1": "Story point estimate", "customfield_2": "Deployed at"})


def raw_issue(**fields: Any) -> dict[str, Any]:
    """Return an issue as Cloud sends it."""
    plain = {
        "project": {"id": "1", "key": "PAY"},
        "issuetype": {"name": "Story"},
        "status": {"id": "3", "name": "In Progress"},
        "created": "2026-03-02T10:00:00.000+0100",
        "updated": "2026-03-02T11:00:00.123+0100",
        "summary": "Retry refunds",
    }
    return {"id": "10001", "key": "PAY-1", "fields": {**plain, **fields}}
