"""What a key says of its value: a secret, a token, a person, a custom field, or nothing."""

import functools
import re
from typing import Final, Literal

Kind = Literal["secret", "token", "weak", "pass", "auth", "header", "cookie", "code", "pin", "person", "field"]


def word_set(several: str) -> frozenset[str]:
    return frozenset(several.split())


CERTAIN: Final = frozenset({"secret", "token", "pass", "header", "cookie", "pin"})
USER_MARKS: Final = frozenset({"accountId", "emailAddress", "displayName"})
USER_KEYS: Final = USER_MARKS | word_set(
    """
    self name key accountType active timeZone locale avatarUrls groups applicationRoles expand deleted
    lastLoginTime id type
    """
)
_STRONG: Final = word_set(
    """
    password passwd passphrase passcode passwort pwd secret secrets credential credentials creds apikey jwt
    authtoken accesstoken refreshtoken privatekey secretkey jsessionid phpsessid xoauth bearer
    """
)
_PHRASES: Final = re.compile(
    r"password|passwd|passphrase|apikey|api(?:access|secret)|accesskey|secretkey|secretaccess|privatekey|signingkey"
    r"|encryptionkey|decryptionkey|sharedkey|masterkey|accountkey|authkey|clientsecret|sessionid|sessionkey"
    r"|clientassertion|samlresponse|codeverifier|hmackey|servicekey|deploykey|licen[cs]ekey|webhooksecret|storagekey"
)
# A name that ends so tells about a secret without being one: where it lies, how long it lives, how many there are.
_ABOUT: Final = word_set(
    """
    env file path name names type types kind count counts url uri endpoint length len size expiry expires
    expired expiration expire in at on id ids ttl policy field fields hint age min max required enabled
    disabled status state changed valid invalid version prefix suffix rotation days seconds hours stdin prompt
    format source manager provider scheme method hashes algorithm alg reset limit usage used error errors
    missing bucket buckets refill remaining rate set domain issued audience scope scopes scan scanner strength
    attempts
    """
)
_NO_TOKEN: Final = word_set(
    """
    page cursor next prev previous continuation sync count max min num number total used limit prompt
    completion input output cancel cancellation lexer parser bucket per
    """
)
_PEOPLE: Final = word_set(
    """
    accountid accountids displayname displaynames emailaddress emailaddresses username usernames userkey
    userkeys assignee assignees reporter reporters creator author updateauthor worklogauthor authorname
    assigneename reportername creatorname watcher watchers voter voters reviewer reviewers approver approvers
    authordisplayname assigneedisplayname reporterdisplayname
    """
)
_WORDS_OF: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CUSTOM_FIELD: Final = re.compile(r"(?:.*\W)?customfield_\d+", re.DOTALL)


@functools.lru_cache(maxsize=4096)
def kind_of(name: str) -> Kind | None:
    """Return what a key says of its value: None for most keys."""
    if _CUSTOM_FIELD.fullmatch(name[:200]):
        return "field"
    words = [word.lower() for word in _WORDS_OF.findall(name[-200:])]
    while words and words[-1].isdigit():
        words.pop()
    if not words:
        return None
    return _person_kind(words) or _secret_kind(words)


def _person_kind(words: list[str]) -> Kind | None:
    tails = {"".join(words[-1:]), "".join(words[-2:]), "".join(words[-3:])}
    return "person" if tails & _PEOPLE else None


def _secret_kind(words: list[str]) -> Kind | None:
    last, joined = words[-1], "".join(words)
    if last in {"authorization", "authorisation"}:
        return "header"
    if last in {"cookie", "cookies"}:
        return "cookie"
    if joined.endswith("sessionid"):
        return "secret"
    if last in _ABOUT:
        return None
    if _STRONG & set(words) or joined.endswith(("secret", "passphrase")) or _PHRASES.search(joined):
        return "secret"
    return _token_kind(words, joined) or _weak_kind(last, joined)


def _token_kind(words: list[str], joined: str) -> Kind | None:
    if not (joined.endswith(("token", "tokens")) or "token" in words) or _NO_TOKEN & set(words):
        return None
    return "token"


def _weak_kind(last: str, joined: str) -> Kind | None:
    if last in {"pass", "pw", "pswd", "psw", "passw"}:
        return "pass"
    if last == "auth":
        return "auth"
    if last in {"otp", "totp", "pin", "mfa"} or joined in {"verificationcode", "mfacode", "otpcode"}:
        return "pin"
    if last in {"pat", "sig", "signature", "sid", "session", "assertion", "tokenkey"} or joined.endswith("tokenkey"):
        return "weak"
    return "code" if last == "code" else None
