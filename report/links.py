"""The addresses of issues in Jira."""

from urllib.parse import quote

from worker.database import Stored


def jira_of(current: Stored, profile: str) -> str:
    """Return the address of a profile's Jira without a slash at its end; empty if the profile is not configured."""
    configured = current.settings.profiles.get(profile)
    return current.settings.connections[configured.connection].base_url.rstrip("/") if configured else ""


def issue_url(jira: str, key: str) -> str:
    """Return the address of an issue; empty without the address of its Jira, or without a key."""
    return f"{jira}/browse/{quote(key)}" if jira and key else ""
