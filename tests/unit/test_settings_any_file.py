"""Whatever a configuration file holds is read, or refused with sentences."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.config_schema import Key, Schema, schema
from worker.errors import ConfigError
from worker.settings import load

# --- whatever the file holds ----------------------------------------------------------------------------------------


def _values() -> st.SearchStrategy[object]:
    scalars = st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.datetimes(), st.dates())
    return st.one_of(scalars, st.lists(scalars, max_size=4), st.dictionaries(st.text(max_size=5), scalars, max_size=3))


def _trees(section: Schema) -> st.SearchStrategy[object]:
    """Return tables of the right shape with values of any kind, and sometimes another shape."""
    keys = {("x" if name == "*" else name): _trees_of(expected) for name, expected in section.items()}
    return st.one_of(st.fixed_dictionaries({}, optional=keys), _values())


def _trees_of(expected: "Key | Schema") -> st.SearchStrategy[object]:
    return _values() if isinstance(expected, Key) else _trees(expected)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(key)} = {_toml(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return _quoted(value) if isinstance(value, str) else str(value)


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(letter):08x}" for letter in text) + '"'


@given(tree=st.fixed_dictionaries({}, optional={name: _trees_of(key) for name, key in schema().items()}))
def test_whatever_a_file_holds_it_is_read_or_refused_with_sentences(
    tmp_path_factory: pytest.TempPathFactory, tree: Mapping[str, object]
) -> None:
    """No value at any key raises an error other than ConfigError."""
    path = tmp_path_factory.mktemp("any") / "flowbeat.toml"
    path.write_text("\n".join(f"{name} = {_toml(value)}" for name, value in tree.items()), encoding="utf-8")

    refusal = _told(path)
    assert "TOML" not in refusal  # the test writes valid TOML, so only values are refused
    assert all(line.startswith(f"{path}: ") for line in refusal.splitlines())


def _told(path: Path) -> str:
    try:
        load(path, {})
    except ConfigError as error:
        return str(error)
    return ""


PLAIN = """
[connections.acme]
base_url = "https://acme.atlassian.net"
[profiles.team]
connection = "acme"
jql = "project = PAY"
"""


def test_a_schedule_is_checked_without_celery(tmp_path: Path) -> None:
    """Because importing it takes a third of a second, and every command reads the configuration."""
    program = "import sys; from pathlib import Path; from worker.settings import load; load(Path(sys.argv[1]), {})"
    file = tmp_path / "flowbeat.toml"
    file.write_text(PLAIN + 'schedule = "*/5 2 * * mon"\n', encoding="utf-8")
    command = [sys.executable, "-c", f"{program}; print('celery' in sys.modules)", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "False"
