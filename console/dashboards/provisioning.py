"""The files that Grafana reads when it starts: the data source, the dashboards, and where these lie."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, make_url

from console.dashboards.grafana import SOURCE, TYPES, Dialect, dashboards
from models.epoch_views import NAMES

READER: Final = "flowbeat_reader"
PASSWORD_VARIABLE: Final = "GRAFANA_READER_PASSWORD"  # noqa: S105 - the name of a variable
_SSL_MODES: Final = ("disable", "require", "verify-ca", "verify-full")
_SOURCE: Final = """\
# The data source of Flowbeat's dashboards. Written by: flowbeat dashboards
apiVersion: 1
datasources:
  - name: Flowbeat
    uid: {uid}
    type: {type}
    access: proxy
    editable: false
"""
_PROVIDER: Final = """\
# Where Grafana finds the dashboards. Written by: flowbeat dashboards
# Change the path if this folder is not /etc/grafana/provisioning there.
apiVersion: 1
providers:
  - name: Flowbeat
    folder: Flowbeat
    type: file
    allowUiUpdates: false
    options:
      path: /etc/grafana/provisioning/dashboards/flowbeat
"""
_READER: Final = """\
-- A role that reads the views of the dashboards and nothing else. Written by: flowbeat dashboards
-- Run it once as the owner of the tables, after flowbeat migrate, and again to change the password:
--   export {variable}=…
--   psql "$FLOWBEAT_DATABASE_URL" -f reader.sql
\\set ON_ERROR_STOP on
\\getenv password {variable}
BEGIN;
SELECT 'CREATE ROLE {role}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') \\gexec
ALTER ROLE {role} LOGIN PASSWORD :'password';
ALTER ROLE {role} SET default_transaction_read_only = on;
ALTER ROLE {role} SET statement_timeout = '10s';
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT ON {views} TO {role};
COMMIT;
"""


def dialect_of(url: str) -> Dialect:
    """Return which of the two databases a URL leads to."""
    return "sqlite" if make_url(url).get_backend_name() == "sqlite" else "postgresql"


def files(database_url: str) -> dict[str, str]:
    """Return path → text of all files for a database; none contains a secret."""
    dialect, url = dialect_of(database_url), make_url(database_url)
    boards = {f"dashboards/flowbeat/{name}": text for name, text in dashboards(dialect).items()}
    source = _SOURCE.format(uid=SOURCE, type=TYPES[dialect])
    source += _lines(_sqlite(url) if dialect == "sqlite" else _postgresql(url))
    made = {"datasources/flowbeat.yaml": source, "dashboards/flowbeat.yaml": _PROVIDER, **boards}
    if dialect == "sqlite":
        return made
    return {**made, "reader.sql": _READER.format(role=READER, variable=PASSWORD_VARIABLE, views=", ".join(NAMES))}


def _sqlite(url: URL) -> dict[str, Any]:
    return {"jsonData": {"path": _literal(str(Path(url.database or "").absolute()))}}


def _postgresql(url: URL) -> dict[str, Any]:
    """Return the data source of the reading role; the password is that of a variable where Grafana runs."""
    asked = url.query.get("sslmode")
    socket = url.query.get("host")
    place = f"{url.host}:{url.port or 5432}" if url.host else str(socket or "localhost:5432")
    return {
        "url": _literal(place),
        "user": READER,
        "jsonData": {"database": _literal(url.database or ""), "sslmode": asked if asked in _SSL_MODES else "disable"},
        "secureJsonData": {"password": f"${{{PASSWORD_VARIABLE}}}"},
    }


def _literal(text: str) -> str:
    """Return a text in which Grafana replaces no variable."""
    return text.replace("$", "$$")


def _lines(values: Mapping[str, Any], indent: int = 4) -> str:
    """Return settings as YAML, in which every JSON text is a text too."""
    lines = ""
    for key, value in values.items():
        nested = isinstance(value, Mapping)
        lines += f"{' ' * indent}{key}:" + ("\n" if nested else f" {json.dumps(value, ensure_ascii=False)}\n")
        lines += _lines(value, indent + 2) if nested else ""
    return lines
