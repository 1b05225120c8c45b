"""The commands init and migrate: a configuration that loads, a schema that is whole, nothing overwritten."""

from pathlib import Path

import console_world as world

from models.database import newest_revision
from worker.settings import load


def test_init_writes_a_configuration_that_loads(tmp_path: Path) -> None:
    """As written it is complete; it says what to fill in and what to run."""
    said = world.say_apart(tmp_path, "init")
    assert said.code == 0
    assert load(tmp_path / "flowbeat.toml", {}).profiles.keys() == {"team"}
    assert "flowbeat check" in said.out


def test_init_never_overwrites(tmp_path: Path) -> None:
    """The file keeps every byte; the sentence says so."""
    file = tmp_path / "flowbeat.toml"
    file.write_text("# mine", encoding="utf-8")
    said = world.say_apart(tmp_path, "init")
    assert (said.code, file.read_text(encoding="utf-8")) == (1, "# mine")
    assert "was left as it is" in said.err


def test_init_says_where_it_cannot_write(tmp_path: Path) -> None:
    """A folder that is not there."""
    said = world.say_apart(tmp_path, "init", FLOWBEAT_CONFIG=str(tmp_path / "none" / "flowbeat.toml"))
    assert said.code == 1
    assert "cannot be written: No such file or directory" in said.err


def test_init_without_a_named_file_writes_into_this_folder(tmp_path: Path) -> None:
    """FLOWBEAT_CONFIG empty counts as not set."""
    assert world.say_apart(tmp_path, "init", FLOWBEAT_CONFIG="").code == 0
    assert (tmp_path / "flowbeat.toml").exists()


def test_migrate_says_from_where_to_where(tmp_path: Path) -> None:
    """And the second time that there is nothing to do."""
    world.configure(tmp_path)
    first, second = world.say(tmp_path, "migrate"), world.say(tmp_path, "migrate")
    assert first.out == f"The schema went from nothing to revision {newest_revision()}.\n"
    assert second.out == f"The schema is up to date: revision {newest_revision()}.\n"


def test_a_schema_of_another_program_is_told_before_anything_is_read(tmp_path: Path) -> None:
    """Reading says what to run; it changes nothing itself."""
    world.configure(tmp_path)
    world.say(tmp_path, "migrate")
    with world.world(tmp_path) as current, current.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0000'")
    said = world.say(tmp_path, "results")
    assert said.code == 1
    assert f"schema is 0000, and this program needs {newest_revision()}: flowbeat migrate" in said.err
