"""A migration only adds, so that a worker of the version before may still work while it runs and after it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.migrations.new import VERSIONS

# The schema of the first release is that of 0002: nobody runs a program that is older.
RELEASED = "0002"
LATER = sorted(path for path in VERSIONS.glob("[0-9]*.py") if path.name[:4] > RELEASED)
CONTRACTING = {"drop_table", "drop_column", "rename_table", "alter_column", "drop_constraint", "create_primary_key"}
ADDING = {"add_column"}


def find_contractions(source: str) -> list[str]:
    """Return what the ``upgrade`` of a migration takes from an older program, with the line of each."""
    upgrade = next(
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "upgrade"
    )
    return [f"line {call.lineno}: {why}" for call in _calls(upgrade) if (why := _contraction(call))]


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    calls = (child for child in ast.walk(node) if isinstance(child, ast.Call))
    yield from sorted(calls, key=lambda call: call.lineno)


def _contraction(call: ast.Call) -> str | None:
    name = _name(call)
    if name in CONTRACTING:
        return name
    if name == "execute" and any(word in ast.unparse(call).upper() for word in ("ALTER TABLE", "DROP TABLE")):
        return "execute"
    if name in ADDING:
        (column,) = (child for child in _calls(call) if _name(child) == "Column")
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in column.keywords}
        if options.get("nullable") == "False" and "server_default" not in options:
            return "add_column of a value that an older program does not write"
    return None


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


@pytest.mark.parametrize("path", [*LATER, VERSIONS / "0001_the_first_schema.py"], ids=lambda path: path.name)
def test_a_migration_only_adds(path: Path) -> None:
    """What must go, goes in the version after the one that stopped using it."""
    assert not find_contractions(path.read_text())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('op.drop_column("issues", "parent")', "drop_column"),
        ('op.drop_table("issues")', "drop_table"),
        ('op.rename_table("issues", "items")', "rename_table"),
        (
            'with op.batch_alter_table("issues") as batch_op: batch_op.alter_column("key", nullable=False)',
            "alter_column",
        ),
        ('op.execute("ALTER TABLE issues DROP COLUMN parent")', "execute"),
        (
            'op.add_column("issues", sa.Column("environment", sa.Text(), nullable=False))',
            "add_column of a value that an older program does not write",
        ),
    ],
)
def test_what_takes_something_away_is_found(line: str, why: str) -> None:
    """Also inside a block; what ``downgrade`` takes away does not count."""
    assert find_contractions(f"def upgrade():\n    {line}\n") == [f"line 2: {why}"]
    assert find_contractions(f"def upgrade():\n    pass\ndef downgrade():\n    {line}\n") == []


@pytest.mark.parametrize(
    "line",
    [
        'op.add_column("issues", sa.Column("environment", sa.Text(), nullable=True))',
        'op.add_column("issues", sa.Column("n", sa.Integer(), server_default=sa.text("0"), nullable=False))',
        'op.create_table("notes", sa.Column("id", sa.Integer(), nullable=False))',
        'op.create_index("ix_issues_key", "issues", ["key"])',
        'op.execute("DROP VIEW IF EXISTS items")',
    ],
)
def test_what_adds_is_not_found(line: str) -> None:
    """A new table may demand values, because no older program writes it; the views are made again."""
    assert find_contractions(f"def upgrade():\n    {line}\n") == []
