"""What became of a picture: a line of a journal or a manifest."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Self

from neural_style.bulk.plan import BulkError
from neural_style.io import FileLock, escape, unescape, write_text

DONE = "done"
FAILED = "failed"
GONE = "gone"
REDO = "redo"
STATUSES = (DONE, FAILED, GONE, REDO)


@dataclass(frozen=True)
class Row:
    """What became of a picture. Empty or 0 is what a status has no value for.

    Attributes:
        picture: its path below the output.
        photograph: its path below the content root.
        style: id of its style.
        setting: id of its setting.
        status: `done`; `failed`, with a reason; `gone`, if the photograph is not there any more
            and had no picture; `redo`, if verification found the picture lost or damaged.
        seconds: its share of the optimization of its batch.
        total: final loss, the sum of all terms.
        content: alpha · content loss.
        style_loss: beta · style loss, with beta as corrected for the size.
        checksum: SHA-256 of the picture's file.
        key: see `keys.picture_key`.
        reason: why it failed.
        source: SHA-256 of the photograph's file.
        source_size: bytes of that file.
        source_time: its date, in nanoseconds.
        size: bytes of the picture's file.
        time: its date, in nanoseconds.
        finished: when, in seconds since 1970.
    """

    picture: str
    photograph: str
    style: str
    setting: str
    status: str
    seconds: float = 0.0
    total: float = 0.0
    content: float = 0.0
    style_loss: float = 0.0
    checksum: str = ""
    key: str = ""
    reason: str = ""
    source: str = ""
    source_size: int = 0
    source_time: int = 0
    size: int = 0
    time: int = 0
    finished: float = 0.0


COLUMNS = tuple(field.name for field in fields(Row))
HEADER = "\t".join(COLUMNS)


def row_line(row: Row) -> str:
    """A row as a line, without its end."""
    return "\t".join(
        (
            *(escape(row.picture), escape(row.photograph), row.style, row.setting, row.status),
            f"{row.seconds:.4f}",
            *(f"{loss:.6g}" for loss in (row.total, row.content, row.style_loss)),
            *(row.checksum, row.key, escape(row.reason), row.source),
            *(str(number) for number in (row.source_size, row.source_time, row.size, row.time)),
            f"{row.finished:.3f}",
        )
    )


def parse_row(line: str) -> Row | None:
    """The row of a line; None for a line that is none, such as one that was cut off."""
    values = line.split("\t")
    if len(values) != len(COLUMNS) or values[4] not in STATUSES:
        return None
    try:
        losses, numbers = list(map(float, values[5:9])), list(map(int, values[13:17]))
        return Row(
            picture=unescape(values[0]),
            photograph=unescape(values[1]),
            style=values[2],
            setting=values[3],
            status=values[4],
            seconds=losses[0],
            total=losses[1],
            content=losses[2],
            style_loss=losses[3],
            checksum=values[9],
            key=values[10],
            reason=unescape(values[11]),
            source=values[12],
            source_size=numbers[0],
            source_time=numbers[1],
            size=numbers[2],
            time=numbers[3],
            finished=float(values[17]),
        )
    except ValueError:
        return None


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a journal or a manifest, as they stand there; none if it is not there.

    A line without its end is not read: the writer was killed, or is still at it.

    Raises:
        BulkError: the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise BulkError(f"cannot read {path}: {error.strerror}; mend its permissions.") from error
    for line in lines[:-1]:
        row = parse_row(line)
        if row is not None:
            yield row


def latest_rows(path: Path) -> dict[str, Row]:
    """The last row of each picture."""
    return {row.picture: row for row in read_rows(path)}


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Write rows below a header, atomically."""
    write_text(path, "".join(f"{line}\n" for line in (HEADER, *map(row_line, rows))))


# MERGED: The journal of a shard: a row for each picture, appended as soon as it is there.


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
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._lock = FileLock(os.open(self._path, flags, 0o666))
        except OSError as error:
            raise BulkError(
                f"cannot write {self._path}: {error.strerror}; fix its permissions."
            ) from error
        try:
            alone = self._lock.acquire()
        except OSError:  # a file system without locks
            alone = False
        if not alone:
            self._lock.release()
            raise BulkError(f"another process is working on {self._path}; wait for it, or end it.")
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
        with self._guard, self._lock:
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
            if os.write(self._lock.descriptor, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise BulkError(
                f"cannot write {self._path}: {error.strerror}; free some space."
            ) from error

    def _sync(self) -> None:
        os.fsync(self._lock.descriptor)
        self._synced = time.monotonic()


def note(path: Path, rows: Iterable[Row]) -> None:
    """Append rows to a journal that nobody works on.

    Raises:
        BulkError: see `Journal`.
    """
    with Journal(path) as journal:
        for row in rows:
            journal.append(row)
