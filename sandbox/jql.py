"""JQL as text: a lexer and a recursive-descent parser that refuse what Jira refuses, in Jira's words."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

MAX_ORDER: Final = 7

_RESERVED: Final = frozenset(
    word
    for line in (
        "abort access add after alias all alter and any as asc audit avg before begin between boolean break by",
        "byte catch cf char character check checkpoint collate collation column commit connect continue count",
        "create current date decimal declare decrement default defaults define delete delimiter desc",
        "difference distinct divide do double drop else empty encoding end equals escape exclusive exec",
        "execute exists explain false fetch file field first float for from function go goto grant greater",
        "group having identified if immediate in increment index initial inner inout input insert int integer",
        "intersect intersection into is isempty isnull join last left less like limit lock long max min minus",
        "mode modify modulo more multiply next noaudit not notin nowait null number object of on option or",
        "order outer output power previous prior privileges public raise raw remainder rename resource return",
        "returns revoke right row rowid rownum rows select session set share size sqrt start strict string",
        "subtract sum synonym table then to trans transaction trigger true uid union unique update user",
        "validate values view when whenever where while with",
    )
    for word in line.split()
)
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
    |(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<sign>&&|\|\||!=|!~|<=|>=|[=<>~!&|(),])
    |(?P<word>cf\s*\[\s*\d+\s*\]|(?:[^\s"'=<>~!&|(),\\{}*/%+^$\#@?;\[\]]|\\.)+)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", " ": " "}
_OPERATORS: Final = "'=', '!=', '<', '>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'"


class JqlError(Exception):
    """The JQL is refused; the argument is Jira's text in `errorMessages`."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of JQL: `kind` is quoted, sign, word or end; `at` its offset in the text."""

    kind: str
    text: str
    at: int

    def is_word(self, *words: str) -> bool:
        """Return whether it is one of these keywords, unquoted, in any case."""
        return self.kind == "word" and self.text.lower() in words

    def is_sign(self, *signs: str) -> bool:
        """Return whether it is one of these signs."""
        return self.kind == "sign" and self.text in signs


@dataclass(frozen=True, slots=True)
class Word:
    """A literal value."""

    text: str
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function as value: `startOfDay(-1)`."""

    name: str
    args: tuple[str, ...]


Value = Word | Call


@dataclass(frozen=True, slots=True)
class Clause:
    """`field operator values`; `is` and `is not` have no values."""

    field: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Both:
    """AND (`every`) or OR of parts."""

    every: bool
    parts: "tuple[Node, ...]"


Node = Clause | Both


@dataclass(frozen=True, slots=True)
class Order:
    """One ORDER BY term, ascending by default."""

    field: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Parsed:
    """A whole query; `where` None is an unbounded one. NOT is already pushed down into the operators."""

    where: Node | None
    order: tuple[Order, ...]


_NEGATED: Final = {
    "=": "!=",
    "!=": "=",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
    "~": "!~",
    "!~": "~",
    "in": "not in",
    "not in": "in",
    "is": "is not",
    "is not": "is",
}


def parse(text: str) -> Parsed:
    """Parse a query; raise JqlError if Jira would answer 400."""
    return _Parser(text).query()


def _tokens(text: str) -> Iterator[Token]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match or not match.group():
            raise JqlError(_bad_character(text, at))
        kind = str(match.lastgroup)
        if kind == "word" and match.group()[:2].lower() == "cf" and "[" in match.group():
            yield Token(kind, "".join(match.group().split()), at)
        elif kind != "space":
            inside = match.group()[1:-1] if kind == "quoted" else match.group()
            yield Token(kind, _unescape(inside, _place(text, at)), at)
        at = match.end()
    yield Token("end", "", at)


def _bad_character(text: str, at: int) -> str:
    if text[at] in "\"'":
        return (
            f"Error in the JQL Query: The quoted string '{text[at + 1 :]}' has not been completed. {_place(text, at)}"
        )
    return (
        f"Error in the JQL Query: The character '{text[at]}' is a reserved JQL character. You must enclose it in a "
        f"string or use the escape '\\u{ord(text[at]):04x}' instead. {_place(text, at)}"
    )


def _unescape(text: str, place: str) -> str:
    def plain(value: re.Match[str]) -> str:
        if value[1]:
            return chr(int(value[1], 16))
        if value[2] in _ESCAPES:
            return _ESCAPES[value[2]]
        raise JqlError(
            f"Error in the JQL Query: '{value[0]}' is an illegal JQL escape sequence. The valid escape sequences are "
            f"\\', \\\", \\t, \\n, \\r, \\\\, '\\ ' and \\uXXXX. {place}"
        )

    return _ESCAPE.sub(plain, text)


def _place(text: str, at: int) -> str:
    lines = text[:at].split("\n")
    return f"(line {len(lines)}, character {len(lines[-1]) + 1})"


def _negate(node: Node) -> Node:
    if isinstance(node, Clause):
        return Clause(node.field, _NEGATED[node.operator], node.values)
    return Both(not node.every, tuple(_negate(part) for part in node.parts))


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._next = 0

    def query(self) -> Parsed:
        where = None
        if self._peek().kind != "end" and not self._peek().is_word("order"):
            where = self._either()
        order = self._order() if self._peek().is_word("order") else ()
        if self._peek().kind != "end":
            self._expected("either 'OR' or 'AND'" if not order else "','")
        return Parsed(where, order)

    def _either(self) -> Node:
        return self._joined(self._both, every=False, words="or", signs=("||", "|"))

    def _both(self) -> Node:
        return self._joined(self._not, every=True, words="and", signs=("&&", "&"))

    def _joined(self, part: Callable[[], Node], *, every: bool, words: str, signs: tuple[str, ...]) -> Node:
        parts = [part()]
        while self._peek().is_word(words) or self._peek().is_sign(*signs):
            self._take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else Both(every, tuple(parts))

    def _not(self) -> Node:
        if self._peek().is_word("not") or self._peek().is_sign("!"):
            self._take()
            return _negate(self._not())
        if self._peek().is_sign("("):
            self._take()
            inside = self._either()
            self._close("either 'OR' or 'AND'")
            return inside
        return self._clause()

    def _clause(self) -> Clause:
        name = self._name("field name")
        operator = self._operator()
        if operator in {"is", "is not"}:
            if not self._peek().is_word("empty", "null"):
                self._expected("either 'EMPTY' or 'NULL'")
            self._take()
            return Clause(name, operator, ())
        if operator in {"in", "not in"}:
            return Clause(name, operator, self._values())
        if self._peek().is_word("empty", "null"):
            self._take()
            return Clause(name, {"=": "is", "!=": "is not"}.get(operator, operator), ())
        return Clause(name, operator, (self._value(),))

    def _operator(self) -> str:
        if self._peek().is_sign("=", "!=", "<", ">", "<=", ">=", "~", "!~"):
            return self._take().text
        if self._peek().is_word("in"):
            self._take()
            return "in"
        if self._peek().is_word("not"):
            self._take()
            if not self._peek().is_word("in"):
                self._expected("'IN'")
            self._take()
            return "not in"
        if self._peek().is_word("is"):
            self._take()
            return "is not" if self._skip_word("not") else "is"
        return self._expected("operator", f" The valid operators are {_OPERATORS}.")

    def _values(self) -> tuple[Value, ...]:
        if not self._peek().is_sign("("):
            value = self._value()
            if isinstance(value, Call):
                return (value,)
            return self._expected("'('")
        self._take()
        values = [self._value()]
        while self._peek().is_sign(","):
            self._take()
            values.append(self._value())
        self._close("either ')' or ','")
        return tuple(values)

    def _value(self) -> Value:
        token = self._peek()
        text = self._name("either a value, list or function")
        if token.kind == "quoted" or not self._peek().is_sign("("):
            return Word(text, token.kind == "quoted")
        self._take()
        args: list[str] = []
        while not self._peek().is_sign(")"):
            args.append(self._name("an argument"))
            if not self._peek().is_sign(","):
                break
            self._take()
        self._close("')'")
        return Call(text, tuple(args))

    def _order(self) -> tuple[Order, ...]:
        self._take()
        if not self._skip_word("by"):
            self._expected("'BY'")
        terms = [self._term()]
        while self._peek().is_sign(","):
            self._take()
            terms.append(self._term())
        if len(terms) > MAX_ORDER:
            raise JqlError(f"JQL can be ordered by at most {MAX_ORDER} fields.")
        return tuple(terms)

    def _term(self) -> Order:
        name = self._name("a field name")
        if self._skip_word("desc"):
            return Order(name, descending=True)
        self._skip_word("asc")
        return Order(name, descending=False)

    def _name(self, what: str) -> str:
        token = self._peek()
        if token.kind not in {"quoted", "word"}:
            self._expected(what)
        if token.kind == "word" and token.text.lower() in _RESERVED:
            raise JqlError(
                f"Error in the JQL Query: '{token.text}' is a reserved JQL word. You must surround it in quotation "
                f"marks to use it in a query. {_place(self._text, token.at)}"
            )
        return self._take().text

    def _close(self, expected: str) -> None:
        if not self._peek().is_sign(")"):
            self._expected(expected)
        self._take()

    def _skip_word(self, word: str) -> bool:
        result = self._peek().is_word(word)
        if result:
            self._take()
        return result

    def _peek(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _expected(self, what: str, more: str = "") -> NoReturn:
        token = self._peek()
        if token.kind == "end":
            message = f"Expecting {what} before the end of the query."
        else:
            message = f"Expecting {what} but got '{token.text}'.{more} {_place(self._text, token.at)}"
        raise JqlError(f"Error in the JQL Query: {message}")
