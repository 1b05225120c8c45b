"""Virtual environments for rival programs, which are not dependencies of Flowbeat: made once, outside the tree."""

import hashlib
import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def environment(name: str, packages: Sequence[str]) -> Path | None:
    """Return the Python of an environment with these packages, made at first use in the user's cache; None where pip
    fails.
    """
    key = hashlib.sha256("\n".join([sys.version, *packages]).encode()).hexdigest()[:8]
    folder = _cache() / "flowbeat-rivals" / f"{name}-{key}"
    python, ready = folder / "bin" / "python", folder / "ready"
    if ready.exists():
        return python
    print(f"Installing {', '.join(packages)} into {folder} (once) …", flush=True)
    venv.create(folder, clear=True, with_pip=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "-qq", "install", *packages]
    if subprocess.run(pip, check=False).returncode:
        print(f"Left out: pip could not install {', '.join(packages)} under Python {sys.version.split()[0]}.")
        return None
    ready.touch()
    return python


def answer(python: Path, script: str, *arguments: object) -> Any:
    """Return what a script of this folder prints as JSON under another Python."""
    command = [*map(str, (python, HERE / script, *arguments))]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
