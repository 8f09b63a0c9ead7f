"""A folder for one process at a time. The kernel frees what a dead process held."""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from neural_style.errors import NeuralStyleError

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
