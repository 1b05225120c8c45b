"""What the check command reports if Jira's names do not match the English defaults, or too much counts as delivered."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from fakeredis import FakeRedis

from console.check.defaults import defaults
from console.check.local import Line
from console.check.names import Lists
from console.shared.cancelled_names import reads_cancelled
from models.configured import name_lists
from models.records import IncidentRules, Rules
from sandbox.adapter import SandboxAdapter
from sandbox.api import Jira
from sandbox.catalogue import FINISHED, MOVING, NEW, Catalogue
from sandbox.shapes import Flavour, named, status
from sandbox.site import Account, Site
from sandbox.team import EMAIL, TOKEN
from worker.jira.client import Client, open_session
from worker.limiter import Limiter
from worker.settings import Connection, Profile

GERMAN = Catalogue(
    fields=[],
    statuses=[
        status("1", "Zu erledigen", NEW),
        status("2", "Abgelehnt?", MOVING),
        status("3", "Erledigt", FINISHED),
    ],
    types=[
        named("1", "Fehler", subtask=False, hierarchyLevel=0),
        named("2", "Aufgabe", subtask=False, hierarchyLevel=0),
        named("3", "Unteraufgabe", subtask=True, hierarchyLevel=-1),
        named("4", "Epos", subtask=False, hierarchyLevel=1),
    ],
    resolutions=[named("1", "Erledigt"), named("2", "Duplikat"), named("3", "Wird nicht behoben")],
    priorities=[],
    projects=[],
)
ENGLISH = replace(
    GERMAN,
    types=[named("1", "Story", subtask=False), named("2", "Bug", subtask=False), named("3", "Epic", subtask=False)],
    resolutions=[named("1", "Done"), named("3", "won't\u00a0do"), named("4", "Invalid")],
)


def lines(catalogue: Catalogue, rules: Rules | None = None, flavour: Flavour = "cloud") -> list[Line]:
    """Return the check's lines for a profile on a site with these lists; every JQL clause finds seven issues."""
    site = Site(flavour, ZoneInfo("UTC"), catalogue, accounts=[Account(EMAIL, TOKEN, "UTC", {})])
    session = open_session(1)
    session.mount("https://acme.example", SandboxAdapter(Jira(site)))
    limiter = Limiter(FakeRedis(), key="check", requests=100, per_seconds=1.0, timeout=10.0)
    client = Client(Connection("acme", "https://acme.example", email=EMAIL), TOKEN, limiter, session=session)
    lists = Lists(client, f"/rest/api/{3 if flavour == 'cloud' else 2}")
    return list(defaults(lists, Profile("team", "acme", "project = X", rules=rules or Rules()), lambda _: 7))


def told(checked: list[Line], words: str) -> Line:
    """Return the only line whose message has these words."""
    (line,) = [line for line in checked if words in line.message]
    return line


def test_a_jira_whose_names_are_not_english_is_told_what_it_has() -> None:
    """No resolution is excluded and no type is a feature. Ignored types are right, because they go by level."""
    checked = lines(GERMAN)
    resolutions = told(checked, "is excluded")
    assert resolutions.state == "warning"
    assert resolutions.message == (
        "no resolution of this Jira is excluded; it has: Erledigt, Duplikat, Wird nicht behoben"
    )
    assert resolutions.advice.endswith('[profiles.team]: excluded_resolutions = ["Duplikat", "Wird nicht behoben"]')
    categories = told(checked, "category")
    assert categories.message == "no issue type of this Jira has a category; it has: Fehler, Aufgabe"
    assert "[profiles.team.categories]" in categories.advice
    left_out = told(checked, "hierarchy")
    assert (left_out.state, left_out.message.rpartition(": ")[2]) == ("ok", "Unteraufgabe, Epos")
    assert not [line for line in checked if "Epic" in line.message]


def test_a_jira_whose_names_are_the_defaults_needs_no_advice() -> None:
    """However its letters and blanks are written."""
    assert [line for line in lines(ENGLISH) if line.state != "ok"] == []


def test_what_the_profile_names_instead_is_enough() -> None:
    """One matching name in the profile is enough."""
    named_types = {"feature": ("AUFGABE",), "defect": ("Fehler",)}
    rules = Rules(excluded_resolutions=("duplikat",), categories=named_types)
    assert [line for line in lines(GERMAN, rules) if line.state != "ok"] == []
    assert [line for line in lines(GERMAN, Rules(excluded_resolutions=(), categories=named_types)) if line.advice] == []


def test_a_category_without_a_type_is_told_where_a_type_is_without_a_category() -> None:
    """Otherwise defects would be zero and the share of features too large."""
    half = replace(ENGLISH, types=[named("1", "Story", subtask=False), named("9", "Fehler"), named("3", "Epic")])
    line = told(lines(half), "is a defect")
    assert line.message == "no issue type of this Jira is a defect; without a category: Fehler"
    assert line.advice.endswith('[profiles.team.categories]: defect = ["…"]')
    none = replace(ENGLISH, types=[named("1", "Story"), named("3", "Epic")])
    assert not [line for line in lines(none) if line.advice]


def test_false_alarms_have_a_list_of_their_own() -> None:
    """Compared only if the profile has incidents, because incidents have no category."""
    rules = Rules(incidents=IncidentRules(("Fehler",)), categories={"feature": ("Aufgabe",), "defect": ()})
    line = told(lines(GERMAN, rules), "an incident was none")
    assert "[profiles.team.incidents]: excluded_resolutions = " in line.advice
    assert not [line for line in lines(GERMAN, rules) if "category" in line.message]
    assert not [line for line in lines(ENGLISH, rules) if "an incident was none" in line.message]


@pytest.mark.parametrize("flavour", ["cloud", "datacenter"])
def test_where_no_level_is_told_epics_are_known_by_their_name(flavour: Flavour) -> None:
    """Data Center sends no levels. A type above the stories must be named in the profile."""
    kinds = GERMAN.types if flavour == "datacenter" else [{**kind, "hierarchyLevel": None} for kind in GERMAN.types]
    line = told(lines(replace(GERMAN, types=kinds), flavour=flavour), "is named Epic")
    assert line.message.endswith("it has: Fehler, Aufgabe, Unteraufgabe, Epos")
    assert line.advice.endswith('[profiles.team]: ignored_types = ["…"]')
    settled = Rules(ignored_types=("Epos", "Unteraufgabe"))
    assert not [line for line in lines(GERMAN, settled, flavour) if "Epic" in line.message]


@pytest.fixture
def rejecting() -> Catalogue:
    """Return a site with done statuses that deliver nothing."""
    ends = (
        status("7", "Rejected", FINISHED),
        status("8", "Won\u2019t  do", FINISHED),
        status("9", "キャンセル済み", FINISHED),
    )
    return replace(ENGLISH, statuses=[*GERMAN.statuses, *ends, status("6", "Cancelled", MOVING)])


def test_done_statuses_that_read_like_a_cancellation_are_told(rejecting: Catalogue) -> None:
    """With the line to write. Statuses that are not done, also by the profile's workflow, are left out."""
    line = told(lines(rejecting), "cancellation")
    assert line.state == "warning"
    assert line.message.endswith("delivered: Rejected, Won\u2019t  do, キャンセル済み (about 7 issues now)")
    assert line.advice.endswith('excluded_statuses = ["Rejected", "Won\u2019t  do", "キャンセル済み"]')
    rules = Rules(excluded_statuses=("rejected", "9"), workflow={"active": ("8",)})
    assert not [line for line in lines(rejecting, rules) if "cancellation" in line.message]
    line = told(lines(rejecting, Rules(excluded_statuses=("rejected",))), "cancellation")
    assert line.advice.endswith('excluded_statuses = ["rejected", "Won\u2019t  do", "キャンセル済み"]')


def test_resolutions_that_read_like_a_cancellation_are_told_where_the_default_list_misses_them() -> None:
    """With the whole line to write, because a list of the profile replaces the default. Such a list is not judged."""
    more = [named("5", "Obsolete"), named("6", "WON\u2019T DO"), named("7", "Fixed")]
    mixed = replace(ENGLISH, resolutions=[*ENGLISH.resolutions, *more])
    line = told(lines(mixed), "cancellation")
    assert line.state == "warning"
    assert line.message.endswith("counts as delivered: Obsolete, WON\u2019T DO")
    names = '["won\'t\u00a0do", "Invalid", "Obsolete", "WON\u2019T DO"]'
    assert line.advice.endswith(f"[profiles.team]: excluded_resolutions = {names}")
    assert not [line for line in lines(mixed, Rules(excluded_resolutions=("Invalid",))) if "cancell" in line.message]


@pytest.mark.parametrize(
    "name",
    [
        "Canceled",
        "Ticket cancelled",
        "Won't Fix",
        "Abgelehnt",
        "Wird nicht umgesetzt",
        "Annul\u00e9",
        "Annule\u0301",
        "Rechazado",
        "Rejeitado",
        "Não será feito",
        "Nie będzie realizowane",
        "Annullato",
        "Geannuleerd",
        "Odrzucone",
        "Zrušeno",
        "Otkazano",
        "Отменено",
        "已取消",
    ],
)
def test_a_cancellation_is_known_in_many_languages(name: str) -> None:
    """In composed and decomposed letters."""
    assert reads_cancelled(name)


@pytest.mark.parametrize(
    "name", ["Done", "Closed", "Resolved", "Released", "Erledigt", "Terminé", "Fermé", "完成", "Готово"]
)
def test_a_plain_end_is_none(name: str) -> None:
    """The usual names of finished work are not cancellations."""
    assert not reads_cancelled(name)


def test_a_list_that_is_closed_is_told_once_and_the_others_are_compared(rejecting: Catalogue) -> None:
    """An account may see issues but not the lists of the site."""
    site = Site("cloud", ZoneInfo("UTC"), rejecting)
    session = open_session(1)
    session.mount("https://acme.example", SandboxAdapter(Jira(site)))
    limiter = Limiter(FakeRedis(), key="check", requests=100, per_seconds=1.0, timeout=10.0)
    client = Client(Connection("acme", "https://acme.example", email=EMAIL), "wrong", limiter, session=session)
    checked = list(defaults(Lists(client, "/rest/api/3"), Profile("team", "acme", "project = X"), lambda _: None))
    assert [line.state for line in checked] == ["warning"] * 3
    assert all("cannot be read" in line.message for line in checked)


def test_a_blocked_status_in_which_no_time_counts_is_warned_of() -> None:
    """A status in stage todo or done, by name or id. A status in progress needs no warning."""
    rules = Rules(workflow={"waiting": ("Erledigt",)}, blocked_statuses=("zu ERLEDIGEN", "2", "Erledigt"))
    (line,) = [line for line in lines(GERMAN, rules) if "blocked" in line.message]
    assert line.state == "warning"
    assert line.message == "time in the blocked status 'Zu erledigen' does not count, because its stage is todo"
    assert line.advice.endswith('under [profiles.team.workflow]: waiting = ["Erledigt", "Zu erledigen"]')
    ended = [line for line in lines(GERMAN, Rules(blocked_statuses=("3",))) if "blocked" in line.message]
    assert [line.message.rpartition(" ")[2] for line in ended] == ["done"]


def test_the_blocked_statuses_are_among_the_names_that_are_compared_with_jira() -> None:
    """A blocked status that this Jira does not have is reported."""
    (names,) = [names for names in name_lists(Rules(blocked_statuses=("On Hold",))) if names.own == ("On Hold",)]
    assert (names.key, names.kind) == ("blocked.statuses", "status")
