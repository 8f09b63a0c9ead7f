"""How much memory an optimization needs, how much there is, and what to say when it is short."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import psutil
import torch

from neural_style.config.settings import Settings
from neural_style.errors import NeuralStyleError
from neural_style.model.tiles import GRID
from neural_style.runtime.estimates import picture_bytes

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
    """An estimate of what one more picture takes while it is optimized."""
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


# MERGED: How many pictures are optimized at once, and what happens when that was too many.


MOST = {"cpu": 4, "cuda": 64}
"""Larger batches gain nothing: on two CPU cores a picture of 256 px took 0.12 s an evaluation
in batches of 2, 4 and 8. The GPU's figure has not been measured."""

T = TypeVar("T")


def automatic_batch(
    settings: Settings, height: int, width: int, device: torch.device, precision: torch.dtype
) -> int:
    """How many pictures of a size to optimize at once: what fits, at least one, at most `MOST`."""
    fitting = usable_bytes(device) // needed_bytes(settings, height, width, precision)
    return max(1, min(fitting, MOST[device.type]))


def in_batches(
    items: Sequence[T],
    size: int,
    work: Callable[[Sequence[T]], None],
    say: Callable[[str], None],
) -> None:
    """Work through items in batches; when memory does not suffice, go on with half the size.

    Args:
        items: what there is to do, in order.
        size: items of a batch, ≥ 1.
        work: does a batch, and must be able to do one again that it left half-way.
        say: is told once, in a sentence, that batches had to become smaller.

    Raises:
        torch.OutOfMemoryError, MemoryError, RuntimeError: a single item does not fit.
    """
    done, said = 0, False
    while done < len(items):
        batch = items[done : done + size]
        if _fits(work, batch):
            done += len(batch)
            continue
        # Outside the handler: while an error is handled, its frames hold the memory.
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        size = len(batch) // 2
        if not said:
            say(f"out of memory with {len(batch)} pictures at once; going on with {size} or fewer.")
            said = True


def _fits(work: Callable[[Sequence[T]], None], batch: Sequence[T]) -> bool:
    """Do a batch; False if memory did not suffice and it can be made smaller."""
    try:
        work(batch)
    except Exception as error:
        if len(batch) == 1 or not is_shortage(error):
            raise
        return False
    return True
