"""Snakemake's lock of a folder, taken away where its owner is proved to be dead.

Snakemake writes the files that a run makes into `.snakemake/locks`, and a run that is killed leaves
that list behind: the next one refuses to start. Here, every run of this workflow also holds a
shared lock of the kernel on `.snakemake` until its process ends, however it ends. Who gets that
lock for himself knows that no such run is left, on this machine.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from neural_style.errors import NeuralStyleError
from neural_style.io import write_text

MACHINES = "neural_style_machines"
"""The machines whose runs may have left the locks that there are, a line each."""


def enter_run(folder: Path, is_ours: Callable[[str], bool]) -> None:
    """Remove locks of dead runs, and take part in the proof until this process ends.

    Nothing is removed while another run is alive, where a run on another machine may have made
    a lock, where the file system has no kernel locks, or from another workflow's run.

    Args:
        folder: Snakemake's, `.snakemake`.
        is_ours: whether this workflow makes a file, as the lock names it.
    """
    try:
        folder.mkdir(exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)  # never closed: the kernel does that
        alone = _is_alone(descriptor)
        _account(folder, alone, is_ours)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except (OSError, NeuralStyleError):
        # No proof in times to come: this run may hold no lock of the kernel.
        with suppress(OSError):
            (folder / MACHINES).unlink(missing_ok=True)


def _is_alone(descriptor: int) -> bool:
    """Take the lock for this process alone if no other has a share in it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _account(folder: Path, alone: bool, is_ours: Callable[[str], bool]) -> None:
    """Remove what is proved to be dead, and write down who may leave locks from now on."""
    record = folder / MACHINES
    machines = set(record.read_text("utf-8").splitlines()) if record.exists() else set()
    here = _machine()
    locks = list((folder / "locks").glob("*.lock"))
    if alone and machines == {here}:
        for lock in filter(lambda lock: _is_of(lock, is_ours), locks):
            lock.unlink(missing_ok=True)
    if alone and not any(lock.exists() for lock in locks):
        machines = set()
    write_text(record, "".join(f"{each}\n" for each in sorted(machines | {here})))


def _is_of(lock: Path, is_ours: Callable[[str], bool]) -> bool:
    """Whether a lock names a file that this workflow makes."""
    with lock.open(encoding="utf-8", errors="surrogateescape") as lines:
        return any(is_ours(line.rstrip("\n")) for line in lines)


def _machine() -> str:
    """A name for the machine that another one does not have, and that a restart leaves."""
    identity = ""
    with suppress(OSError):
        identity = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    return f"{socket.gethostname()} {identity}"
