"""Atomic files, work queues and text escapes, used by every package.

- Atomic files: a reader sees the old file or the new one, never half of one.
- `sync`: waits until data are on the disk, as far as the file system can say so.
- `WorkQueue`: work in threads, with a limit on what may wait.
- `escape` and `unescape`: any file name on one line of tab-separated text.
- `open_regular`, `read_regular` and `sha256` of regular files, `expand_path`, `format_duration`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import IO, Self, TypeVar

from neural_style.errors import NeuralStyleError, NeuralStyleWarning

_STEM = 40  # characters of the stem in a temporary name, so that long names still fit
_TEMPORARY = re.compile(r"\.(?P<stem>.*)\.[0-9a-f]{8}(?P<suffix>\.[^.]+)?", re.DOTALL)

_NO_SYNC = frozenset(
    {errno.EACCES, errno.EPERM, errno.EBADF, errno.EINVAL, errno.EROFS}
    | {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
)
"""Errors of fsync that say that the file system does not offer it for this descriptor, such as CIFS
and some FUSE file systems. Any other error, such as EIO, says that data are lost."""

MOST_READS = 3
"""How often `read_with_checksums` reads files that are being changed."""

Result = TypeVar("Result")


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and move it onto `path` when the block succeeds.

    The data are on the disk before the name is, so that even after a power failure the file is
    the old one or the new one. If the block raises, the temporary file is removed and `path`
    stays as it was. The temporary name keeps the suffix, because libraries choose a format by it.
    Where the file system has no fsync, the file is moved without it, see `sync`.

    Use `atomic_file` if you write the file yourself: it syncs through the descriptor that wrote.

    Raises:
        NeuralStyleError: the folder cannot be written to, or the disk is full or broken.
    """
    with _replacing(path) as temporary:
        yield temporary
        with _open_to_sync(temporary) as written:
            sync(written.fileno())


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Give an open file, and move it onto `path` when the block succeeds; see `atomic`.

    Raises:
        NeuralStyleError: the folder cannot be written to, or the disk is full or broken.
    """
    with _replacing(path) as temporary, temporary.open("wb") as file:
        yield file
        file.flush()
        sync(file.fileno())


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path, and move it onto `path` when the block succeeds."""
    temporary = path.with_name(f".{path.stem[:_STEM]}.{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise NeuralStyleError(
            f"cannot write {str(path)!r}: {error.strerror or error}; "
            "free some space or choose a folder that you may write to."
        ) from error
    finally:
        with suppress(OSError):  # where nothing can be written, there is nothing to remove
            temporary.unlink(missing_ok=True)


def remove_leftovers(paths: Iterable[Path]) -> None:
    """Remove the temporary files that killed processes left beside these files.

    Call it before the first of them is written, and only while no other process writes them: the
    temporary file of a running `atomic` is removed, too.
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
    """Remove the temporary files that killed processes left in a folder and its subfolders.

    Call it only while no other process writes there, see `remove_leftovers`.
    """
    with suppress(OSError):
        for path in list(folder.rglob(".*")):
            if _TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)


def _open_to_sync(path: Path) -> IO[bytes]:
    """Open a written file for fsync, which some file systems refuse on a read-only descriptor."""
    try:
        return path.open("r+b")
    except PermissionError:  # a link to an output that is write-protected
        return path.open("rb")


def sync(descriptor: int) -> None:
    """Wait until what was written through a descriptor is on the disk (fsync).

    Where the file system has no fsync, it returns at once, and warns that a power failure may lose
    data.

    Args:
        descriptor: of an open file, best the one that wrote.

    Raises:
        OSError: the disk failed, and the data may be lost.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
        # One text for all files, because a warning is shown once.
        warnings.warn(
            "the file system of an output cannot confirm that data are on the disk (fsync: "
            f"{error.strerror}); the run continues, and a power failure may lose its latest files.",
            NeuralStyleWarning,
            stacklevel=2,
        )


def sync_folder(folder: Path) -> None:
    """Wait until the names of the files in a folder are on the disk, not only their bytes.

    Nothing happens where that is not possible: a folder can be opened for reading only, so many
    file systems cannot do it.

    Raises:
        NeuralStyleError: the disk failed.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise NeuralStyleError(
                f"cannot write {str(folder)!r}: {error.strerror or error}; check the disk."
            ) from error
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically (see `atomic`)."""
    with atomic_file(path) as file:
        file.write(text.encode("utf-8"))


def open_regular(path: Path, largest: float = float("inf")) -> BufferedReader:
    """Open a regular file of at most `largest` bytes to read; a pipe or a device may never end.

    Raises:
        OSError: it cannot be opened, is too large, or is not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for a writer
    status = os.fstat(descriptor)
    is_regular = stat.S_ISREG(status.st_mode)
    if is_regular and status.st_size <= largest:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError("it is too large" if is_regular else "it is not a regular file")


def read_regular(path: Path, largest: float = float("inf"), errors: str = "strict") -> str:
    """Read the text of a regular file of at most `largest` bytes; `errors` as of `bytes.decode`.

    Raises:
        OSError: it cannot be opened, is too large, or is not a regular file.
        UnicodeDecodeError: it is not UTF-8.
    """
    with open_regular(path, largest) as file:  # some in /proc have the size 0, and never end
        return file.read(os.fstat(file.fileno()).st_size).decode("utf-8", errors)


def sha256(path: Path) -> str:
    """Return the SHA-256 checksum of a file's bytes, in hexadecimal.

    Raises:
        NeuralStyleError: the file cannot be read, or is not a regular file.
    """
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NeuralStyleError(
            f"cannot read {str(path)!r}: {error.strerror or error}; fix the path or permissions."
        ) from error


def file_state(path: Path) -> tuple[int, int, int, int]:
    """Return what differs after a file was changed or replaced: size, two dates and inode.

    The second date (ctime) cannot be set by programs, so that a copy that keeps the first one
    differs, too.

    Raises:
        OSError: there is no such file.
    """
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def read_with_checksums(
    paths: Sequence[Path], read: Callable[[], Result]
) -> tuple[Result, list[str]]:
    """Return what `read` returns, and the checksum of each file as it was then.

    If a file is changed or replaced meanwhile, `read` is called again.

    Raises:
        NeuralStyleError: a file cannot be read, or it changes again and again.
    """
    changed: list[str] = []
    for _ in range(MOST_READS):
        before = _states(paths)
        result, checksums = read(), [sha256(path) for path in paths]
        states = zip(paths, before, _states(paths), strict=True)
        changed = [repr(str(path)) for path, old, new in states if old != new]
        if not changed:
            return result, checksums
    raise NeuralStyleError(
        f"{', '.join(changed)} changes while it is read; wait until it is complete, then run the "
        "same command again."
    )


def _states(paths: Iterable[Path]) -> list[object]:
    """The state of each file; None if there is none, as `read` will say."""
    states: list[object] = []
    for path in paths:
        try:
            states.append(file_state(path))
        except OSError:
            states.append(None)
    return states


class WorkQueue:
    """Does work in threads while the caller goes on; use it as a context manager.

    With one thread, work is done in the order in which it was submitted. The error of a piece of
    work is raised by a later call of `submit`, `check` or `finish`, or at the end of the block.
    If the block raises, what was submitted is still done, and only the block's error is raised.

    Args:
        threads: number of threads; with 0, `submit` does the work itself.
        depth: pieces of work that may be unfinished, ≥ 1. With so many, `submit` waits, because
            each of them holds an image in memory.
        name: of the threads.
    """

    def __init__(self, threads: int, depth: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, name) if threads else None
        self._depth = depth
        self._unfinished: deque[Future[object]] = deque()

    def __enter__(self) -> Self:
        """Return the queue."""
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Finish what was submitted, and end the threads."""
        try:
            if error is None:
                self.finish()
        finally:
            if self._pool is not None:
                self._pool.shutdown()

    def submit(self, work: Callable[..., object], *arguments: object) -> None:
        """Have `work(*arguments)` done, as soon as fewer than `depth` pieces are unfinished.

        Raises:
            Exception: the error of earlier work; then this work is not done. With 0 threads, its
                own error.
        """
        if self._pool is None:
            work(*arguments)
            return
        self.check()
        while len(self._unfinished) >= self._depth:
            self._unfinished.popleft().result()
        self._unfinished.append(self._pool.submit(work, *arguments))

    def check(self) -> None:
        """Raise the error of work that has failed; do not wait for unfinished work."""
        for future in [each for each in self._unfinished if each.done()]:
            self._unfinished.remove(future)
            future.result()

    def finish(self) -> None:
        """Wait until all work is done.

        Raises:
            Exception: the error of a piece of work.
        """
        while self._unfinished:
            self._unfinished.popleft().result()


def escape(text: str) -> str:
    r"""Escape a text so that it is one field of a line of tab-separated text.

    Tabs, line breaks, backslashes and bytes that are not UTF-8 (as `os.fsdecode` represents them)
    become backslash escapes, such as `\t`.
    """
    if "\\" in text or not text.isprintable():
        return text.encode("unicode_escape").decode("ascii")
    return text


def unescape(text: str) -> str:
    """Return the text that `escape` was given."""
    if "\\" not in text:
        return text
    return text.encode("ascii").decode("unicode_escape")


_VARIABLE = re.compile(r"(^|/)(\$\w+|\$\{\w+\})|(\$\w+|\$\{\w+\})")


def expand_path(text: str) -> str:
    """Return a path that a user wrote, with the home folder for a leading `~` or `~name`.

    Variables such as `$HOME` are refused, because the program that starts jobs may not have those
    of the user. A file whose name only looks like one of these is taken.

    Raises:
        NeuralStyleError: the path names an unknown user, or a variable.
    """
    if os.path.lexists(text):
        return text
    expanded = os.path.expanduser(text)  # noqa: PTH111 - text, which keeps its form
    if expanded.startswith("~"):
        user = expanded.partition("/")[0]
        raise NeuralStyleError(
            f"{text!r} begins with the home folder of a user who does not exist; write the whole "
            f"path, or ./{user} for a file of that name."
        )
    for found in _VARIABLE.finditer(expanded):
        name = found[2] or found[3]
        if found[2] or name.strip("${}") in os.environ:
            raise NeuralStyleError(
                f"{text!r} has the variable {name}, which is not expanded here; write the whole "
                "path."
            )
    return expanded


def format_duration(seconds: float) -> str:
    """Format a duration in units that suit it: `45 s`, `12 min`, `3 h 05 min`, `4 d 03 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours = minutes // 60
    if hours < 48:
        return f"{hours} h {minutes % 60:02} min"
    return f"{hours // 24} d {hours % 24:02} h"
