"""How many pictures are optimised at once, and what happens when that was too many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from neural_style.machine.memory import is_shortage, needed_bytes, usable_bytes
from neural_style.plan.settings import Settings

MOST = {"cpu": 4, "cuda": 64}
"""Larger batches gain nothing: on two CPU cores a picture of 256 px took 0.12 s an evaluation
in batches of 2, 4 and 8. The GPU's figure has not been measured."""

T = TypeVar("T")


def automatic_batch(
    settings: Settings, height: int, width: int, device: torch.device, precision: torch.dtype
) -> int:
    """How many pictures of a size to optimise at once: what fits, at least one, at most `MOST`."""
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
