"""A card for one process alone: a lock on a file that is named after the card. Free of torch.

The kernel drops a lock when its process ends, however it ends, so that none is ever left over.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

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


# MERGED: Which processor runs the network, and in which precision.


DEVICES = ("auto", "cpu", "cuda")
VISIBLE = "CUDA_VISIBLE_DEVICES"

AMPERE = (8, 0)
"""The first compute capability of CUDA with fast bfloat16. It is the first with TF32, too: what is
not fast at the one has no use for the other."""


class DeviceError(NeuralStyleError):
    """The device asked for is not there."""


def choose_device(name: str) -> torch.device:
    """The device for one of `DEVICES`; `auto` is CUDA where there is a card, else the CPU.

    Raises:
        DeviceError: CUDA is asked for and not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError("device: cuda is not available here; use `--device cpu`.")
    return torch.device(name)


@contextmanager
def claim_device(
    name: str, on_wait: Callable[[], None], on_look: Callable[[], None] = lambda: None
) -> Iterator[torch.device]:
    """The device for one of `DEVICES`; a card belongs to this process alone until the end.

    Of several cards it takes one that is free, and CUDA sees no other: it has to be called
    before anything wakes CUDA, which reads the environment once.

    Args:
        name: see `choose_device`.
        on_wait: called once, if every card is taken by another process.
        on_look: called again and again while that is so; it ends the wait by raising an error.

    Yields:
        `cpu`, or `cuda`, which is the one card.

    Raises:
        DeviceError: CUDA is asked for and not there.
        DeviceLockError: the locks cannot be kept.
    """
    cards = [] if name == "cpu" else visible_cards()
    if cards:
        with lock_one(cards, on_wait, on_look) as card, _only(card):
            device = choose_device(name)
            if device.type == "cuda":
                yield device
                return
    yield choose_device(name)


def visible_cards() -> list[str]:
    """The ids of the cards that CUDA shows to this process, found without waking CUDA."""
    listed = os.environ.get(VISIBLE)
    ids = [text.strip() for text in (listed or "").split(",")]
    if ids[0].startswith("MIG-"):
        return ids  # slices of a card; torch would wake CUDA to count them
    count = torch.cuda.device_count()
    return [str(number) for number in range(count)] if listed is None else ids[:count]


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The network's dtype for `auto`, `fp32` or `bf16`.

    `auto` asks what the processor says of itself and times nothing: the same machine must take
    the same choice every time.
    """
    if name == "auto":
        return torch.bfloat16 if _has_fast_bf16(device) else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[name]


def describe(device: torch.device) -> str:
    """The device in words, for the record of a run."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


@contextmanager
def _only(card: str) -> Iterator[None]:
    """Within it, this is the only card to a CUDA that is not awake yet."""
    before = os.environ.get(VISIBLE)
    os.environ[VISIBLE] = card
    try:
        yield
    finally:
        os.environ.pop(VISIBLE)
        if before is not None:
            os.environ[VISIBLE] = before


def _has_fast_bf16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are made by the hardware."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= AMPERE
    # Older releases of torch cannot tell, and get float32.
    abilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(abilities.get("amx_bf16") or abilities.get("avx512_bf16"))
