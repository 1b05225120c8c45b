"""Names what a stored copy is a copy of, so that a changed configuration is known from one written otherwise."""

import hashlib
import json

from worker.jira.jql import normalised
from worker.settings import Connection, Profile


def cache_key(connection: Connection, profile: Profile) -> str:
    """32 hex digits, the MD5 of the normalised configuration: connection, JQL, field mappings, time period."""
    rules = profile.rules
    parts = {
        "connection": [connection.base_url, connection.email],
        "fields": dict(rules.fields),
        "jql": normalised(profile.jql),
        "time_period_days": rules.time_period_days,
    }
    return _md5(parts)


def source(connection: Connection, profile: Profile) -> str:
    """Return names what the copy is a copy of: the same connection and JQL."""
    return _md5([connection.base_url, connection.email, normalised(profile.jql)])


def _md5(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
