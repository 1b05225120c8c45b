"""A client of Jira whose answers a test writes, and what it has sent."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pytest
import requests
from jira_gate import Gate
from requests.adapters import BaseAdapter

from worker.errors import FatalError, RetryableError
from worker.jira.client import (
    Client,
    open_session,
)
from worker.settings import Connection

TOKEN = "ATATT3xFfGF0-very-secret-token"
EMAIL = "metrics@acme.example"
PATH = "/rest/api/3/search/jql"
BODY = {"jql": "assignee = 'ana.horvat@acme.example'"}
SECRETS = (TOKEN, EMAIL, "ana.horvat", base64.b64encode(f"{EMAIL}:{TOKEN}".encode()).decode())


@dataclass(frozen=True)
class Answer:
    """An answer of Jira, or the error that ends the request."""

    status: int = 200
    body: str = "{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Exception | None = None


class Wire(BaseAdapter):
    """A transport adapter that gives one answer after another, repeats the last one, and records the requests."""

    def __init__(self, *answers: Answer) -> None:
        """Answers in their order."""
        super().__init__()
        self.answers = list(answers)
        self.seen: list[requests.PreparedRequest] = []
        self.timeouts: list[tuple[float, float]] = []

    def send(self, request: requests.PreparedRequest, *_args: Any, **kwargs: Any) -> requests.Response:
        """Record the request and return the next answer."""
        self.seen.append(request)
        self.timeouts.append(kwargs["timeout"])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.error:
            raise answer.error
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.raw = BytesIO(answer.body.encode())
        response.request, response.url = request, str(request.url)
        return response

    def close(self) -> None:
        """Do nothing: no connection is open."""


@dataclass
class Setting:
    """A client with the wire, the limiter and the sleeps that it uses."""

    client: Client
    wire: Wire
    gate: Gate
    naps: list[float]


def setting(
    *answers: Answer, token: str | None = TOKEN, email: str | None = EMAIL, context: str = "", **past: Any
) -> Setting:
    """Return a client that gets these answers; ``past``: what its run went through before."""
    connection = Connection("acme", f"https://acme.example{context}", email=email)
    wire, gate = Wire(*answers), Gate()
    naps: list[float] = []
    session = open_session(1)
    session.mount("https://acme.example", wire)
    return Setting(Client(connection, token, gate, session=session, sleep=naps.append, **past), wire, gate, naps)


def ask(setup: Setting) -> Any:
    """Send the request that all tests send."""
    return setup.client.post(PATH, BODY)


def error_of(setup: Setting) -> FatalError | RetryableError:
    """Return the error of that request, after a check that it is one line without a secret."""
    with pytest.raises((FatalError, RetryableError)) as caught:
        ask(setup)
    error = caught.value
    assert isinstance(error, FatalError | RetryableError)
    message = str(error)
    assert not [secret for secret in SECRETS if secret in message]
    assert "\n" not in message
    return error


def jira_says(*messages: str, **errors: str) -> str:
    """Return a refusal's body."""
    return json.dumps({"errorMessages": list(messages), "errors": errors})
