"""The stand-in Jira as a `requests` adapter: same process, no socket, for fast tests."""

import io
from collections.abc import Mapping
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from sandbox.api import Jira
from sandbox.wire import Request


class SandboxAdapter(BaseAdapter):
    """`session.mount("https://acme.example", SandboxAdapter(jira))`, and the session talks to the sandbox."""

    def __init__(self, jira: Jira) -> None:
        super().__init__()
        self._jira = jira

    def send(  # noqa: PLR0917 - the base class's signature
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002, ARG002 - the base class's
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,  # noqa: ARG002
        verify: bool | str = True,  # noqa: FBT001, FBT002, ARG002
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> Response:
        """Answer a prepared request with the sandbox's answer."""
        url = urlsplit(request.url or "")
        headers = {name: str(value) for name, value in request.headers.items()}
        given: Any = request.body or b""
        body = given.encode() if isinstance(given, str) else given
        asked = Request(request.method or "GET", url.path, url.query, headers, body)
        answer = self._jira.handle(asked)
        response = Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response.raw = _Raw(answer.body)
        response.url, response.request = request.url or "", request
        return response

    def close(self) -> None:
        """Nothing is held."""


class _Raw(io.BytesIO):
    """A body `requests` can read and release; the message stands where it looks for cookies."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self.headers = Message()

    def release_conn(self) -> None:
        """There is no connection."""
