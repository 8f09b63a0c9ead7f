"""How many images fit into the memory, and what to do and say when they do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import inf
from typing import TypeVar

import torch

from neural_style.config.settings import Settings
from neural_style.errors import NeuralStyleError
from neural_style.model.tiles import MAX_STRIDE
from neural_style.runtime.estimates import bytes_per_image
from neural_style.runtime.limits import limit_bytes, usable_bytes

PRECISION_NAMES = {torch.bfloat16: "bf16", torch.float32: "fp32"}

SAVINGS = ((512, None), (256, None), (256, 5))
"""Tile edges in pixels and L-BFGS history sizes that save memory but take more time, in the order
in which they are tried; None leaves the history size as it is."""

CUDNN_BYTES = 0.5e9
"""Bytes left free on a GPU for the working memory of its convolutions."""

USABLE_SHARE = 0.8
"""Share of the free memory to use; other processes may take the rest in the meantime."""

LARGEST_BATCH = {"cpu": 4, "cuda": 64}
"""Larger batches gain nothing: on two CPU cores, an image of 256 pixels took 0.12 s an evaluation
in batches of 2, 4 and 8. The number for a GPU was not measured."""

T = TypeVar("T")


class MemoryShortageError(NeuralStyleError):
    """A single image does not fit into the memory of the device."""


def needed_bytes(settings: Settings, height: int, width: int, precision: torch.dtype) -> int:
    """Estimate the bytes that each image of a batch takes while it is optimized.

    Args:
        settings: see `bytes_per_image`.
        height: of the image, in pixels.
        width: of the image, in pixels.
        precision: of the network.
    """
    return bytes_per_image(settings, height, width, PRECISION_NAMES[precision])


def available_bytes(device: torch.device) -> int:
    """Return the bytes of memory that may be used on a device now."""
    if device.type != "cuda":
        return int(USABLE_SHARE * usable_bytes())
    free, _ = torch.cuda.mem_get_info(device)
    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return max(0, int(USABLE_SHARE * (free + cached) - CUDNN_BYTES))


def is_shortage(error: BaseException) -> bool:
    """Whether an error means that memory was short.

    torch's allocator for the CPU has no error class of its own.
    """
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )


@contextmanager
def explaining_shortage(
    settings: Settings, height: int, width: int, device: torch.device, precision: torch.dtype
) -> Iterator[None]:
    """Replace a shortage of memory in the block by an error that says what would fit.

    Args:
        settings: of the image.
        height: of the image, in pixels.
        width: of the image, in pixels.
        device: on which the block optimizes a single image.
        precision: of the network.

    Raises:
        MemoryShortageError: the block ran out of memory, or would exceed a limit of the shell.
    """
    needed, available = needed_bytes(settings, height, width, precision), available_bytes(device)
    try:
        if device.type == "cpu" and needed > min(limit_bytes().values(), default=inf):
            raise MemoryError("ulimit")
        yield
    except Exception as error:
        if not is_shortage(error):
            raise
        # The free memory is an estimate, too: never advise what has just failed.
        limit = min(available, int(0.8 * needed))
        advice = [f"a size of {_size_that_fits(settings, height, width, precision, limit)}"]
        for tile, history in SAVINGS:
            saving = replace(settings, tile=tile, history=history or settings.history)
            if needed_bytes(saving, height, width, precision) <= limit:
                smaller = f" and optimization.history {history}" if history else ""
                advice.append(f"this size with network.tile {tile}{smaller}")
                break
        raise MemoryShortageError(
            f"{width} × {height} pixels need about {needed / 1e9:.1f} GB of memory, and "
            f"{available / 1e9:.1f} GB are available on this {device.type.upper()}; "
            f"{' or '.join(advice)} should fit."
        ) from error


def _size_that_fits(
    settings: Settings, height: int, width: int, precision: torch.dtype, limit: int
) -> int:
    """Return the largest long edge, a multiple of `MAX_STRIDE`, that fits in `limit` bytes."""
    longest = max(height, width)
    for size in range(longest // MAX_STRIDE * MAX_STRIDE, MAX_STRIDE, -MAX_STRIDE):
        scaled = height * size // longest, width * size // longest
        if needed_bytes(settings, *scaled, precision) <= limit:
            return size
    return MAX_STRIDE


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
