"""Reads a Jira for proposals, shows them, and asks about those that contradict Jira's categories."""

import textwrap
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import click

from console.init.connecting import Access
from console.init.measures import measure
from console.init.proposals import propose, stage_proposals, stage_reason, workflow_of
from console.init.records import Proposal, Survey
from console.init.status_words import StageProposal
from console.init.survey import expected_requests, read_survey, sample_size
from console.init.written import toml_value
from console.shared import errors
from console.shared.output import clean, terminal
from models.wording import format_count

_WIDEST: Final = 100  # longer lines are hard to read


def propose_all(access: Access, jql: str, count: int, now: datetime, *, accepts_all: bool) -> tuple[Proposal, ...]:
    """Return the proposals for a JQL that finds about ``count`` issues, shown and where needed asked about."""
    try:
        survey = _read(access, jql, count)
    except errors.EXPECTED as error:  # the answers are good, and a person can fill in the rest
        click.secho(f"  Reading failed, so nothing is proposed: {errors.sentence(error)}\n", fg="red")
        return ()
    stages = stage_proposals(survey)
    if not accepts_all:
        stages = _accepted(survey, stages, now)
    proposed = propose(survey, stages, now)
    _show(proposed)
    for what, why in survey.closed.items():
        click.secho(clean(f"This login may not read the {what}, so nothing is proposed of them: {why}"), fg="yellow")
    return proposed


def _read(access: Access, jql: str, count: int) -> Survey:
    size = sample_size(access.client, access.flavour, count)
    requests = expected_requests(access.client, access.flavour, size)
    issues = f"the newest {format_count(size, 'issue')} with their histories"
    click.echo(f"Reading the lists and {issues}, by about {requests} requests …")
    access.client.traffic.take()
    survey = read_survey(access.client, access.flavour, jql, size)
    calls, _ = access.client.traffic.take()
    click.echo(f"  {format_count(calls, 'request')} sent.\n")
    return survey


def _accepted(survey: Survey, stages: Sequence[StageProposal], now: datetime) -> tuple[StageProposal, ...]:
    """Return the proposals less those that contradict Jira's category and that the person refuses."""
    measures = measure(survey.issues, survey.statuses, workflow_of(stages), now)
    accepted = []
    for proposal in stages:
        is_asked = proposal.contradicts and proposal.changes
        if is_asked:
            click.echo(clean(stage_reason(proposal, measures)))
        if not is_asked or click.confirm(f"  Is its stage {proposal.stage}?", default=True):
            accepted.append(proposal)
    return tuple(accepted)


def _show(proposed: Sequence[Proposal]) -> None:
    """Print each proposal with its reasons, as it will be in the file."""
    width = min(terminal().width, _WIDEST)
    click.echo("Proposals, with their reasons. A line with # is a suggestion, and stays switched off:\n")
    for proposal in proposed:
        key = f"{proposal.section}.{proposal.key}" if proposal.section else proposal.key
        if proposal.value is not None:
            mark = "" if proposal.is_on else "# "
            click.secho(clean(f"{mark}{key} = {toml_value(proposal.value)}"), bold=proposal.is_on)
        else:
            click.secho(f"# {key}", bold=False)
        for reason in proposal.reasons:
            click.echo(textwrap.fill(clean(reason), width, initial_indent="    ", subsequent_indent="      "))
    click.echo()
