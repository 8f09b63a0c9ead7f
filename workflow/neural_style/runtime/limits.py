"""How much memory this process may still use: of the machine, of its container, of `ulimit`.

It imports no torch: under a small limit, the libraries of torch end the process without a message.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from neural_style.errors import NeuralStyleError

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

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


class MemoryLimitError(NeuralStyleError):
    """A memory limit of this process is too small for torch."""


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
