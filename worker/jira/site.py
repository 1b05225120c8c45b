"""Which Jira this is, and whether it knows us: flavour and clock, the login, and the reader that fits."""

import logging
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from worker.errors import FatalError, UnansweredError
from worker.jira import parse
from worker.jira.client import SERVER_INFO, Client, Control
from worker.jira.cloud import Cloud
from worker.jira.datacenter import DataCenter
from worker.jira.faults import WHO_AM_I, ForbiddenError, LoginError, MissingError, RefusedError
from worker.jira.pages import PageError
from worker.jira.reader import PageSizes, Reader, Site
from worker.settings import Connection

log = logging.getLogger(__name__)

_API: Final = "/rest/api/2"  # of both flavours
_OWN_KEYS: Final = frozenset({"baseUrl", "deploymentType", "serverTime", "version"})  # any of them: Jira answered
_CLOUD_HOSTS: Final = (".atlassian.net", ".jira.com")
_GATEWAY_PATH: Final = "/ex/jira/"  # api.atlassian.com: scoped tokens and OAuth


def identify(client: Client) -> Site:
    """Return the site's flavour (the configured one wins), its own clock and its own address; one request.

    A Data Center tells the anonymous no ``serverTime``: the ``Date`` header of the answer stands in for it. A closed
    ``serverInfo`` (refused, or a server error while Jira answers other requests) is done without where the flavour is
    configured, or plain from the address.
    """
    is_known = client.connection.flavour or _plain_flavour(client.connection)
    control = Control(path=f"{_API}{WHO_AM_I}") if is_known else None  # else nothing can be read without this answer
    try:
        info = client.get(SERVER_INFO, read=_read_info, control=control)
    except (LoginError, ForbiddenError, MissingError, RefusedError, UnansweredError) as error:
        if isinstance(error, LoginError) and error.is_certain:
            raise
        return _unidentified(client, error)
    deployment = str(info.get("deploymentType") or "")
    text = ("cloud" if deployment == "Cloud" else "datacenter") if deployment else None
    flavour = client.connection.flavour or text or "datacenter"
    return Site(flavour, _clock(client, info.get("serverTime")), text, _address(client.connection, info.get("baseUrl")))


def _read_info(page: Any) -> Mapping[str, Any]:
    if not isinstance(page, Mapping) or not _OWN_KEYS & page.keys():
        raise PageError("Jira sent a page that does not say which Jira it is")
    return page


def confirm_login(client: Client) -> None:
    """Ask Jira who the login is: one request, none for the anonymous. Raise LoginError if Jira does not accept it.

    A site without this resource (404) is judged by the headers of its answers.
    """
    if client.anonymous:
        return
    try:
        client.get(f"{_API}{WHO_AM_I}")
    except MissingError as error:
        log.warning("login not confirmed", extra={"why": str(error)})


def reader(
    client: Client,
    flavour: str,
    wanted: parse.Wanted,
    zone: str | None = None,
    *,
    sizes: Mapping[str, int] | None = None,
    pages: PageSizes | None = None,
) -> Reader:
    """Return the reader of a flavour; ``zone`` says how instants are written (``jql.instant``)."""
    if flavour == "cloud":
        return Cloud(client, wanted, zone=zone, sizes=sizes, pages=pages or PageSizes())
    return DataCenter(client, wanted, zone=zone, sizes=sizes)


def _unidentified(client: Client, error: FatalError) -> Site:
    """Return what is known of a site that does not say; raise where that is not enough, or the login is refused."""
    connection = client.connection
    flavour = connection.flavour or _plain_flavour(connection)
    if flavour is None and isinstance(error, MissingError):  # a wrong address, most likely
        raise error
    confirm_login(client)
    if flavour is None:
        name = connection.name
        raise type(error)(f"{error}; if only this is closed, set flavour of connection {name!r}") from error
    log.warning("site not identified", extra={"flavour": flavour, "why": str(error)})
    return Site(flavour, _clock(client, None), None, connection.base_url)


def _plain_flavour(connection: Connection) -> str | None:
    """Return the flavour that an address of Atlassian's own gives away."""
    url = urlsplit(connection.base_url)
    is_cloud = (url.hostname or "").endswith(_CLOUD_HOSTS) or url.path.startswith(_GATEWAY_PATH)
    return "cloud" if is_cloud else None


def _clock(client: Client, value: Any) -> datetime:
    """Return Jira's clock: as ``serverInfo`` tells it, else by the ``Date`` of its last answer, else this machine's."""
    try:
        return parse.moment(value)
    except ValueError:
        if client.jira_time is not None:
            return client.jira_time
    log.warning("jira sends no time; this machine's clock is used")
    return client.now()


def _address(connection: Connection, value: Any) -> str:
    """Return the address of the site's pages: the configured one, but that a gateway has none, so the site's own there.

    A Data Center behind a proxy often names an address that is known inside only.
    """
    if not urlsplit(connection.base_url).path.startswith(_GATEWAY_PATH) or not isinstance(value, str):
        return connection.base_url
    is_plain = re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[\w./-]*)?", value) is not None
    return value.rstrip("/") if is_plain else connection.base_url
