"""What goes wrong on demand: refusals, broken connections and bodies, slow answers, and a limit that is enforced.

Some of it hangs on what is asked for: an issue that no answer can hold, a batch that is too large, a closed project.

A test appends to `jira.faults` or sets `jira.limit`; nothing here happens by itself.
"""

import json
import math
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from sandbox.render import dumps
from sandbox.shapes import Json
from sandbox.wire import Response, refusal

Damage = Callable[[Response], Response]
When = Callable[[Json], bool]

EVERY_TIME: Final = 1_000_000
_IDS: Final = re.compile(r"\bid in \(([\d,]+)\)")

_GATEWAY_TEXT: Final = b"<html><body><h1>Bad gateway</h1></body></html>"


@dataclass(slots=True)
class Fault:
    """A fault in answers of endpoints whose template contains `endpoint`: it skips `after` requests, then affects
    `times`.

    `instead` answers in place of the Jira (nothing is read or changed there), `damage` works on its answer. With `when`
    only requests count whose path, query and body it accepts.
    """

    endpoint: str = ""
    times: int = 1
    after: int = 0
    instead: Response | None = None
    damage: Damage | None = None
    hits: int = 0
    when: When | None = None

    def strikes(self, endpoint: str, asked: Callable[[], Json]) -> bool:
        """Count this request and return whether the fault affects it."""
        if self.endpoint not in endpoint or self.times <= self.hits:
            return False
        if self.when and not self.when(asked()):
            return False
        if self.after:
            self.after -= 1
            return False
        self.hits += 1
        return True


def too_many(retry_after: int | None = 1, *, endpoint: str = "", times: int = 1, after: int = 0) -> Fault:
    """Return 429 with Jira's headers, or as a gateway sends it: without Retry-After and not in JSON."""
    if retry_after is None:
        headers = {"X-Failure-Category": "FAILURE CLIENT RATE LIMITED", "Content-Type": "text/html"}
        return Fault(endpoint, times, after, Response(429, b"<html>Too many requests</html>", headers))
    headers = {
        "Retry-After": str(retry_after),
        "X-RateLimit-Limit": "350",
        "X-RateLimit-Remaining": "0",
        "RateLimit-Reason": "jira-burst-based",
    }
    return Fault(endpoint, times, after, replace(refusal(429, "Rate limit exceeded."), headers=headers))


def failing(
    status: int = 503, *, retry_after: int | None = None, endpoint: str = "", times: int = 1, after: int = 0
) -> Fault:
    """Return an error of a server or gateway, not in JSON; 401 or 403 too, for a login that is lost."""
    headers = {"Content-Type": "text/html"} | ({"Retry-After": str(retry_after)} if retry_after is not None else {})
    return Fault(endpoint, times, after, Response(status, _GATEWAY_TEXT, headers))


def reset(*, endpoint: str = "", times: int = 1, after: int = 0) -> Fault:
    """Return a fault that resets the connection instead of an answer."""
    return Fault(endpoint, times, after, damage=lambda answer: replace(answer, is_reset=True))


def cut(share: float = 0.5, *, endpoint: str = "", times: int = 1, after: int = 0) -> Fault:
    """Return a fault that ends the body after a share of the promised length."""
    return Fault(endpoint, times, after, damage=lambda answer: replace(answer, cut=int(len(answer.body) * share)))


def half_json(*, endpoint: str = "", times: int = 1, after: int = 0) -> Fault:
    """Return a body of the promised length that ends in the middle of its JSON."""
    return Fault(
        endpoint, times, after, damage=lambda answer: replace(answer, body=answer.body[: len(answer.body) // 2])
    )


def not_json(*, endpoint: str = "", times: int = 1, after: int = 0) -> Fault:
    """Return 200 with a text that is neither JSON nor HTML, as a proxy answers while it starts."""
    return Fault(endpoint, times, after, Response(200, b"upstream starting", {"Content-Type": "text/plain"}))


def login_page(title: str = "Log in", *, endpoint: str = "", times: int = 1, after: int = 0) -> Fault:
    """Return 200 with an HTML page, as a single sign-on in front of Jira answers."""
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>SAML</body></html>"
    return Fault(endpoint, times, after, Response(200, page.encode(), {"Content-Type": "text/html;charset=UTF-8"}))


def redirect(location: str, *, endpoint: str = "", times: int = 1, after: int = 0) -> Fault:
    """Return 302 to another place, as a single sign-on or a moved site answers."""
    return Fault(endpoint, times, after, Response(302, b"", {"Location": location}))


def captcha(*, endpoint: str = "", times: int = 1, after: int = 0) -> Fault:
    """Return 403 before the password is checked: after too many failed logins Jira requires a CAPTCHA."""
    headers = {
        "Content-Type": "text/html;charset=UTF-8",
        "X-Seraph-LoginReason": "AUTHENTICATION_DENIED",
        "X-Authentication-Denied-Reason": "CAPTCHA_CHALLENGE; login-url=https://acme.example/login.jsp",
    }
    page = b"<html><head><title>Forbidden (403)</title></head><body>Basic Authentication Failure</body></html>"
    return Fault(endpoint, times, after, Response(403, page, headers))


def slow(seconds: float, *, endpoint: str = "", times: int = 1, after: int = 0) -> Fault:
    """Return a fault that delays the answer."""
    return Fault(endpoint, times, after, damage=lambda answer: replace(answer, delay=seconds))


def without(key: str, *, endpoint: str = "", times: int = 1, after: int = 0) -> Fault:
    """Return a fault that removes a required key from the answer."""
    return Fault(endpoint, times, after, damage=lambda answer: _edited(answer, lambda body: body.pop(key, None)))


def repeated_token(*, endpoint: str = "", times: int = 1, after: int = 0) -> Fault:
    """Return a fault that repeats the token of the first affected page, so that a reader could loop."""
    first: list[object] = []

    def repeat(body: dict[str, object]) -> None:
        first.append(body.get("nextPageToken", "again"))
        body["nextPageToken"] = first[0]
        if "isLast" in body:
            body["isLast"] = False

    return Fault(endpoint, times, after, damage=lambda answer: _edited(answer, repeat))


def empty_page(*, endpoint: str = "", times: int = 1, after: int = 0) -> Fault:
    """Return a page with its token, but without its issues."""

    def drain(body: dict[str, object]) -> None:
        body.update({name: [] for name in ("issues", "issueChangeLogs", "values") if name in body})

    return Fault(endpoint, times, after, damage=lambda answer: _edited(answer, drain))


def asked_ids(asked: Json) -> list[str]:
    """Return the issues that a request names by id: a batch, a search with `id in (…)`, the history of one."""
    if "issueIdsOrKeys" in asked:
        return [str(number) for number in asked["issueIdsOrKeys"]]
    if "issue" in asked:
        return [str(asked["issue"])]
    match = _IDS.search(str(asked.get("jql", "")))
    return match[1].split(",") if match else []


def poisoned(*numbers: int, status: int = 500, endpoint: str = "", times: int = EVERY_TIME) -> Fault:
    """Return a fault for issues that cannot be rendered: every request that names one of them gets a server error."""
    words = refusal(status, "Internal server error")
    return Fault(endpoint, times, instead=words, when=_names(numbers))


def poisoned_cut(*numbers: int, endpoint: str = "", times: int = EVERY_TIME) -> Fault:
    """Return a fault as `poisoned` does, but with a body that is cut off."""
    half = cut()
    return Fault(endpoint, times, damage=half.damage, when=_names(numbers))


def named_in_errors(*numbers: int, times: int = EVERY_TIME) -> Fault:
    """Return a fault of the bulk fetch, which omits these issues and names them in `issueErrors`."""
    left_out = {str(number) for number in numbers}

    def name(body: Json) -> None:
        present = [issue["id"] for issue in body["issues"] if issue["id"] in left_out]
        body["issues"] = [issue for issue in body["issues"] if issue["id"] not in left_out]
        words = "The issue could not be loaded because of a payload constraint."
        body["issueErrors"] = [{"id": number, "errorMessage": words} for number in present]

    return Fault("issue/bulkfetch", times, damage=lambda answer: _edited(answer, name), when=_names(numbers))


def too_large(most: int, *, status: int = 413, endpoint: str = "", times: int = EVERY_TIME) -> Fault:
    """Return a gateway's limit: a request that names more issues than the limit is refused."""
    words = refusal(status, f"The payload exceeds the limit of {most} issues.")
    return Fault(endpoint, times, instead=words, when=lambda asked: len(asked_ids(asked)) > most)


def refused_jql(words: str, *, times: int = EVERY_TIME) -> Fault:
    """Return a site that refuses every JQL with these words, as one does where it has no such field."""
    answer = refusal(400, f"Field '{words}' does not exist or you do not have permission to view it.")
    return Fault("search", times, instead=answer, when=lambda asked: words in str(asked.get("jql", "")))


def closed_versions(*projects: str, status: int = 404, times: int = EVERY_TIME) -> Fault:
    """Return a fault that refuses the versions of these projects (by id or key), while their issues are shown."""
    words = "No project could be found." if status == 404 else "You cannot view this project."  # noqa: PLR2004 - HTTP's
    return Fault(
        "/versions", times, instead=refusal(status, words), when=lambda asked: asked.get("project") in projects
    )


def contradicting_end(*, endpoint: str = "", times: int = EVERY_TIME) -> Fault:
    """Return a fault that marks every page as the last, while earlier pages carry a token."""
    return Fault(endpoint, times, damage=lambda answer: _edited(answer, lambda body: body.update(isLast=True)))


def _names(numbers: Iterable[int]) -> When:
    wanted = {str(number) for number in numbers}
    return lambda asked: not wanted.isdisjoint(asked_ids(asked))


def _edited(answer: Response, edit: Callable[[Json], object]) -> Response:
    body = json.loads(answer.body)
    if answer.status != 200 or not isinstance(body, dict):  # noqa: PLR2004 - HTTP's OK
        return answer
    edit(body)
    return replace(answer, body=dumps(body))


@dataclass(slots=True)
class Limit:
    """At most `requests` in any `per_seconds`, counted on arrival; refused requests do not count.

    `most` is the largest number that ever arrived in such a window, refused ones too: what a client is judged by.
    """

    requests: int
    per_seconds: float
    ticks: Callable[[], float] = time.monotonic
    refused: int = 0
    most: int = 0
    _admitted: deque[float] = field(default_factory=deque)
    _arrived: deque[float] = field(default_factory=deque)

    def refusal(self) -> Response | None:
        """Count an arrival and return 429 if it exceeds the limit."""
        now = self._forget_the_past()
        self._arrived.append(now)
        self.most = max(self.most, len(self._arrived))
        if len(self._admitted) < self.requests:
            self._admitted.append(now)
            return None
        self.refused += 1
        headers = {**self.headers(), "RateLimit-Reason": "jira-burst-based"}
        return replace(refusal(429, "Rate limit exceeded."), headers=headers)

    def headers(self) -> Mapping[str, str]:
        """Return the headers of each Data Center answer; `retry-after` is 0 while requests remain."""
        now = self._forget_the_past()
        left = self.requests - len(self._admitted)
        wait = 0 if left else max(math.ceil(self._admitted[0] + self.per_seconds - now), 1)
        return {
            "X-RateLimit-Limit": str(self.requests),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Interval-Seconds": f"{self.per_seconds:g}",
            "X-RateLimit-FillRate": str(self.requests),
            "Retry-After": str(wait),
        }

    def _forget_the_past(self) -> float:
        now = self.ticks()
        for seen in (self._admitted, self._arrived):
            while seen and seen[0] <= now - self.per_seconds:
                seen.popleft()
        return now
