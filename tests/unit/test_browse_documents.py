"""What browse shows of docs/sql.md and docs/tables.md: every table, every column, and both files in the package."""

import tomllib
from pathlib import Path

from console.browse import documents
from console.browse.metadata import HIDDEN, build_metadata
from models.tables.whole import METADATA
from models.views import VIEWS

ROOT = Path(__file__).parents[2]
PAGE = """# Title
## First, of all
A [link](x.md) and `code`
on two lines.

```sql
SELECT 1;
```

## No query
Text.

## Second
Words.

SQLite:

```sql
SELECT 2
```

PostgreSQL:

```sql
SELECT 3;
```
"""


def test_a_section_with_sql_is_a_query() -> None:
    """Its text is plain; the second block is PostgreSQL's."""
    first, second = documents.parse_queries(PAGE)
    assert first == documents.Query("First, of all", "A link and code on two lines.", "SELECT 1", "SELECT 1")
    assert first.name == "first-of-all"
    assert second == documents.Query("Second", "Words.", "SELECT 2", "SELECT 3")


def test_every_table_and_view_has_a_description_and_every_column_a_text() -> None:
    """Of all that Datasette lists and does not hide."""
    tables = build_metadata("flowbeat")["databases"]["flowbeat"]["tables"]
    for table in METADATA.sorted_tables:
        if table.name not in HIDDEN:
            described_table = tables[table.name]
            assert described_table["description"], table.name
            assert set(described_table["columns"]) == {column.name for column in table.columns}, table.name
    described = {"latest_results", "weekly_results"}  # in the list of views; their columns are those of metric_results
    assert {view for view in VIEWS if view not in tables} <= described
    assert set(tables) <= {*METADATA.tables, *VIEWS, *HIDDEN}


def test_the_sort_columns_and_units_are_of_columns_that_exist() -> None:
    """Datasette answers with an error where they do not."""
    for name, table in build_metadata("x")["databases"]["x"]["tables"].items():
        columns = set() if name not in METADATA.tables else set(METADATA.tables[name].columns.keys())
        assert {*table.get("units", {}), *filter(None, [table.get("sort_desc")])} <= columns


def test_the_package_contains_both_documents() -> None:
    """In a checkout they are read from docs; installed, from beside the module, where the build puts them."""
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert included["force-include"] == {f"docs/{name}": f"console/browse/{name}" for name in ("sql.md", "tables.md")}
    assert all(documents.read(name) == (ROOT / "docs" / name).read_text() for name in ("sql.md", "tables.md"))
