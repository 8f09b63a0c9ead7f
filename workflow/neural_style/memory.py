"""How much memory an optimisation needs, how much there is, and what to say when it is short."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch

from neural_style.errors import NeuralStyleError

BYTES_A_PIXEL = {torch.bfloat16: 3100, torch.float32: 4300}
"""For one pixel of one picture: features and their gradients down to conv5_1, 20 pairs of L-BFGS.

Measured on a CPU as the growth of the process's peak, at 256 and 512 px, one to eight pictures.
"""

CUDNN = 0.5e9
"""Bytes left free on a GPU for the working memory of its convolutions."""

USABLE = 0.8
"""Share of the free memory that is planned with; the rest is for what others take meanwhile."""


class MemoryShortageError(NeuralStyleError):
    """A single picture does not fit into the memory of the device."""


def needed_bytes(height: int, width: int, precision: torch.dtype) -> int:
    """An estimate of what one more picture takes while it is optimised."""
    return height * width * BYTES_A_PIXEL[precision]


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
    height: int, width: int, device: torch.device, precision: torch.dtype
) -> Iterator[None]:
    """Within it, a shortage of memory says what a single picture needs, and which size would fit.

    Raises:
        MemoryShortageError: in place of the shortage.
    """
    needed, usable = needed_bytes(height, width, precision), usable_bytes(device)
    try:
        yield
    except Exception as error:
        if not is_shortage(error):
            raise
        # What is free was only an estimate, too: never advise the size that has just failed.
        scale = min(math.sqrt(usable / needed), 0.9)
        fits = max(16, int(max(height, width) * scale) // 16 * 16)
        raise MemoryShortageError(
            f"{width} × {height} pixels need about {needed / 1e9:.1f} GB of memory, and "
            f"{usable / 1e9:.1f} GB could be had on this {device.type.upper()}; a size of {fits} "
            "should fit."
        ) from error
