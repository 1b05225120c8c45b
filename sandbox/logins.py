"""The login of a request as a Jira reads it, and the headers of the answer that describe it.

What real sites do with a login they do not accept: Cloud serves it as the anonymous and says so in
`X-Seraph-LoginReason` alone; the gateway of scoped tokens refuses it; Data Center refuses a wrong password, and serves
an expired personal access token as the anonymous, which `X-AUSERNAME` names.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sandbox.render import dumps
from sandbox.shapes import Flavour
from sandbox.site import Account
from sandbox.wire import Request, Response

GATEWAY_PATH: Final = "/ex/jira/"
_FAILED: Final = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
_UNAUTHORIZED_PAGE: Final = (
    b"<html><head><title>Unauthorized (401)</title></head><body>Encountered a &quot;401 - Unauthorized&quot; error "
    b"while loading this page. Basic Authentication Failure - Reason : AUTHENTICATED_FAILED</body></html>"
)
_HTML: Final = {"Content-Type": "text/html;charset=UTF-8"}


@dataclass(frozen=True, slots=True)
class Login:
    """The account of a request (None: anonymous), and the headers of every answer to it."""

    account: Account | None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Credential:
    """The content of an `Authorization` header: `user` is None with Bearer, both are None if it cannot be read."""

    user: str | None = None
    secret: str | None = None

    def names(self, account: Account) -> bool:
        """Return whether the credential is this account's: its name (in any case) with its token, or only the token."""
        if self.user is None:
            return self.secret == account.token
        known = {account.email.lower(), str(account.profile.get("name", account.email)).lower()}
        return self.user.lower() in known and self.secret == account.token


def log_in(request: Request, accounts: list[Account], flavour: Flavour, context: str) -> Login | Response:
    """Return the login of a request, or the answer that refuses it."""
    given = {name.lower(): value for name, value in request.headers.items()}.get("authorization", "")
    credential = _read(given)
    account = next((item for item in accounts if credential.names(item)), None)
    if context.startswith(GATEWAY_PATH):
        return _at_gateway(request, account)
    if flavour == "cloud":
        return _at_cloud(credential, account)
    return _at_data_center(credential, account)


def _at_gateway(request: Request, account: Account | None) -> Login | Response:
    """Refuse requests without a login, or with a token that lacks the endpoint's scope."""
    message = "Unauthorized"
    if account is not None:
        wanted = "read:jira-user" if request.path.endswith("/myself") else "read:jira-work"
        if account.scopes is None or wanted in account.scopes:
            return Login(account)
        message = "Unauthorized; scope does not match"
    return Response(401, dumps({"code": 401, "message": message}))


def _at_cloud(credential: _Credential, account: Account | None) -> Login | Response:
    if account is not None and account.scopes is None:
        return Login(account, {"X-AACCOUNTID": account.profile.get("accountId", "")})
    if credential.secret is not None and credential.user is None:
        return Response(403, dumps({"error": "Failed to parse Connect Session Auth Token"}))
    return Login(None, _FAILED if credential.user else {})


def _at_data_center(credential: _Credential, account: Account | None) -> Login | Response:
    if account is not None:
        name = str(account.profile.get("name", account.email))
        return Login(account, {"X-AUSERNAME": name, "X-Seraph-LoginReason": "OK"})
    if credential.user is not None:
        return Response(401, _UNAUTHORIZED_PAGE, _HTML | _FAILED)
    return Login(None, {"X-AUSERNAME": "anonymous"})


def _read(given: str) -> _Credential:
    scheme, _, value = given.partition(" ")
    if scheme.lower() == "bearer":
        return _Credential(secret=value.strip() or None)
    if scheme.lower() != "basic":
        return _Credential()
    try:
        user, colon, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return _Credential()
    return _Credential(user, secret) if colon else _Credential()
