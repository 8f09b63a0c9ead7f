"""What a job writes while it runs: pictures, the losses so far, and checkpoints to go on from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from neural_style.errors import NeuralStyleError
from neural_style.files import remove_leftovers, sha256
from neural_style.jobs.backlog import Backlog, fetch
from neural_style.jobs.checkpoint import Checkpoint, CheckpointError, CheckpointStore, Pace
from neural_style.jobs.record import LossTable, write_losses
from neural_style.jobs.snapshots import Snapshots
from neural_style.optimiser.optimisation import Progress
from neural_style.optimiser.schedule import Schedule
from neural_style.plan.settings import Settings
from neural_style.plan.sweep import LOSSES, RUN, snapshot_names

LOOK_EVERY = 10
"""Epochs between two looks at whether a picture has diverged; each look waits for the device."""


class DivergedError(NeuralStyleError):
    """The loss became infinite or NaN, and going back to the best picture did not help."""


class StoppedError(NeuralStyleError):
    """The job was asked to stop before its end."""


@dataclass(frozen=True)
class Continuity:
    """How a job gets over its own death; nothing of it decides a pixel.

    Attributes:
        every: epochs between two checkpoints, see `checkpoint.Pace`.
        stop: asked after every epoch whether to save a checkpoint and end.
        say: told what a user should know, a sentence at a time.
    """

    every: int | None = 0
    stop: Callable[[], bool] = lambda: False
    say: Callable[[str], None] = lambda sentence: None


NEVER = Continuity()
"""No checkpoints and no stop."""


class Journal:
    """What a job has written so far, and what it takes to write the rest.

    Args:
        snapshots: writes the pictures.
        optimisation: makes them.
        store: keeps the job's checkpoint.
        continuity: when to save it.
        backlog: gets the writing of pictures done.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        optimisation: Schedule,
        store: CheckpointStore,
        continuity: Continuity,
        backlog: Backlog,
    ) -> None:
        self.table = LossTable()
        self._files = snapshots
        self._folder = snapshots.folder
        self._settings = snapshots.settings
        self._optimisation = optimisation
        self._store = store
        self._continuity = continuity
        self._backlog = backlog
        self._pace = Pace(continuity.every)
        self._snapshots = frozenset(self._settings.snapshots)
        self._pictures: dict[str, str] = {}
        self._resumed: int | None = None

    def resume(self, device: torch.device) -> None:
        """Go on from the checkpoint, if there is one of this very job."""
        names = [*snapshot_names(self._settings), LOSSES, RUN]
        remove_leftovers(self._folder / name for name in names)
        try:
            checkpoint = self._store.load(device)
        except CheckpointError as error:
            self._continuity.say(str(error))
            self._store.remove()
            return
        if checkpoint is None:
            return
        self._optimisation.restore(checkpoint.state)
        self._pictures = dict(checkpoint.pictures)
        self._resumed = checkpoint.state.epoch
        self.table = LossTable(checkpoint.rows, checkpoint.seconds)
        _begin(self._folder, self.table)
        self._continuity.say(f"going on from epoch {self._resumed} of {self._settings.epochs}.")

    def note(self, progress: Progress) -> None:
        """Write what an epoch asks for."""
        epoch = progress.epoch
        self._backlog.check()
        if epoch != self._resumed:
            due = self._pace.due(epoch)
            save = epoch in self._snapshots
            if save or due or epoch % LOOK_EVERY == 0:
                self._check(progress)
            self.table.add(progress)  # after the look, which waits: a GPU has only been told
            if epoch == 0:
                _begin(self._folder, self.table)
            if save:
                self._save(progress)
            if due and 0 < epoch < self._settings.epochs:
                self._checkpoint()
        if epoch < self._settings.epochs and self._continuity.stop():
            self._stop(progress)

    def _save(self, progress: Progress) -> None:
        """Have a picture saved, and the table so far."""
        picture, rows = fetch(progress.pictures), self.table.rows()
        self._backlog.do(partial(self._write, picture, progress.epoch, rows))

    def _write(
        self, picture: Callable[[], Tensor], epoch: int, rows: Sequence[Sequence[str]]
    ) -> None:
        path = self._files.save(picture(), epoch)
        self._pictures[path.name] = sha256(path)
        write_losses(rows, self._folder / LOSSES)

    def _checkpoint(self) -> None:
        """Save all that it takes to go on from here."""
        began = time.monotonic()
        self._backlog.finish()
        self._store.save(
            Checkpoint(
                self._optimisation.state(), self.table.rows(), self.table.seconds, self._pictures
            )
        )
        self._pace.took(time.monotonic() - began)

    def _stop(self, progress: Progress) -> None:
        """Save and end."""
        self._check(progress)
        where = f"stopped after epoch {progress.epoch} of {self._settings.epochs}"
        if self._pace.never:
            raise StoppedError(f"{where}; the next run starts anew, since checkpoint_every is 0.")
        if progress.epoch != self._resumed:
            self._checkpoint()
        raise StoppedError(f"{where}; the next run goes on from there.")

    def _check(self, progress: Progress) -> None:
        """Raise DivergedError if the picture was given up."""
        if bool(progress.gave_up.any()):
            self._store.remove()
            raise DivergedError(_how_it_diverged(progress.epoch, self._settings))


def _begin(folder: Path, table: LossTable) -> None:
    """Write early, so that a folder that takes no files costs no run; drop an older run's facts."""
    write_losses(table.rows(), folder / LOSSES)
    (folder / RUN).unlink(missing_ok=True)


def _how_it_diverged(epoch: int, settings: Settings) -> str:
    """The sentence for the user."""
    if epoch == 0:
        return (
            "the loss is infinite or NaN from the start; lower alpha, beta or a layer's weight, "
            "or check the file of network.weights."
        )
    return (
        f"the loss became infinite or NaN by epoch {epoch}, and again after going back "
        f"to the best picture; lower learning_rate (now {settings.learning_rate:g}) or beta "
        f"(now {settings.beta:g})."
    )
