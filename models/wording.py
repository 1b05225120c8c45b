"""Numbers beside a noun, so that sentences read right for one thing and for many."""


def format_count(number: int, text: str, many: str = "") -> str:
    """Return "1 issue", "0 issues" or "3,200 issues"; ``many`` where the plural is not the singular with an s."""
    return f"{number:,} {text if number == 1 else many or text + 's'}"


def format_all(number: int, text: str, many: str = "") -> str:
    """Return "the only issue" or "all 12 issues", as the beginning of a clause."""
    return f"the only {text}" if number == 1 else f"all {format_count(number, text, many)}"


def format_exact(value: float) -> str:
    """Return a figure with four decimals at most, to compare it with others."""
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def format_exact_count(value: float, noun: str) -> str:
    """Return "1 day" or "30.0417 days"."""
    return f"{format_exact(value)} {noun if value == 1 else noun + 's'}"


def format_nth(place: int) -> str:
    """Return "1st", "2nd", "11th"."""
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place:,}{ending}"
