"""Redaction of texts: every notation of a secret or a person, and what has to stay readable."""

import pytest

from worker.redact import MARK, redact

HIDDEN = [
    ("""auth=('bot', 'pw')""", "pw"),
    ("""b'{"password": "hunter2"}'""", "hunter2"),
    (r"""b'{"password": "hun\\"ter2"}'""", "ter2"),
    ("run --password pw --verbose", " pw "),
    ("run --password=pw --verbose", "=pw"),
    ("['tool', '--api-token', 'pw1']", "pw1"),
    ('["DB_PASSWORD"] = "pw word"', "word"),
    ("<password>pw</password>", ">pw<"),
    ("<wsse:Password Type='text'>pw</wsse:Password>", ">pw<"),
    ('<entry key="db.password">pw</entry>', ">pw<"),
    ("token MDEyMzQ1Njc4OTAxOjAxMjM0NTY3ODkwMTIzNDU2Nzg5 used", "MDEy"),
    (r'{"body": "{\"client_secret\": \"pw-1\"}"}', "pw-1"),
    (r'"\"{\\\"client_secret\\\": \\\"pw-1\\\"}\""', "pw-1"),
    ("body=%7B%22password%22%3A%22pw-1%22%7D", "pw-1"),
    ("body=%257B%2522password%2522%253A%2522pw-1%2522%257D", "pw-1"),
    ("&quot;password&quot;:&quot;pw-1&quot;", "pw-1"),
    (r"{\u0022password\u0022:\u0022pw-1\u0022}", "pw-1"),
    ("grant_type=client&client_secret=pw1&scope=a", "pw1"),
    ("password = correct horse battery", "battery"),
    ("password: |\n  line one\n  line two\nnext: 1", "two"),
    ("PASSWORD='it''s'", "s'"),
    ("mysql -u root -phunter2 db", "hunter2"),
    ("sshpass -p hunter2 ssh host", "hunter2"),
    ("redis-cli -a hunter2 ping", "hunter2"),
    ("curl -u bot:hunter2 https://acme.example", "hunter2"),
    ("the password is hunter2", "hunter2"),
    ("token for https://acme.example: abc12345", "abc12345"),
    ("redis://:pw@cache:6379/0", "pw"),
    ("postgresql://app:p/w#1@db/x", "w#1"),
    (r'{"url": "redis:\/\/:pw@cache:6379"}', ":pw@"),
    ("url=redis%3A%2F%2F%3Apw%40cache", "pw"),
    ("https://ghp_0123456789abcdefABCDEF0123456789abcd@github.com/x", "0123"),
    ("Cookie: a=1; JSESSIONID=0123", "0123"),
    ("<RequestsCookieJar[<Cookie sid2=0123 for acme/>]>", "0123"),
    ('Authorization: Digest username="bot", response="abcdef"', "abcdef"),
    (r"send: b'GET /\r\nAuthorization: Basic Ym90OnB3\r\nAccept: */*\r\n'", "Ym90"),
    ("[(b'authorization', b'Basic Ym90OnB3')]", "Ym90"),
    ("sent Ym90LWFiOnNlY3JldHB3", "Ym90"),
    ("?code=4/0AX4XfWhabcdEF12&state=xyz", "AX4"),
    ("HTTPBasicAuth('bot', 'pw')", "'pw'"),
    (r"-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----", "MIIabc"),
    ("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\nMIIdef", "MIIdef"),
    ("key LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1JSWFiYwo= read", "LS0t"),
    ("jira token abcDEF123456ghiJKL789012", "abcDEF"),
    ('{"name": "DB_PASSWORD", "value": "pw"}', '"pw"'),
    ("AccountKey=abc123==;EndpointSuffix=x", "abc123"),
    ("Password for user app: hunter2", "hunter2"),
    ("password -> hunter2", "hunter2"),
    ("| password | hunter2 |", "hunter2"),
    ("<password><![CDATA[hunter2]]></password>", "hunter2"),
]
PEOPLE = [
    ("mail from jane.doe@acme.example", "jane"),
    ("email=jane.doe%40acme.example&x=1", "jane"),
    ('{"displayName": "Jane Doe", "accountId": "5b10ac8d82e05b22cc7d4ef5"}', "5b10"),
    ('{"displayName": "Jane Doe"}', "Doe"),
    ("displayName=Jane van Doe, id=1", "Doe"),
    ('"author": {"self": "x", "name": "jsmith", "avatarUrls": {"48": "u"}}, "id": 3', "jsmith"),
    ("assignee = jsmith AND project = PAY", "jsmith"),
    ('reporter in ("Jane Doe", currentUser(), bob)', "Doe"),
    ('reporter in ("Jane Doe", currentUser(), bob)', "bob"),
    ("assignee was jsmith", "jsmith"),
    ("The value 'jsmith' does not exist for the field 'assignee'.", "jsmith"),
    ("[\"The value 'Jane O'Brien' does not exist for the field 'reporter'.\"]", "Brien"),
    ("The value 'jsmith' does not exist for the field 'cf[10016]'.", "jsmith"),
    ('{"why": "The user \\"Jane Doe\\" does not exist"}', "Doe"),
    ("GET /search?jql=assignee%20%3D%20jsmith%20ORDER", "jsmith"),
    ("GET /search?jql=assignee+%3D+jsmith+AND+x", "jsmith"),
    ("status changed BY jsmith AFTER -1d", "jsmith"),
    ("status changed by jsmith", "jsmith"),
    ('status changed FROM "In Progress" TO Done by "J. Smith" AFTER -1w', "J. Smith"),
    ('{"jql": "status changed by (\\"jsmith\\", \\"asmith\\") AND project = PAY"}', "smith"),
    ('"status" changed DURING (-4w, now()) BY (jsmith, currentUser())', "jsmith"),
    ("status was not in (Done, Closed) by jsmith before -1w", "jsmith"),
    ("status was Done by jsmith", "jsmith"),
    ("assignee changed from jsmith to (asmith, empty)", "smith"),
    ("assignee was not in (jsmith, 'asmith')", "smith"),
    ("assignee in (jsmith", "smit"),
    ("assignee in (currentUser(), membersOf(team-smith))", "smith"),
    ("assignee in membersOf('Smith family')", "Smith"),
    ("issue in updatedBy(jsmith, -8d)", "jsmith"),
    ("[~jsmith] wrote", "jsmith"),
    ("GET /rest/api/2/user?key=JIRAUSER10100", "10100"),
    ("557058:0f9a1b2c-1111-2222-3333-444455556666 left", "0f9a"),
    ('{"field": "assignee", "from": "jsmith", "fromString": "Jane"}', "Jane"),
    ('"customfield_10021": {"value": "gold", "n": [1]}, "id": 3', "gold"),
]
UNTOUCHED = [
    "GET /rest/api/3/issue/PAY-12 answered 200 in 0.123 s, 5321 bytes",
    "commit 9f2c1d4e5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d deployed as v1.2.3",
    "run 5e1f7a34-1c2d-4e5f-8a9b-000000000001 of profile payments",
    "jql: project = PAY AND status changed to Done AFTER -9d ORDER BY updated ASC",
    "assignee = currentUser() AND resolution is EMPTY",
    "assignee was in (currentUser()) AND status changed BY currentUser()",
    "status changed FROM Open TO (Done, Closed) DURING (2026-01-01, 2026-02-01)",
    "status changed by the sweep; priority was set by rule 5; the schema changed by migration 2",
    "connections.x.token_env must be the name of a variable, not a token\n/srv/team1/flowbeat.toml: timezone is none",
    "reporter: null, assignee: Unassigned",
    "The value 'NOPE' does not exist for the field 'project'.",
    "Field 'assignee' does not exist or you do not have permission to view it.",
    'password authentication failed for user "flowbeat"',
    'token_env = "ACME_JIRA_TOKEN"',
    "password_file=/run/secrets/jira",
    "Invalid token: expired",
    "token: str, password: str | None = None",
    "    token = settings.token",
    "password=${DB_PASSWORD}",
    "postgresql://app:***@db/x",
    "max_tokens=512, tokens: 100",
    '{"key": "PAY-1", "nextPageToken": "Ch0jU3RyaW5nJlVFRlpUVDA9JUludCZOVFkEEGQx9Z"}',
    "celery@worker-1.acme.internal ready.",
    "git clone git@github.com:acme/payments.git",
    "Bearer authentication required, Basic auth is off",
    "X-Atlassian-Token: no-check",
    "KeyError: 'password'",
    "columns ['password', 'email']",
    "status code: 404, exit code=1",
    "auth: ok",
    "http://localhost:8080/rest?jql=project%20%3D%20PAY",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    '"customfield_10021": null',
    "",
]


@pytest.mark.parametrize(("text", "secret"), HIDDEN)
def test_a_secret_is_hidden_in_every_notation(text: str, secret: str) -> None:
    """A mark replaces the secret."""
    redacted = redact(text)
    assert secret not in redacted
    assert MARK in redacted


@pytest.mark.parametrize(("text", "person"), PEOPLE)
def test_people_and_custom_fields_are_hidden_where_a_key_or_a_shape_names_them(text: str, person: str) -> None:
    """Account ids, names, addresses, user objects, people in JQL, values of customfield_N."""
    redacted = redact(text)
    assert person not in redacted
    assert MARK in redacted


@pytest.mark.parametrize("text", UNTOUCHED)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    """Redacting too much is a failure too."""
    assert redact(text) == text


def test_only_the_value_goes_and_the_rest_stays_readable() -> None:
    """The text around a secret helps to find the cause of a fault."""
    redacted = redact("POST /token?client_id=7&client_secret=abc answered 401 in 0.2 s")
    assert redacted == f"POST /token?client_id=7&client_secret={MARK} answered 401 in 0.2 s"


def test_jql_keeps_all_but_its_people() -> None:
    """Functions, fields and order stay, so that the query can still be understood."""
    redacted = redact('project = PAY AND assignee = jsmith AND reporter in ("Jane Doe", currentUser()) ORDER BY rank')
    assert redacted == f"project = PAY AND assignee = {MARK} AND reporter in ({MARK}, currentUser()) ORDER BY rank"


def test_the_scheme_of_a_header_stays() -> None:
    """It shows whether a request used Basic or Bearer."""
    assert redact("Authorization: Basic Ym90OnB3") == f"Authorization: Basic {MARK}"
    assert redact({"Authorization": "Bearer abc"}) == {"Authorization": f"Bearer {MARK}"}


@pytest.mark.parametrize("text", [text for text, _ in HIDDEN + PEOPLE])
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    """An entry may be redacted more than once."""
    once = redact(text)
    assert redact(once) == once
