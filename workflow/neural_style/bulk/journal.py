"""The records of a shard: rows of tab-separated text in a journal, and at the end in a manifest.

A row says what became of one output. The journal gets a row as soon as an output is finished; its
last row for an output counts. The manifest holds one row for each output.
"""

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
from neural_style.io import FileLock, escape, sync, unescape, write_text

DONE = "done"
FAILED = "failed"
GONE = "gone"
REDO = "redo"
STATUSES = (DONE, FAILED, GONE, REDO)

SECONDS_BETWEEN_SYNCS = 5.0
"""A power failure loses the rows of at most so many seconds; a killed process loses none."""

TORN = "\ttorn"
"""Appended to a line that was cut off, so that it cannot be read as a row."""


@dataclass(frozen=True)
class Row:
    """What became of an output. Values that a status does not have are empty or 0.

    The columns are read by position: journals and manifests with former names of columns are read,
    too.

    Attributes:
        output: path of the output below the output folder.
        content: path of the content image below the folder of the content images.
        style: id of the style.
        setting: id of the setting.
        status: `done`; `failed`, with a reason; `gone` if the content image was removed and had no
            output; `redo` if verification found the output missing, damaged or stale.
        seconds: the output's share of the time of its batch.
        total_loss: final loss, the sum of all terms.
        content_loss: alpha · content loss.
        style_loss: beta · style loss, with beta as corrected for the size.
        output_sha256: checksum of the output's file.
        key: see `plan.output_key`.
        reason: why it failed, or what is wrong with it.
        content_sha256: checksum of the content image's file.
        content_bytes: size of that file.
        content_mtime_ns: time of its last change, in nanoseconds since 1970.
        output_bytes: size of the output's file.
        output_mtime_ns: time of its last change, in nanoseconds since 1970.
        finished: time at which the row was final, in seconds since 1970.
    """

    output: str
    content: str
    style: str
    setting: str
    status: str
    seconds: float = 0.0
    total_loss: float = 0.0
    content_loss: float = 0.0
    style_loss: float = 0.0
    output_sha256: str = ""
    key: str = ""
    reason: str = ""
    content_sha256: str = ""
    content_bytes: int = 0
    content_mtime_ns: int = 0
    output_bytes: int = 0
    output_mtime_ns: int = 0
    finished: float = 0.0


COLUMNS = tuple(field.name for field in fields(Row))
HEADER = "\t".join(COLUMNS)


def format_row(row: Row) -> str:
    """Return a row as a line, without the line break."""
    return "\t".join(
        (
            *(escape(row.output), escape(row.content), row.style, row.setting, row.status),
            f"{row.seconds:.4f}",
            *(f"{loss:.6g}" for loss in (row.total_loss, row.content_loss, row.style_loss)),
            *(row.output_sha256, row.key, escape(row.reason), row.content_sha256),
            *(str(row.content_bytes), str(row.content_mtime_ns)),
            *(str(row.output_bytes), str(row.output_mtime_ns)),
            f"{row.finished:.3f}",
        )
    )


def parse_row(line: str) -> Row | None:
    """Return the row of a line; None for the header and for a damaged line."""
    values = line.split("\t")
    if len(values) != len(COLUMNS) or values[4] not in STATUSES:
        return None
    try:
        return Row(
            output=unescape(values[0]),
            content=unescape(values[1]),
            style=values[2],
            setting=values[3],
            status=values[4],
            seconds=float(values[5]),
            total_loss=float(values[6]),
            content_loss=float(values[7]),
            style_loss=float(values[8]),
            output_sha256=values[9],
            key=values[10],
            reason=unescape(values[11]),
            content_sha256=values[12],
            content_bytes=int(values[13]),
            content_mtime_ns=int(values[14]),
            output_bytes=int(values[15]),
            output_mtime_ns=int(values[16]),
            finished=float(values[17]),
        )
    except ValueError:
        return None


def read_rows(path: Path) -> Iterator[Row]:
    """Read all rows of a journal or a manifest; none if the file does not exist.

    A line without a line break is skipped: its writer was killed, or is still writing it.

    Raises:
        BulkError: the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise BulkError(f"cannot read {path}: {error.strerror}; fix its permissions.") from error
    for line in lines[:-1]:
        row = parse_row(line)
        if row is not None:
            yield row


def latest_rows(path: Path) -> dict[str, Row]:
    """Read the last row of each output, by the output's path."""
    return {row.output: row for row in read_rows(path)}


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Write rows below a header, atomically."""
    write_text(path, "".join(f"{line}\n" for line in (HEADER, *map(format_row, rows))))


class Journal:
    """Appends rows to the journal of a shard, from any thread; use it as a context manager.

    The file is locked against other processes.

    Args:
        path: of the journal; it and its folder are created if they do not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._synced = time.monotonic()
        self.rows: dict[str, Row] = {}
        """The last row of each output, by the output's path."""

    def __enter__(self) -> Self:
        """Lock and read the journal.

        Raises:
            BulkError: another process has locked it, or it cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            # The lock's own descriptor is written to, without a buffer: after a write to a full
            # disk, a buffer would be written again.
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
        self._start_line()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait until all rows are on the disk, and unlock."""
        with self._guard, self._lock:
            self._sync()

    def append(self, row: Row) -> None:
        """Append a row; from now on, the death of the process does not lose it.

        Raises:
            BulkError: the disk is full or does not respond.
        """
        with self._guard:
            self.rows[row.output] = row
            self._write(format_row(row))
            if time.monotonic() - self._synced > SECONDS_BETWEEN_SYNCS:
                self._sync()

    def compact(self) -> None:
        """Rewrite the file with one row for each output.

        Call it last: it replaces the open file, so rows that are appended later are lost.
        """
        with self._guard:
            write_rows(self.rows.values(), self._path)

    def _start_line(self) -> None:
        """Write the header, or end a line that a killed writer left."""
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
        try:
            sync(self._lock.descriptor, self._path)
        except OSError as error:
            raise BulkError(
                f"cannot write {self._path}: {error.strerror}; check the disk."
            ) from error
        self._synced = time.monotonic()


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    """Append rows to a journal that no worker has open.

    Raises:
        BulkError: see `Journal`.
    """
    with Journal(path) as journal:
        for row in rows:
            journal.append(row)
