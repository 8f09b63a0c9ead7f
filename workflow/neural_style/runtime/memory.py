"""How much memory a process may use, how many images fit into it, and what to say when they do not.

`keep_freed_memory` makes a process on the CPU faster, and `return_freed_memory` gives back what it
kept.

Nothing here imports torch before it is called: under a small limit, the libraries of torch end the
process without a message.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import psutil

from neural_style.config.settings import Settings
from neural_style.errors import NeuralStyleError
from neural_style.model.layers import MAX_STRIDE
from neural_style.runtime.failures import failure, is_device_failure, is_shortage

if TYPE_CHECKING:
    import torch

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

SAVINGS = ((512, None), (256, None), (256, 5))
"""Tile edges in pixels and L-BFGS history sizes that save memory but take more time, in the order
in which they are tried; None leaves the history size as it is."""

CUDNN_BYTES = 0.5e9
"""Bytes left free on a GPU for the working memory of its convolutions."""

USABLE_SHARE = 0.8
"""Share of the free memory to use; other processes may take the rest in the meantime."""

LARGEST_BATCH = {"cpu": 4, "cuda": 64, "mps": 16}
"""Larger batches gain nothing: on two CPU cores, an image of 256 pixels took 0.12 s an evaluation
in batches of 2, 4 and 8. An H200 made 19, 22.4 and 22.9 such images a second, of 100 iterations, in
batches of 16, 64 and 128. The number for MPS was not measured."""

T = TypeVar("T")

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of malloc.h

_MEMORY_LIMITS = {"ulimit -v": "RLIMIT_AS", "ulimit -d": "RLIMIT_DATA"}
RESERVE_BYTES = 100_000_000
"""Bytes to leave free under `ulimit`, for threads and their allocators: where these get no memory,
the process ends without a message."""

_ROOMY = 16e9  # bytes: torch loads under any larger limit
_TORCH_PROBE = """
import mmap, torch
torch.ones(64, 64) @ torch.ones(64, 64)
mmap.mmap(-1, 400_000_000)
"""
"""Loads torch, starts its threads, and makes room for the networks."""

_VERSION_1 = ("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file"
_VERSION_2 = ("memory.max", "memory.high"), "memory.current", "inactive_file"


class MemoryShortageError(NeuralStyleError):
    """A single image does not fit into the memory of the device."""


class MemoryLimitError(NeuralStyleError):
    """A memory limit of this process is too small for torch."""


def keep_freed_memory() -> None:
    """Keep the memory that tensors on the CPU leave for the next ones, until the process ends.

    Otherwise the C library (glibc) returns each large block to the system, which clears its pages
    before the next tensor gets them. Call this only in a process of one's own. Other C libraries
    stay as they are.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_MMAP_MAX, 0)  # all blocks come from the heap
        mallopt(_M_TRIM_THRESHOLD, -1)  # which does not shrink


def return_freed_memory() -> None:
    """Return to the system what `keep_freed_memory` has kept, so that it counts as free.

    Between two stages, this leaves room for the larger tensors of the next one, which do not fit
    where those of the one before were.
    """
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def usable_bytes() -> int:
    """Return how many bytes of memory this process can still get.

    This is the least of the free memory of the machine, what the limits of the container (cgroup,
    version 1 or 2) leave, and what `ulimit -v` and `ulimit -d` leave.
    """
    free = psutil.virtual_memory().available
    return max(0, min([free, *container_bytes(), *limit_bytes().values()]))


def container_bytes(root: Path = Path("/")) -> Iterator[int]:
    """Yield the bytes that each memory limit of the container leaves.

    A group is limited by those above it, too. Inside a container, the path of the own group may be
    one of the host, and only the group at the mount point is visible.

    Args:
        root: folder with `proc` and `sys`.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:  # only Linux has it
        return
    mount = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _group_bytes(mount, path, *_VERSION_2)
        elif "memory" in controllers.split(","):
            yield from _group_bytes(mount / "memory", path, *_VERSION_1)


def _group_bytes(
    mount: Path, path: str, limits: tuple[str, ...], usage: str, reclaimable: str
) -> Iterator[int]:
    """Yield what the limits of a group and of those above it leave."""
    parts = [part for part in path.split("/") if part]
    depths = range(len(parts), -1, -1) if ".." not in parts else [0]
    for folder in (mount.joinpath(*parts[:depth]) for depth in depths):
        try:
            used = int((folder / usage).read_text(encoding="ascii"))
            statistics = (folder / "memory.stat").read_text(encoding="ascii").split()
            # Copies of files in memory that the system drops when memory is short.
            cached = dict(zip(statistics[::2], statistics[1::2], strict=True)).get(reclaimable, "0")
            for name in limits:
                limit = (folder / name).read_text(encoding="ascii").strip()
                if limit != "max":
                    yield int(limit) - used + min(used, int(cached))
        except (OSError, ValueError):
            continue  # the root of version 2 has no limits


def limit_bytes() -> dict[str, int]:
    """Return what each limit of the shell leaves, but for `RESERVE_BYTES`, by its command."""
    if resource is None:
        return {}
    used = {"ulimit -v": psutil.Process().memory_info().vms, "ulimit -d": _data_bytes()}
    return {name: limit - used[name] - RESERVE_BYTES for name, limit in _finite_limits().items()}


def require_room_for_torch() -> None:
    """Find out whether torch can be loaded, if the shell has set a memory limit.

    Below the bytes that the libraries of torch map, they end the process with exit code 134 and
    `std::bad_alloc`. So another process tries it first.

    Raises:
        MemoryLimitError: torch cannot be loaded.
    """
    tight = {name: limit for name, limit in _finite_limits().items() if limit < _ROOMY}
    if not tight:
        return
    probe = [sys.executable, "-c", _TORCH_PROBE]
    try:
        ended = subprocess.run(probe, capture_output=True, text=True, errors="replace", check=False)
    except OSError:
        failed = True  # no memory for another process
    else:
        failed = ended.returncode != 0 and "ModuleNotFoundError" not in ended.stderr
    if failed:
        shown = " and ".join(f"{name}: {limit / 1e9:.1f} GB" for name, limit in tight.items())
        raise MemoryLimitError(
            f"torch cannot be loaded under the memory limit of this process ({shown}); raise it, "
            f"for example with {next(iter(tight))} unlimited."
        )


def _finite_limits() -> dict[str, int]:
    """Bytes of each limit of the shell that is set, by its command."""
    if resource is None:
        return {}
    soft = {
        name: resource.getrlimit(getattr(resource, key))[0] for name, key in _MEMORY_LIMITS.items()
    }
    return {name: limit for name, limit in soft.items() if limit != resource.RLIM_INFINITY}


def _data_bytes() -> int:
    """Bytes that count for `ulimit -d`; 0 where they are unknown."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        return int(status.partition("VmData:")[2].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        return 0


def needed_bytes(settings: Settings, height: int, width: int, precision: torch.dtype) -> int:
    """Estimate the bytes that each image of a batch takes while it is optimized.

    Args:
        settings: see `bytes_per_image`.
        height: of the image, in pixels.
        width: of the image, in pixels.
        precision: of the network.
    """
    from neural_style.runtime.estimates import bytes_per_image  # most single images never ask

    return bytes_per_image(settings, height, width, "bf16" if precision.itemsize == 2 else "fp32")


def available_bytes(device: torch.device) -> int:
    """Return the bytes of memory that may be used on a device now."""
    if device.type == "cpu":
        return_freed_memory()
        return int(USABLE_SHARE * usable_bytes())
    import torch

    if device.type == "mps":  # it shares the memory of the machine
        free = torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
        return max(0, int(USABLE_SHARE * min(free, usable_bytes())))
    free, total = torch.cuda.mem_get_info(device)
    reserved = torch.cuda.memory_reserved(device)
    share = torch.cuda.get_per_process_memory_fraction(device)  # 1, unless the program limits it
    free = min(free, int(share * total) - reserved)
    cached = reserved - torch.cuda.memory_allocated(device)
    return max(0, int(USABLE_SHARE * (free + cached) - CUDNN_BYTES))


@contextmanager
def explaining_shortage(
    settings: Settings, height: int, width: int, device: torch.device, precision: torch.dtype
) -> Iterator[None]:
    """Replace a shortage of memory in the block by an error that says what would fit.

    A failure of the GPU becomes a sentence, too.

    Args:
        settings: of the image.
        height: of the image, in pixels.
        width: of the image, in pixels.
        device: on which the block optimizes a single image.
        precision: of the network.

    Raises:
        MemoryShortageError: the block ran out of memory, or would exceed a limit of the shell.
        DeviceFailedError: the GPU failed.
    """
    available = 0
    limits = limit_bytes().values() if device.type == "cpu" else ()
    try:
        available = available_bytes(device)
        if limits and needed_bytes(settings, height, width, precision) > min(limits):
            raise MemoryError("ulimit")
        yield
    except Exception as error:
        if is_device_failure(error):
            raise failure(error) from error
        if not is_shortage(error):
            raise
        needed = needed_bytes(settings, height, width, precision)
        # The free memory is an estimate, too: never advise what has just failed.
        limit = min(available, int(0.8 * needed))
        processor = "CPU" if device.type == "cpu" else "GPU"
        shortage = (
            f"{width} × {height} pixels need about {needed / 1e9:.1f} GB of memory, and "
            f"{available / 1e9:.1f} GB are available on this {processor}"
        )
        size = _size_that_fits(settings, height, width, precision, limit)
        if size is None:
            raise MemoryShortageError(f"{shortage}; end other programs that use it.") from error
        advice = [f"a size of {size}"]
        for tile, history in SAVINGS:
            saving = replace(settings, tile=tile, history=history or settings.history)
            if needed_bytes(saving, height, width, precision) <= limit:
                smaller = f" and optimization.history {history}" if history else ""
                advice.append(f"this size with network.tile {tile}{smaller}")
                break
        raise MemoryShortageError(f"{shortage}; {' or '.join(advice)} should fit.") from error


def _size_that_fits(
    settings: Settings, height: int, width: int, precision: torch.dtype, limit: int
) -> int | None:
    """Return the largest long edge, a multiple of `MAX_STRIDE`, that fits in `limit` bytes."""
    longest = max(height, width)
    for size in range(longest // MAX_STRIDE * MAX_STRIDE, MAX_STRIDE, -MAX_STRIDE):
        scaled = height * size // longest, width * size // longest
        if needed_bytes(settings, *scaled, precision) <= limit:
            return size
    return None


def automatic_batch(
    settings: Settings, height: int, width: int, device: torch.device, precision: torch.dtype
) -> int:
    """Return how many images to optimize together: as many as fit, 1 to `LARGEST_BATCH`.

    Args:
        settings: of the images.
        height: of each image, in pixels.
        width: of each image, in pixels.
        device: on which they are optimized.
        precision: of the network.
    """
    fitting = available_bytes(device) // needed_bytes(settings, height, width, precision)
    return max(1, min(fitting, LARGEST_BATCH[device.type]))


def in_batches(
    items: Sequence[T],
    size: int,
    work: Callable[[Sequence[T]], None],
    say: Callable[[str], None],
) -> None:
    """Work on items in batches; when memory is short, continue with half the batch size.

    Args:
        items: in the order in which they are worked on.
        size: items in a batch, ≥ 1.
        work: works on a batch; called again for items of a batch that ran out of memory.
        say: told once, in a sentence, that batches became smaller.

    Raises:
        torch.OutOfMemoryError, MemoryError, RuntimeError: a single item does not fit.
    """
    import torch

    done, said = 0, False
    while done < len(items):
        batch = items[done : done + size]
        if _fits(work, batch):
            done += len(batch)
            continue
        # Outside the handler: while an error is handled, its frames hold the memory.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if torch.backends.mps.is_available():
            torch.mps.empty_cache()
        size = len(batch) // 2
        if not said:
            say(f"out of memory with {len(batch)} images at once; continuing with {size} or fewer.")
            said = True


def _fits(work: Callable[[Sequence[T]], None], batch: Sequence[T]) -> bool:
    """Work on a batch; return False if memory was short and the batch can be made smaller."""
    try:
        work(batch)
    except Exception as error:
        if len(batch) == 1 or not is_shortage(error):
            raise
        return False
    return True
