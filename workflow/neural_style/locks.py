"""Locks of the kernel: one process at a time.

`FileLock` locks an open file or folder, `lock_folder` a folder by its path.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from neural_style.errors import NeuralStyleError

SECONDS_BETWEEN_TRIES = 0.2
"""Pause of `lock_folder` between two tries."""


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


@contextmanager
def lock_folder(folder: Path, wait: Callable[[int], None]) -> Iterator[None]:
    """Lock a folder for this process.

    The folder is created if it is missing. If it is empty at the end, it is removed. Where the
    file system has no locks, the block runs without one.

    Args:
        folder: the folder that only one process may write to.
        wait: called with 0, 1, 2, … before each further try, while another process holds the
            lock; it ends the wait by raising an error.

    Raises:
        NeuralStyleError: the folder cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
    except OSError as error:
        raise NeuralStyleError(
            f"cannot write {folder}: {error.strerror}; choose a folder that you may write to."
        ) from error
    try:
        with lock:
            for tries in itertools.count():
                if lock.acquire_if_possible():
                    break
                wait(tries)
                time.sleep(SECONDS_BETWEEN_TRIES)
            yield
    finally:
        with suppress(OSError):  # something is in it
            folder.rmdir()
