"""Values as JSON can hold them: what programs get from a command and from Python."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from models.records import iso


def to_plain(names: Sequence[str], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return these fields of a row in this order, each as JSON can hold it."""
    return {name: plain_value(row[name]) for name in names}


def plain_value(value: Any) -> Any:
    """Return a value that JSON can hold; instants in ISO 8601 UTC."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain_value(inner) for key, inner in value.items()}
    return [plain_value(inner) for inner in value] if isinstance(value, list | tuple) else value
