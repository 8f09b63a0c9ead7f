"""What the tests of interrupted jobs share: a job that can be stopped, and its checkpoint."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from tests.unit.jobs import CONTENT, CPU, STYLE

from neural_style.config.settings import Settings
from neural_style.engine.checkpoint import FOLDER, STATE
from neural_style.engine.job import run_job
from neural_style.engine.writer import StoppedError

EPOCHS = 6
CHANGES: dict[str, Any] = {"epochs": EPOCHS, "save_every": 2, "format": "jpg"}
"""What the settings of these jobs have of their own."""


class Listener:
    """Stops a job when it has been asked so often, and notes what is said."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.said: list[str] = []
        self._calls = itertools.count()
        self._stop_at = stop_at

    def stop(self) -> bool:
        return next(self._calls) == self._stop_at


def make(
    folder: Path, settings: Settings, every: int | None = 1, stop_at: int | None = None
) -> list[str]:
    """Run a job; the sentences that it says."""
    listener = Listener(stop_at)
    list(run_job(CONTENT, STYLE, folder, settings, CPU, every, listener.stop, listener.said.append))
    return listener.said


def stopped(folder: Path, settings: Settings) -> Path:
    """The checkpoint of a job that was stopped after iteration 3."""
    with pytest.raises(StoppedError):
        make(folder, settings, stop_at=3)
    return folder / FOLDER / STATE
