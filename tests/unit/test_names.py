"""The comparison of names: what a person sees as one name is one name."""

import pytest

from models.names import fold_name


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("In Review", "in review"),
        ("Zurückgestellt", "Zuru\u0308ckgestellt"),  # one letter, or a letter and a mark
        ("In\u00a0Prüfung", "In Prüfung"),
        ("In\u202fPrüfung", "IN \t\n PRÜFUNG"),
        ("  Won't  Do ", "won't do"),
        ("Straße", "STRASSE"),
        ("ΟΔΟΣ", "οδος"),
        ("\u1e9e", "ss"),
        ("\u0390", "\u03b9\u0308\u0301"),  # folding splits this letter
        ("\u212b", "å"),  # the unit's sign equals the letter
    ],
)
def test_names_that_look_alike_are_one(written: str, sent: str) -> None:
    """Case, composition and white space make no difference."""
    assert fold_name(written) == fold_name(sent)


@pytest.mark.parametrize(("first", "second"), [("In Review", "InReview"), ("Done", "Done."), ("Résolu", "Resolu")])
def test_names_that_look_different_stay_different(first: str, second: str) -> None:
    """A blank, a full stop and an accent are part of a name."""
    assert fold_name(first) != fold_name(second)


def test_folding_twice_changes_nothing() -> None:
    """The folded form is the one that is stored in indexes and looked up."""
    for text in ("\u0390", "İstanbul", " \u00a0", "ﬁx", "Zuru\u0308ck"):
        assert fold_name(fold_name(text)) == fold_name(text)
