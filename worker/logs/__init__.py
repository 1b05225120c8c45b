"""Logs: every process's records become redacted JSON entries in three shared files, and short lines for a person.

The files are written by a handler of our own, because concurrent-log-handler 0.9.31 cannot hold what is promised here:
it rotates through a temporary name, so a process killed between its renames leaves ten megabytes under a name that no
later rotation or clean-up knows; it keeps the rest of a short write in a buffer, so a disk that was full tears a line;
it swallows a failed rotation; and it cannot limit the size of the folder. Here a line is one ``write`` to a file opened
for appending, under an exclusive ``flock`` of that very file: no lock file can be lost, and the kernel frees the lock
of a killed process. A process that rotates a file holds its lock, then, for the renames, that of the folder.
The folder has to lie on a file system with ``flock`` (any local one).
"""

from worker.logs.cleaning import clean
from worker.logs.entries import EntryFormatter, bind, context
from worker.logs.folder import APP, ERRORS, MAX_AGE, MAX_FOLDER_BYTES, PERFORMANCE, PERFORMANCE_LOGGER, files
from worker.logs.handler import FilesHandler, configure
from worker.logs.reading import follow, read

__all__ = [
    "APP",
    "ERRORS",
    "MAX_AGE",
    "MAX_FOLDER_BYTES",
    "PERFORMANCE",
    "PERFORMANCE_LOGGER",
    "EntryFormatter",
    "FilesHandler",
    "bind",
    "clean",
    "configure",
    "context",
    "files",
    "follow",
    "read",
]
