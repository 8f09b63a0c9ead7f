"""How much memory an optimisation needs, how much there is, and what to say when it is short."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psutil
import torch

from neural_style.errors import NeuralStyleError
from neural_style.machine.footprint import picture_bytes
from neural_style.network.tiling import GRID
from neural_style.plan.settings import Settings

NAMES = {torch.bfloat16: "bf16", torch.float32: "fp32"}

SAVINGS = ((512, None), (256, None), (256, 5))
"""Tiles and pairs that save memory at the price of time, tried in this order; None: as it is."""

CUDNN = 0.5e9
"""Bytes left free on a GPU for the working memory of its convolutions."""

USABLE = 0.8
"""Share of the free memory that is planned with; the rest is for what others take meanwhile."""


class MemoryShortageError(NeuralStyleError):
    """A single picture does not fit into the memory of the device."""


def needed_bytes(settings: Settings, height: int, width: int, precision: torch.dtype) -> int:
    """An estimate of what one more picture takes while it is optimised."""
    return picture_bytes(settings, height, width, NAMES[precision])


def usable_bytes(device: torch.device) -> int:
    """What can be planned with on a device now."""
    if device.type != "cuda":
        return int(USABLE * psutil.virtual_memory().available)
    free, _ = torch.cuda.mem_get_info(device)
    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return max(0, int(USABLE * (free + cached) - CUDNN))


def is_shortage(error: BaseException) -> bool:
    """Whether an error says that memory could not be had; the CPU's allocator has no own class."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )


@contextmanager
def explaining_shortage(
    settings: Settings, height: int, width: int, device: torch.device, precision: torch.dtype
) -> Iterator[None]:
    """Within it, a shortage of memory says what a single picture needs, and what would fit.

    Raises:
        MemoryShortageError: in place of the shortage.
    """
    needed, usable = needed_bytes(settings, height, width, precision), usable_bytes(device)
    try:
        yield
    except Exception as error:
        if not is_shortage(error):
            raise
        # What is free was only an estimate, too: never advise what has just failed.
        limit = min(usable, int(0.8 * needed))
        advice = [f"a size of {_size_that_fits(settings, height, width, precision, limit)}"]
        for tile, history in SAVINGS:
            saving = replace(settings, tile=tile, history=history or settings.history)
            if needed_bytes(saving, height, width, precision) <= limit:
                pairs = f" and optimization.history {history}" if history else ""
                advice.append(f"this size with network.tile {tile}{pairs}")
                break
        raise MemoryShortageError(
            f"{width} × {height} pixels need about {needed / 1e9:.1f} GB of memory, and "
            f"{usable / 1e9:.1f} GB could be had on this {device.type.upper()}; "
            f"{' or '.join(advice)} should fit."
        ) from error


def _size_that_fits(
    settings: Settings, height: int, width: int, precision: torch.dtype, limit: int
) -> int:
    """The largest long edge, on the grid, of such a picture that needs no more than `limit`."""
    longest = max(height, width)
    for size in range(longest // GRID * GRID, GRID, -GRID):
        scaled = height * size // longest, width * size // longest
        if needed_bytes(settings, *scaled, precision) <= limit:
            return size
    return GRID
