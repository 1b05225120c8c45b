"""What `cached_with_invalidation` keeps and drops: by use, by number, by weight."""

import pytest

from worker.timing import Cached, cached_with_invalidation


def letters(size: int, heaviest: float) -> tuple[Cached[[str], str], list[str]]:
    """Return a function that doubles a text, whose weight is its length, and the texts that it was called with."""
    calls = list[str]()

    @cached_with_invalidation(size, weight=len, heaviest=heaviest)
    def double(text: str) -> str:
        calls.append(text)
        return text * 2

    return double, calls


def test_a_result_is_computed_once() -> None:
    """The second call finds it."""
    double, calls = letters(2, 100)
    assert [double("a"), double("a")] == ["aa", "aa"]
    assert (calls, double.hits, double.misses) == (["a"], 1, 1)


def test_the_least_recently_used_is_forgotten_beyond_the_number() -> None:
    """Use keeps a result, not its age."""
    double, calls = letters(2, 100)
    for text in ("a", "b", "a", "c", "a", "b"):
        double(text)
    assert calls == ["a", "b", "c", "b"]


def test_results_are_forgotten_until_the_rest_is_light_enough() -> None:
    """A heavy one may cost several light ones."""
    double, calls = letters(10, 8)
    for text in ("a", "b", "c", "ddd", "c", "b", "a"):
        double(text)
    assert calls == ["a", "b", "c", "ddd", "b", "a"]  # 2 + 2 + 2 + 6 is too heavy, 2 + 6 is not; "b" costs "ddd"


def test_the_newest_is_remembered_however_heavy() -> None:
    """Else the tasks of a large run would each load its data."""
    double, calls = letters(10, 8)
    for text in ("a", "eeeeeee", "eeeeeee", "a"):
        double(text)
    assert calls == ["a", "eeeeeee", "a"]


def test_an_error_is_not_remembered() -> None:
    """The next call tries again."""
    calls = list[int]()

    @cached_with_invalidation()
    def half(number: int) -> int:
        calls.append(number)
        if len(calls) == 1:
            raise ValueError
        return number // 2

    with pytest.raises(ValueError, match=r"^$"):
        half(4)
    assert (half(4), half(4), calls) == (2, 2, [4, 4])


def test_invalidate_forgets_everything() -> None:
    """The next call computes again."""
    double, calls = letters(2, 100)
    double("a")
    double.invalidate()
    double("a")
    assert calls == ["a", "a"]
