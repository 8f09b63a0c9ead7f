"""A card for one process alone: a lock on a file that is named after the card. Free of torch.

The kernel drops a lock when its process ends, however it ends, so that none is ever left over.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from neural_style.errors import NeuralStyleError

FOLDER = Path("/tmp")
"""Where each user gets a folder of locks. Not $TMPDIR: where two runs look into two folders, a
lock keeps nobody out."""

ALLOCATIONS = ("SLURM_JOB_ID", "LSB_JOBID", "PBS_JOBID", "JOB_ID")
"""Variables by which Slurm, LSF, PBS and Grid Engine name a job."""

SECONDS_BETWEEN_LOOKS = 0.5


class DeviceLockError(NeuralStyleError):
    """The folder of the locks cannot be used."""


@contextmanager
def lock_one(
    devices: Sequence[str],
    on_wait: Callable[[], None],
    on_look: Callable[[], None] = lambda: None,
    folder: Path | None = None,
) -> Iterator[str]:
    """Hold one of several devices that no other process of this user holds.

    Args:
        devices: ids such as `0`, `GPU-8932f937` or `MIG-…`; at least one. The first free one is
            taken.
        on_wait: called once, if all of them are taken; the wait is as long as it has to be.
        on_look: called every half second of it; it ends the wait by raising an error.
        folder: holds the user's own folder of locks; `FOLDER` where none is given.

    Yields:
        The id of the device.

    Raises:
        DeviceLockError: the folder of the locks is not the user's, or cannot be written to.
    """
    device, lock = _wait_for_one(
        devices, on_wait, on_look, (folder or FOLDER) / f"neural-style-{os.geteuid()}"
    )
    try:
        yield device
    finally:
        os.close(lock)


def lock_name(device: str) -> str:
    """The name of a device's lock file, different for different devices.

    A batch system may call the first card of every job 0 although they are different cards, so
    that an id means something only within one of its jobs.
    """
    allocation = next((os.environ[name] for name in ALLOCATIONS if os.environ.get(name)), "")
    readable = re.sub(r"[^A-Za-z0-9.-]", "_", device)[:60]
    digest = hashlib.sha256(f"{allocation}\n{device}".encode(errors="surrogateescape"))
    return f"{readable}-{digest.hexdigest()[:16]}.lock"


def _wait_for_one(
    devices: Sequence[str], on_wait: Callable[[], None], on_look: Callable[[], None], folder: Path
) -> tuple[str, int]:
    """A device that is or becomes free, and the descriptor that holds its lock."""
    directory = _open_own_folder(folder)
    waiting = False
    try:
        while True:
            for device in devices:
                lock = _try_to_lock(folder / lock_name(device), directory)
                if lock is not None:
                    return device, lock
            if not waiting:
                on_wait()
            waiting = True
            on_look()
            time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:
        os.close(directory)


def _try_to_lock(path: Path, directory: int) -> int | None:
    """The descriptor that holds the lock of a file, or None if another process holds it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        lock = os.open(path.name, flags, 0o600, dir_fd=directory)
    except OSError as error:
        raise DeviceLockError(
            f"cannot lock a GPU by {path}: {error.strerror}; remove it, or free some space."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    os.utime(lock)  # those who tidy /tmp remove files that look old
    return lock


def _open_own_folder(folder: Path) -> int:
    """Make the folder and open it, if it is the user's and nobody else can plant files there."""
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        directory = os.open(folder, flags)
    except OSError as error:
        raise DeviceLockError(
            f"cannot keep locks of the GPUs in {folder}: {error.strerror}; "
            "make it a folder of your own, or remove it."
        ) from error
    facts = os.fstat(directory)
    if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o077:
        os.close(directory)
        raise DeviceLockError(
            f"the folder {folder}, which holds the locks of the GPUs, is open to others; remove it."
        )
    return directory
