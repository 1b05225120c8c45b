"""Redaction, the last pure step before a value is shown: a copy of it without secrets and without people.

Three layers, each catching what the one before cannot: the configured secrets themselves, wherever and however encoded
they appear (``Redactor`` only); what stands under a key that names a secret or a person, in nested values and in any
notation of text (JSON, repr, forms, TOML, environment, XML, headers, flags, escaped or percent-encoded); and what has
the shape of a secret (published token formats, credentials in URLs and base64, key blocks, e-mail addresses).

Every step takes linear time: patterns begin with a literal or at a word's start, repeats are possessive or bounded,
texts are cut at ``MAX_TEXT``. A hidden value is ``[redacted]``; redacting twice changes nothing more.
"""

from worker.redact.scan import MARK
from worker.redact.secrets import Redactor
from worker.redact.text import MAX_TEXT
from worker.redact.values import format_plain, redact

__all__ = ["MARK", "MAX_TEXT", "Redactor", "format_plain", "redact"]
