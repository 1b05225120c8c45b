"""The stand-in Jira as a `requests` adapter: same process, no socket, for fast tests."""

import errno
import io
import time
from collections.abc import Iterator, Mapping
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

from requests import ConnectionError, PreparedRequest, ReadTimeout, Response  # noqa: A004 - requests' own name
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3.exceptions import ProtocolError

from sandbox.api import Jira
from sandbox.wire import Request
from sandbox.wire import Response as Answer

_Timeout = float | tuple[float, float] | tuple[float, None] | None


class SandboxAdapter(BaseAdapter):
    """An adapter that answers from the sandbox: `session.mount("https://acme.example", SandboxAdapter(jira))`."""

    def __init__(self, jira: Jira) -> None:
        super().__init__()
        self._jira = jira

    def send(  # noqa: PLR0917 - the base class's signature
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002, ARG002 - the base class's
        timeout: _Timeout = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002, ARG002 - likewise
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,  # noqa: ARG002 - likewise
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002 - likewise
    ) -> Response:
        """Answer a prepared request with the sandbox's answer."""
        url = urlsplit(request.url or "")
        headers = {name: str(value) for name, value in request.headers.items()}
        given: Any = request.body or b""
        body = given.encode() if isinstance(given, str) else given
        asked = Request(request.method or "GET", url.path, url.query, headers, body)
        answer = self._jira.handle(asked)
        _wait(answer, timeout)
        if answer.is_reset:
            raise ConnectionError("Connection aborted.", ConnectionResetError(errno.ECONNRESET, "reset by the sandbox"))
        return _response(answer, request)

    def close(self) -> None:
        """Do nothing: no connection was opened."""


def _wait(answer: Answer, timeout: _Timeout) -> None:
    patience = timeout[1] if isinstance(timeout, tuple) else timeout
    if patience is not None and answer.delay > patience:
        raise ReadTimeout(f"Read timed out. (read timeout={patience})")
    if answer.delay:
        time.sleep(answer.delay)


def _response(answer: Answer, request: PreparedRequest) -> Response:
    response = Response()
    response.status_code = answer.status
    response.headers = CaseInsensitiveDict(answer.headers)
    response.encoding = get_encoding_from_headers(response.headers)
    response.raw = _Raw(answer)
    response.url, response.request = request.url or "", request
    return response


class _Raw(io.BytesIO):
    """A body that `requests` can read and release, with the message in which it looks for cookies."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body[: answer.cut])
        self._is_cut = answer.cut is not None
        self.headers = Message()

    def stream(self, size: int, decode_content: bool) -> Iterator[bytes]:  # noqa: ARG002, FBT001 - urllib3's signature
        """Yield the body in pieces; end early if it was cut."""
        yield from iter(lambda: self.read(size), b"")
        if self._is_cut:
            raise ProtocolError("Connection broken: IncompleteRead", self.tell())

    def release_conn(self) -> None:
        """Do nothing: no connection was opened."""
