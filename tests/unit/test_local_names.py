"""No local is called found, one, each, some, told or shown: a name says what the value is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("benchmarks", "console", "models", "report", "sandbox", "scheduler", "tasks", "tests", "worker")
VAGUE = {"found", "one", "each", "some", "told", "shown"}


def vague_bindings(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of every assignment, loop, target of `with`, or parameter with one of the vague names."""
    tree = ast.parse(source)
    fields = {id(field.target) for field in _fields_of_classes(tree)}
    for node in ast.walk(tree):
        if id(node) in fields:
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in VAGUE:
            yield node.lineno, node.id
        elif isinstance(node, ast.arg) and node.arg in VAGUE:
            yield node.lineno, node.arg
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name in VAGUE:
            yield node.lineno, str(node.name)


def _fields_of_classes(tree: ast.Module) -> Iterator[ast.AnnAssign]:
    """Yield the annotated fields of classes, which are attributes and not locals."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from (statement for statement in node.body if isinstance(statement, ast.AnnAssign))


@pytest.mark.parametrize("room", ROOMS)
def test_no_local_has_a_vague_name(room: str) -> None:
    """Choose what the value is: match, path, settings, row, metric, …."""
    bindings = {
        str(path.relative_to(ROOT)): list(vague_bindings(path.read_text())) for path in (ROOT / room).rglob("*.py")
    }
    assert bindings
    assert not {name: listed for name, listed in bindings.items() if listed}


@pytest.mark.parametrize(
    "source",
    [
        "found = 1",
        "for each in (): ...",
        "def f(shown): ...",
        "[some for some in ()]",
        "with open(p) as one: ...",
        "try: ...\nexcept OSError as told: ...",
        "if (found := 1): ...",
        "match 1:\n    case one: ...",
    ],
)
def test_every_kind_of_binding_is_seen(source: str) -> None:
    """One example of each."""
    assert list(vague_bindings(source))


def test_an_attribute_or_a_text_may_have_the_name() -> None:
    """Only what binds a local counts."""
    assert not list(vague_bindings('site.told = "each"\nprint(found)\nclass Issue:\n    shown: bool = True'))
