"""Requests to end, as a question that a loop asks when it is convenient."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""A cluster's pre-emption, Ctrl-C, and a terminal that was closed."""


class StopRequest:
    """Remembers signals instead of dying of them; use it as a context manager.

    A second Ctrl-C is obeyed at once. A signal that was ignored before (`nohup`) stays ignored.
    """

    def __init__(self) -> None:
        self._owner: int | None = None
        self._signal: int | None = None
        self._before = {number: signal.getsignal(number) for number in SIGNALS}

    def __enter__(self) -> Self:
        """Begin to listen."""
        for number, handler in self._before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the signals as they were."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def watch(self, owner: int | None) -> None:
        """Take the end of a process for a request, too."""
        self._owner = owner

    def __call__(self) -> bool:
        """Whether to end."""
        if self._signal is None and self._owner is not None and not _is_there(self._owner):
            self._signal = signal.SIGTERM
        return self._signal is not None

    @property
    def exit_code(self) -> int:
        """What a shell says of a program that died of the signal: 143 for SIGTERM."""
        return 128 + (self._signal or 0)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = number


def _is_there(process: int) -> bool:
    """Whether a process lives; one that is dead and whose parent has not noticed does not."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it does, but is another user's
        return True
    with suppress(OSError):  # only Linux tells
        status = Path("/proc", str(process), "stat").read_text("utf-8", errors="replace")
        return status.rpartition(")")[2].split()[0] != "Z"
    return True
