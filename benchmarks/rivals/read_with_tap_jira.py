"""Reads a Jira with tap-jira: ``read_with_tap_jira.py URL EMAIL TOKEN FOLDER``, again and again with its own state.

tap-jira is a Singer tap: it writes every record as a line of JSON; storing them is left to another program. It builds
its addresses with https whatever it is given, so that one method is put right for a Jira without.
"""

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import tap_jira

STREAMS = ("projects", "versions", "issues", "changelogs")


def main(url: str, email: str, token: str, folder: str) -> None:
    """Sync what the metrics need, and print how long that took and how many issues came."""
    here = Path(folder)
    login = {"username": email, "password": token, "user_agent": "benchmark"}
    (here / "config.json").write_text(json.dumps({"base_url": url, "start_date": "1970-01-02T00:00:00Z", **login}))
    tap_jira.http.Client.url = lambda _client, path: f"{url}/{path.lstrip('/')}"
    if not (here / "catalog.json").exists():
        (here / "catalog.json").write_text(json.dumps(_catalog()))
    seconds = _sync(here)
    issues = 0
    with (here / "records.jsonl").open() as lines:
        for said in map(json.loads, lines):
            issues += said.get("stream") == "issues" and said["type"] == "RECORD"
            if said["type"] == "STATE":
                (here / "state.json").write_text(json.dumps(said["value"]))
    print(json.dumps({"seconds": seconds, "issues": issues, "held": None}))


def _sync(here: Path) -> float:
    state = ["--state", str(here / "state.json")] if (here / "state.json").exists() else []
    sys.argv = ["tap-jira", "--config", str(here / "config.json"), "--properties", str(here / "catalog.json"), *state]
    with (here / "records.jsonl").open("w") as out, contextlib.redirect_stdout(out):
        started = time.perf_counter()
        tap_jira.main()
        return time.perf_counter() - started


def _catalog() -> dict[str, Any]:
    """Return every field of the streams that are wanted."""
    tap_jira.Context.client = tap_jira.Client.__new__(tap_jira.Client)
    tap_jira.Context.client.is_on_prem_instance = False
    result: dict[str, Any] = tap_jira.discover().to_dict()
    for stream in result["streams"]:
        for metadata in stream["metadata"]:
            metadata["metadata"]["selected"] = stream["tap_stream_id"] in STREAMS
    return result


if __name__ == "__main__":
    main(*sys.argv[1:])
