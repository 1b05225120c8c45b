"""What a calculation looks at: rules, the statuses' meaning and an instant; for those who calculate and who explain."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from models.metrics.rules import Context, rules_hash
from models.records import CacheMetadata, Rules, iso
from models.store import caches, catalogue
from worker.database import Stored
from worker.errors import FatalError


@dataclass(frozen=True, slots=True)
class View:
    """What a calculation looks at: the profile's rules with fields resolved, its statuses' meaning, and the as-of."""

    rules: Rules
    context: Context
    as_of: datetime


def load_view(current: Stored, session: Session, profile: str, wanted: datetime | None) -> View:
    """Return the view of a profile as of an instant, by default that of the data.

    Raises FatalError without data, or without data as late as requested.
    """
    cache = caches.find(session, profile)
    statuses = catalogue.load_statuses(session, profile)
    if cache is None or cache.data_as_of is None:
        raise FatalError(f"profile {profile!r} has no data yet; fetch it with: flowbeat refresh {profile}")
    rules = _stored_rules(current, profile, cache)
    return View(rules, Context.of(rules, statuses), _as_of(profile, wanted, cache.data_as_of))


def configured_rules_hash(current: Stored, profile: str) -> str | None:
    """Return the hash of a profile's rules as flowbeat.toml writes them; None where it has no such profile.

    Field names are not resolved here, so that it can be compared before anything was fetched.
    """
    configured = current.settings.profiles.get(profile)
    return None if configured is None else rules_hash(configured.rules)


def _stored_rules(current: Stored, profile: str, cache: CacheMetadata) -> Rules:
    """Return the profile's rules with field names as the ids they were resolved to when the copy was made."""
    return replace(current.profile(profile).rules, fields=cache.cursor.identity.resolved)


def _as_of(profile: str, wanted: datetime | None, data_as_of: datetime) -> datetime:
    """Return the instant to calculate for: the one asked for, else that of the data; never later than the data."""
    if wanted is not None and wanted > data_as_of:
        raise FatalError(
            f"the as-of {iso(wanted)} is later than the data of {profile!r} ({iso(data_as_of)}); leave it out for "
            f"the newest results, or once that instant is past: flowbeat refresh {profile}"
        )
    return wanted or data_as_of
