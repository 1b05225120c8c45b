"""SQLite files that many tests begin with: made once in a test process, and copied for each test."""

import pickle
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from models.database import PRIVATE

MOST_FILES: Final = 24
LARGEST_BYTES: Final = 8 * 2**20
_MADE: Final[OrderedDict[bytes, bytes]] = OrderedDict()


def made_once(file: Path, key: Any, make: Callable[[], None]) -> None:
    """Let ``make`` write a file that nothing has open afterwards, or copy what it wrote before for an equal key."""
    digest = sha256(pickle.dumps(key)).digest()
    if digest in _MADE:
        _MADE.move_to_end(digest)
        file.touch(PRIVATE)
        file.write_bytes(_MADE[digest])
        return
    make()
    content = file.read_bytes()
    if len(content) <= LARGEST_BYTES:
        _MADE[digest] = content
    if len(_MADE) > MOST_FILES:
        _MADE.popitem(last=False)
