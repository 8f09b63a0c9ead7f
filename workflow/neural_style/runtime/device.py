"""The device and precision that a process computes with, and a lock so that it has its GPU alone.

The lock of a GPU is a `FileLock` on a file that is named after the GPU.
"""

from __future__ import annotations

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
from neural_style.io import FileLock

DEVICES = ("auto", "cpu", "cuda")
VISIBLE = "CUDA_VISIBLE_DEVICES"

AMPERE = (8, 0)
"""The first compute capability of CUDA with fast bfloat16, and the first with TF32."""

FOLDER = Path("/tmp")
"""Each user gets a folder of locks here. It is not $TMPDIR, because a lock excludes only those who
look into the same folder."""

ALLOCATIONS = ("SLURM_JOB_ID", "LSB_JOBID", "PBS_JOBID", "JOB_ID")
"""Variables in which Slurm, LSF, PBS and Grid Engine give the id of a job."""

SECONDS_BETWEEN_TRIES = 0.5
"""Pause between two tries to lock a GPU."""


class DeviceError(NeuralStyleError):
    """The requested device does not exist."""


class DeviceLockError(NeuralStyleError):
    """The folder of the locks cannot be used."""


def choose_device(name: str) -> torch.device:
    """Return the device for one of `DEVICES`; `auto` is CUDA if there is a GPU, else the CPU.

    Raises:
        DeviceError: CUDA is requested and not available.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError("device: cuda is not available here; use `--device cpu`.")
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the network's dtype for `auto`, `fp32` or `bf16`.

    `auto` depends only on what the processor reports about itself and on no measurement of time:
    the same machine must make the same choice every time.
    """
    if name == "auto":
        return torch.bfloat16 if _has_fast_bf16(device) else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[name]


def _has_fast_bf16(device: torch.device) -> bool:
    """Whether the hardware has matrix products in bfloat16."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= AMPERE
    # Older releases of torch cannot tell, and get float32.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def describe(device: torch.device) -> str:
    """Name the device for the record of a run, such as `x86_64 CPU, 2 threads`."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


@contextmanager
def lock_device(
    name: str, on_wait: Callable[[], None], on_try: Callable[[], None] = lambda: None
) -> Iterator[torch.device]:
    """Choose a device; a GPU is locked for this process until the block ends.

    Of several GPUs it takes a free one and hides the others from CUDA. Call it before CUDA is
    initialized, because CUDA reads the environment once.

    Args:
        name: one of `DEVICES`, see `choose_device`.
        on_wait: called once, if other processes have locked every GPU.
        on_try: called every `SECONDS_BETWEEN_TRIES` while that is so; it ends the wait by raising
            an error.

    Yields:
        The device `cpu`, or `cuda`, which is the locked GPU.

    Raises:
        DeviceError: CUDA is requested and not available.
        DeviceLockError: the folder of the locks cannot be used.
    """
    gpus = [] if name == "cpu" else visible_gpus()
    if gpus:
        with lock_one(gpus, on_wait, on_try) as gpu, _only_visible(gpu):
            device = choose_device(name)
            if device.type == "cuda":
                yield device
                return
    yield choose_device(name)


def visible_gpus() -> list[str]:
    """List the ids of the GPUs that CUDA shows to this process, without initializing CUDA."""
    listed = os.environ.get(VISIBLE)
    ids = [text.strip() for text in (listed or "").split(",")]
    if ids[0].startswith("MIG-"):
        return ids  # slices of a GPU: torch would initialize CUDA to count them
    count = torch.cuda.device_count()
    return [str(number) for number in range(count)] if listed is None else ids[:count]


@contextmanager
def _only_visible(gpu: str) -> Iterator[None]:
    """Within the block, CUDA sees only this GPU, if it is not initialized yet."""
    before = os.environ.get(VISIBLE)
    os.environ[VISIBLE] = gpu
    try:
        yield
    finally:
        os.environ.pop(VISIBLE)
        if before is not None:
            os.environ[VISIBLE] = before


@contextmanager
def lock_one(
    gpus: Sequence[str],
    on_wait: Callable[[], None],
    on_try: Callable[[], None] = lambda: None,
    folder: Path | None = None,
) -> Iterator[str]:
    """Lock the first of several GPUs that no other process of this user has locked.

    Args:
        gpus: ids such as `0`, `GPU-8932f937` or `MIG-…`; at least one.
        on_wait: called once, if all of them are locked; there is no limit on the wait.
        on_try: called every `SECONDS_BETWEEN_TRIES` of the wait; it ends it by raising an error.
        folder: where the user's own folder of locks is created; `FOLDER` if it is None.

    Yields:
        The id of the locked GPU.

    Raises:
        DeviceLockError: the folder of the locks is not the user's, or cannot be written to.
    """
    own_folder = (folder or FOLDER) / f"neural-style-{os.geteuid()}"
    gpu, lock = _wait_for_one(gpus, on_wait, on_try, own_folder)
    with lock:
        yield gpu


def lock_name(gpu: str) -> str:
    """Return the name of a GPU's lock file; different GPUs have different names.

    A batch system may give the id 0 to the first GPU of every job although these are different
    GPUs. So the name depends on the job of the batch system, too.
    """
    allocation = next((os.environ[name] for name in ALLOCATIONS if os.environ.get(name)), "")
    readable = re.sub(r"[^A-Za-z0-9.-]", "_", gpu)[:60]
    digest = hashlib.sha256(f"{allocation}\n{gpu}".encode(errors="surrogateescape"))
    return f"{readable}-{digest.hexdigest()[:16]}.lock"


def _wait_for_one(
    gpus: Sequence[str], on_wait: Callable[[], None], on_try: Callable[[], None], folder: Path
) -> tuple[str, FileLock]:
    """Return the first GPU that is or becomes free, and its lock."""
    directory = _open_own_folder(folder)
    waiting = False
    try:
        while True:
            for gpu in gpus:
                lock = _try_to_lock(folder / lock_name(gpu), directory)
                if lock is not None:
                    return gpu, lock
            if not waiting:
                on_wait()
            waiting = True
            on_try()
            time.sleep(SECONDS_BETWEEN_TRIES)
    finally:
        os.close(directory)


def _try_to_lock(path: Path, directory: int) -> FileLock | None:
    """Return the lock on a file in an open folder, or None if another process holds it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        lock = FileLock(os.open(path.name, flags, 0o600, dir_fd=directory))
        if not lock.acquire():
            lock.release()
            return None
    except OSError as error:
        raise DeviceLockError(
            f"cannot lock a GPU with the file {path}: {error.strerror}; "
            "remove it, or free some space."
        ) from error
    os.utime(lock.descriptor)  # programs that clean up /tmp remove files that look old
    return lock


def _open_own_folder(folder: Path) -> int:
    """Create the folder and open it, if it is the user's and no one else can put files there."""
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        directory = os.open(folder, flags)
    except OSError as error:
        raise DeviceLockError(
            f"cannot keep the locks of the GPUs in {folder}: {error.strerror}; "
            "make it a folder of your own, or remove it."
        ) from error
    facts = os.fstat(directory)
    if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o077:
        os.close(directory)
        raise DeviceLockError(
            f"the folder {folder}, which holds the locks of the GPUs, is open to others; remove it."
        )
    return directory
