"""Progress for people: a bar on a terminal, a plain line every few seconds in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from itertools import chain, groupby
from operator import itemgetter
from types import TracebackType
from typing import Self, TextIO

from tqdm import tqdm

from neural_style.config.settings import Settings
from neural_style.engine.record import losses_of
from neural_style.optim.loop import Progress
from neural_style.runtime.estimates import work_until

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_LOSSES = 0.5
LONG_RUN_SECONDS = 180.0
EPOCHS_BEFORE_ADVICE = 3
SMALLEST_ADVISED_SIZE = 128


class Display:
    """Shows epoch, losses and time left of one run; use it as a context manager.

    Args:
        title: names the run, since lines of several runs may mix.
        settings: of the run.
        on_cpu: whether a long run is worth a warning and some advice.
        stream: a terminal, or where the log goes.
    """

    def __init__(
        self, title: str, settings: Settings, on_cpu: bool, stream: TextIO = sys.stderr
    ) -> None:
        self._title = title
        self._settings = settings
        self._on_cpu = on_cpu
        self._stream = stream
        self._terminal = stream.isatty()
        self._bar = tqdm(
            total=settings.epochs,
            desc=title,
            unit="epoch",
            file=stream,
            disable=not self._terminal,
            dynamic_ncols=True,
            mininterval=SECONDS_BETWEEN_LOSSES,
        )
        self._began = self._shown = 0.0
        self._first: int | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal tidy."""
        self._bar.close()

    def show(self, progress: Progress) -> None:
        """Show an epoch. Most are only counted: reading a loss waits for the device."""
        now = time.monotonic()
        if self._first is None:  # where it goes on from, if not 0
            self._first, self._began, self._shown = progress.epoch, now, now
            self._bar.update(progress.epoch)
            return
        self._bar.update()
        done = progress.epoch - self._first
        if done == EPOCHS_BEFORE_ADVICE and self._on_cpu:
            self._advise(now - self._began, progress.epoch)
        last = progress.epoch == self._settings.epochs
        pause = SECONDS_BETWEEN_LOSSES if self._terminal else SECONDS_BETWEEN_LINES
        if last or now - self._shown >= pause:
            self._shown = now
            self._report(progress, now - self._began)

    def tell(self, sentence: str) -> None:
        """Show something else that is worth knowing."""
        self._say(f"{self._title}: {sentence}")

    def _report(self, progress: Progress, seconds: float) -> None:
        losses = losses_of(progress.term_names, progress.losses[:, 0])
        sums = {"total": losses.total, "content": losses.content, "style": losses.style}
        parts = ", ".join(f"{kind} {loss:.4g}" for kind, loss in {**sums, **losses.further}.items())
        if self._terminal:
            self._bar.set_postfix_str(parts)
            return
        left = seconds * self._share(progress.epoch, self._settings.epochs)
        left /= self._share(self._first or 0, progress.epoch)
        self._say(
            f"{self._title}: epoch {progress.epoch}/{self._settings.epochs}, {parts}, "
            f"{duration(left)} left"
        )

    def _advise(self, so_far: float, epoch: int) -> None:
        """Say how long a long run will take, and what would be quicker."""
        seconds = so_far / self._share(self._first or 0, epoch)
        if seconds < LONG_RUN_SECONDS:
            return
        size, quarter = self._settings.size // 2, max(1, self._settings.epochs // 4)
        quicker = ["a CUDA GPU"]
        if not self._settings.stages:  # which would have to be shortened, too
            quicker.insert(0, f"--epochs {quarter} (about {duration(seconds / 4)})")
            if size >= SMALLEST_ADVISED_SIZE:
                quicker.insert(0, f"--size {size} (about {duration(seconds / 4)})")
        self._say(
            f"{self._title}: this will take about {duration(seconds)} on this CPU "
            f"({seconds / self._settings.epochs:.2f} s an epoch). Quicker: {', '.join(quicker)}."
        )

    def _share(self, first: int, last: int) -> float:
        """The epochs between two of them as a share of all work: those of small stages are less."""
        works = [
            work_until(self._settings, epoch) for epoch in (first, last, self._settings.epochs)
        ]
        return (works[1] - works[0]) / works[2]

    def _say(self, line: str) -> None:
        tqdm.write(line, file=self._stream)
        self._stream.flush()


def duration(seconds: float) -> str:
    """A time span in the largest units that suit it: `45 s`, `12 min`, `3 h 05 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"


def show_in_turn(steps: Iterable[tuple[str, Settings, Progress]]) -> None:
    """A display for each picture, one after another.

    Args:
        steps: title and settings of a picture with each of its epochs; the next picture has
            another title.
    """
    for title, group in groupby(steps, key=itemgetter(0)):
        first = next(group)
        with Display(title, first[1], on_cpu=False) as display:
            for _, _, progress in chain([first], group):
                display.show(progress)


def say_waiting(title: str) -> None:
    """Say why nothing happens."""
    print(f"{title}: every GPU is in use; waiting for one.", file=sys.stderr, flush=True)
