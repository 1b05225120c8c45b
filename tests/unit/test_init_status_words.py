"""Which stage `flowbeat init` proposes for a status, compared with what its category and name say to a person.

The first two tables are all statuses of two recorded sites; the third has names of other public Jiras.
"""

import pytest

from console.init.status_words import CATEGORY_NAMES, propose_stage
from models.metrics.statuses import stage_of_category
from models.records import Status

TO_DO, PROGRESS, DONE = "new", "indeterminate", "done"
Table = tuple[tuple[str, str, str], ...]
# A Cloud site of several teams, most names Chinese.
MIXED_SITE: Table = (
    ("In Progress", PROGRESS, "active"),
    ("Open", TO_DO, "todo"),
    ("Closed", DONE, "done"),
    ("To Do", TO_DO, "todo"),
    ("Done", DONE, "done"),
    ("Backlog", TO_DO, "todo"),
    ("缺陷", PROGRESS, "active"),  # defect
    ("技术开发中", PROGRESS, "active"),  # in technical development
    ("Under review", TO_DO, "todo"),  # of a request, before anybody works on it
    ("QUESTION", PROGRESS, "active"),
    ("故事", PROGRESS, "active"),  # story
    ("已完成", DONE, "done"),  # completed
    ("开发中", PROGRESS, "active"),  # in development
    ("已发布", DONE, "done"),  # released
    ("设计中", PROGRESS, "active"),  # in design
    ("测试中", PROGRESS, "active"),  # in test
    ("待发布", PROGRESS, "waiting"),  # to be released
    ("Suggestion", TO_DO, "todo"),
    ("挂起中", PROGRESS, "waiting"),  # suspended
    ("需求挂起中", PROGRESS, "waiting"),  # requirement suspended
    ("Selected for Development", TO_DO, "todo"),
    ("To Do", TO_DO, "todo"),
    ("In Progress", PROGRESS, "active"),
    ("Done", DONE, "done"),
    ("处理中", PROGRESS, "active"),  # being handled
    ("打开", TO_DO, "todo"),  # open
    ("待评分", TO_DO, "todo"),  # to be scored
    ("已初筛", TO_DO, "todo"),  # screened
    ("细化中", TO_DO, "todo"),  # being refined
    ("概设中", TO_DO, "active"),  # in outline design
    ("重新打开", TO_DO, "todo"),  # reopened
    ("开发自测", TO_DO, "active"),  # developers test their own work
    ("发布中", TO_DO, "active"),  # being released
    ("代码评审", TO_DO, "waiting"),  # code review
    ("已关闭", DONE, "done"),  # closed
    ("已解决", PROGRESS, "done"),  # resolved
    ("无效的", PROGRESS, "done"),  # invalid
    ("暂不修改", DONE, "done"),  # not changed for now
    ("分析中", TO_DO, "todo"),  # being analysed, before work begins
    ("To Do", TO_DO, "todo"),
    ("In Progress", PROGRESS, "active"),
    ("Done", DONE, "done"),
    ("Review", PROGRESS, "waiting"),
    ("Blocked / On Hold", PROGRESS, "waiting"),
    ("To Do", TO_DO, "todo"),
    ("In Progress", PROGRESS, "active"),
    ("Done", DONE, "done"),
    ("To Do", TO_DO, "todo"),
    ("In Progress", PROGRESS, "active"),
    ("Done", DONE, "done"),
    ("To Do", TO_DO, "todo"),
    ("In Progress", PROGRESS, "active"),
    ("Done", DONE, "done"),
)
# A small Cloud site with a Kanban board.
KANBAN_SITE: Table = (
    ("In Progress", PROGRESS, "active"),
    ("Backlog", TO_DO, "todo"),
    ("Selected for Development", PROGRESS, "waiting"),
    ("Done", DONE, "done"),
    ("Review", PROGRESS, "waiting"),
    ("FakeBacklog", TO_DO, "todo"),
)
PUBLIC_NAMES: Table = (
    ("Patch Available", PROGRESS, "waiting"),
    ("Reopened", TO_DO, "todo"),
    ("Reopened", PROGRESS, "todo"),
    ("Resolved", DONE, "done"),
    ("Resolved", PROGRESS, "done"),
    ("Needs Triage", TO_DO, "todo"),
    ("Needs Verification", PROGRESS, "waiting"),
    ("Waiting for Reporter", PROGRESS, "waiting"),
    ("Waiting for customer", PROGRESS, "waiting"),
    ("Pending", PROGRESS, "waiting"),
    ("Investigating", PROGRESS, "active"),
    ("Debugging With Submitter", PROGRESS, "active"),
    ("In Code Review", PROGRESS, "waiting"),
    ("Ready for Work", TO_DO, "todo"),
    ("Ready for Dev", TO_DO, "todo"),
    ("Ready for QA", PROGRESS, "waiting"),
    ("QA", PROGRESS, "active"),
    ("Testing", PROGRESS, "active"),
    ("Tested", PROGRESS, "waiting"),
    ("Dev Done", PROGRESS, "waiting"),
    ("Code complete", PROGRESS, "waiting"),
    ("In Development", PROGRESS, "active"),
    ("In Development", TO_DO, "active"),
    ("Ready for Development", TO_DO, "todo"),
    ("Long Term Backlog", TO_DO, "todo"),
    ("Gathering Interest", TO_DO, "todo"),
    ("Under Consideration", TO_DO, "todo"),
    ("Awaiting Development", TO_DO, "todo"),
    ("To be tested", PROGRESS, "waiting"),
    ("Deployed", DONE, "done"),
    ("Won't Fix", PROGRESS, "done"),
    ("Cancelled", TO_DO, "done"),
    ("In Arbeit", PROGRESS, "active"),
    ("Wartet auf Kunde", PROGRESS, "waiting"),
    ("Bereit für Test", PROGRESS, "waiting"),
    ("Abnahme", PROGRESS, "waiting"),
    ("En attente", PROGRESS, "waiting"),
    ("En cours", PROGRESS, "active"),
    ("Em andamento", PROGRESS, "active"),
    ("Pendiente de revisión", PROGRESS, "waiting"),
    ("レビュー中", PROGRESS, "waiting"),
    ("進行中", PROGRESS, "active"),
    ("Threshold check", PROGRESS, "active"),  # it only contains "hold"
    ("Waiter training", PROGRESS, "active"),  # and this one only "wait"
)


@pytest.mark.parametrize("site", [MIXED_SITE, KANBAN_SITE, PUBLIC_NAMES], ids=["mixed", "kanban", "public names"])
def test_at_least_95_percent_of_statuses_have_the_stage_that_a_person_reads(site: Table) -> None:
    """The failure lists what a person reads otherwise."""
    wrong = [row for row in site if propose_stage(Status("1", row[0], row[1])).stage != row[2]]
    assert len(wrong) <= len(site) * 0.05, wrong


@pytest.mark.parametrize("category", ["new", "indeterminate", "done", "undefined", "in-flight"])
def test_a_name_without_a_known_word_has_the_stage_of_its_category(category: str) -> None:
    """The reason names the category, also one that Jira may invent."""
    proposal = propose_stage(Status("1", "Zzyzx", category))
    assert proposal.stage == stage_of_category(category)
    assert not proposal.changes
    assert CATEGORY_NAMES.get(category, category) in proposal.reason


def test_only_a_proposal_about_start_or_end_contradicts_jira() -> None:
    """Active or waiting is a refinement of In Progress; done is not."""
    review, resolved = (propose_stage(Status("1", name, PROGRESS)) for name in ("Review", "Resolved"))
    assert (review.changes, review.contradicts) == (True, False)
    assert (resolved.changes, resolved.contradicts) == (True, True)
    assert "although Jira's category is In Progress" in resolved.reason
