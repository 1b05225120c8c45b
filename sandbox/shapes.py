"""Jira's JSON shapes: every value of an issue, a version or a user is built here."""

import re
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, Literal

Json = dict[str, Any]
Flavour = Literal["cloud", "datacenter"]

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

_STAMP: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)")


def millis(moment: datetime) -> int:
    """Return the epoch milliseconds of an aware datetime."""
    return round(moment.timestamp() * 1000)


def moment(at: int, zone: tzinfo = UTC) -> datetime:
    """Return the aware datetime, in `zone`, of epoch milliseconds."""
    return datetime.fromtimestamp(at / 1000, zone)


def stamp(at: int, zone: tzinfo) -> str:
    """Return Jira's time stamp: milliseconds, and an offset without a colon (`2025-11-09T14:30:45.123+0800`)."""
    text = moment(at, zone).isoformat(timespec="milliseconds")
    return text[:-3] + text[-2:]


def parse_stamp(text: str) -> int | None:
    """Return the epoch milliseconds of a recorded time stamp, with or without seconds; None if it is not one."""
    if not (match := _STAMP.fullmatch(text)):
        return None
    return millis(datetime.fromisoformat("".join(part or "" for part in match.groups())))


def user(flavour: Flavour, name: str, number: int, zone: str = "Etc/UTC") -> Json:
    """Return a person as Cloud (`accountId`) or Data Center (`name`, `key`) shows one; e-mails are of a reserved
    domain.
    """
    handle = name.lower().replace(" ", ".")
    values = {
        "emailAddress": f"{handle}@acme.example",
        "displayName": name,
        "active": True,
        "timeZone": zone,
    }
    if flavour == "cloud":
        return {"accountId": f"557058:{number:08d}", "accountType": "atlassian", **values}
    return {"name": handle, "key": f"JIRAUSER{number}", **values}


def prose(flavour: Flavour, text: str) -> Json | str:
    """Return a long text: an ADF document on Cloud, a wiki string on Data Center."""
    if flavour == "datacenter":
        return text
    paragraph = {"type": "paragraph", "content": [{"type": "text", "text": text}]}
    return {"type": "doc", "version": 1, "content": [paragraph]}


def named(number: str, name: str, **more: Any) -> Json:
    """Return `{id, name, …}`, the shape of types, resolutions, priorities and components."""
    return {"id": number, "name": name, **more}


def option(number: str, value: str) -> Json:
    """Return an option of a select field."""
    return {"id": number, "value": value}


def status(number: str, name: str, category: Json) -> Json:
    """Return a status with its category, as lists and issues show it."""
    return {"id": number, "name": name, "description": "", "statusCategory": category}


def version(number: int, name: str, project: Json) -> Json:
    """Return a version not yet released, as `project/{key}/versions` shows it."""
    return {
        "id": str(number),
        "name": name,
        "archived": False,
        "released": False,
        "projectId": int(project["id"]),
    }
