"""The word list of plain English, and the texts of the repository that are compared with it."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

VERB = r"(?:is|are|was|were|has|have|had|does|do|did|can|cannot|could|may|must|will|would|should)"

# What to write instead → how the mannerism looks. A phrase that has a plain meaning too is not here.
PHRASES = {
    "because": [
        r"[,;:] for (?:it|they|there|then|he|whoever|who|nobody|otherwise|nothing)\b(?! (?:to|and|only|alone)\b)",
        (
            rf"[,;] for (?:the|a|an|its|their|this|that|these|those|no|some|only|what|each|every) "
            rf"(?:(?!that\b|which\b|whose\b|where\b|when\b|of what\b)[\w`'’-]+ ){{1,4}}{VERB}\b"
        ),
    ],
    "is not a; are not": [
        r"\b(?:is|are|was|were) no (?!longer\b|more than\b|later\b|larger\b|slower\b|earlier\b)[a-z]"
    ],
    "again": [r"\banew\b"],
    "a number, or up to N": [r"\bso many\b", r"\bso few\b"],
    "continues": [r"\bgo(?:es)? on\b", r"\bgoing on\b", r"\bwent on\b"],
    "only one": [r"(?<!all )\bbut (?:one|for the first|once)\b"],
    "is shown, is reported": [r"\b(?:is|are|was|were|be) told\b", r"\btells? (?:the truth|little|nothing|no)\b"],
    "the subject first": [
        r"(?:^|[.;:!?] |\n\n)(?:Who|Whoever|Whom|Whose) (?![^.]*\?)",
        r"[.;,] who (?:is|has|wants|calls|leaves|reads|asks|waits|stays|promises|starts)\b",
        r"\bwhoever\b",
    ],
    "a verb that a program can do": [
        r"\b(?:stands?|lies|lie) (?:beside|still|for|in the way|at|below|behind|there|by)\b",
        r"\bfalls? silent\b",
        r"\bleaves (?:it|them|him|the wait|a wait)\b",
        r"\bspeaks?\b",
        r"\b(?:knows?|knew) (?:nothing|no|it|of|better|how|what|that|the|this|which|whether|by|them|its)\b",
        r"\bhears?\b",
        r"\bmends?\b",
        r"\bremembers?\b",
    ],
    "say it plainly": [
        r"\b(?:is|are) there to\b",
        r"\bof ours\b",
        r"\bbe about\b",
        r"\bof now\b",
        r"\bof today\b",
        r"\ball is well\b",
        r"\bmust be well\b",
        r"\bto and fro\b",
        r"\bno one\b",
        r"\bforesaw\b",
        r"\bat most so\b",
        r"\bdoors?\b",
        r"\bby other rules\b",
        r"\bof the days before\b",
    ],
}
MANNERISMS = [
    (advice, re.compile(pattern, re.MULTILINE)) for advice, patterns in PHRASES.items() for pattern in patterns
]


def find_mannerisms(text: str) -> list[tuple[str, str]]:
    """Return (phrase, advice) for each mannerism of a text; blanks and line ends are the same."""
    folded = re.sub(r"(?<!\n)[ \t]*\n[ \t]*(?!\n)", " ", text)
    return [(match.group().strip(), advice) for advice, pattern in MANNERISMS for match in pattern.finditer(folded)]


def read_prose(path: Path) -> str:
    """Return the text for people: Markdown without its code, the sentences of a Python module, another file whole."""
    text = path.read_text()
    if path.suffix == ".md":
        return re.sub(r"```.*?```|`[^`\n]*`", " `code` ", text, flags=re.DOTALL)
    return "\n\n".join(python_sentences(text)) if path.suffix == ".py" else text


def python_sentences(source: str) -> Iterator[str]:
    """Yield the docstrings, the message literals (strings with a blank) and the comments of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield node.value
    comments = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments.append(token.string.lstrip("# "))
        elif token.type not in (tokenize.NL, tokenize.NEWLINE):
            yield " ".join(comments)
            comments = []
