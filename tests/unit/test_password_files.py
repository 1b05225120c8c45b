"""The passwords of database and Redis in files of their own, as Docker and systemd hand them over."""

from pathlib import Path

import pytest

from worker import settings
from worker.errors import ConfigError

DATABASE, CACHE = "postgresql://flowbeat@db:5432/flowbeat", "redis://queue:6379/0"
HARD = "p@ss/wör:d %41"


def load(folder: Path, text: str) -> settings.Settings:
    """Return the settings of a file with this text."""
    file = folder / "flowbeat.toml"
    file.write_text(text, encoding="utf-8")
    return settings.load(file, {})


def test_a_password_in_a_file_joins_its_url(tmp_path: Path) -> None:
    """With every letter; the line end that editors add is not part of it. Commands redact it."""
    (tmp_path / "db").write_text(f"{HARD}\n", encoding="utf-8")
    (tmp_path / "queue").write_text("secret", encoding="utf-8")
    loaded = load(
        tmp_path,
        f'database_url = "{DATABASE}"\ndatabase_password_file = "db"\n'
        f'redis_url = "{CACHE}"\nredis_password_file = "queue"\n',
    )
    assert loaded.database_url == "postgresql://flowbeat:p%40ss%2Fw%C3%B6r%3Ad%20%2541@db:5432/flowbeat"
    assert loaded.redis_url == "redis://:secret@queue:6379/0"
    assert {HARD, "secret"} <= set(settings.secrets(loaded, {}))
    assert (loaded.database_password_file, loaded.redis_password_file) == (tmp_path / "db", tmp_path / "queue")
    assert HARD not in repr(loaded)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('database_password_file = "db"', "database_password_file needs a server beside it; set database_url"),
        (
            f'database_url = "{DATABASE}"\ndatabase_password_file = "no"',
            "no cannot be read (No such file",
        ),
        (f'database_url = "{DATABASE}"\ndatabase_password_file = "empty"', "empty is empty; put the password there"),
        (f'redis_url = "{CACHE}"\nredis_password_file = "two"', "two holds more than one line; put the password"),
        ('redis_url = "unix:///run/redis.sock"\nredis_password_file = "db"', "needs a server beside it"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_without_its_content(tmp_path: Path, text: str, message: str) -> None:
    """The sentence says what to do."""
    for name, content in (("db", "secret"), ("empty", "\n"), ("two", "secret\nmore\n")):
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, text)
    assert message in str(refused.value)
    assert "secret" not in str(refused.value)


def test_two_passwords_for_one_server_are_refused(tmp_path: Path) -> None:
    """One of them would be wrong without a word."""
    file = tmp_path / "flowbeat.toml"
    file.write_text('redis_password_file = "queue"', encoding="utf-8")
    with pytest.raises(ConfigError, match="redis_password_file is set, and redis_url holds a password too; keep only"):
        settings.load(file, {"FLOWBEAT_REDIS_URL": "redis://:other@queue:6379/0"})
