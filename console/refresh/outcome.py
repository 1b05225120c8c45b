"""What came of an ended run: sentences for a person, a row for a program."""

from models.records import CalculationCursor, FetchOperation, Run, Verification
from models.store import issues, operations
from models.wording import format_count
from report import staleness
from worker.runtime import Runtime


def plain(current: Runtime, run: Run) -> dict[str, object]:
    """Return what came of a run, for ``--format json``; what is not known is null."""
    with current.reads() as session:
        fetched = operations.fetch_of(session, run.run_id)
        stored = issues.count(session, run.profile)
    verification = Verification.from_json(run.cursor)
    return {
        "profile": run.profile,
        "run_id": run.run_id,
        "kind": run.kind,
        "state": run.state,
        "error": run.error,
        "seconds": _whole_seconds(run) if run.ended_at else None,
        "issues": stored,
        "cache_hit": fetched.cache_hit if fetched else None,
        "requests": fetched.api_calls_made if fetched else None,
        "issues_changed": fetched.issues_changed if fetched else None,
        "issues_gone": fetched.issues_gone if fetched else None,
        "verified": verification.verified if verification else None,
        "differ": verification.differ if verification else None,
        "shortcomings": shortcomings(current, run),
    }


def describe(current: Runtime, run: Run, as_of: str | None = None) -> str:
    """Return one or two sentences about an ended run: its result, its cost, and where to look next."""
    if run.state != "completed":
        return f"{run.profile}: failed: {run.error}"
    with current.reads() as session:
        fetched = operations.fetch_of(session, run.run_id)
        stored = issues.count(session, run.profile)
    exactly = f" --as-of {as_of}" if as_of else ""
    words = f"{_verified_words(run)}{_fetch_words(fetched, stored)}, {_whole_seconds(run):.1f} s in all."
    return f"{run.profile}: {words}\n  The metrics: flowbeat results {run.profile}{exactly}"


def differs(run: Run) -> bool:
    """Return whether a verification found a difference: also a person who wants quiet must read that."""
    verification = Verification.from_json(run.cursor)
    return verification is not None and verification.differ > 0


def shortcomings(current: Runtime, run: Run) -> list[str]:
    """Return what a completed run lacks: metrics that raised an error, and rules that differ from the present ones."""
    if run.state != "completed":
        return []
    sentences = []
    raised = ", ".join(CalculationCursor.from_json(run.cursor).failed)
    if raised:
        sentences.append(f"{run.profile}: these metrics raised an error: {raised}; see flowbeat logs --level ERROR")
    with current.reads() as session:
        is_of_now = staleness.is_of_now(current, session, run)
    if not is_of_now:
        advice = f"{staleness.restart(run)}, then run: flowbeat calculate {run.profile}"
        sentences.append(f"{run.profile}: calculated with an older configuration; {advice}")
    return sentences


def _verified_words(run: Run) -> str:
    """Return what a verification found; empty for a run without one (without a copy)."""
    verification = Verification.from_json(run.cursor)
    if verification is None:
        return ""
    differ = verification.differ
    head = (
        f"verified {format_count(verification.verified, 'issue')}: {differ:,} {'differs' if differ == 1 else 'differ'}"
    )
    if not differ:
        return f"{head}. "
    lines = [f"  {key}: {', '.join(what)}" for key, what in verification.differences]
    more = [f"  … and {differ - len(lines):,} more, in the table data_quality"] if differ > len(lines) else []
    return "\n".join([f"{head}, and {'is' if differ == 1 else 'are'} repaired:", *lines, *more, ""])


def _fetch_words(fetched: FetchOperation | None, stored: int) -> str:
    if fetched is None or fetched.cache_hit:
        return f"{format_count(stored, 'issue')} from the stored copy; no request to Jira"
    gone = f", {fetched.issues_gone:,} gone" if fetched.issues_gone else ""
    return (
        f"{format_count(stored, 'issue')}, {fetched.issues_changed:,} changed{gone}; "
        f"{format_count(fetched.api_calls_made, 'request')} "
        f"in {fetched.duration_seconds or 0:.1f} s"
    )


def _whole_seconds(run: Run) -> float:
    """Return the seconds from the request to the end, which include the start of a worker."""
    return 0.0 if run.ended_at is None else (run.ended_at - run.requested_at).total_seconds()
