"""Made-up secrets in the places secrets turn up in, and ordinary lines, all from a seed: what redaction is measured on.

Two sets that share no template: ``DEVELOPED`` was looked at while the patterns were written, ``HELD_OUT`` only scored.
Each place is a function of a key and a secret that gives the text and what of the secret must not be left in it.
"""

import base64
import html
import json
import random
import string
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, urlencode

_ALNUM = string.ascii_letters + string.digits
_URLSAFE = _ALNUM + "-_"
_BASE64 = _ALNUM + "+/"
_HEX = "0123456789abcdef"
Place = Callable[[str, str], tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Case:
    """A text, and the part of it that must be gone after redaction; ``kind`` and ``place`` name it in reports."""

    kind: str
    place: str
    text: str
    needle: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """A seed with its kinds of shaped secrets, its keys for free-form ones, and its places for both."""

    seed: int
    shaped: dict[str, Callable[[random.Random], str]]
    keys: tuple[str, ...]
    passwords: Callable[[random.Random], str]
    places: dict[str, Place]
    bare_places: dict[str, Place]

    def cases(self, shaped_each: int, passwords: int) -> Iterator[Case]:
        """Yield every secret in every place: shaped ones also where no key names them."""
        rng = random.Random(self.seed)
        for kind, make in self.shaped.items():
            for _ in range(shaped_each):
                secret = make(rng)
                key = rng.choice(self.keys)
                for name, place in (self.bare_places | self.places).items():
                    yield Case(kind, name, *place(key, secret))
        for _ in range(passwords):
            secret, key = self.passwords(rng), rng.choice(self.keys)
            for name, place in self.places.items():
                yield Case(f"under {key}", name, *place(key, secret))


def _some(rng: random.Random, alphabet: str, length: int) -> str:
    return "".join(rng.choices(alphabet, k=length))


def _mixed(rng: random.Random, alphabet: str, length: int) -> str:
    """Random text that has a capital, a small letter and two digits, as any long random token has."""
    while True:
        made = _some(rng, alphabet, length)
        if any(c.isupper() for c in made) and any(c.islower() for c in made) and sum(c.isdigit() for c in made) > 1:
            return made


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def _jwt(rng: random.Random) -> str:
    return ".".join(
        (_segment({"alg": "HS256", "typ": "JWT"}), _segment({"sub": _some(rng, _HEX, 12)}), _some(rng, _URLSAFE, 43))
    )


def _data_center(rng: random.Random) -> str:
    return base64.b64encode(f"{rng.randrange(10**12):012d}:".encode() + rng.randbytes(20)).decode()


def _login(rng: random.Random) -> str:
    return base64.b64encode(f"bot-{_some(rng, string.ascii_lowercase, 4)}:{_some(rng, _ALNUM, 14)}".encode()).decode()


def _key_block(rng: random.Random) -> str:
    body = "\n".join(_some(rng, _BASE64, 64) for _ in range(4))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"


SHAPED: dict[str, Callable[[random.Random], str]] = {
    "atlassian api token": lambda r: f"ATATT3xFfGF0{_some(r, _URLSAFE, 172)}={_some(r, '0123456789ABCDEF', 8)}",
    "atlassian admin key": lambda r: f"ATCTT3xFfGN0{_some(r, _URLSAFE, 172)}={_some(r, '0123456789ABCDEF', 8)}",
    "atlassian service token": lambda r: f"ATSTT3xFf{_some(r, _URLSAFE, 120)}={_some(r, '0123456789ABCDEF', 8)}",
    "data center token": _data_center,
    "bitbucket token": lambda r: f"BBDC-{_some(r, string.digits + string.ascii_letters, 44)}",
    "jwt": _jwt,
    "basic login": _login,
    "aws access key": lambda r: f"AKIA{_some(r, string.ascii_uppercase + '234567', 16)}",
    "aws secret key": lambda r: _mixed(r, _BASE64, 40),
    "google api key": lambda r: f"AIza{_some(r, _URLSAFE, 35)}",
    "google client secret": lambda r: f"GOCSPX-{_some(r, _URLSAFE, 28)}",
    "github token": lambda r: f"{r.choice(('ghp', 'gho', 'ghu', 'ghs', 'ghr'))}_{_some(r, _ALNUM, 36)}",
    "github fine token": lambda r: f"github_pat_{_some(r, _ALNUM, 22)}_{_some(r, _ALNUM, 59)}",
    "gitlab token": lambda r: f"glpat-{_some(r, _URLSAFE, 20)}",
    "slack token": lambda r: f"xoxb-{_some(r, string.digits, 11)}-{_some(r, string.digits, 12)}-{_some(r, _ALNUM, 24)}",
    "stripe key": lambda r: f"sk_live_{_some(r, _ALNUM, 24)}",
    "key block": _key_block,
    "e-mail": lambda r: (
        f"{_some(r, string.ascii_lowercase, 5)}.{_some(r, string.ascii_lowercase, 7)}@{_some(r, _HEX, 8)}.example"
    ),
}


def _password(rng: random.Random) -> str:
    """Free-form: letters, digits and the signs people use, never only digits."""
    return (
        rng.choice(string.ascii_letters)
        + _some(rng, _ALNUM + "!$%^*_-+.@#~", rng.randrange(7, 24))
        + rng.choice(_ALNUM)
    )


def _quoted(secret: str) -> str:
    return json.dumps(secret)[1:-1]


def _in_json_in_json(key: str, secret: str) -> tuple[str, str]:
    inner = json.dumps({"user": 1, key: secret, "ok": True})
    return json.dumps({"level": "info", "body": inner}), _quoted(_quoted(secret))


KEYED_PLACES: dict[str, Place] = {
    "json": lambda k, s: (json.dumps({"id": 7, k: s, "ok": True}), _quoted(s)),
    "pretty json": lambda k, s: (json.dumps({"id": 7, k: s, "ok": True}, indent=2), _quoted(s)),
    "json in json": _in_json_in_json,
    "repr": lambda k, s: (f"request failed for { ({'id': 7, k: s, 'ok': None})!r}", repr(s)[1:-1]),
    "bytes repr": lambda k, s: (f"sent {json.dumps({k: s, 'z': 1}).encode()!r}", repr(_quoted(s))[1:-1]),
    "keyword arguments": lambda k, s: (
        f"Client(url='https://acme.example', {k.replace('-', '_')}={s!r}, n=3)",
        repr(s)[1:-1],
    ),
    "form": lambda k, s: (f"grant_type=client&{urlencode({k: s})}&scope=read", quote_plus(s)),
    "query": lambda k, s: (f"GET /rest/api/3/myself?a=1&{quote(k)}={quote(s, safe='')} HTTP/1.1", quote(s, safe="")),
    "toml": lambda k, s: (f'[jira]\nurl = "x"\n{k} = {json.dumps(s)}\nretries = 3', _quoted(s)),
    "environment": lambda k, s: (f"export {k.upper().replace('-', '_')}={s}", s),
    "environ entry": lambda k, s: (f'os.environ["{k.upper()}"] = {json.dumps(s)}', _quoted(s)),
    "yaml": lambda k, s: (f"jira:\n  {k}: {json.dumps(s)}\n  retries: 3", _quoted(s)),
    "xml": lambda k, s: (f"<settings><{k}>{html.escape(s)}</{k}><n>3</n></settings>", html.escape(s)),
    "flag": lambda k, s: (f"ran tool --verbose --{k} '{s}' --retries 3", s),
    "flag with =": lambda k, s: (f"ran tool --{k}={s} --retries 3", s),
    "pair": lambda k, s: (f"headers [('Accept', '*/*'), ({k!r}, {s!r})]", repr(s)[1:-1]),
    "colon": lambda k, s: (f"starting with {k}: {s}", s),
    "assignment in a traceback": lambda k, s: (
        f'  File "x.py", line 3, in f\n    {k.replace("-", "_")} = {s!r}\nValueError: no',
        repr(s)[1:-1],
    ),
}
BARE_PLACES: dict[str, Place] = {
    "sentence": lambda _, s: (f"could not use {s} for the login", s),
    "quoted": lambda _, s: (f"value '{s}' refused", s),
    "list": lambda _, s: (f"arguments [{s!r}, 3]", repr(s)[1:-1]),
    "bearer": lambda _, s: (f"Authorization: Bearer {s}", s),
    "curl": lambda _, s: (f"curl -H 'Authorization: Bearer {s}' https://acme.example/rest", s),
    "header repr": lambda _, s: (f"{ ({'Authorization': 'Bearer ' + s, 'Accept': '*/*'})!r}", repr(s)[1:-1]),
    "url password": lambda _, s: (
        f"redis://default:{quote(s, safe='')}@cache.acme.example:6379/0 refused",
        quote(s, safe=""),
    ),
    "cookie": lambda _, s: (f"Cookie: a=1; session={quote(s)}; b=2", quote(s)),
    "end of line": lambda _, s: (f"got {s}", s),
    "start of line": lambda _, s: (f"{s} is not known", s),
    "in brackets": lambda _, s: (f"checked ({s}) twice", s),
    "after an arrow": lambda _, s: (f"old -> {s}; done", s),
    "auth tuple": lambda _, s: (f"get(url, auth=('bot', {s!r}), timeout=3)", repr(s)[1:-1]),
    "written newline": lambda _, s: (f"body: {json.dumps('first' + chr(10) + s + chr(10) + 'last')}", _quoted(s)),
}
KEYS = (
    "password",
    "db_password",
    "dbPassword",
    "DB_PASSWORD",
    "smtp-password",
    "client_secret",
    "clientSecret",
    "api_key",
    "apiKey",
    "x-api-key",
    "api-token",
    "accessToken",
    "refresh_token",
    "JIRA_TOKEN",
    "secret",
    "private_key",
    "passphrase",
    "aws_secret_access_key",
)
DEVELOPED = Corpus(20_261, SHAPED, KEYS, _password, KEYED_PLACES, BARE_PLACES)


# --- held out: other formats' spellings, other templates, another seed ----------------------------------------------

HELD_SHAPED: dict[str, Callable[[random.Random], str]] = {
    "atlassian api token": lambda r: f"ATATT3{_some(r, _URLSAFE, 180)}={_some(r, '0123456789ABCDEF', 8)}",
    "atlassian service token": lambda r: f"ATSTT{_some(r, _URLSAFE, 60)}",
    "data center token": _data_center,
    "jwt": lambda r: f"eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.{_some(r, _URLSAFE, 60)}.{_some(r, _URLSAFE, 86)}",
    "basic login": lambda r: base64.b64encode(
        f"{_some(r, _HEX, 6)}@acme.example:{_some(r, _ALNUM, 20)}".encode()
    ).decode(),
    "aws session key": lambda r: f"ASIA{_some(r, string.ascii_uppercase + '234567', 16)}",
    "google token": lambda r: f"ya29.a0{_some(r, _URLSAFE, 120)}",
    "github token": lambda r: f"ghs_{_some(r, _ALNUM, 36)}",
    "gitlab token": lambda r: f"{r.choice(('glrt', 'gldt', 'glptt'))}-{_some(r, _URLSAFE, 20)}",
    "slack token": lambda r: f"xoxp-{_some(r, string.digits, 12)}-{_some(r, string.digits, 12)}-{_some(r, _HEX, 32)}",
    "stripe key": lambda r: f"{r.choice(('rk_live', 'sk_test'))}_{_some(r, _ALNUM, 99)}",
    "key block": lambda r: _key_block(r).replace("RSA", "OPENSSH"),
    "e-mail": lambda r: f"{_some(r, 'abc', 3)}+{_some(r, '123', 2)}@mail.team-{_some(r, _HEX, 3)}.org",
}
HELD_KEYS = (
    "PGPASSWORD",
    "userPassword",
    "new-password",
    "admin_passwd",
    "pwd",
    "Client-Secret",
    "consumer_secret",
    "appSecret",
    "X-Auth-Token",
    "apikey",
    "API-KEY",
    "idToken",
    "oauth_token",
    "signingKey",
    "encryption_key",
    "jiraApiToken",
    "credentials",
    "webhook_secret",
)


def _held_password(rng: random.Random) -> str:
    return (
        "-".join(_some(rng, _ALNUM, rng.randrange(3, 7)) for _ in range(3))
        + rng.choice("!?*^~")
        + _some(rng, _ALNUM, 2)
    )


HELD_PLACES: dict[str, Place] = {
    "compact json": lambda k, s: (json.dumps([{k: s}], separators=(",", ":")), _quoted(s)),
    "thrice json": lambda k, s: (json.dumps(json.dumps(json.dumps({k: s, "n": None}))), _quoted(_quoted(_quoted(s)))),
    "repr of json": lambda k, s: (repr(json.dumps({k: s})), repr(_quoted(s))[1:-1]),
    "nested repr": lambda k, s: (repr({"conn": {"opts": [{k: s}]}}), repr(s)[1:-1]),
    "ini": lambda k, s: (f"[jira]\n{k} = {s}\nport = 80", s),
    "env file": lambda k, s: (f"PORT=80\n{k.upper().replace('-', '_')}='{s}'\nHOST=h", s),
    "docker": lambda k, s: (f"docker run -e {k.upper().replace('-', '_')}={s} -p 80:80 image", s),
    "kubernetes": lambda k, s: (f'{{"name": "{k}", "value": "{_quoted(s)}"}}', _quoted(s)),
    "flag in a list": lambda k, s: (repr(["tool", f"--{k}", s, "run"]), repr(s)[1:-1]),
    "attribute": lambda k, s: (f'<server {k}="{html.escape(s)}" port="80"/>', html.escape(s)),
    "property": lambda k, s: (f'<entry key="{k}">{html.escape(s)}</entry>', html.escape(s)),
    "percent-encoded json": lambda k, s: (f"body={quote(json.dumps({k: s}), safe='')}", quote(_quoted(s), safe="")),
    "ruby arrow": lambda k, s: (f'{{:{k.replace("-", "_")}=>"{s}", :n=>1}}', s),
    "raw header": lambda k, s: (f"GET / HTTP/1.1\\r\\nHost: h\\r\\n{k}: {s}\\r\\nAccept: */*\\r\\n\\r\\n", s),
    "dataclass repr": lambda k, s: (f"Settings(host='h', {k.replace('-', '_').lower()}={s!r})", repr(s)[1:-1]),
    "semicolons": lambda k, s: (f"Server=h;Uid=u;{k}={s};Encrypt=yes", s),
    "javascript": lambda k, s: (f"{{ host: 'h', '{k}': `{s}`, n: 1 }}", s),
}
HELD_BARE: dict[str, Place] = {
    "exception": lambda _, s: (f"ValueError: {s!r} is not allowed", repr(s)[1:-1]),
    "comma": lambda _, s: (f"row 3,{s},ok", s),
    "colon": lambda _, s: (f"received:{s}", s),
    "markdown": lambda _, s: (f"use `{s}` here", s),
    "html": lambda _, s: (f"<td>{s}</td>", s),
    "tabs": lambda _, s: (f"1\t{s}\t2", s),
    "percent-encoded": lambda _, s: (f"/x?q=%22{quote(s, safe='')}%22", quote(s, safe="")),
    "json list": lambda _, s: (json.dumps([s, 1]), _quoted(s)),
    "basic auth call": lambda _, s: (f"HTTPBasicAuth('bot', {s!r})", repr(s)[1:-1]),
    "database url": lambda _, s: (f"postgresql+psycopg://app:{quote(s, safe='')}@db/x", quote(s, safe="")),
    "unicode escape": lambda _, s: (f"{{\\u0022x\\u0022: \\u0022{s}\\u0022}}", s),
    "braces": lambda _, s: (f"{{{s}}}", s),
    "bytes": lambda _, s: (repr(f"x {s} y".encode()), repr(s.encode())[2:-1]),
    "http debug": lambda _, s: (f"send: b'GET / HTTP/1.1\\r\\nAuthorization: Bearer {s}\\r\\n\\r\\n'", s),
}
HELD_OUT = Corpus(77_003, HELD_SHAPED, HELD_KEYS, _held_password, HELD_PLACES, HELD_BARE)


# --- ordinary lines -------------------------------------------------------------------------------------------------

_ORDINARY: tuple[Callable[[random.Random], str], ...] = (
    lambda r: f"GET /rest/api/3/issue/PAY-{r.randrange(9999)} answered 200 in 0.{r.randrange(999):03d} s",
    lambda r: f"Task tasks.fetch.slice[{uuid.UUID(int=r.getrandbits(128))}] succeeded in {r.random():.6f}s: None",
    lambda r: f"run {uuid.UUID(int=r.getrandbits(128))} of profile payments: fetch, {r.randrange(5000)} of 5000",
    lambda r: f"commit {_some(r, _HEX, 40)} deployed as v{r.randrange(9)}.{r.randrange(40)}.{r.randrange(9)}",
    lambda r: (
        f"PAY-{r.randrange(9999)} moved from In Progress to {r.choice(('Done', 'Blocked'))} after {r.randrange(90)} h"
    ),
    lambda r: f'jql: project = PAY AND status changed to "Done" AFTER -{r.randrange(90)}d ORDER BY updated ASC',
    lambda r: f"assignee = currentUser() AND resolution is EMPTY AND created >= -{r.randrange(99)}d",
    lambda r: f"cache hit for {_some(r, _HEX, 32)}: {r.randrange(5000)} issues, 0 requests",
    lambda r: f'token_env = "ACME_JIRA_TOKEN", requests = {r.randrange(99)}, per_seconds = 10',
    lambda r: f"limiter: {r.randrange(100)} tokens left, next in {r.random():.3f} s",
    lambda r: f"password check took {r.randrange(90)} ms",
    lambda _: "Invalid token: expired, ask for a new one",
    lambda _: "no token is configured for connection acme: set token_env or token_file",
    lambda r: f"nextPageToken={_some(r, _ALNUM, 44)} seen once",
    lambda r: f"celery@worker-{r.randrange(9)}.acme.internal ready.",
    lambda r: f"git clone git@github.com:acme/payments.git took {r.randrange(60)} s",
    lambda r: f"http://localhost:{r.randrange(1024, 65535)}/rest/api/2/search?jql=project%20%3D%20PAY&maxResults=100",
    lambda r: f"redis://localhost:6379/{r.randrange(9)} answered PONG in {r.randrange(900)} us",
    lambda r: f"metric lead_time_for_changes = {r.random() * 90:.2f} hours, n_used={r.randrange(900)}, state=ok",
    lambda r: f'{{"key": "PAY-{r.randrange(999)}", "fields": {{"status": {{"name": "Done"}}}}, "total": 3}}',
    lambda r: f"rotated app.log at {10_485_000 + r.randrange(700)} bytes into app.log.1",
    lambda r: f'  File "flowbeat/worker/limiter.py", line {r.randrange(300)}, in acquire\n    token = self._token',
    lambda _: "def connect(url: str, token: str | None = None, password: str = '') -> Session:",
    lambda r: f"2026-10-{r.randrange(1, 29):02d}T12:00:00.000+0200 is week 2026-W{r.randrange(40, 45)}",
    lambda r: (
        f"sprint {r.randrange(90)} has {r.randrange(40)} items; author count: 3; status code: {r.choice((200, 404))}"
    ),
    lambda r: f"exit code={r.randrange(3)}, secrets scanned: 0 found, session closed after {r.randrange(60)} s",
    lambda r: f"sha256:{_some(r, _HEX, 64)} pulled; python3.11/site-packages/celery/app/trace.py:{r.randrange(900)}",
    lambda r: f"read {r.randrange(999)} rows of issues WHERE profile = 'payments' AND updated >= '2026-10-01'",
    lambda r: f"RateLimit-Reason: jira-quota-tenant-based; retry-after: {r.randrange(60)}; remaining: 3",
    lambda r: f"WindowKind.WEEK CalculationPerformance(metric_type='deployment_frequency', seconds={r.random():.4f})",
)


def ordinary(count: int, seed: int = 5) -> list[str]:
    """Lines without anything to hide."""
    rng = random.Random(seed)
    return [_ORDINARY[number % len(_ORDINARY)](rng) for number in range(count)]


def leaks(needle: str, text: str) -> bool:
    """Return whether a redacted text still shows the needle, or a telling part of it."""
    part = max(6, len(needle) // 3) if len(needle) > 6 else len(needle)
    return any(needle[at : at + part] in text for at in range(len(needle) - part + 1))
