"""The value of a metric, computed from the used parts of ``flowbeat explain --format json``."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from reference.formulas import Part, value_of


def value_of_explained(metric: str, used: Sequence[dict[str, Any]], days: float) -> float:
    """Return the value that the parts give in a window of ``days`` days."""
    bases = [1 if part["out_of"] is None else part["out_of"] for part in used]
    parts = [
        Part("", "", Fraction(part["contribution"]), Fraction(base)) for part, base in zip(used, bases, strict=True)
    ]
    value = value_of(metric, parts, Fraction(days))
    assert value is not None
    return float(value)
