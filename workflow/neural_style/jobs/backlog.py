"""Work that an optimiser on a GPU does not wait for, such as encoding its pictures."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

BEHIND = ("cuda",)
"""Devices beside which the processor has little to do. On the CPU itself, a thread that encodes
would take from the optimiser what it saves."""

MOST_WAITING = 4
"""Pieces of work; with more, whoever brings them waits, since each holds a picture."""


class Backlog:
    """Does work in order, one piece at a time; use it as a context manager.

    Beside a GPU, a thread does it behind, and an error is that of a later call. Elsewhere it is
    done at once. All of it is done when `finish` or the block ends.

    Args:
        device: what the caller keeps at work meanwhile.
    """

    def __init__(self, device: torch.device) -> None:
        self._thread = ThreadPoolExecutor(1, "backlog") if device.type in BEHIND else None
        self._waiting: deque[Future[object]] = deque()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do what is left."""
        if self._thread is not None:
            self._thread.shutdown()

    def do(self, work: Callable[[], object]) -> None:
        """Take over a piece of work.

        Raises:
            Exception: that of this piece, or of an earlier one.
        """
        if self._thread is None:
            work()
            return
        self._waiting.append(self._thread.submit(work))
        self.check()

    def check(self) -> None:
        """See whether all went well so far; this waits only if there is too much left.

        Raises:
            Exception: that of a piece of work.
        """
        while self._waiting and (self._waiting[0].done() or len(self._waiting) > MOST_WAITING):
            self._waiting.popleft().result()

    def finish(self) -> None:
        """Wait until everything is done.

        Raises:
            Exception: that of a piece of work.
        """
        while self._waiting:
            self._waiting.popleft().result()


def fetch(tensor: Tensor) -> Callable[[], Tensor]:
    """Have a tensor copied to the processor behind the work that its device has yet to do.

    Returns:
        Waits for the copy and gives it, in whichever thread. Elsewhere than on CUDA it is the
        tensor itself.
    """
    if not tensor.is_cuda:
        return lambda: tensor
    copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    copy.copy_(tensor, non_blocking=True)
    arrived = torch.cuda.Event(blocking=True)
    arrived.record()

    def wait() -> Tensor:
        arrived.synchronize()
        return copy

    return wait
