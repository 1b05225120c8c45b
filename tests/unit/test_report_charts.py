"""The marks of charts: each state of a week has its own, positions match the values, and foreign text is escaped."""

import math
import re

import pytest

from report.charts import (
    DAY,
    RUNGS,
    Band,
    Bar,
    Dot,
    Known,
    Label,
    areas,
    bars,
    ceiling,
    cells,
    dots,
    framed,
    ladder,
    spans,
    spread,
    stacked,
)

HOSTILE = '<script>alert(1)</script>--><img onerror="x">'


def marks(drawing: str, css: str) -> list[str]:
    """Return the paths of a CSS class."""
    return re.findall(rf'<path class="{css}" d="([^"]*)"', drawing)


# --- weeks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "value", "css"),
    [
        ("value", 3.0, "bar"),
        ("value", 0.0, "zero"),
        ("running", 2.0, "so-far"),
        ("running", 0.0, "zero"),
        ("none", None, "dash"),
        ("unknown", None, "blank"),
        ("missing", None, "blank"),
    ],
)
def test_each_state_of_a_week_has_its_own_mark(known: Known, value: float | None, css: str) -> None:
    """Each week has one mark, with a tooltip in words."""
    drawing = bars([Bar(known, value, "2026-W40 & more")])
    assert re.findall(r'<path class="([^"]*)"', drawing) == [css]
    assert "<title>2026-W40 &amp; more</title>" in drawing
    assert drawing.count('class="hatched') == (css == "blank")


def test_neighbours_that_nobody_knows_are_hatched_as_one_area() -> None:
    """Two of four at the left edge, and one apart from them."""
    weeks = [Bar(known, None, "") for known in ("unknown", "unknown", "none", "missing")]
    assert re.findall(r'hatched (l\d+ w\d+)"', bars(weeks)) == ["l0 w500", "l750 w250"]


def test_a_bar_is_as_high_as_its_value_from_zero() -> None:
    """The axis ends at 20, the highest value. A running week has the same scale."""
    drawing = bars([Bar("value", 5.0, ""), Bar("value", 20.0, ""), Bar("running", 10.0, "")])
    assert [re.findall(r"v-(\d+)", mark) for mark in marks(drawing, "bar")] == [["25"], ["100"]]
    assert re.findall(r"v-(\d+)", marks(drawing, "so-far")[0]) == ["50"]


def test_a_negative_value_hangs_below_the_line_of_zero() -> None:
    """Net flows of −10 and 10: the line of zero is in the middle, and neither bar is cut off."""
    drawing = bars([Bar("value", 10.0, ""), Bar("value", -10.0, ""), Bar("value", 0.0, "")])
    above, below = marks(drawing, "bar")
    assert re.search(r"50v-50", above)
    assert re.search(r"50v50", below)
    assert marks(drawing, "axis") == ["M0 50H100"]
    assert marks(drawing, "zero")[0].endswith("50h0")


# --- scales -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (-3, 1), (0.07, 0.08), (1, 1), (1.01, 1.5), (9.9, 10), (10, 10), (61, 80), (1234, 1500)]
)
def test_an_axis_ends_at_a_round_number_at_or_above_the_value(value: float, top: float) -> None:
    """At 1 if all values are 0."""
    assert math.isclose(ceiling(value), top)


def test_each_step_of_the_ladder_is_a_longer_unit() -> None:
    """From 2 hours to 40 days: marks from an hour to 3 months, ascending."""
    place, rungs = ladder(2 * 3_600, 40 * DAY)
    assert [rung.words for rung in rungs] == ["1 hour", "1 day", "1 week", "1 month", "3 months"]
    assert (rungs[0].at, rungs[-1].at) == (0.0, 1.0)
    assert [rung.at for rung in rungs] == sorted(rung.at for rung in rungs)
    middle = math.sqrt(3_600 * 91 * DAY)
    assert math.isclose(place(middle), 0.5)
    assert (place(0), place(3_000 * DAY)) == (0.0, 1.0)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 60.0, *(size for size, _ in RUNGS), 5_000 * DAY])
def test_a_ladder_of_one_value_still_has_a_height(seconds: float) -> None:
    """Any value is inside the drawing."""
    place, _ = ladder(seconds, seconds)
    assert 0.0 <= place(seconds) <= 1.0


# --- the other drawings -----------------------------------------------------------------------------------------------


def test_stacked_bars_and_areas_lie_on_each_other() -> None:
    """2 and 3 of 5 on an axis that ends at 5: the second begins at the end of the first."""
    bands = [Band("one", "a", [2]), Band("two", "b", [3])]
    drawing = stacked(bands, ["a week"])
    assert "100h76v-40" in marks(drawing, "a")[0]
    assert "60h76v-60" in marks(drawing, "b")[0]
    drawn = areas(bands)
    assert marks(drawn, "a") == ["M0 100V60H100V100H0z"]
    assert marks(drawn, "b") == ["M0 60V0H100V60H0z"]


def test_an_area_ends_at_the_right_edge_however_many_days_it_has() -> None:
    """364 steps of 0.2747 %. Rounded steps would add up to 101.6 %."""
    (path,) = marks(areas([Band("one", "a", [1.0] * 364)]), "a")
    across = [float(at) for at in re.findall(r"H([\d.]+)", path)]
    assert (max(across), across[-1]) == (100, 0)
    assert across[:364] == sorted(across[:364])


def test_a_part_of_nothing_has_no_mark() -> None:
    """A week without deliveries has its words but no bar."""
    drawing = stacked([Band("one", "a", [0, 2])], ["none", "two"])
    assert (drawing.count("<path"), "<title>two</title>" in drawing) == (1, True)


def test_a_cell_counts_its_points_and_is_darker_the_more_there_are() -> None:
    """Nine in one cell and one in another. Points at the edge belong to the last cell."""
    drawing = cells([*[(0.05, 0.05)] * 9, (1.0, 1.0)], 10, 10)
    assert drawing.count('<path class="cell s9"') == 1
    assert drawing.count('<path class="cell s3"') == 1
    assert re.findall(r"<title>(\d+)</title>", drawing) == ["9", "1"]
    assert marks(drawing, "cell s3") == ["M90 0h10v10h-10z"]


def test_a_dot_lies_at_its_shares_and_leads_to_its_issue_outside_the_tab_order() -> None:
    """A table beside the chart has the same links for keyboard users."""
    drawing = dots([Dot(0.25, 0.75, "P-1", "https://jira.example/browse/P-1", "active late")], [Label(0.5, "85 %")])
    assert '<g class="dot active late"><a href="https://jira.example/browse/P-1" tabindex="-1">' in drawing
    assert '<path d="M25 25h.01"><title>P-1</title></path>' in drawing
    assert marks(drawing, "line") == ["M0 50H100"]


def test_dots_without_an_address_are_one_path_for_each_kind() -> None:
    """Two small dots beside a link."""
    drawing = dots([Dot(0.1, 0.1, "", "", "small"), Dot(0.5, 0, "P-1", "/P-1", "small"), Dot(1, 1, "", "", "small")])
    assert drawing.count("<g ") == 1
    assert '<path d="M10 90h.01M100 0h.01"/>' in drawing


def test_labels_that_would_lie_on_each_other_are_moved_apart() -> None:
    """Three labels at the top, in their order, inside the drawing."""
    moved = spread([Label(0.97, "85"), Label(0.2, "50"), Label(0.98, "95")], 0.1)
    assert [label.words for label in moved] == ["50", "85", "95"]
    assert [round(label.at, 3) for label in moved] == [0.2, 0.9, 1.0]


def test_what_nobody_knows_is_hatched_under_any_drawing() -> None:
    """A quarter of the width from the left, or nothing if all is known."""
    assert 'class="hatched l0 w250"' in framed("", "", unknown=0.25)
    assert "hatched" not in framed("", "", unknown=0.0)


def test_a_label_at_the_right_edge_ends_there() -> None:
    """Otherwise it would reach beyond the screen of a phone."""
    drawing = framed("", "", x=[Label(0.5, "Mar"), Label(0.97, "12 Oct")])
    assert re.findall(r'<span class="([^"]*)">', drawing) == ["l500", "end l970"]


def test_a_short_incident_is_still_seen_and_a_failed_deployment_stands_out() -> None:
    """An incident of zero length is 0.2 % wide, and the tick of a failed deployment is longer."""
    drawing = spans([(0.5, 0.5, "down", "P-9", "")], [Dot(0.1, 0, "v1", "", "failed"), Dot(0.2, 0, "v2")])
    assert marks(drawing, "down") == ["M50 70h0.2v22h-0.2z"]
    assert (marks(drawing, "tick failed"), marks(drawing, "tick")) == (["M10 8V55"], ["M20 20V55"])


def test_whatever_an_issue_is_called_it_stays_text() -> None:
    """In tooltips, addresses, labels, and texts for screen readers."""
    drawn = [
        bars([Bar("value", 1.0, HOSTILE)]),
        stacked([Band("one", "a", [1])], [HOSTILE]),
        dots([Dot(0, 0, HOSTILE, f'https://x/"{HOSTILE}')]),
        spans([(0, 1, "down", HOSTILE, f'"{HOSTILE}')], [Dot(0, 0, HOSTILE)]),
        framed("", HOSTILE, x=[Label(0, HOSTILE)], y=[Label(1, HOSTILE)]),
    ]
    for drawing in drawn:
        assert "<script" not in drawing
        assert "<img" not in drawing
        assert 'onerror="' not in drawing
        assert "&lt;script&gt;alert(1)" in drawing
