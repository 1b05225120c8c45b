"""How names that a person wrote are compared with those that Jira sends."""

import unicodedata
from functools import lru_cache

_CACHED_NAMES = 16_384


@lru_cache(maxsize=_CACHED_NAMES)
def fold_name(text: str) -> str:
    """Return the form of a name in which equal names are equal texts.

    - Unicode case folding after NFC, and again brought to NFC, because folding may take a composed letter apart.
    - Any run of white space, no-break spaces too, is one blank; there is none at the ends.
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    return " ".join(folded.split())
