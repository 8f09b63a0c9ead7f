"""Errors of torch: which mean that memory was short, and which that the GPU failed.

Nothing here imports torch before it is called, see `memory`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from neural_style.errors import NeuralStyleError

_SHORTAGE = re.compile(
    r"DefaultCPUAllocator|\bout of memory\b|_ALLOC(ATION)?_FAILED\b"
    r"|CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate"  # it gets no memory for itself
)
_FAILURE = re.compile(r"^(CUDA|cuDNN|cuFFT|HIP|MPS)\w* error\b")


class DeviceFailedError(NeuralStyleError):
    """The GPU failed, and this process cannot use it any more."""


def is_shortage(error: BaseException) -> bool:
    """Whether an error means that memory was short.

    Only torch's own allocator for CUDA has an error class. The one for the CPU, MPS, the driver of
    CUDA, and libraries such as cuBLAS and cuDNN say so in the text of another error.
    """
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_SHORTAGE.search(str(error)))


def is_device_failure(error: BaseException) -> bool:
    """Whether an error came from a GPU, but not from a shortage of memory.

    After an error such as an illegal access to memory, every call of CUDA in this process fails.
    """
    import torch

    if is_shortage(error):
        return False
    return isinstance(error, torch.AcceleratorError) or (
        isinstance(error, RuntimeError) and bool(_FAILURE.match(str(error)))
    )


@contextmanager
def explaining_failure() -> Iterator[None]:
    """Replace an error of the GPU in the block by a sentence, whatever was asked of it.

    Errors of CUDA arrive with a later call, such as the one that reads a loss to show it.

    Raises:
        DeviceFailedError: the GPU failed.
    """
    import torch

    try:
        yield
    except Exception as error:
        of_gpu = isinstance(error, torch.AcceleratorError | torch.OutOfMemoryError)
        if not (of_gpu or is_device_failure(error)):
            raise
        raise failure(error) from error


def failure(error: Exception) -> DeviceFailedError:
    """The sentence for an error of a GPU."""
    return DeviceFailedError(
        f"the GPU failed ({str(error).splitlines()[0].rstrip('.')}); what was saved is kept, "
        "so start this again, and use another GPU if it fails again."
    )
