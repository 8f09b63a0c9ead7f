"""Progress on a terminal, in a log or in a notebook, and requests to stop.

The library shows nothing by itself: a command line uses this module, or a caller of the Python
interface asks for a progress bar.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterable
from itertools import chain, groupby
from operator import itemgetter
from types import FrameType
from typing import Any, Self, TextIO

from tqdm import tqdm

from neural_style.config.settings import Settings
from neural_style.engine.record import summarize_losses
from neural_style.io import format_duration
from neural_style.optim.loop import Progress

SECONDS_BETWEEN_LINES = (10.0, 300.0)  # at least, at most
LINES_OF_A_RUN = 4
SECONDS_BETWEEN_LOSSES = 0.5
LONG_RUN_SECONDS = 180.0
ITERATIONS_BEFORE_ADVICE = 3
SECONDS_BEFORE_ADVICE = 10.0  # the first iterations take longer than others
SMALLEST_ADVISED_SIZE = 128


class Display:
    """Shows iteration, losses and time left of one run; use it as a context manager.

    On a terminal it is a progress bar, in a log a line now and then: about `LINES_OF_A_RUN` in all,
    so that the lines of several runs can be read together.

    Args:
        title: names the run, since lines of several runs may mix.
        settings: of the run.
        on_cpu: whether a long run gets a warning and advice.
        stream: a terminal or a log, by default the error stream.
        bar: a class of progress bars to show on any stream, such as that of `tqdm.auto`.
        last: iteration at which the run ends; None for the last one of the settings.
    """

    def __init__(
        self,
        title: str,
        settings: Settings,
        on_cpu: bool,
        stream: TextIO | None = None,
        bar: type[tqdm[Any]] | None = None,
        last: int | None = None,
    ) -> None:
        stream = stream or sys.stderr
        self._title = title
        self._settings = settings
        self._last = settings.epochs if last is None else last
        self._may_advise = on_cpu
        self._stream = stream
        self._has_bar = bar is not None or stream.isatty()
        self._bar = (bar or tqdm)(
            total=self._last,
            desc=title,
            unit="iteration",
            file=stream,
            disable=not self._has_bar,
            dynamic_ncols=True,
            mininterval=SECONDS_BETWEEN_LOSSES,
        )
        self._began = self._shown = 0.0
        self._pause = SECONDS_BETWEEN_LOSSES if self._has_bar else SECONDS_BETWEEN_LINES[0]
        self._first: int | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the progress bar."""
        self._bar.close()

    def show(self, progress: Progress) -> None:
        """Show an iteration. Most are only counted, since reading a loss synchronizes the GPU."""
        now = time.monotonic()
        if self._first is None:  # 0, or the iteration from which the run resumes
            self._first, self._began, self._shown = progress.epoch, now, now
            self._bar.update(progress.epoch)
            return
        self._bar.update()
        is_measured = (
            progress.epoch >= self._first + ITERATIONS_BEFORE_ADVICE
            and now - self._began >= SECONDS_BEFORE_ADVICE
        )
        if self._may_advise and is_measured:
            self._may_advise = False
            self._advise(now - self._began, progress.epoch)
        last = progress.epoch == self._last
        if last or now - self._shown >= self._pause:
            self._shown = now
            self._report(progress, now - self._began)

    def log(self, sentence: str) -> None:
        """Show a sentence for the user."""
        self._write(f"{self._title}: {sentence}")

    def _report(self, progress: Progress, seconds: float) -> None:
        losses = summarize_losses(progress.term_names, progress.losses.mean(dim=1))
        sums = {"total": losses.total, "content": losses.content, "style": losses.style}
        parts = ", ".join(f"{kind} {loss:.4g}" for kind, loss in {**sums, **losses.further}.items())
        if self._has_bar:
            self._bar.set_postfix_str(parts)
            return
        left = seconds * self._share(progress.epoch, self._last)
        left /= self._share(self._first or 0, progress.epoch)
        least, most = SECONDS_BETWEEN_LINES
        self._pause = min(most, max(least, (seconds + left) / LINES_OF_A_RUN))
        self._write(
            f"{self._title}: iteration {progress.epoch}/{self._last}, {parts}, "
            f"{format_duration(left)} left"
        )

    def _advise(self, so_far: float, epoch: int) -> None:
        """Show how long a long run will take, and what is faster."""
        seconds = so_far / self._share(self._first or 0, epoch)
        if seconds < LONG_RUN_SECONDS:
            return
        size, quarter = self._settings.size // 2, max(1, self._last // 4)
        faster, pace = ["a GPU"], ""
        if not self._settings.stages:  # stages would have to be shortened, too
            pace = f" ({seconds / self._last:.2f} s an iteration)"
            faster.insert(0, f"--epochs {quarter} (about {format_duration(seconds / 4)})")
            if size >= SMALLEST_ADVISED_SIZE:
                faster.insert(0, f"--size {size} (about {format_duration(seconds / 4)})")
        self._write(
            f"{self._title}: this will take about {format_duration(seconds)} on this CPU"
            f"{pace}. Faster: {', '.join(faster)}."
        )

    def _share(self, first: int, last: int) -> float:
        """Return the share of all work between two iterations; those of small stages count less."""
        if len(self._settings.all_stages) == 1:
            return (last - first) / self._last
        from neural_style.runtime.estimates import work_until

        works = [work_until(self._settings, epoch) for epoch in (first, last, self._last)]
        return (works[1] - works[0]) / works[2]

    def _write(self, line: str) -> None:
        tqdm.write(line, file=self._stream)
        self._stream.flush()


def show_in_turn(steps: Iterable[tuple[str, Settings, Progress]]) -> None:
    """Show several runs one after another.

    Args:
        steps: title and settings of a run with each of its iterations; the next run has another
            title.
    """
    for title, group in groupby(steps, key=itemgetter(0)):
        first = next(group)
        with Display(title, first[1], on_cpu=False) as display:
            for _, _, progress in chain([first], group):
                display.show(progress)


def bar_for(settings: Settings) -> Display:
    """Make a progress bar for a notebook or a terminal, whichever Python runs in."""
    from tqdm.auto import tqdm as suitable  # it looks for a notebook, which takes time

    return Display("", settings, on_cpu=False, bar=suitable)


def log_line(title: str, sentence: str) -> None:
    """Show a sentence for the user on the error stream, where there is no `Display`."""
    tqdm.write(f"{title}: {sentence}", file=sys.stderr)
    sys.stderr.flush()


def log_waiting(title: str) -> None:
    """Say why nothing happens."""
    log_line(title, "every GPU is in use; waiting for one.")


SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Preemption by a cluster, Ctrl-C, and a terminal that was closed."""


class StopRequest:
    """Notes signals that ask to stop instead of ending at once; use it as a context manager.

    Call it to ask whether to stop. A second Ctrl-C ends at once. A signal that was ignored before
    (`nohup`) stays ignored.
    """

    def __init__(self) -> None:
        self._is_wanted: Callable[[], bool] = lambda: True
        self._signal: int | None = None
        self._before = {number: signal.getsignal(number) for number in SIGNALS}

    def __enter__(self) -> Self:
        """Begin to note signals."""
        for number, handler in self._before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        """Restore the handlers of the signals."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def watch(self, is_wanted: Callable[[], bool]) -> None:
        """Treat it as a request, too, when a function returns false, such as at an owner's end."""
        self._is_wanted = is_wanted

    def __call__(self) -> bool:
        """Return whether to stop."""
        if self._signal is None and not self._is_wanted():
            self._signal = signal.SIGTERM
        return self._signal is not None

    @property
    def exit_code(self) -> int:
        """Exit code of a program that the signal ended, as shells report it: 143 for SIGTERM."""
        return 128 + (self._signal or 0)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = number
