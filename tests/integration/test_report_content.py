"""The content of the report page on both databases: each number is that of results, and unknown is never 0."""

import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import console_world as world
import pytest
from databases import BOTH
from report_world import AS_OF, HOSTILE, VARIANTS, stored_variant

from models.metrics.catalogue import METRICS
from models.records import METRIC_TYPES
from models.store import issues as stored_issues
from report import lists
from report.cards import title
from report.content import Cell, Chart, Page, Table
from report.page import render, render_index
from report.words import format_number
from report.write import load_page, write_folder, write_page

pytestmark = pytest.mark.xdist_group("report content")  # one process makes what all tests here read

Worlds = dict[str, tuple[Path, Page]]
NAMES = ("none", "one week", "year", "hostile", "unknown weeks", "not configured")


@pytest.fixture(scope="module", params=BOTH)
def worlds(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, migrated_file: Path
) -> Iterator[Worlds]:
    """Yield the folder and the page of each team, each in a separate database."""
    made: Worlds = {}
    with ExitStack() as stack:
        for name in NAMES:
            folder = tmp_path_factory.mktemp(name.replace(" ", "-"))
            url = stack.enter_context(request.getfixturevalue("new_postgres")()) if request.param != "sqlite" else None
            with stored_variant(folder, migrated_file, name, url) as current, current.reads() as session:
                made[name] = folder, load_page(current, session, "payments")
        yield made


class Parts(HTMLParser):
    """The elements of a page, and the attributes of each kind."""

    def __init__(self, html: str) -> None:
        """Parse a page."""
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Store an element."""
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


# --- the values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_head_says_up_to_when_the_copy_is_proved(worlds: Worlds, name: str) -> None:
    """These teams were stored without a fetch, so that nothing was compared; programs read no instant."""
    folder, page = worlds[name]
    assert page.verified.startswith("nothing to verify" if name == "none" else "not yet verified: 0 of ")
    assert page.verified in render(page)
    rows = world.say(folder, "results", "payments", "--format", "json").json
    assert {row["verified_up_to"] for row in rows} == {None}


@pytest.mark.parametrize("name", NAMES)
def test_each_card_shows_the_values_of_results(worlds: Worlds, name: str) -> None:
    """Value or state, unit, level and coverage of all metrics equal the JSON of the command."""
    folder, page = worlds[name]
    rows = world.say(folder, "results", "payments", "--format", "json").json
    assert [card.metric for card in page.cards] == [row["metric_type"] for row in rows] == list(METRIC_TYPES)
    for card, row in zip(page.cards, rows, strict=True):
        assert card.state == row["state"]
        lines = " ".join(card.lines)
        if row["value"] is None:
            assert card.value in ("No data", "Not configured")
            assert not re.search(r"\d", card.value + card.unit + lines)
            continue
        assert (card.value, card.unit) == (format_number(row["value"]), row["unit"].replace("_", " "))
        assert (row["level"] or "") in lines
        total = row["n_used"] + row["n_excluded"]
        assert (f"{row['n_used']:,} of {total:,}" in lines) == bool(row["n_excluded"])


@pytest.mark.parametrize("name", NAMES)
def test_each_week_is_drawn_with_its_stored_value(worlds: Worlds, name: str) -> None:
    """A bar has the stored value; a week without a value, or before the copy, has no bar."""
    folder, page = worlds[name]
    rows = world.say(folder, "results", "payments", "--window", "weeks", "--format", "json").json
    stored = {(row["metric_type"], row["week"]): row for row in rows}
    counted = 0
    for card in page.cards:
        assert len(card.weeks) == len(page.weeks) >= 13
        for bar, (week, _) in zip(card.weeks, page.weeks, strict=True):
            row = stored.get((card.metric, week))
            assert bar.words.startswith(week)
            if bar.known in ("value", "running"):
                assert row is not None
                assert (bar.value, bar.known == "value") == (row["value"], row["complete"])
                counted += 1
            elif bar.known == "none":
                assert row is not None
                assert (row["value"], bar.value) == (None, None)
            else:
                assert bar.value is None
                assert "not known" in bar.words or row is None
    assert bool(counted) == (name != "none")


def test_only_weeks_before_the_copy_begins_are_unknown(worlds: Worlds) -> None:
    """The team is 20 weeks old and the page shows 52, so 32 are unknown for every metric, counts included."""
    _, page = worlds["unknown weeks"]
    for card in page.cards:
        unknown = [bar.known == "unknown" for bar in card.weeks]
        assert unknown == sorted(unknown, reverse=True)
        assert 30 <= sum(unknown) <= 33
    for chart in (page.scatter, page.wip, page.delivered, page.timeline):
        assert 0.55 < chart.unknown < 0.65


def test_in_a_copy_without_issues_every_week_is_unknown(worlds: Worlds) -> None:
    """No mark is 0, and each chart is a sentence."""
    _, page = worlds["none"]
    assert {bar.known for card in page.cards for bar in card.weeks} == {"unknown"}
    assert not page.took.rows
    assert Parts(render(page)).elements.count("svg") == len(page.cards)


def test_the_lists_have_all_used_and_left_out_issues(worlds: Worlds) -> None:
    """Each team has the rows of `flow_velocity`, and the metrics of the rows that were left out."""
    for name in NAMES:
        folder, page = worlds[name]
        rows = {row["metric_type"]: row for row in world.say(folder, "results", "payments", "--format", "json").json}
        assert len(page.behind.rows) == rows["flow_velocity"]["n_used"]
        left_out = [words for row in page.left_out.rows for words in row[-1].words.split(", ")]
        for metric in METRIC_TYPES:
            assert left_out.count(title(metric).lower()) == rows[metric]["n_excluded"], (name, metric)


def test_the_items_in_progress_are_those_of_the_present_flow_load(worlds: Worlds) -> None:
    """The table, the dots and the last day of the chart count the same items, and mark those that `aging` marks."""
    marked = 0
    for name in NAMES:
        folder, page = worlds[name]
        count = len(page.aged.rows)
        assert len(page.ageing.dots) == count
        if page.wip.bands:
            assert sum(band.values[-1] for band in page.wip.bands) == count
        late = [index for index, dot in enumerate(page.ageing.dots) if "late" in dot.kind]
        assert sorted(page.aged.late) == late
        items = world.say(folder, "aging", "payments", "--format", "json").json
        assert [index for index, item in enumerate(items) if item["is_late"]] == late, name
        marked += len(late)
    assert marked > 0


def test_every_issue_of_a_list_has_its_title(worlds: Worlds) -> None:
    """So does an issue that began after the period."""
    for name in ("one week", "year", "unknown weeks"):
        _, page = worlds[name]
        for table in (page.aged, page.behind, page.left_out):
            keys = [row[0].words for row in table.rows if row[0].words.startswith("PAY-")]
            titles = [row[1].words for row in table.rows if row[0].words.startswith("PAY-")]
            assert titles == [f"Retry refunds, part {key.removeprefix('PAY-')}" for key in keys]


def test_the_chart_of_deliveries_has_the_counts_of_the_weeks(worlds: Worlds) -> None:
    """The bands of each week add up to its `flow_velocity`; the week of a clock change is an hour longer."""
    _, page = worlds["year"]
    card = next(card for card in page.cards if card.metric == "flow_velocity")
    for index, bar in enumerate(card.weeks):
        if bar.known == "value":
            assert sum(band.values[index] for band in page.delivered.bands) == pytest.approx(bar.value, rel=0.01)
    assert sum(int(row[1].words) for row in page.took.rows) == len(page.scatter.dots)


def test_the_notes_are_those_of_results(worlds: Worlds) -> None:
    """Each message is shown once, even if three metrics have it."""
    folder, page = worlds["not configured"]
    said = " ".join(world.say(folder, "results", "payments", columns=200).out.split())
    assert page.notes
    assert len({*page.notes}) == len(page.notes)
    for note in page.notes:
        assert " ".join(note.split()) in said


def test_every_metric_has_a_title_and_a_definition() -> None:
    """No two have the same title."""
    assert all(metric.title and metric.definition.endswith(".") for metric in METRICS.values())
    assert len({metric.title for metric in METRICS.values()}) == len(METRICS)


# --- titles -----------------------------------------------------------------------------------------------------------


def test_titles_are_left_out_when_asked(worlds: Worlds) -> None:
    """With `--no-titles` the page has no title of an issue, and no column for titles."""
    folder, page = worlds["year"]
    assert "Retry refunds" in render(page)
    said = world.say(folder, "report", "payments", "--no-titles", "-o", "-")
    assert (said.code, said.err) == (0, "")
    assert "Retry refunds" not in said.out
    assert ">title<" not in said.out
    assert "PAY-" in said.out


def test_a_copy_without_summaries_has_no_column_for_titles(tmp_path: Path) -> None:
    """The copy is of a refresh with `store_summaries = false`."""
    with world.refreshed(tmp_path, issues=60, keys="store_summaries = false") as place:
        html = world.say(place, "report", "payments", "-o", "-").out
    assert "<h2" in html
    assert ">title<" not in html


def test_a_page_of_a_past_day_is_that_of_its_results(worlds: Worlds) -> None:
    """The values are those of results for that day."""
    folder, _ = worlds["year"]
    day = str((AS_OF - timedelta(days=30)).date())
    html = world.say(folder, "report", "payments", "--as-of", day, "-o", "-").out
    rows = world.say(folder, "results", "payments", "--as-of", day, "--format", "json").json
    values = re.findall(r'<div class="value">([^ ]+) <small>', html)
    assert values == [format_number(row["value"]) for row in rows]
    assert day in html


# --- hostile texts and links ------------------------------------------------------------------------------------------


def test_a_hostile_title_or_status_is_text_everywhere(worlds: Worlds) -> None:
    """The page has the same elements as any other, without more scripts, images or bold words."""
    _, page = worlds["hostile"]
    html = render(page)
    assert html.count("&lt;script&gt;alert(1)") > 10
    parts = Parts(html)
    assert not {"script", "img", "b", "iframe", "object", "link", "base", "form"} & {*parts.elements}
    assert {name for name, _ in parts.attributes if name.startswith("on")} == set()


def test_a_hostile_profile_or_note_is_text(worlds: Worlds) -> None:
    """The texts come from the configuration and from a message."""
    _, page = worlds["year"]
    cell = Cell(HOSTILE, f'https://jira.example/browse/"{HOSTILE}')
    hostile = replace(
        page,
        profile=HOSTILE,
        notes=[HOSTILE] * 4,
        period=HOSTILE,
        zone=HOSTILE,
        quality=Table(((HOSTILE, ""),), [[cell]], HOSTILE),
        timeline=Chart(HOSTILE, HOSTILE),
        computed=[(HOSTILE, HOSTILE)],
        reproduce=[HOSTILE],
    )
    for html in (render(hostile), render_index([("a.html", hostile)])):
        parts = Parts(html)
        assert not {"script", "img", "b"} & {*parts.elements}
        assert {name for name, _ in parts.attributes if name.startswith("on")} == set()
        assert _policy(html) == _style_hash(html)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_links_only_to_jira_and_to_itself(worlds: Worlds, name: str) -> None:
    """It has no `src`, other address or style attribute, and only the style sheet that its policy allows."""
    html = render(worlds[name][1])
    parts = Parts(html)
    assert not {attribute for attribute, _ in parts.attributes} & {"src", "style", "srcset", "action", "data"}
    addresses = [value for attribute, value in parts.attributes if attribute in ("href", "xlink:href")]
    assert all(address.startswith(("#", "https://sandbox.example")) for address in addresses)
    anchors = {address[1:] for address in addresses if address.startswith("#")}
    ids = [value for attribute, value in parts.attributes if attribute == "id"]
    assert anchors <= {*ids}
    assert len(ids) == len({*ids})
    assert parts.elements.count("style") == 1
    assert _policy(html) == _style_hash(html)
    assert html.index("Content-Security-Policy") < html.index("<style>")


def _policy(html: str) -> str:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    words = policy.replace("&#x27;", "'").replace("&#39;", "'").replace("&amp;", "&")
    assert words.startswith("default-src 'none'; style-src 'sha256-")
    assert words.endswith("base-uri 'none'; form-action 'none'")
    return str(re.findall(r"'sha256-([^']*)'", words)[0])


def _style_hash(html: str) -> str:
    (sheet,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    return b64encode(sha256(sheet.encode()).digest()).decode()


def test_the_style_sheet_has_every_position_of_a_label(worlds: Worlds) -> None:
    """A class without a rule would put the label at the left edge."""
    for name in NAMES:
        html = render(worlds[name][1])
        sheet = html[html.index("<style>") : html.index("</style>")]
        places = set(re.findall(r'class="(?:[a-z-]+ )*([lbw]\d+)(?: [lbw]\d+)?"', html))
        assert places
        assert all(f".{place}{{" in sheet for place in places)


# --- long lists and files ---------------------------------------------------------------------------------------------


def test_a_long_list_is_cut_with_a_sentence(tmp_path: Path, migrated_file: Path) -> None:
    """1,000 rows are shown; the others are counted, and the sentence has the command that lists them."""
    with stored_variant(tmp_path, migrated_file, "ten times") as current, current.reads() as session:
        page = load_page(current, session, "payments")
        count = stored_issues.count(session, "payments")
    assert count > 6_500
    assert not page.behind.note
    longer = lists.cut(replace(page.behind, rows=[*page.behind.rows] * 5), "flowbeat explain payments flow_velocity")
    more = 5 * len(page.behind.rows) - 1_000
    assert len(longer.rows) == 1_000
    assert longer.note == f"{more:,} more are not shown here; run: flowbeat explain payments flow_velocity"
    assert longer.note in render(replace(page, behind=longer))
    days = [float(row[4].words.replace(",", "")) for row in page.behind.rows if row[4].words != "–"]
    assert days == sorted(days, reverse=True)


def test_a_page_is_written_completely_or_not_at_all(worlds: Worlds, tmp_path: Path) -> None:
    """A missing folder is made; after a failed write the old page is there, and no other file."""
    _, page = worlds["one week"]
    file = tmp_path / "deep" / "page.html"
    write_page(page, file)
    assert file.read_text(encoding="utf-8") == render(page)
    assert [path.name for path in file.parent.iterdir()] == ["page.html"]
    with pytest.raises(OSError, match="directory"):
        write_page(page, file.parent)
    assert [path.name for path in file.parent.iterdir()] == ["page.html"]


def test_several_profiles_make_a_folder_with_an_index(worlds: Worlds, tmp_path: Path) -> None:
    """The index has the values of all profiles, and links to files that exist."""
    pages = [replace(worlds["year"][1], profile="a/b"), replace(worlds["none"][1], profile="..")]
    index = write_folder(pages, tmp_path / "out")
    html = index.read_text(encoding="utf-8")
    links = [value for name, value in Parts(html).attributes if name == "href"]
    assert len(links) == 2
    for link in links:
        assert (index.parent / link).is_file()
    assert sorted(path.name for path in index.parent.iterdir()) == sorted([*links, "index.html"])
    for card in pages[0].cards:
        assert f"{card.value} {card.unit}" in html


def test_the_command_writes_a_file_and_names_it(worlds: Worlds, tmp_path: Path) -> None:
    """One profile makes a file, or a folder if the name ends like one."""
    folder, page = worlds["year"]
    said = world.say(folder, "report", "payments", "-o", str(tmp_path / "p.html"))
    assert (said.code, said.out.strip()) == (0, str(tmp_path / "p.html"))
    assert page.profile in (tmp_path / "p.html").read_text(encoding="utf-8")
    said = world.say(folder, "report", "-o", f"{tmp_path}/pages/")
    assert said.out.strip() == str(tmp_path / "pages" / "index.html")
    assert world.say(folder, "report", "nobody").code == 2


def test_the_teams_have_all_kinds_of_data(worlds: Worlds) -> None:
    """The tests above need values, failures, incidents and all four categories."""
    assert {*NAMES, "ten times"} == {*VARIANTS}
    _, page = worlds["year"]
    assert {card.state for card in page.cards} == {"success"}
    assert {band.name for band in page.delivered.bands} == {"feature", "defect", "risk", "debt"}
    assert {dot.kind for dot in page.timeline.dots} == {"", "failed"}
    assert page.timeline.spans
    assert {row[2].words for row in page.left_out.rows} == {"not delivered", "never started"}
    assert page.forecast.rows
    _, bare = worlds["not configured"]
    assert {"missing_mapping", "success"} <= {card.state for card in bare.cards}
