"""Wrong variables and wrong files are refused by name."""

from pathlib import Path

import pytest
from refused_settings import PROFILE, refusal

from worker.errors import ConfigError
from worker.settings import load

# --- the environment ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("FLOWBEAT_REDIS_URI", "x", "no setting has this name; did you mean FLOWBEAT_REDIS_URL?"),
        ("FLOWBEAT_PROFILES__TEAMS__JQL", "x", "no setting has this name; did you mean FLOWBEAT_PROFILES__TEAM__JQL?"),
        ("FLOWBEAT_CONFIGS", "x", "no setting has this name; did you mean FLOWBEAT_CONFIG?"),
        ("FLOWBEAT_1", "x", "no setting has this name; unset it"),
        ("FLOWBEAT_MAX_AGE_HOURS", "soon", "max_age_hours must be a number, not text"),
        (
            "FLOWBEAT_CONNECTIONS__ACME__REQUESTS",
            "2.5",
            "connections.acme.requests must be a whole number, not a number",
        ),
        ("FLOWBEAT_PROFILES__TEAM__STORE_SUMMARIES", "1", "profiles.team.store_summaries must be true or false, not"),
        ("FLOWBEAT_PROFILES__TEAM__LEVELS__CFR", "1,x,3", "profiles.team.levels.cfr must be a list of numbers"),
        ("FLOWBEAT_PROFILES__TEAM__IGNORED_TYPES", "a,,b", "profiles.team.ignored_types must not hold an empty text"),
        (
            "FLOWBEAT_PROFILES__TEAM__CONNECTION",
            "acne",
            "profiles.team.connection names 'acne', which is not a connection",
        ),
        ("FLOWBEAT_REDIS_URL", "http://:hunter2@h", "redis_url must begin with redis://"),
    ],
)
def test_a_wrong_variable_is_named_and_not_the_file(tmp_path: Path, name: str, value: str, sentence: str) -> None:
    """The message names the place of the mistake."""
    message = refusal(tmp_path, PROFILE, **{name: value})

    assert message.startswith(f"environment variable {name}: {sentence}")
    assert "hunter2" not in message


def test_a_variable_into_a_section_that_is_none_leaves_the_sentence_to_the_file(tmp_path: Path) -> None:
    """The section in the file is wrong, not the variable."""
    message = refusal(tmp_path, "changelog_audit = 1", FLOWBEAT_CHANGELOG_AUDIT__EVERY_DAYS="3")

    assert message == "flowbeat.toml: changelog_audit must be a section with its own keys, not a whole number"


# --- the file -------------------------------------------------------------------------------------------------------


def test_broken_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    """The message has the parser's position, and what to do."""
    message = refusal(tmp_path, 'timezone = "UTC"\n[connections.acme\n')

    assert message.startswith("flowbeat.toml: this is not valid TOML: ")
    assert "line 2" in message
    assert message.endswith("then: flowbeat check")


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    """Only the default file may be missing."""
    gone = tmp_path / "gone.toml"
    for path, environ in ((gone, {}), (None, {"FLOWBEAT_CONFIG": str(gone)})):
        with pytest.raises(ConfigError, match=r"gone\.toml: this file does not exist; to write it, run: flowbeat init"):
            load(path, environ)


def test_a_folder_or_bytes_in_place_of_the_file_are_refused(tmp_path: Path) -> None:
    """Settings are a text file in UTF-8."""
    with pytest.raises(ConfigError, match="the file cannot be read: Is a directory"):
        load(tmp_path, {})
    latin = tmp_path / "latin.toml"
    latin.write_bytes('log_dir = "Protokollé"'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"latin\.toml: the file cannot be read: it is not UTF-8 text"):
        load(latin, {})
