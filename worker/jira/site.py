"""Which Jira this is: flavour and clock in one request that both flavours answer, and the reader that fits."""

from worker.errors import RetryableError
from worker.jira import parse
from worker.jira.client import Client
from worker.jira.cloud import Cloud
from worker.jira.datacenter import DataCenter
from worker.jira.pages import required
from worker.jira.reader import Reader, Site


def identify(client: Client) -> Site:
    """The site's flavour (the configured one wins) and its own clock; one request."""
    info = client.get("/rest/api/2/serverInfo")
    deployment = str(info.get("deploymentType", "")) if isinstance(info, dict) else ""
    told = ("cloud" if deployment == "Cloud" else "datacenter") if deployment else None
    try:
        now = parse.moment(required(info, "serverTime", str))
    except ValueError as error:
        raise RetryableError("Jira sent a server time that is no instant") from error
    return Site(client.connection.flavour or told or "datacenter", now, told)


def reader(client: Client, flavour: str, wanted: parse.Wanted, zone: str | None = None) -> Reader:
    """The reader of a flavour; ``zone`` says how instants are written (``jql.instant``)."""
    return Cloud(client, wanted, zone=zone) if flavour == "cloud" else DataCenter(client, wanted, zone=zone)
