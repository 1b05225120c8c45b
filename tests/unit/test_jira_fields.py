"""Field mappings by name or id: resolved to one id of the site, or refused with what to do."""

import pytest

from models.records import Field, Rules
from worker.errors import FatalError
from worker.jira.fields import resolved, roots

SITE = [
    Field("customfield_1", "Story point estimate", "number", ""),
    Field("customfield_2", "Deployed at", "datetime", ""),
    Field("customfield_3", "Twin", "string", ""),
    Field("customfield_4", "twin", "string", ""),
    Field("customfield_5", "Release owner", "user", ""),
    Field("customfield_6", "Approvers", "array", "user"),
    Field("customfield_7", "v1.0 date", "date", ""),
    Field("customfield_8", "customfield_1", "string", ""),
    Field("created", "Created", "datetime", ""),
]


def _one(text: str) -> object:
    return resolved(Rules(fields={"points": text}), SITE, "payments").fields["points"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("customfield_1", "customfield_1"),
        ("CUSTOMFIELD_2", "customfield_2"),
        ("story POINT estimate", "customfield_1"),
        ("customfield_2.value", "customfield_2.value"),
        ("Deployed at.child.value", "customfield_2.child.value"),
        ("v1.0 date", "customfield_7"),
        ("v1.0 date.start", "customfield_7.start"),
        ("created", "created"),
    ],
)
def test_a_field_is_found_by_id_or_name_and_a_path_is_kept(text: str, expected: str) -> None:
    """An id wins over a name, and the longest head that is a field over a shorter one."""
    assert _one(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Story point estimat", "has no field 'Story point estimat'; did you mean 'Story point estimate'?"),
        ("Nothing like it", "see its fields with: flowbeat check --names"),
        ("Twin", "2 fields are called 'Twin'; use one id: customfield_3, customfield_4"),
        ("Release owner", "holds people"),
        ("customfield_6.displayName", "holds people"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused_with_its_place(text: str, words: str) -> None:
    """An unknown field, an ambiguous one, or one that holds people."""
    with pytest.raises(FatalError, match=r"^profiles\.payments\.fields\.points: ") as caught:
        _one(text)
    assert words in str(caught.value)


def test_the_roots_are_the_fields_to_ask_for() -> None:
    """Each field once, in order."""
    rules = Rules(
        fields={"a": "customfield_2.value", "points": ("customfield_3", "customfield_1"), "c": "customfield_2"}
    )
    assert roots(rules) == ("customfield_1", "customfield_2", "customfield_3")


def test_each_of_several_fields_is_found_and_one_named_twice_is_asked_once() -> None:
    """In the order of the mapping. An unknown name is refused as a single one is."""
    several = Rules(fields={"points": ("v1.0 date", "story point estimate", "customfield_1")})
    assert resolved(several, SITE, "payments").fields == {"points": ("customfield_7", "customfield_1")}
    twice = Rules(fields={"points": ("Story point estimate", "customfield_1")})
    assert resolved(twice, SITE, "payments").fields == {"points": "customfield_1"}
    with pytest.raises(FatalError, match=r"fields\.points: this Jira has no field 'Story points'"):
        resolved(Rules(fields={"points": ("customfield_1", "Story points")}), SITE, "payments")


def test_a_name_with_another_kind_of_blank_is_the_same_name() -> None:
    """Jira's own translations have no-break spaces."""
    site = [Field("customfield_9", "Point\u00a0d\u2019effort estime\u0301", "number", "")]
    rules = resolved(Rules(fields={"points": "point d\u2019effort  estim\u00e9"}), site, "payments")
    assert rules.fields == {"points": "customfield_9"}


def test_a_flag_is_a_whole_field_and_a_field_whose_name_holds_a_dot_is_one() -> None:
    """The history of a field does not name parts of its value."""
    assert resolved(Rules(fields={"flagged": "v1.0 date"}), SITE, "payments").fields == {"flagged": "customfield_7"}
    with pytest.raises(FatalError, match=r"fields\.flagged: 'value' is a path below .* alone: customfield_1$"):
        resolved(Rules(fields={"flagged": "Story point estimate.value"}), SITE, "payments")
