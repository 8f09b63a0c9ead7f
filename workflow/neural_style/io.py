"""Files that are either whole or not there, and the checksums that name their content."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import itertools
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from neural_style.errors import NeuralStyleError

_STEM = 40  # characters that a temporary name keeps: all of a long name would not fit
_TEMPORARY = re.compile(r"\.(?P<stem>.*)\.[0-9a-f]{8}(?P<suffix>\.[^.]+)?", re.DOTALL)


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Lend a temporary path beside `path` and move it onto `path` when the block ends well.

    A reader sees the old file or the new one, never half of one: the data are on the disk
    before the name is. If the block raises, the temporary file is removed and `path` stays
    as it was. The temporary name keeps the suffix, for libraries that choose a format by it.

    Raises:
        NeuralStyleError: the folder cannot be written to, or the disk is full.
    """
    temporary = path.with_name(f".{path.stem[:_STEM]}.{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        raise NeuralStyleError(
            f"cannot write {path}: {error.strerror or error}; "
            "free some space or choose a folder that you may write to."
        ) from error
    finally:
        with suppress(OSError):  # where nothing can be written, there is nothing to remove
            temporary.unlink(missing_ok=True)


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove the temporary files of `atomic` that killed writers of these files have left.

    To be called once, before the first of them is written, by who is alone in writing them: a
    living writer's temporary file is removed, too.
    """
    folders: dict[Path, set[tuple[str, str]]] = {}
    for path in paths:
        folders.setdefault(path.parent, set()).add((path.stem[:_STEM], path.suffix))
    for folder, ours in folders.items():
        with suppress(OSError):  # no such folder, nothing to remove
            for path in list(folder.iterdir()):
                found = _TEMPORARY.fullmatch(path.name)
                if found and (found["stem"], found["suffix"] or "") in ours:
                    path.unlink(missing_ok=True)


def remove_leftovers_below(folder: Path) -> None:
    """The same of all files in and below a folder, for who is alone in writing there."""
    with suppress(OSError):
        for path in list(folder.rglob(".*")):
            if _TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)


def settle(folder: Path) -> None:
    """Wait until the names of the files in a folder are on the disk, not only their bytes."""
    with suppress(OSError):  # not every file system can
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically (see `atomic`)."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def sha256(path: Path) -> str:
    """The SHA-256 checksum of a file's bytes, in hexadecimal.

    Raises:
        NeuralStyleError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NeuralStyleError(
            f"cannot read {path}: {error.strerror or error}; mend the path or its permissions."
        ) from error


# MERGED: A folder for one process at a time. The kernel frees what a dead process held.


SECONDS_BETWEEN_TRIES = 0.2


@contextmanager
def claimed(folder: Path, wait: Callable[[int], None]) -> Iterator[None]:
    """Have a folder for oneself; it is made if need be, and removed again if nothing is put there.

    Where the file system has no locks, the folder is not claimed, and nothing is said.

    Args:
        folder: what another process may be at work in.
        wait: called with 0, 1, 2, … before each new try, while another process has the folder;
            it may raise.

    Raises:
        NeuralStyleError: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise NeuralStyleError(
            f"cannot write {folder}: {error.strerror}; choose a folder that you may write to."
        ) from error
    try:
        for tries in itertools.count():
            if claim(descriptor, fcntl.LOCK_EX):
                break
            wait(tries)
            time.sleep(SECONDS_BETWEEN_TRIES)
        yield
    finally:
        os.close(descriptor)
        with suppress(OSError):  # something is in it
            folder.rmdir()


def claim(descriptor: int, kind: int) -> bool:
    """Try to lock an open file or folder.

    Args:
        descriptor: of the open file; closing it gives the claim up, and so does dying.
        kind: `fcntl.LOCK_EX` or `fcntl.LOCK_SH`.

    Returns:
        False if another process has it. True if it is ours, or the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
    return True


# MERGED: Lines of tab-separated text that hold any file name, and give it back exactly.


def escape(text: str) -> str:
    """Backslash escapes for tabs, line breaks, backslashes and bytes that are no UTF-8."""
    if "\\" in text or not text.isprintable():
        return text.encode("unicode_escape").decode("ascii")
    return text


def unescape(text: str) -> str:
    """The text that `escape` was given."""
    if "\\" not in text:
        return text
    return text.encode("ascii").decode("unicode_escape")
