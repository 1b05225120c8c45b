"""Redaction of nested values: keys, pairs, user objects, exceptions. It never raises and never changes its input."""

import copy
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.redact import MARK, Redactor, redact

KEYS = [
    "password", "DB_PASSWORD", "dbPassword", "smtp-password", "PGPASSWORD", "userPassword", "passwd", "pwd", "db_pass",
    "secret", "client_secret", "clientSecret", "api_key", "apiKey", "X-API-KEY", "access_token", "accessToken",
    "JIRA_TOKEN", "refresh-token", "private_key", "passphrase", "Cookie", "Set-Cookie", "credentials",
    "aws_secret_access_key", "JSESSIONID", "cloud.session.token", "accountId", "displayName", "emailAddress",
    "username", "assignee", "customfield_10021",
]  # fmt: skip
PLAIN_KEYS = [
    "key", "status", "token_env", "token_type", "password_file", "nextPageToken", "max_tokens", "issue_key", "name",
    "task_id", "run_id", "summary", "cache_key", "author_count", "secret_name", "cookie_name", "compass", "keyboard",
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: [{"a": (d,)}]], ids=["flat", "nested"])
def test_a_value_under_a_telling_key_is_hidden_in_any_spelling(key: str, wrap: Any) -> None:
    """In camel, kebab, snake and upper case, at any depth, for text and bytes."""
    assert "opaque" not in repr(redact(wrap({key: "opaque"})))
    assert "opaque" not in repr(redact(wrap({key: b"opaque"})))
    assert "opaque" not in repr(redact(wrap({key.encode(): b"opaque"})))


@pytest.mark.parametrize("key", PLAIN_KEYS)
def test_a_value_under_any_other_key_stays(key: str) -> None:
    """Keys about a secret that do not hold it, and keys that only sound alike."""
    assert redact({key: "opaque"}) == {key: "opaque"}


def test_a_user_object_is_hidden_whole() -> None:
    """Its avatar's address and its time zone identify a person too."""
    user = {"self": "x", "accountId": "5b10", "displayName": "Jane", "timeZone": "Europe/Zagreb"}
    assert redact({"fields": {"lead": user}}) == {"fields": {"lead": dict.fromkeys(user, MARK)}}


def test_name_and_key_are_hidden_under_the_roles_of_people_only() -> None:
    """A status has a name too."""
    issue = {"creator": {"name": "jsmith", "key": "JIRAUSER1"}, "status": {"name": "Done"}}
    assert redact(issue) == {"creator": MARK, "status": {"name": "Done"}}


def test_both_sides_of_a_change_of_assignee_are_hidden() -> None:
    """Jira's changelog has people in from and to."""
    item = {"field": "assignee", "from": "jsmith", "toString": "Jane", "to": None}
    assert redact(item) == {"field": "assignee", "from": MARK, "toString": MARK, "to": None}


def test_pairs_and_flags_are_understood() -> None:
    """Lists of headers, objects with name and value, lists of arguments."""
    assert redact([("Authorization", "Basic Ym90OnB3")]) == [("Authorization", f"Basic {MARK}")]
    assert redact({"name": "DB_PASSWORD", "value": "pw"}) == {"name": "DB_PASSWORD", "value": MARK}
    assert redact(["tool", "--password", "pw", "run"]) == ["tool", "--password", MARK, "run"]
    assert redact({"auth": ("bot", "pw")}) == {"auth": MARK}


def test_two_keys_that_are_hidden_stay_two() -> None:
    """Keys are redacted too. If two become equal, both values stay."""
    assert redact({"a@acme.example": 1, "b@acme.example": 2}) == {MARK: 1, f"{MARK} 2": 2}


def test_what_has_no_text_stays_what_it_is() -> None:
    """Numbers, None, dates and UUIDs are not secrets, except under the key of a password."""
    value = [1, 2.5, None, True, Decimal(3), uuid.UUID(int=4), datetime(2026, 1, 1, tzinfo=UTC)]
    assert redact(value) == value
    assert redact({"pin": 123456, "count": 123456}) == {"pin": MARK, "count": 123456}


def test_containers_keep_their_kind() -> None:
    """A tuple stays a tuple, bytes stay bytes."""
    assert redact(("a", [b"b"], {"c"})) == ("a", [b"b"], {"c"})


def test_exceptions_objects_and_dataclasses_become_redacted_text_and_dicts() -> None:
    """Their repr may contain secrets."""

    @dataclass
    class Settings:
        host: str
        password: str

    assert redact(ValueError("password=hunter2")) == f"ValueError: password={MARK}"
    assert redact(Settings("h", "pw")) == {"host": "h", "password": MARK}
    assert redact(PurePosixPath("a/b")) == "a/b"
    assert "hunter2" not in redact(type("Odd", (), {"__repr__": lambda _: "<Odd password='hunter2'>"})())


def test_nothing_raises_whatever_an_object_does() -> None:
    """A repr that raises, a list that holds itself, a key that is not text."""

    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError

        def __str__(self) -> str:
            raise RuntimeError

    endless: list[Any] = []
    endless.append(endless)
    assert "Hostile" in redact(Hostile())
    assert "levels" in repr(redact(endless))
    assert redact({(1, 2): 3, None: 4, 5: 6}) == {"(1, 2)": 3, None: 4, 5: 6}
    assert "Error" in redact(type("Error", (Exception,), {"__str__": Hostile.__str__})("x"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@settings(max_examples=300)
@given(VALUES)
def test_no_value_makes_it_raise_or_is_changed(value: Any) -> None:
    """Any JSON-like value, any text, any bytes."""
    before = copy.deepcopy(value)
    redact(value)
    Redactor(["secret-value"])(value)
    assert repr(value) == repr(before)


TELLING = st.sampled_from(
    [
        "password",
        "token",
        "=",
        ":",
        '"',
        "'",
        "\\",
        "(",
        "[",
        "{",
        "}",
        "%22",
        "://",
        "@",
        "a.b",
        "eyJ",
        "\n",
        "-----BEGIN",
    ]
)


@settings(max_examples=500)
@given(st.lists(TELLING | st.text(max_size=4), max_size=40).map("".join))
def test_no_text_of_telling_pieces_makes_it_raise(text: str) -> None:
    """Incomplete notations of every kind."""
    assert isinstance(redact(text), str)
