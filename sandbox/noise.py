"""Noise of every tracker: edits of fields that no metric reads, moves, imports, late changes."""

# ruff: noqa: PLR2004 - the odds and delays of a made-up team stand where they are drawn

from typing import Final

from sandbox import catalogue as c
from sandbox.life import Life
from sandbox.shapes import DAY, MINUTE, WEEK, option
from sandbox.site import Item


def add_noise(life: Life) -> None:
    """Add edits of fields that no metric reads, a few issues with very many, and a few moves."""
    rng = life.rng
    luck = rng.random()
    # A third of the edits leave no history: comments, and plans for the sprint it is in already.
    many = rng.randint(170, 300) if luck < 0.008 else rng.randint(80, 140) if luck < 0.03 else rng.randint(1, 8)
    last = max((draft.at for draft in life.drafts), default=life.born) + 3 * DAY
    times = sorted(rng.randint(life.born + MINUTE, last) for _ in range(many))
    state = {"summary": life.fields["summary"], "labels": "", "sprint": ""}
    for n, at in enumerate(times):
        rng.choice(_EDITS)(life, at, state, n)
    if rng.random() < 0.01:
        # An import brings histories older than the issue.
        item = Item("description", "jira", "description", None, None, None, life.fields["summary"])
        life.note(life.born - rng.randint(1, 30) * DAY, (), item, by=life.someone())
    if life.k % 9 == 4:
        _light(life, times)
    if rng.random() < 0.05:
        # A real site does this: months later the workflow changes, and `updated` stays as it was.
        item = Item("Workflow", "jira", None, "10100", "Old workflow", "10200", "PAY: Software workflow")
        life.note(last + rng.randint(20, 200) * DAY, (), item, by=life.someone(), touches=False)


def _light(life: Life, times: list[int]) -> None:
    """Add a custom field called Status, which some teams have."""
    colours = (("10500", "Green"), ("10501", "Amber"), ("10502", "Red"))
    before: tuple[str | None, str | None] = (None, None)
    for n, at in enumerate((times[0], times[-1] + MINUTE)):
        number, colour = colours[(life.k + n) % len(colours)]
        item = Item("Status", "custom", c.LIGHT, *before, number, colour)
        life.note(at, ((c.LIGHT, option(number, colour)),), item, by=life.team.people[life.k % len(life.team.people)])
        before = (number, colour)


def _rank(life: Life, at: int, _state: dict[str, str], n: int) -> None:
    rank = f"0|h{life.k:05d}:{n}"
    item = Item("Rank", "custom", c.RANK, "", "", "", life.rng.choice(("Ranked higher", "Ranked lower")))
    life.note(at, ((c.RANK, rank),), item, by=life.someone())


def _comment(life: Life, at: int, _state: dict[str, str], _n: int) -> None:
    life.note(at, ())


def _summarise(life: Life, at: int, state: dict[str, str], n: int) -> None:
    text = f"{life.fields['summary']} ({n + 1})"
    item = Item("summary", "jira", "summary", None, state["summary"], None, text)
    state["summary"] = text
    life.note(at, (("summary", text),), item, by=life.someone())


def _relabel(life: Life, at: int, state: dict[str, str], _n: int) -> None:
    labels = sorted(life.rng.sample(("backend", "frontend", "legal", "mobile", "partner"), life.rng.randint(0, 3)))
    text = " ".join(labels)
    item = Item("labels", "jira", "labels", None, state["labels"], None, text)
    state["labels"] = text
    life.note(at, (("labels", labels),), item, by=life.someone())


def _plan_sprint(life: Life, at: int, state: dict[str, str], _n: int) -> None:
    number = (at - life.team.origin) // (2 * WEEK) + 1
    text = ", ".join(filter(None, (state["sprint"], str(number))))
    if str(number) in state["sprint"].split(", "):
        return
    item = Item("Sprint", "custom", c.SPRINT, state["sprint"], state["sprint"], text, text)
    state["sprint"] = text
    values = [{"id": int(n), "name": f"Sprint {n}", "state": "active", "boardId": 1} for n in text.split(", ")]
    life.note(at, ((c.SPRINT, values),), item, by=life.someone())


_EDITS: Final = (_rank, _comment, _summarise, _relabel, _plan_sprint)
