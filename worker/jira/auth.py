"""How a login is put into a request: Basic, Bearer, or expressly none."""

from requests import PreparedRequest
from requests.auth import AuthBase, HTTPBasicAuth

from worker.settings import Connection


def auth_of(connection: Connection, token: str | None) -> AuthBase:
    """Return the authentication of a connection: with an email Basic, else Bearer; without a token none."""
    if token is None:
        return _Anonymous()
    return HTTPBasicAuth(connection.email.encode(), token.encode()) if connection.email else _Bearer(token)


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Anonymous(AuthBase):
    """Send no login: without this class ``requests`` would take one from a .netrc."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request
