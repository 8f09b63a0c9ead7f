"""Removes Snakemake's lock of a folder when the run that made it is proved to be dead.

Snakemake lists the files that a run makes in `.snakemake/locks`. A run that is killed leaves this
list behind, and the next run refuses to start. Therefore every run of this workflow also holds a
shared `FileLock` on `.snakemake` until its process ends. A run that gets this lock exclusively
knows that no other such run is alive on this machine.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from neural_style.errors import NeuralStyleError
from neural_style.io import write_text
from neural_style.locks import FileLock

MACHINES = "neural_style_machines"
"""A file in `.snakemake`: the machines whose runs may have left the present locks, one a line."""


def enter_run(folder: Path, is_ours: Callable[[str], bool]) -> None:
    """Remove the locks of dead runs, and register this run until its process ends.

    Nothing is removed while another run is alive, if a run on another machine may have made a
    lock, or if the file system has no locks. Locks of other workflows are never removed.

    Args:
        folder: Snakemake's folder, `.snakemake`.
        is_ours: whether this workflow makes a file, given its name in the lock.
    """
    try:
        folder.mkdir(exist_ok=True)
        lock = FileLock(os.open(folder, os.O_RDONLY))  # released by the end of the process
        _remove_dead_locks(folder, lock.acquire(), is_ours)
        lock.acquire(shared=True, wait=True)
    except (OSError, NeuralStyleError):
        # Later runs cannot prove anything, because this run may hold no lock.
        with suppress(OSError):
            (folder / MACHINES).unlink(missing_ok=True)


def _remove_dead_locks(folder: Path, alone: bool, is_ours: Callable[[str], bool]) -> None:
    """Remove the locks that are proved to be dead, and note who may leave locks from now on."""
    record = folder / MACHINES
    machines = set(record.read_text("utf-8").splitlines()) if record.exists() else set()
    here = _machine()
    locks = list((folder / "locks").glob("*.lock"))
    if alone and machines == {here}:
        for lock in filter(lambda lock: _names_a_file(lock, is_ours), locks):
            lock.unlink(missing_ok=True)
    if alone and not any(lock.exists() for lock in locks):
        machines = set()
    write_text(record, "".join(f"{each}\n" for each in sorted(machines | {here})))


def _names_a_file(lock: Path, is_ours: Callable[[str], bool]) -> bool:
    """Whether a lock of Snakemake names a file that this workflow makes."""
    with lock.open(encoding="utf-8", errors="surrogateescape") as lines:
        return any(is_ours(line.rstrip("\n")) for line in lines)


def _machine() -> str:
    """Name this machine; no other has the name, and a restart does not change it."""
    identity = ""
    with suppress(OSError):
        identity = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    return f"{socket.gethostname()} {identity}"
