"""The configuration, from ``flowbeat.toml`` and the environment to checked, frozen settings; all else starts here.

The file is read as plain tables, ``FLOWBEAT_*`` variables are laid over them, and one walk along the schema of
``worker/config_schema.py`` checks and converts every value. All errors are reported at once, one sentence a line. A
connection keeps no token: it knows where its token lies and reads it when asked.
"""

from worker.settings.configured import (
    CONFIG_NAME,
    CONFIG_VARIABLE,
    PLACEHOLDER,
    PREFIX,
    ChangelogAudit,
    Connection,
    Notify,
    Profile,
    Retention,
    Settings,
    StalledRuns,
)
from worker.settings.loading import load
from worker.settings.questions import fingerprint, require_address, require_file, secrets

__all__ = [
    "CONFIG_NAME",
    "CONFIG_VARIABLE",
    "PLACEHOLDER",
    "PREFIX",
    "ChangelogAudit",
    "Connection",
    "Notify",
    "Profile",
    "Retention",
    "Settings",
    "StalledRuns",
    "fingerprint",
    "load",
    "require_address",
    "require_file",
    "secrets",
]
