"""Calls of the stand-in for Jira Cloud."""

from datetime import UTC, datetime, timedelta
from typing import Any

import requests

BASE = "https://acme.example/rest/api/3"
START = datetime(2025, 1, 6, tzinfo=UTC)
NOW = START + timedelta(weeks=30)


def search(session: requests.Session, **body: Any) -> Any:
    """Return one page of search/jql."""
    answer = session.post(f"{BASE}/search/jql", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pages(session: requests.Session, endpoint: str, **body: Any) -> list[Any]:
    """Return every page of an endpoint that pages by token."""
    bodies = [session.post(f"{BASE}/{endpoint}", json=body).json()]
    while token := bodies[-1].get("nextPageToken"):
        bodies.append(session.post(f"{BASE}/{endpoint}", json={**body, "nextPageToken": token}).json())
    return bodies
