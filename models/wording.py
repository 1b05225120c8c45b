"""Numbers beside a noun, so that sentences read right for one thing and for many."""


def format_count(number: int, one: str, many: str = "") -> str:
    """Return "1 issue", "0 issues" or "3,200 issues"; ``many`` where the plural is not the singular with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def format_all(number: int, one: str, many: str = "") -> str:
    """Return "the only issue" or "all 12 issues", as the beginning of a clause."""
    return f"the only {one}" if number == 1 else f"all {format_count(number, one, many)}"
