"""The records of a shard: rows of tab-separated text in a journal, and at the end in a manifest.

A row says what became of one output. The journal gets a row as soon as an output is finished; its
last row for an output counts. The manifest holds one row for each output.
"""

from __future__ import annotations

import errno
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Self

from neural_style.bulk.plan import BulkError
from neural_style.io import escape, read_regular, sync, unescape, write_text
from neural_style.locks import FileLock, lock_at

DONE = "done"
FAILED = "failed"
GONE = "gone"
REDO = "redo"
STATUSES = (DONE, FAILED, GONE, REDO)

SECONDS_BETWEEN_SYNCS = 5.0
"""A power failure loses the rows of at most so many seconds; a killed process loses none."""

TRIES_WITHOUT_A_WORD = 5
TRIES_BETWEEN_WORDS = 300
"""While another process works on a shard: how many tries to lock its journal pass before the first
sentence (a reader may hold the lock for a moment), and between two sentences."""

MISSING = "missing"
CORRUPT = "corrupt"
"""Reasons of a row `redo` by which its output counts as not made."""

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
            output; `redo`, with the kind of the finding as its reason, if verification found the
            output wrong at the time `finished`.
        seconds: the output's share of the time of its batch.
        total_loss: final loss, the sum of all terms, of the image before it is encoded.
        content_loss: alpha · content loss.
        style_loss: beta · style loss, with beta as corrected for the size.
        output_sha256: checksum of the output's file.
        key: see `plan.OutputKeys`.
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


def read_table(path: Path) -> str:
    """Read the text of a journal or a manifest; empty if the file does not exist.

    Raises:
        BulkError: the file cannot be read.
    """
    try:
        return read_regular(path, errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise BulkError(
            f"cannot read {str(path)!r}: {error.strerror or error}; "
            "make it a file that you may read."
        ) from error


def read_rows(path: Path) -> Iterator[Row]:
    """Read all rows of a journal or a manifest; none if the file does not exist.

    A line without a line break is skipped: its writer was killed, or is still writing it.

    Raises:
        BulkError: the file cannot be read.
    """
    for line in read_table(path).split("\n")[:-1]:
        row = parse_row(line)
        if row is not None:
            yield row


def latest_rows(path: Path) -> dict[str, Row]:
    """Read the last row of each output, by the output's path."""
    return {row.output: row for row in read_rows(path)}


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Write rows below a header, atomically."""
    write_text(path, "".join(f"{line}\n" for line in (HEADER, *map(format_row, rows))))


def with_redo(rows: Mapping[str, Row], requests: Mapping[str, Row]) -> dict[str, Row]:
    """Return rows, with the status `redo` for outputs that verification has found wrong since.

    Args:
        rows: last row of each output, by the output's path.
        requests: rows `redo` of `DatasetPaths.redo`, by the output's path.
    """
    wrong = {
        name: replace(rows[name], status=REDO, reason=request.reason)
        for name, request in requests.items()
        if request.reason in (MISSING, CORRUPT)
        and name in rows
        and rows[name].finished <= request.finished
    }
    return {**rows, **wrong}


def excess_of_failures(rows: Sequence[Row], shard: int, allowed: float) -> str:
    """Say that too many outputs of a shard failed for a manifest; nothing if that is not so.

    Args:
        rows: of all outputs of the shard, as far as they have one.
        shard: its number.
        allowed: `bulk.failed_fraction`.
    """
    failed = [row for row in rows if row.status == FAILED]
    possible = sum(row.status != GONE for row in rows)
    if not failed or len(failed) / possible <= allowed:  # so that the share itself is allowed
        return ""
    needed = math.ceil(1000 * len(failed) / possible) / 1000
    return (
        f"{len(failed)} of the {possible} outputs of shard {shard} failed, more than "
        f"bulk.failed_fraction ({allowed:g}) allows; repair or remove what failed, or set "
        f"bulk.failed_fraction to {needed:g}, then run `snakemake bulk` again; the first is "
        f"{failed[0].output!r}: {escape(failed[0].reason)}"
    )


@dataclass(frozen=True)
class Worker:
    """A process that works on a shard.

    Attributes:
        process: its id.
        machine: the name of its machine.
    """

    process: int
    machine: str

    def __str__(self) -> str:
        where = "" if self.machine == socket.gethostname() else f" on {self.machine}"
        return f"process {self.process}{where}"


def read_worker(path: Path) -> Worker | None:
    """Read who works, or has worked, on a shard; None if that is not known."""
    with suppress(OSError, ValueError):
        process, machine = read_regular(path).split("\t")
        return Worker(int(process), machine)
    return None


def find_worker(journal: Path, worker: Path) -> Worker | None:
    """Find out who works on a shard now.

    Args:
        journal: of the shard.
        worker: see `DatasetPaths.worker`; a killed process leaves it, but not its lock.
    """
    found = read_worker(worker)
    with suppress(OSError):
        if found is not None:
            with FileLock(os.open(journal, os.O_RDONLY)) as lock:
                return None if lock.acquire(shared=True) else found
    return None


class Journal:
    """Appends rows to the journal of a shard, from any thread; use it as a context manager.

    The file is locked against other processes. Where the file system has no locks, it is not.

    Args:
        path: of the journal; it and its folder are created if they do not exist.
        worker: gets this process's id while it holds the lock; see `DatasetPaths.worker`.
        say: gets a sentence while another process holds the lock, and when that has ended.
    """

    def __init__(
        self, path: Path, worker: Path, say: Callable[[str], None] = lambda sentence: None
    ) -> None:
        self._path = path
        self._worker = worker
        self._say = say
        self._guard = threading.Lock()
        self._synced = time.monotonic()
        self.rows: dict[str, Row] = {}
        """The last row of each output, by the output's path."""

    def __enter__(self) -> Self:
        """Lock the journal, as soon as no other process holds the lock, and read it.

        Raises:
            BulkError: it cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = self._wait_for_lock()
            self._worker.parent.mkdir(parents=True, exist_ok=True)
            self._worker.unlink(missing_ok=True)  # a pipe would wait, a link lead elsewhere
            self._worker.write_text(f"{os.getpid()}\t{socket.gethostname()}", encoding="utf-8")
        except OSError as error:
            raise BulkError(
                f"cannot write {str(self._path)!r}: {error.strerror}; "
                "make it a file that you may write."
            ) from error
        self.rows = latest_rows(self._path)
        self._start_line()
        return self

    def _wait_for_lock(self) -> FileLock:
        """Return the lock of the journal's file, held."""
        other = ""

        def say_who(tries: int) -> None:
            nonlocal other
            if tries % TRIES_BETWEEN_WORDS == TRIES_WITHOUT_A_WORD:
                other = str(read_worker(self._worker) or "another process")
                self._say(f"{other} still works on this shard; waiting until it ends.")

        lock = lock_at(self._path, self._open, say_who)
        if other:
            self._say(f"{other} has ended; continuing with what it left.")
        return lock

    def _open(self) -> int:
        """Open the file; its descriptor is written to without a buffer.

        After a write to a full disk, a buffer would be written again. A pipe, which would wait for
        a reader, and a link, which may lead elsewhere, are refused.
        """
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW
        return os.open(self._path, flags, 0o666)

    def __exit__(self, *error: object) -> None:
        """Wait until all rows are on the disk, and unlock."""
        with self._guard, self._lock:
            with suppress(OSError):
                self._worker.unlink(missing_ok=True)
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
                f"cannot write {str(self._path)!r}: {error.strerror}; free some space."
            ) from error

    def _sync(self) -> None:
        try:
            sync(self._lock.descriptor)
        except OSError as error:
            raise BulkError(
                f"cannot write {str(self._path)!r}: {error.strerror}; check the disk."
            ) from error
        self._synced = time.monotonic()
