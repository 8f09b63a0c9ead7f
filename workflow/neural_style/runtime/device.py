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
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from neural_style.errors import NeuralStyleError, NeuralStyleWarning
from neural_style.locks import FileLock
from neural_style.runtime.failures import explaining_failure

DEVICES = ("auto", "cpu", "cuda", "mps")
"""`mps` is the GPU of a Mac with Apple silicon; `cuda` may also be ROCm's."""

VISIBLE = "CUDA_VISIBLE_DEVICES"
CPU = torch.device("cpu")

AMPERE = (8, 0)
"""The first compute capability of CUDA with fast bfloat16, and the first with TF32."""

_ARCHITECTURE = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)")

FOLDER = Path("/tmp")
"""Each user gets a folder of locks here. It is not $TMPDIR, because a lock excludes only those who
look into the same folder."""

ALLOCATIONS = ("SLURM_JOB_ID", "LSB_JOBID", "PBS_JOBID", "JOB_ID")
"""Variables in which Slurm, LSF, PBS and Grid Engine give the id of a job."""

SECONDS_BETWEEN_TRIES = 0.5
"""Pause between two tries to lock a GPU."""


class DeviceError(NeuralStyleError):
    """The requested device cannot be used."""


class DeviceLockError(NeuralStyleError):
    """The folder of the locks cannot be used."""


def choose_device(name: str) -> torch.device:
    """Return the device for one of `DEVICES`: the first of `usable_gpus`, or else the CPU.

    Raises:
        DeviceError: a GPU is requested and cannot be used.
    """
    return next(iter(usable_gpus(name).values()), CPU)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the network's dtype for `auto`, `fp32` or `bf16`.

    `auto` depends only on what the processor reports about itself and on no measurement of time:
    the same machine must make the same choice every time.

    Raises:
        DeviceError: the GPU has no bfloat16.
    """
    if name == "auto":
        return torch.bfloat16 if _has_fast_bf16(device) else torch.float32
    if name == "bf16" and device.type == "mps" and not torch.backends.mps.is_macos_or_newer(14, 0):
        raise DeviceError(
            "optimization.precision: bf16 needs macOS 14 or newer on this GPU; use fp32."
        )
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[name]


def _has_fast_bf16(device: torch.device) -> bool:
    """Whether the hardware has matrix products in bfloat16."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= AMPERE
    if device.type == "mps":
        return False  # not measured
    # Older releases of torch cannot tell, and get float32.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def describe(device: torch.device) -> str:
    """Name the device for the record of a run, such as `x86_64 CPU, 2 threads`."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"{platform.machine()} GPU (MPS)"
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


@contextmanager
def lock_device(
    name: str, on_wait: Callable[[], None], on_try: Callable[[], None] = lambda: None
) -> Iterator[torch.device]:
    """Choose a device; a GPU is locked for this process until the block ends.

    Of several GPUs it takes a free one. A slice of a GPU (MIG) has to be the only one that CUDA
    sees; so call this before CUDA is initialized, because CUDA reads the environment once.

    Args:
        name: one of `DEVICES`, see `usable_gpus`.
        on_wait: called once, if other processes have locked every GPU.
        on_try: called every `SECONDS_BETWEEN_TRIES` while that is so; it ends the wait by raising
            an error.

    Yields:
        The CPU, or the locked GPU, which is the current one of CUDA within the block.

    Raises:
        DeviceError: a GPU is requested and cannot be used.
        DeviceLockError: the folder of the locks cannot be used.
        DeviceFailedError: the GPU failed within the block.
    """
    gpus = usable_gpus(name)
    if not gpus:
        yield CPU
        return
    with lock_one(list(gpus), on_wait, on_try) as gpu, _only_slice(gpu), explaining_failure():
        device = gpus[gpu]
        if _is_slice(gpu) and (problem := _cuda_problem()) is not None:
            device = _instead_of_cuda(name, problem)
        if device.type != "cuda":
            yield device
            return
        with torch.cuda.device(device):
            yield device


def usable_gpus(name: str) -> dict[str, torch.device]:
    """The GPUs that one of `DEVICES` means; `auto` prefers CUDA to MPS.

    A `NeuralStyleWarning` says why `auto` leaves a GPU out.

    Returns:
        Id of each GPU → its device; empty for the CPU.

    Raises:
        DeviceError: a GPU is requested and cannot be used.
    """
    if name in ("auto", "cuda"):
        gpus, problem = _cuda_gpus()
        if gpus:
            return gpus
        device = _instead_of_cuda(name, problem)
    elif name == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device: mps is not available here; use `--device cpu`.")
    else:
        device = torch.device(name)
    return {} if device.type == "cpu" else {device.type: device}


def _instead_of_cuda(name: str, problem: str) -> torch.device:
    """The device of `auto` where CUDA cannot be used.

    Args:
        name: `auto` or `cuda`.
        problem: why it cannot; empty if there is nothing to say about it.

    Raises:
        DeviceError: CUDA is requested.
    """
    reason = f": {problem}" if problem else ""
    if name == "cuda":
        raise DeviceError(f"device: cuda is not available here{reason}; use `--device cpu`.")
    if problem:
        warnings.warn(f"the GPU is not used{reason}.", NeuralStyleWarning, stacklevel=2)
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _cuda_gpus() -> tuple[dict[str, torch.device], str]:
    """The GPUs that CUDA shows and torch has kernels for; why there is none, or nothing to say."""
    listed = _listed_gpus()
    if _is_slice(listed[0]):  # torch would initialize CUDA to count them
        return {gpu: torch.device("cuda", 0) for gpu in listed}, ""
    if (problem := _cuda_problem()) is not None:
        return {}, problem
    gpus, problem = {}, ""
    for number, gpu in enumerate(visible_gpus()):
        if gap := _missing_kernels(number):
            problem = gap
        else:
            gpus[gpu] = torch.device("cuda", number)
    return gpus, problem


def _cuda_problem() -> str | None:
    """Why CUDA cannot be used, as torch says it; empty if there is no GPU, None if it can."""
    if torch.version.cuda is None and torch.version.hip is None:
        return ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if torch.cuda.is_available():
            return None
    texts = [str(each.message) for each in caught if "CUDA initialization" in str(each.message)]
    return _first_sentence(texts[0].partition("CUDA initialization: ")[2]) if texts else ""


def _missing_kernels(number: int) -> str:
    """Why torch cannot compute on a GPU, by its number; empty if it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of every GPU, and of each twice
            capability = torch.cuda.get_device_capability(number)
            if torch.version.cuda is None or has_kernels(capability, torch.cuda.get_arch_list()):
                return ""
            name = torch.cuda.get_device_name(number)
    except (RuntimeError, torch.cuda.DeferredCudaCallError) as error:  # such as a GPU that is lost
        return _first_sentence(str(error))
    major, minor = capability
    return (
        f"torch {torch.__version__} has no kernels for {name} (compute capability {major}.{minor})"
    )


def has_kernels(capability: tuple[int, int], architectures: Sequence[str]) -> bool:
    """Whether code for some architectures runs on a GPU.

    Args:
        capability: compute capability of the GPU.
        architectures: as `torch.cuda.get_arch_list` gives them. `sm_86` runs on the same major
            version from this minor one on; `compute_86` (PTX) on everything newer, too. With the
            suffix f, both run on the same major version only, and with a, on this one GPU only.
    """
    known = [match for each in architectures if (match := _ARCHITECTURE.fullmatch(each))]
    for kind, major, minor, suffix in (match.groups() for match in known):
        built_for = int(major), int(minor)
        if suffix == "a":
            fits = capability == built_for
        elif kind == "compute" and not suffix:
            fits = capability >= built_for
        else:
            fits = capability[0] == built_for[0] and capability >= built_for
        if fits:
            return True
    return not known


def _first_sentence(text: str) -> str:
    """The first sentence of a message of torch, without its full stop."""
    first = re.split(r"\.\s+(?=[A-Z])| \(Triggered|\n", text.strip())[0]
    return first.strip().removesuffix(".")


def visible_gpus() -> list[str]:
    """List the ids of the GPUs that CUDA shows to this process, in its order."""
    ids = _listed_gpus()
    if _is_slice(ids[0]):
        return ids
    count = torch.cuda.device_count()
    return [str(number) for number in range(count)] if VISIBLE not in os.environ else ids[:count]


def _listed_gpus() -> list[str]:
    """What the user has listed; at least one text, which may be empty."""
    return [text.strip() for text in os.environ.get(VISIBLE, "").split(",")]


def _is_slice(gpu: str) -> bool:
    """Whether an id is that of a slice of a GPU (MIG)."""
    return gpu.startswith("MIG-")


@contextmanager
def _only_slice(gpu: str) -> Iterator[None]:
    """Within the block, CUDA sees only this slice of a GPU, if it is not initialized yet.

    If the block initializes it, this process will see no other one, also for later jobs.
    """
    if not _is_slice(gpu):
        yield
        return
    before = os.environ[VISIBLE]
    os.environ[VISIBLE] = gpu
    try:
        yield
    finally:
        if not torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
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
            f"cannot lock a GPU with the file {str(path)!r}: {error.strerror}; "
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
            f"cannot keep the locks of the GPUs in {str(folder)!r}: {error.strerror}; "
            "make it a folder of your own, or remove it."
        ) from error
    facts = os.fstat(directory)
    if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o077:
        os.close(directory)
        raise DeviceLockError(
            f"the folder {str(folder)!r}, which holds the locks of the GPUs, is open to others; "
            "remove it."
        )
    return directory
