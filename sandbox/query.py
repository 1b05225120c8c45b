"""The meaning of JQL: a query becomes a predicate and an order over issues, for one site, account and instant."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from sandbox import jql, readers
from sandbox.dates import instant, unknown_function
from sandbox.jql import Call, Clause, JqlError, Node, Value, Word
from sandbox.readers import Read
from sandbox.shapes import Json
from sandbox.site import Asker, Issue, Site

Test = Callable[[Issue], bool]

_EQUALITY: Final = frozenset({"=", "!=", "in", "not in", "is", "is not"})
_RANGE: Final = frozenset({"<", "<=", ">", ">="})
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


@dataclass(frozen=True, slots=True)
class Found:
    """The matching issues in order, with the sort key of each, so that paging can continue behind the last one."""

    issues: list[Issue]
    key: Callable[[Issue], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Down:
    """A sort value in descending order."""

    value: Any

    def __lt__(self, other: "_Down") -> bool:
        return bool(other.value < self.value)


def search(site: Site, text: str, asker: Asker, *, must_be_bounded: bool = False) -> Found:
    """Evaluate JQL over the visible issues; raise JqlError with Jira's words if it is refused."""
    parsed = jql.parse(text)
    if parsed.where is None and must_be_bounded:
        raise JqlError("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
    terms = _Terms(site, asker)
    key = _sort_key(terms, parsed.order)
    pool = site.indexed if parsed.where is None else _pool(terms, parsed.where)
    test = None if parsed.where is None else terms.test(parsed.where)
    matching = list(pool) if test is None else [issue for issue in pool if test(issue)]
    matching.sort(key=key)
    return Found(matching, key)


def _pool(terms: "_Terms", where: Node) -> Iterable[Issue]:
    """Return the shortest index that has every match: most searches want the newest or some ids."""
    site = terms.site
    parts = where.parts if isinstance(where, jql.Both) and where.every else (where,)
    for part in parts:
        if not isinstance(part, Clause) or len(part.values) == 0:
            continue
        field = part.field.lower()
        if part.operator in {">", ">="} and field in {"updated", "updateddate"}:
            first = bisect_left(
                site.by_updated, instant(part.field, part.values[0], terms.asker), key=attrgetter("updated")
            )
            return site.by_updated[first:]
        if part.operator in {">", ">="} and field in _KEY_FIELDS and (text := _plain(part.values[0])).isdecimal():
            return site.indexed[bisect_left(site.indexed, int(text), key=attrgetter("id")) :]
        if part.operator in {"=", "in"} and field in _KEY_FIELDS:
            wanted = terms.ids(part)
            return [issue for issue in (_at(site.indexed, number) for number in sorted(wanted)) if issue]
    return site.indexed


def _at(issues: list[Issue], number: int) -> Issue | None:
    place = bisect_left(issues, number, key=attrgetter("id"))
    return issues[place] if place < len(issues) and issues[place].id == number else None


def _sort_key(terms: "_Terms", order: tuple[jql.Order, ...]) -> Callable[[Issue], tuple[Any, ...]]:
    parts = [(terms.sort_value(term.field), term.descending) for term in order]
    # Without an order Jira answers newest first; ties have some order, and here it is the id.
    if not parts:
        return lambda issue: (-issue.id,)

    def key(issue: Issue) -> tuple[Any, ...]:
        values = [(_Down(read(issue)) if down else read(issue)) for read, down in parts]
        return (*values, issue.id)

    return key


_KEY_FIELDS: Final = frozenset({"id", "key", "issuekey", "issue"})
_KINDS: Final = {
    "id": "key",
    "key": "key",
    "issuekey": "key",
    "issue": "key",
    "project": "project",
    "status": "status",
    "statuscategory": "category",
    "issuetype": "type",
    "type": "type",
    "resolution": "resolution",
    "priority": "priority",
    "fixversion": "fixVersions",
    "affectedversion": "versions",
    "parent": "parent",
    "issuelinktype": "links",
}


class _Terms:
    """Builds the test of each clause, by the kind of its field."""

    def __init__(self, site: Site, asker: Asker) -> None:
        self.site = site
        self.asker = asker
        self._clauses = {
            name.lower(): field for field in site.catalogue.fields for name in field.get("clauseNames", ())
        }

    def test(self, node: Node) -> Test:
        """Return the predicate of a node."""
        if isinstance(node, Clause):
            return self._clause(node)
        tests = [self.test(part) for part in node.parts]
        if node.every:
            return lambda issue: all(test(issue) for test in tests)
        return lambda issue: any(test(issue) for test in tests)

    def sort_value(self, name: str) -> Callable[[Issue], Any]:
        """Return the sort value of a field: numbers before texts before nothing."""
        lowered = name.lower()
        if lowered in _KEY_FIELDS:
            return attrgetter("id") if lowered == "id" else readers.key_order
        if lowered in {"updated", "updateddate"}:
            return attrgetter("updated")
        field = self._field(name)["id"] if lowered != "statuscategory" else "status"
        return lambda issue: readers.rank(issue.fields.get(field))

    def ids(self, clause: Clause) -> set[int]:
        """Return the visible issues that a key clause names; unknown ones are ignored if the search is not strict."""
        if self.asker.is_strict:
            return {self.issue(clause, value).id for value in clause.values}
        return {result.id for value in clause.values if (result := self.site.find(_plain(value)))}

    def issue(self, clause: Clause, value: Value) -> Issue:
        """Return the visible issue a key clause names."""
        text = _plain(value)
        if result := self.site.find(text):
            return result
        if text.isdecimal():
            raise JqlError(f"A value with ID '{text}' does not exist for the field '{clause.field}'.")
        if clause.field.lower() == "id" or "-" in text:
            raise JqlError(f"An issue with key '{text}' does not exist for field '{clause.field}'.")
        raise JqlError(f"The issue key '{text}' for field '{clause.field}' is invalid.")

    def _clause(self, clause: Clause) -> Test:
        kind = _KINDS.get(clause.field.lower())
        if kind == "key":
            return self._key_clause(clause)
        if kind == "parent":
            return self._parent_clause(clause)
        if kind == "links":
            return self._link_clause(clause)
        if kind is not None:
            return self._listed_clause(clause, kind)
        field = self._field(clause.field)
        shape = field.get("schema", {}).get("type", "any")
        if shape in {"string", "any"} and clause.operator in {"~", "!~", "is", "is not"}:
            shape = "string"
        build = {
            "datetime": self._date_clause,
            "date": self._date_clause,
            "number": self._number_clause,
            "string": self._text_clause,
        }.get(shape, self._plain_clause)
        return build(clause, field["id"])

    def _field(self, name: str) -> Json:
        if field := self._clauses.get(name.lower()):
            return field
        raise JqlError(f"Field '{name}' does not exist or you do not have permission to view it.")

    def _key_clause(self, clause: Clause) -> Test:
        _allow(clause, _EQUALITY | _RANGE)
        if clause.operator in {"is", "is not"}:
            return _membership(clause.operator, lambda issue: [issue.id], set())
        if clause.operator in _RANGE:
            return self._key_range(clause)
        wanted = self.ids(clause)
        if clause.operator in {"=", "in"}:
            return lambda issue: issue.id in wanted
        return lambda issue: issue.id not in wanted

    def _key_range(self, clause: Clause) -> Test:
        compare, text = _COMPARE[clause.operator], _plain(clause.values[0])
        if text.isdecimal():
            number = int(text)
            return lambda issue: compare(issue.id, number)
        project, _, digits = text.upper().rpartition("-")
        if not digits.isdecimal():
            raise JqlError(f"The issue key '{text}' for field '{clause.field}' is invalid.")
        wanted = int(digits)
        return lambda issue: issue.key.startswith(f"{project}-") and compare(int(issue.key.rpartition("-")[2]), wanted)

    def _listed_clause(self, clause: Clause, kind: str) -> Test:
        ranks = {"priority": self._priority_range, "fixVersions": self._version_range, "versions": self._version_range}
        _allow(clause, _EQUALITY | (_RANGE if kind in ranks else frozenset()))
        if clause.operator in _RANGE:
            return ranks[kind](clause, kind)
        read, known = self._listed(kind)
        wanted: set[str] = set()
        for value in clause.values:
            wanted |= self._listed_value(clause, value, kind, known)
        return _membership(clause.operator, read, wanted)

    def _listed(self, kind: str) -> tuple[Read, list[Json]]:
        lists, site = self.site.catalogue, self.site
        if kind == "category":
            return readers.category_of, [readers.category(status) for status in lists.statuses]
        if kind in {"fixVersions", "versions"}:
            return readers.ids(kind), [v.body for v in site.versions if v.born <= site.now]
        name = "issuetype" if kind == "type" else kind
        known = {
            "project": site.projects(),
            "status": lists.statuses,
            "type": lists.types,
            "resolution": lists.resolutions,
            "priority": lists.priorities,
        }[kind]
        return readers.ids(name), known

    def _listed_value(self, clause: Clause, value: Value, kind: str, known: list[Json]) -> set[str]:
        if isinstance(value, Call):
            return self._listed_call(clause, value, known)
        text = value.text.lower()
        if kind == "resolution" and text == "unresolved":
            return {""}
        ids = {
            str(entry["id"])
            for entry in known
            if text in (str(entry["id"]), str(entry.get("key", "")).lower(), entry["name"].lower())
        }
        if kind == "project" and not ids:
            ids = {number for key, number in self.site.former_projects.items() if text == key.lower()}
        if not ids and self.asker.is_strict:
            raise JqlError(f"The value '{value.text}' does not exist for the field '{clause.field}'.")
        return ids

    def _listed_call(self, clause: Clause, call: Call, known: list[Json]) -> set[str]:
        name = call.name.lower()
        if name in {"releasedversions", "unreleasedversions"} and "ersion" in clause.field:
            projects = {int(p["id"]) for arg in call.args if (p := self.site.project(arg))}
            is_released = name == "releasedversions"
            return {
                v["id"]
                for v in known
                if v.get("released", False) == is_released and (not call.args or v.get("projectId") in projects)
            }
        if name in {"standardissuetypes", "subtaskissuetypes"}:
            return {t["id"] for t in known if t.get("subtask", False) == (name == "subtaskissuetypes")}
        raise unknown_function(call)

    def _priority_range(self, clause: Clause, kind: str) -> Test:
        known = self.site.catalogue.priorities
        return self._ranked(clause, kind, known[::-1])  # the highest is listed first

    def _version_range(self, clause: Clause, kind: str) -> Test:
        return self._ranked(clause, kind, self._listed(kind)[1])

    def _ranked(self, clause: Clause, kind: str, ascending: list[Json]) -> Test:
        place = {entry["id"]: n for n, entry in enumerate(ascending)}
        limit = min(place[number] for number in self._listed_value(clause, clause.values[0], kind, ascending))
        compare, read = _COMPARE[clause.operator], readers.ids(kind)
        return lambda issue: any(compare(place[number], limit) for number in read(issue) if number in place)

    def _parent_clause(self, clause: Clause) -> Test:
        _allow(clause, _EQUALITY)
        wanted = {str(number) for number in self.ids(clause)}
        return _membership(clause.operator, readers.ids("parent"), wanted)

    def _link_clause(self, clause: Clause) -> Test:
        _allow(clause, _EQUALITY)
        return _membership(clause.operator, readers.link_types, {_plain(value).lower() for value in clause.values})

    def _date_clause(self, clause: Clause, field: str) -> Test:
        _allow(clause, _EQUALITY | _RANGE)
        read = readers.instants(field, self.asker.zone)
        if clause.operator in {"is", "is not"}:
            is_empty = clause.operator == "is"
            return lambda issue: (read(issue) is None) == is_empty
        instants = [instant(clause.field, value, self.asker) for value in clause.values]
        if clause.operator in _RANGE:
            compare, limit = _COMPARE[clause.operator], instants[0]
            return lambda issue: (at := read(issue)) is not None and compare(at, limit)
        wanted = {at // 1000 for at in instants}
        is_in = clause.operator in {"=", "in"}
        return lambda issue: (at := read(issue)) is not None and (at // 1000 in wanted) == is_in

    def _number_clause(self, clause: Clause, field: str) -> Test:
        _allow(clause, _EQUALITY | _RANGE)
        if clause.operator in {"is", "is not"}:
            return _membership(clause.operator, readers.ids(field), set())
        try:
            numbers = {float(_plain(value)) for value in clause.values}
        except ValueError:
            text = _plain(clause.values[0])
            raise JqlError(f"The value '{text}' for the field '{clause.field}' is not a valid number.") from None
        if clause.operator in _RANGE:
            compare, limit = _COMPARE[clause.operator], min(numbers)
            return lambda issue: (value := issue.fields.get(field)) is not None and compare(value, limit)
        is_in = clause.operator in {"=", "in"}
        return lambda issue: (value := issue.fields.get(field)) is not None and (value in numbers) == is_in

    def _text_clause(self, clause: Clause, field: str) -> Test:
        if clause.operator in {"is", "is not"}:
            return _membership(clause.operator, readers.ids(field), set())
        _allow(clause, frozenset({"~", "!~"}))
        words = _plain(clause.values[0]).lower().replace('"', " ").replace("*", " ").split()
        has_all = clause.operator == "~"

        def test(issue: Issue) -> bool:
            text = str(issue.fields.get(field) or "").lower()
            return all(word in text for word in words) == has_all

        return test

    def _plain_clause(self, clause: Clause, field: str) -> Test:
        _allow(clause, _EQUALITY)
        values = {self._who(value) for value in clause.values}
        return _membership(clause.operator, readers.names(field), values)

    def _who(self, value: Value) -> str:
        if isinstance(value, Word):
            return value.text.lower()
        if value.name.lower() != "currentuser":
            raise unknown_function(value)
        matches = self.asker.user or {}
        return str(matches.get("accountId") or matches.get("key") or "").lower()


def _allow(clause: Clause, operators: frozenset[str]) -> None:
    if clause.operator not in operators:
        raise JqlError(f"The operator '{clause.operator}' is not supported by the '{clause.field}' field.")
    if not clause.values and clause.operator not in {"is", "is not"}:
        raise JqlError(f"The operator '{clause.operator}' does not support empty for the '{clause.field}' field.")


def _plain(value: Value) -> str:
    if isinstance(value, Call):
        raise unknown_function(value)
    return value.text


def _membership(operator: str, read: Read, wanted: set[str]) -> Test:
    """Return the predicate for `=` and `!=`: an issue without a value matches neither, only EMPTY, as in Jira."""
    if operator in {"is", "is not"}:
        is_empty = operator == "is"
        return lambda issue: (not read(issue)) == is_empty
    if operator in {"=", "in"}:
        return lambda issue: any(v in wanted for v in read(issue)) or ("" in wanted and not read(issue))
    return lambda issue: bool(values := read(issue)) and not any(v in wanted for v in values)
