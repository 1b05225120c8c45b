"""Columns of arrays as the driver writes them."""

import numpy as np
from sqlalchemy.orm import Session

from models.metrics.arrays import NO_INSTANT, Ints


def written_instants(session: Session, instants: Ints) -> list[str | None]:
    """Instants as the text that UtcDateTime stores (PostgreSQL reads it with its offset); None for NO_INSTANT."""
    offset = "" if session.get_bind().dialect.name == "sqlite" else "+00"
    texts = np.datetime_as_string(instants.view("datetime64[us]")).tolist()
    kept = (instants != NO_INSTANT).tolist()
    return [text.replace("T", " ") + offset if is_kept else None for text, is_kept in zip(texts, kept, strict=True)]
