"""Reads a Jira with dlt's rest_api source: ``read_with_dlt.py URL EMAIL TOKEN FOLDER FIELDS``, again and again.

The configuration is what dlt's documentation advises: a cursor paginator, an incremental cursor on ``updated`` and a
merge by id, into DuckDB. It asks for the fields it is given, and for histories as the search embeds them.
"""

import json
import sys
import time
from datetime import datetime
from typing import Any

import dlt
from dlt.sources.rest_api import rest_api_source


def main(url: str, email: str, token: str, folder: str, fields: str) -> None:
    """Run the pipeline, and print how long that took, how many issues came, and how many the copy holds."""
    destination = dlt.destinations.duckdb(f"{folder}/copy.duckdb")
    pipeline = dlt.pipeline("jira", destination=destination, dataset_name="jira", pipelines_dir=f"{folder}/pipelines")
    started = time.perf_counter()
    pipeline.run(rest_api_source(_source(url, email, token, fields)))
    seconds = time.perf_counter() - started
    counts = pipeline.last_trace.last_normalize_info.row_counts
    with pipeline.sql_client() as client:
        held = client.execute_sql("SELECT count(*) FROM issues")[0][0]
    print(json.dumps({"seconds": seconds, "issues": counts.get("issues", 0), "held": held}))


def _source(url: str, email: str, token: str, fields: str) -> Any:
    login = {"type": "http_basic", "username": email, "password": token}
    lists = [("statuses", "status"), ("pay_versions", "project/PAY/versions"), ("ops_versions", "project/OPS/versions")]
    return {
        "client": {"base_url": f"{url}/rest/api/3/", "auth": login, "paginator": "single_page"},
        "resources": [
            _issues(fields),
            *({"name": name, "write_disposition": "replace", "endpoint": {"path": path}} for name, path in lists),
        ],
    }


def _issues(fields: str) -> dict[str, Any]:
    since = {
        "cursor_path": "fields.updated",
        "initial_value": "1970-01-02T00:00:00.000+0000",
        "convert": lambda text: int(datetime.fromisoformat(text).timestamp() * 1000),
    }
    endpoint = {
        "path": "search/jql",
        "data_selector": "issues",
        "paginator": {"type": "cursor", "cursor_path": "nextPageToken", "cursor_param": "nextPageToken"},
        "params": {
            "jql": "project in (PAY, OPS) AND updated >= {incremental.start_value} ORDER BY updated",
            "fields": fields,
            "expand": "changelog",
            "maxResults": 100,
        },
        "incremental": since,
    }
    return {"name": "issues", "primary_key": "id", "write_disposition": "merge", "endpoint": endpoint}


if __name__ == "__main__":
    main(*sys.argv[1:])
