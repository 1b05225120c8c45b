"""The sandbox reads JQL as Jira does, and refuses what Jira refuses."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox import catalogue as c
from sandbox.jql import Clause, JqlError, Word, parse
from sandbox.query import search
from sandbox.shapes import millis, option, stamp, user, version
from sandbox.site import Asker, Issue, Site, Version

NOW = millis(datetime(2026, 3, 11, 15, 30, tzinfo=UTC))  # a Wednesday, 11:30 in New York (summer time since Sunday)
NEW_YORK = ZoneInfo("America/New_York")
ANA, BEN = user("cloud", "Ana Kovac", 1), user("cloud", "Ben Okafor", 2)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    """Return the epoch milliseconds of a UTC instant."""
    return millis(datetime(year, month, day, hour, minute, tzinfo=UTC))


def an_issue(number: int, key: str, updated: int, **fields: Any) -> Issue:
    """Return an issue without a history."""
    project = c.PAY if key.startswith("PAY") else c.OPS
    created = at(2026, 1, number - 100, 10)
    usual = {
        "summary": f"Summary of {key}",
        "issuetype": c.TYPES["Story"],
        "project": project,
        "status": c.STATUSES["To Do"],
        "created": stamp(created, ZoneInfo("UTC")),
        "updated": stamp(updated, ZoneInfo("UTC")),
    }
    return Issue(number, key, 0, usual | fields, updated=updated)


def a_site() -> Site:
    """Return a site of five issues, each with something that the others lack."""
    site = Site("cloud", ZoneInfo("UTC"), c.made_up("cloud"))
    first, second = version(1, "1.0", c.PAY), version(2, "2.0", c.PAY)
    first["released"] = True
    issues = [
        an_issue(101, "PAY-1", at(2026, 3, 11, 15, 0), status=c.STATUSES["In Progress"], assignee=ANA),
        an_issue(
            102,
            "PAY-2",
            at(2026, 3, 10, 3, 59),
            status=c.STATUSES["Done"],
            resolution=c.RESOLUTIONS["Done"],
            resolutiondate="2026-03-10T04:59:00.000+0100",
            fixVersions=[first],
        ),
        an_issue(103, "PAY-10", at(2026, 3, 10, 4, 0), labels=["legal", "mobile"], assignee=BEN, fixVersions=[second]),
        an_issue(104, "OPS-7", at(2026, 2, 1), issuetype=c.TYPES["Bug"], priority=c.PRIORITIES["High"]),
        an_issue(105, "OPS-8", at(2026, 1, 31), summary='Fix the "big" limit', **{c.POINTS: 3.0}),
    ]
    issues[3].fields["duedate"] = "soon"  # recorded sites hold such things
    issues[3].fields |= {"parent": {"id": "101", "key": "PAY-1"}, c.CHANGE_FAILURE: option("10100", "Yes")}
    issues[4].fields |= {c.DEPLOY_DAY: "2026-03-10", "components": [{"id": "1", "name": "Ledger"}]}
    site.add(issues, [Version("PAY", 0, first), Version("PAY", 0, second)])
    site.advance(NOW)
    return site


def found(jql: str, zone: ZoneInfo = NEW_YORK) -> list[str]:
    """Return the keys that a JQL finds, in order."""
    return [issue.key for issue in search(a_site(), jql, Asker(zone, NOW, ANA)).issues]


@pytest.mark.parametrize(
    ("jql", "keys"),
    [
        ("project = PAY", "PAY-1 PAY-2 PAY-10"),
        ("project = payments", "PAY-1 PAY-2 PAY-10"),
        ("project in (10001, 'PAY')", "PAY-1 PAY-2 PAY-10 OPS-7 OPS-8"),
        ("project != PAY", "OPS-7 OPS-8"),
        ("PROJECT NOT IN (OPS)", "PAY-1 PAY-2 PAY-10"),
        ("key = pay-2", "PAY-2"),
        ("id in (105, 101)", "PAY-1 OPS-8"),
        ("issue in (PAY-1, PAY-10)", "PAY-1 PAY-10"),
        ("id > 103", "OPS-7 OPS-8"),
        ("id >= 103 AND project = PAY", "PAY-10"),
        ("issuekey > PAY-2", "PAY-10"),
        ("key is not EMPTY AND project = OPS", "OPS-7 OPS-8"),
        ("key is EMPTY", ""),
        ("summary is not EMPTY AND project = OPS", "OPS-7 OPS-8"),
        ("duedate >= 2000-01-01", ""),
        ("key not in (PAY-1)", "PAY-2 PAY-10 OPS-7 OPS-8"),
        ('status = "In Progress"', "PAY-1"),
        ("status = 10001", "PAY-2"),
        ("statusCategory = Done", "PAY-2"),
        ("statusCategory != 'To Do'", "PAY-1 PAY-2"),
        ("statusCategory in (new, indeterminate) AND project = PAY", "PAY-1 PAY-10"),
        ("type = Bug", "OPS-7"),
        ("issuetype not in subtaskIssueTypes() AND project = OPS", "OPS-7 OPS-8"),
        ("resolution = Unresolved AND project = PAY", "PAY-1 PAY-10"),
        ("resolution is not EMPTY", "PAY-2"),
        ("resolution = EMPTY AND project = OPS", "OPS-7 OPS-8"),
        ("resolution != null", "PAY-2"),
        ("priority = High", "OPS-7"),
        ("priority > Medium", "OPS-7"),
        ("priority < Medium", ""),
        ("labels = legal", "PAY-10"),
        ("labels in (mobile, desktop)", "PAY-10"),
        ("labels is empty AND project = PAY", "PAY-1 PAY-2"),
        ("fixVersion = 1.0", "PAY-2"),
        ("fixVersion in releasedVersions()", "PAY-2"),
        ("fixVersion in unreleasedVersions(PAY)", "PAY-10"),
        ("fixVersion > 1.0", "PAY-10"),
        ("affectedVersion is EMPTY AND key = PAY-1", "PAY-1"),
        ("assignee = 'Ana Kovac'", "PAY-1"),
        ("assignee = currentUser()", "PAY-1"),
        ("assignee = 557058:00000002", "PAY-10"),
        # An issue without a value matches neither = nor !=, nor NOT of either.
        ("assignee != 'Ana Kovac'", "PAY-10"),
        ("NOT assignee = 'Ana Kovac'", "PAY-10"),
        ("summary ~ summary AND project = PAY", "PAY-1 PAY-2 PAY-10"),
        ('summary ~ "\\"big\\" LIMIT"', "OPS-8"),
        ("summary !~ summary", "OPS-8"),
        ("component = Ledger", "OPS-8"),
        ("parent = PAY-1", "OPS-7"),
        ("'Story point estimate' = 3", "OPS-8"),
        ("cf[10016] >= 2", "OPS-8"),
        ("CF [ 10016 ] is not empty", "OPS-8"),
        ("'Change failure' = yes", "OPS-7"),
        ("'Deployed on' = 2026-03-10", "OPS-8"),
        ("project = PAY and (status = Done or labels = legal)", "PAY-2 PAY-10"),
        ("project = PAY && !(status = Done || id = 103)", "PAY-1"),
        ("project = PAY AND NOT (status = Done OR labels = legal)", ""),
        ("status = Done OR type = Bug AND project = OPS", "PAY-2 OPS-7"),
        ("NOT NOT project = OPS", "OPS-7 OPS-8"),
        ("not (project = PAY)", "OPS-7 OPS-8"),
        ("NOT id > 103", "PAY-1 PAY-2 PAY-10"),
        ("NOT project in (PAY)", "OPS-7 OPS-8"),
        ("NOT summary ~ summary", "OPS-8"),
        ("NOT resolution is empty", "PAY-2"),
        ("NOT assignee is empty", "PAY-1 PAY-10"),
        ("NOT (id >= 102 AND updated >= 2026-03-01)", "PAY-1 OPS-7 OPS-8"),
    ],
)
def test_a_clause_finds_what_jira_finds(jql: str, keys: str) -> None:
    """Fields, operators and precedence, over five issues."""
    assert sorted(found(jql)) == sorted(keys.split())


@pytest.mark.parametrize(
    ("jql", "keys"),
    [
        # PAY-10 was updated at 04:00 UTC of the 10th: midnight of that day in New York.
        ("updated >= 2026-03-10", "PAY-1 PAY-10"),
        ("updated >= '2026/03/10 00:00'", "PAY-1 PAY-10"),
        ("updated < '2026-03-10 00:00' AND updated >= '2026-03-09 23:59'", "PAY-2"),
        ("updated >= '2026-3-9 23:59'", "PAY-1 PAY-2 PAY-10"),
        (f"updated >= {at(2026, 3, 10, 4, 0)}", "PAY-1 PAY-10"),
        (f"updated > {at(2026, 3, 10, 4, 0)}", "PAY-1"),
        ("updated = '2026-03-10 00:00'", "PAY-10"),
        ("updated in ('2026-03-10 00:00', '2026-03-09 23:59')", "PAY-2 PAY-10"),
        ("updated != '2026-03-10 00:00' AND project = PAY", "PAY-1 PAY-2"),
        ("updated >= -30m", "PAY-1"),
        ("updated >= -31m", "PAY-1"),
        ("updated >= -29m", ""),
        ("updated >= '-1d 12h'", "PAY-1 PAY-2 PAY-10"),
        ("updated <= 2d AND project = PAY", "PAY-1 PAY-2 PAY-10"),
        ("updated >= -6w", "PAY-1 PAY-2 PAY-10 OPS-7 OPS-8"),
        ("updated >= -1M AND updated <= now()", "PAY-1 PAY-2 PAY-10"),
        ("updated >= -1y AND project = OPS", "OPS-7 OPS-8"),
        ("updated >= startOfDay()", "PAY-1"),
        ("updated >= startOfDay(-1)", "PAY-1 PAY-10"),
        ("updated >= startOfDay(-1d) AND updated <= endOfDay('-1d')", "PAY-10"),
        ("updated <= endOfDay(-2) AND project = PAY", "PAY-2"),
        ("updated >= startOfWeek()", "PAY-1 PAY-2 PAY-10"),
        ("updated < startOfMonth()", "OPS-7 OPS-8"),
        ("updated <= endOfMonth(-2)", "OPS-7 OPS-8"),
        ("updated >= startOfMonth(-1)", "PAY-1 PAY-2 PAY-10"),
        ("updated >= startOfYear() AND updated <= endOfYear() AND project = OPS", "OPS-7 OPS-8"),
        ("resolved >= 2026-03-09 AND resolutiondate < 2026-03-10", "PAY-2"),
        ("resolved is EMPTY AND project = PAY", "PAY-1 PAY-10"),
        ("created <= '2026-01-01 05:00'", "PAY-1"),
    ],
)
def test_a_date_is_read_in_the_askers_zone(jql: str, keys: str) -> None:
    """Literals to the minute in New York, epoch milliseconds and relative dates in any zone."""
    assert sorted(found(jql)) == sorted(keys.split())


def test_the_same_literal_means_another_instant_in_another_zone() -> None:
    """Midnight of the 10th is earlier in Zagreb than in New York."""
    assert "PAY-2" in found("updated >= 2026-03-10", ZoneInfo("Europe/Zagreb"))
    assert "PAY-2" not in found("updated >= 2026-03-10", NEW_YORK)


def test_a_day_is_a_wall_clock_day_and_hours_are_elapsed() -> None:
    """Three days before Wednesday 11:30 is Sunday 11:30, though the clocks changed on that Sunday."""
    site = a_site()
    site.issues[101].updated = at(2026, 3, 8, 15, 29)
    site.renew()
    asker = Asker(NEW_YORK, NOW, None)
    assert "PAY-1" not in [issue.key for issue in search(site, "updated >= -3d", asker).issues]
    site.issues[101].updated = at(2026, 3, 7, 16, 29)
    site.renew()
    assert "PAY-1" not in [issue.key for issue in search(site, "updated >= -4d", asker).issues]
    assert "PAY-1" in [issue.key for issue in search(site, "updated >= -96h", asker).issues]


@pytest.mark.parametrize(
    ("jql", "keys"),
    [
        ("ORDER BY key", "OPS-7 OPS-8 PAY-1 PAY-2 PAY-10"),
        ("order by id desc", "OPS-8 OPS-7 PAY-10 PAY-2 PAY-1"),
        ("project = PAY ORDER BY updated ASC", "PAY-2 PAY-10 PAY-1"),
        ("project = PAY ORDER BY updated DESC, key", "PAY-1 PAY-10 PAY-2"),
        ("ORDER BY type, created desc", "OPS-7 OPS-8 PAY-10 PAY-2 PAY-1"),
        ("ORDER BY 'Story point estimate' asc, id desc", "OPS-8 OPS-7 PAY-10 PAY-2 PAY-1"),
        ("ORDER BY statusCategory, id", "PAY-2 PAY-1 PAY-10 OPS-7 OPS-8"),
        ("ORDER BY labels, id", "PAY-10 PAY-1 PAY-2 OPS-7 OPS-8"),
        ("project = PAY", "PAY-10 PAY-2 PAY-1"),
    ],
)
def test_results_stand_in_the_order_asked_for(jql: str, keys: str) -> None:
    """By one or more ORDER BY fields. Without any, the newest issue is first."""
    assert found(jql) == keys.split()


@pytest.mark.parametrize(
    ("jql", "message"),
    [
        ("colour = red", "Field 'colour' does not exist or you do not have permission to view it."),
        ("project = NOPE", "The value 'NOPE' does not exist for the field 'project'."),
        ("status = Sleeping", "The value 'Sleeping' does not exist for the field 'status'."),
        ("fixVersion in (1.0, 9.9)", "The value '9.9' does not exist for the field 'fixVersion'."),
        ("id in (101, 999)", "A value with ID '999' does not exist for the field 'id'."),
        ("key = PAY-999", "An issue with key 'PAY-999' does not exist for field 'key'."),
        ("key in (PAY-1, OPS-999)", "An issue with key 'OPS-999' does not exist for field 'key'."),
        ("key = nonsense", "The issue key 'nonsense' for field 'key' is invalid."),
        ("key > nonsense", "The issue key 'nonsense' for field 'key' is invalid."),
        ("project > PAY", "The operator '>' is not supported by the 'project' field."),
        ("status ~ Done", "The operator '~' is not supported by the 'status' field."),
        ("summary = x", "The operator '=' is not supported by the 'summary' field."),
        ("updated ~ x", "The operator '~' is not supported by the 'updated' field."),
        ("priority > EMPTY", "The operator '>' does not support empty for the 'priority' field."),
        ("cf[10016] = many", "The value 'many' for the field 'cf[10016]' is not a valid number."),
        (
            "updated >= yesterday",
            (
                "Date value 'yesterday' for field 'updated' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
                "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
            ),
        ),
        (
            "updated >= '2026-02-30'",
            (
                "Date value '2026-02-30' for field 'updated' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', "
                "'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
            ),
        ),
        ("updated >= startOfDay(soon)", "The date increment 'soon' of function 'startOfDay' is invalid."),
        ("updated >= startOfTime()", "Unable to find JQL function 'startOfTime()'."),
        ("project in myProjects(1, x)", "Unable to find JQL function 'myProjects(1, x)'."),
        ("assignee = membersOf(x)", "Unable to find JQL function 'membersOf(x)'."),
        ("key = recent()", "Unable to find JQL function 'recent()'."),
        (
            "project = TO",
            (
                "Error in the JQL Query: 'TO' is a reserved JQL word. You must surround it in quotation marks to use "
                "it in a query. (line 1, character 11)"
            ),
        ),
        (
            "project PAY",
            (
                "Error in the JQL Query: Expecting operator but got 'PAY'. The valid operators are '=', '!=', '<', "
                "'>', '<=', '>=', '~', '!~', 'IN', 'NOT IN', 'IS' and 'IS NOT'. (line 1, character 9)"
            ),
        ),
        (
            "project = PAY type = Bug",
            "Error in the JQL Query: Expecting either 'OR' or 'AND' but got 'type'. (line 1, character 15)",
        ),
        (
            "project = PAY\nAND = 3",
            "Error in the JQL Query: Expecting field name but got '='. (line 2, character 5)",
        ),
        (
            "project =",
            "Error in the JQL Query: Expecting either a value, list or function before the end of the query.",
        ),
        ("(project = PAY", "Error in the JQL Query: Expecting either 'OR' or 'AND' before the end of the query."),
        ("id in 101", "Error in the JQL Query: Expecting '(' before the end of the query."),
        (
            "id in (101 102)",
            "Error in the JQL Query: Expecting either ')' or ',' but got '102'. (line 1, character 12)",
        ),
        (
            "resolution is Done",
            "Error in the JQL Query: Expecting either 'EMPTY' or 'NULL' but got 'Done'. (line 1, character 15)",
        ),
        ("id not 101", "Error in the JQL Query: Expecting 'IN' but got '101'. (line 1, character 8)"),
        ("ORDER id", "Error in the JQL Query: Expecting 'BY' but got 'id'. (line 1, character 7)"),
        ("ORDER BY id sideways", "Error in the JQL Query: Expecting ',' but got 'sideways'. (line 1, character 13)"),
        ("updated >= startOfDay(-1", "Error in the JQL Query: Expecting ')' before the end of the query."),
        (
            "summary ~ 'open",
            "Error in the JQL Query: The quoted string 'open' has not been completed. (line 1, character 11)",
        ),
        (
            "labels = a#b",
            (
                "Error in the JQL Query: The character '#' is a reserved JQL character. You must enclose it in a "
                "string or use the escape '\\u0023' instead. (line 1, character 11)"
            ),
        ),
        (
            r"labels = '\q'",
            (
                "Error in the JQL Query: '\\q' is an illegal JQL escape sequence. The valid escape sequences are \\', "
                "\\\", \\t, \\n, \\r, \\\\, '\\ ' and \\uXXXX. (line 1, character 10)"
            ),
        ),
        (
            "ORDER BY id, key, status, type, created, updated, summary, project",
            "JQL can be ordered by at most 7 fields.",
        ),
        ("ORDER BY colour", "Field 'colour' does not exist or you do not have permission to view it."),
    ],
)
def test_what_jira_refuses_is_refused_in_its_words(jql: str, message: str) -> None:
    """Unknown names and values, operators that a field lacks, and syntax with the position of the error."""
    with pytest.raises(JqlError) as refused:
        found(jql)
    assert refused.value.args == (message,)


def test_a_query_without_restriction_is_refused_where_it_must_be_bounded() -> None:
    """Cloud's search requires a restriction. An ORDER BY is not one."""
    asker = Asker(NEW_YORK, NOW, None)
    with pytest.raises(JqlError, match="Unbounded JQL queries are not allowed here"):
        search(a_site(), "ORDER BY key DESC", asker, must_be_bounded=True)
    assert len(search(a_site(), "", asker).issues) == 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'labels = "a\"b"', 'a"b'),
        (r"labels = 'it\'s'", "it's"),
        (r"labels = 'a\\nb'", r"a\nb"),
        (r"labels = 'caf\u00e9'", "café"),
        (r"labels = a\ b", "a b"),
        ('labels = "and"', "and"),
        ('labels = "多"', "多"),
        ("labels = 多", "多"),
    ],
)
def test_quotes_and_escapes_are_undone_once(text: str, value: str) -> None:
    """A quoted word is used unchanged, also a reserved one."""
    clause = parse(text).where
    assert isinstance(clause, Clause)
    (word,) = clause.values
    assert isinstance(word, Word)
    assert word.text == value
