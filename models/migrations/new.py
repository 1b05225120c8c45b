"""Writes a new migration: what the mapped classes have and the newest schema lacks (``make migration m="why"``)."""

import re
import sys
import tempfile
from pathlib import Path

from alembic import command

from models.database import alembic_config, migrate, newest_revision, open_engine

VERSIONS = Path(__file__).parent / "versions"


def write(message: str, folder: Path = VERSIONS) -> Path:
    """Compare the tables with an empty database at the newest revision; return the file with the differences."""
    number = f"{int(newest_revision()) + 1:04}"
    config = alembic_config()
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(dict.fromkeys((str(VERSIONS), str(folder)))))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    with tempfile.TemporaryDirectory() as scratch:
        engine = open_engine(f"sqlite:///{scratch}/empty.db")
        migrate(engine)
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            script = command.revision(config, message, autogenerate=True, rev_id=number, version_path=str(folder))
        engine.dispose()
    if script is None or isinstance(script, list) or script.path is None:
        message = "Alembic wrote no migration"
        raise RuntimeError(message)
    path = Path(script.path)
    path.write_text(re.sub(r"\n{4,}", "\n\n\n", path.read_text()))
    return path


if __name__ == "__main__":
    sys.stdout.write(
        f"Wrote {write(sys.argv[1])}. Read it and add what Alembic does not see (views, data). To check it, run: "
        "python -m pytest tests/integration/test_migrations.py tests/unit/test_docs.py\n"
    )
