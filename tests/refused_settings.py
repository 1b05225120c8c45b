"""A configuration, and the sentence that refuses it."""

from pathlib import Path

import pytest

from worker.errors import ConfigError
from worker.settings import load

CONNECTION = '[connections.acme]\nbase_url = "https://acme.atlassian.net"\n'
PROFILE = CONNECTION + '[profiles.team]\nconnection = "acme"\njql = "project = PAY"\n'


def refusal(tmp_path: Path, text: str, **environ: str) -> str:
    """Return the message without the folder, which differs in each run."""
    path = tmp_path / "flowbeat.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    return str(caught.value).replace(f"{tmp_path}/", "")
