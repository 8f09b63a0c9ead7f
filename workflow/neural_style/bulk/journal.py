"""The journal of a shard: a row for each picture, appended as soon as it is there."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from neural_style.bulk.plan import BulkError
from neural_style.bulk.rows import HEADER, Row, latest_rows, row_line, write_rows

SECONDS_BETWEEN_SYNCS = 5.0
"""A power failure costs the rows of so many seconds; a killed process costs none."""
TORN = "\ttorn"
"""Behind a line that was cut off, it leaves no way to take that for a row."""


class Journal:
    """Appends rows, from any thread; use it as a context manager.

    It is locked against other processes, and the kernel drops the lock of one that dies.

    Args:
        path: of the journal; it and its folder are made if they are not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._synced = time.monotonic()
        self.rows: dict[str, Row] = {}
        """The last row of each picture."""

    def __enter__(self) -> Self:
        """Lock and read it.

        Raises:
            BulkError: another process has it, or it cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Without a buffer, which would be written again, in vain, to a full disk.
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise BulkError(f"cannot write {self._path}: {error.strerror}; mend that.") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise BulkError(
                f"another process is working on {self._path}; wait for it, or end it."
            ) from error
        self.rows = latest_rows(self._path)
        self._begin_line()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Bring all rows to the disk, and unlock."""
        with self._guard, self._file:
            self._sync()

    def append(self, row: Row) -> None:
        """Add a row; it survives the death of the process at once.

        Raises:
            BulkError: the disk is full or gone.
        """
        with self._guard:
            self.rows[row.picture] = row
            self._write(row_line(row))
            if time.monotonic() - self._synced > SECONDS_BETWEEN_SYNCS:
                self._sync()

    def compact(self) -> None:
        """Leave one row a picture. The last thing to do: what is appended later is lost."""
        with self._guard:
            write_rows(self.rows.values(), self._path)

    def _begin_line(self) -> None:
        """Write the header, or end a line that a killed writer has left."""
        if not self._path.stat().st_size:
            self._write(HEADER)
            return
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                self._write(TORN)

    def _write(self, line: str) -> None:
        data = f"{line}\n".encode()
        try:
            if self._file.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise BulkError(
                f"cannot write {self._path}: {error.strerror}; free some space."
            ) from error

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()


def note(path: Path, rows: Iterable[Row]) -> None:
    """Append rows to a journal that nobody works on.

    Raises:
        BulkError: see `Journal`.
    """
    with Journal(path) as journal:
        for row in rows:
            journal.append(row)
