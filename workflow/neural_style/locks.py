"""Locks of the kernel: one process at a time.

`FileLock` locks an open file or folder, `lock_at` one by its path, and `lock_folder` a folder that
may be created.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Self

from neural_style.errors import NeuralStyleError

SECONDS_BETWEEN_TRIES = 0.2
"""Pause of `lock_at` between two tries."""


class FileLock:
    """A lock of the kernel (flock) on an open file or folder, against other processes.

    The kernel releases the lock when its process ends, even if it is killed, so no lock is ever
    left over. Use it as a context manager to release it at the end of the block.

    The package `filelock` is not used, because it opens its own lock file by path and takes
    exclusive locks only. Needed here, and tested, are:

    - a lock on a folder itself, which leaves no file among the user's results;
    - a lock that several processes share (the runs of Snakemake in one folder);
    - a lock file opened relative to an open folder and never through a symbolic link, because
      /tmp, where the locks of the GPUs are, can be written to by every user;
    - a lock on the very file that is written to (the journal of a shard).

    Args:
        descriptor: of the open file or folder. The lock owns it: `release` closes it.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __enter__(self) -> Self:
        """Return the lock; `acquire` locks it."""
        return self

    def __exit__(self, *error: object) -> None:
        """Release the lock."""
        self.release()

    def acquire(self, *, shared: bool = False, wait: bool = False) -> bool:
        """Lock it, or change the kind of a lock that this object already holds.

        Args:
            shared: whether other processes may hold shared locks at the same time.
            wait: whether to wait until other processes allow it.

        Returns:
            Whether it is locked; False if another process prevents it.

        Raises:
            OSError: the file system has no locks.
        """
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(self.descriptor, kind if wait else kind | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
                return False
            raise
        return True

    def acquire_if_possible(self) -> bool:
        """Return False only if another process holds the lock, not if there are no locks."""
        try:
            return self.acquire()
        except OSError:
            return True

    def release(self) -> None:
        """Unlock, and close the descriptor."""
        os.close(self.descriptor)


def lock_at(path: Path, open_it: Callable[[], int], wait: Callable[[int], None]) -> FileLock:
    """Lock the file or folder at a path, as soon as no other process holds the lock.

    Another process may remove it, or put another one in its place, before it releases the lock. So
    each try opens it again, and counts only if what is locked is still at the path. Where the file
    system has no locks, the first try counts.

    Args:
        path: of the file or folder.
        open_it: opens it, or creates it, and returns its descriptor.
        wait: called with 0, 1, 2, … before each further try; it ends the wait by raising an error.

    Raises:
        OSError: it cannot be opened.
    """
    for tries in itertools.count():
        lock = FileLock(open_it())
        if lock.acquire_if_possible() and _is_at(path, lock.descriptor):
            return lock
        lock.release()
        wait(tries)
        time.sleep(SECONDS_BETWEEN_TRIES)
    raise AssertionError("itertools.count never ends")


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether an open file is still the one at its path."""
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False


@contextmanager
def lock_folder(folder: Path, wait: Callable[[int], None]) -> Iterator[None]:
    """Lock a folder for this process.

    The folder is created if it is missing. If it is empty at the end, it is removed. Where the
    file system has no locks, the block runs without one.

    Args:
        folder: the folder that only one process may write to.
        wait: see `lock_at`.

    Raises:
        NeuralStyleError: the folder cannot be created.
    """
    with lock_at(folder, partial(_open_folder, folder), wait):
        try:
            yield
        finally:
            with suppress(OSError):  # something is in it
                folder.rmdir()


def _open_folder(folder: Path) -> int:
    """Create a folder if it is missing, and open it."""
    try:
        while True:
            folder.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # another process has just removed it
                return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise NeuralStyleError(
            f"cannot write {str(folder)!r}: {error.strerror}; choose a folder that you may write "
            "to."
        ) from error
