"""What people paste as Jira's address and as a JQL, made into a base_url and the name of a profile."""

import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

_CLOUD: Final = (".atlassian.net", ".jira.com")
# Where the pages of Jira begin, below a context path if there is one.
_PAGES: Final = re.compile(
    r"/(?:browse|projects|secure|issues|plugins|servicedesk|login\.jsp|rest|jira/(?:software|core|projects|servicemanagement"
    r"|your-work|dashboards|for-you)|wiki)(?:/.*)?$"
)
_PROJECT: Final = re.compile(r"\bproject\s*(?:=|in\s*\()\s*[\"']?([A-Za-z][A-Za-z0-9_-]*)", re.IGNORECASE)
_LONGEST: Final = 64
DEFAULT_PROFILE: Final = "team"


def base_url(text: str) -> str:
    """Return the address of a Jira: with https where no scheme is given, without the page that was pasted."""
    value = text.strip()
    if "://" not in value:
        value = f"https://{value}"
    parts = urlsplit(value)
    path = _PAGES.sub("", parts.path).rstrip("/")
    if (parts.hostname or "").endswith(_CLOUD):
        path = ""
    if path != parts.path.rstrip("/"):
        return urlunsplit((parts.scheme, parts.netloc, path, "", ""))
    return value.rstrip("/")


def profile_name(jql: str) -> str:
    """Return the first project key that a JQL names, in small letters; "team" without one."""
    match = _PROJECT.search(jql)
    return re.sub(r"[-_]{2,}", "_", match[1].lower())[:_LONGEST].rstrip("-_") if match else DEFAULT_PROFILE
