"""Writes files into a folder and never over what a person wrote or changed there."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from report.write import write_file
from worker.errors import FatalError

MANIFEST: Final = "flowbeat-dashboards.json"


def write_files(folder: Path, files: Mapping[str, str], *, force: bool) -> list[str]:
    """Write the files and return the paths of those that changed; raise FatalError before the first write if one of
    them was not written by this command, or edited since.

    The manifest holds the hashes of what this command wrote. It names the new ones first, so that files of a run that
    was killed are still its own.
    """
    own = _read_manifest(folder)
    standing = {path: _hash_of(folder / path) for path in files}
    new = {path: _hash(text) for path, text in files.items()}
    changed = [path for path in files if standing[path] != new[path]]
    others = [path for path in changed if standing[path] is not None and standing[path] not in own.get(path, [])]
    if others and not force:
        raise FatalError(_refusal(folder, others))
    _write_manifest(folder, {path: sorted({*own.get(path, []), new[path]}) for path in files})
    for path in changed:
        write_file(folder / path, files[path])
    _write_manifest(folder, {path: [new[path]] for path in files})
    return changed


def _refusal(folder: Path, others: list[str]) -> str:
    listed = ", ".join(str(folder / path) for path in others)
    has_one = len(others) == 1
    what = (
        "was not written by this command, or was edited" if has_one else "were not written by this command, or edited"
    )
    return f"{listed} {what}. Nothing was changed. Move {'it' if has_one else 'them'} away, or add --force"


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _hash_of(file: Path) -> str | None:
    """Return the hash of a file; None without one."""
    try:
        return sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def _read_manifest(folder: Path) -> dict[str, list[str]]:
    """Return path → hashes of what this command wrote; one that cannot be read names nothing."""
    try:
        stored = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {str(path): [str(value) for value in hashes] for path, hashes in stored.items()}
    except (FileNotFoundError, ValueError, AttributeError, TypeError):
        return {}


def _write_manifest(folder: Path, hashes: Mapping[str, list[str]]) -> None:
    write_file(folder / MANIFEST, f"{json.dumps(hashes, indent=2)}\n")
