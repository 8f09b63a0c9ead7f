"""Work that an optimizer on a GPU does not wait for, such as encoding its pictures."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.config.sweep import LOSSES, RUN, picture_name, snapshot_names
from neural_style.engine.checkpoint import Checkpoint, CheckpointError, CheckpointStore, Pace
from neural_style.engine.record import LossTable, Source, note_of, write_losses
from neural_style.errors import NeuralStyleError
from neural_style.images.encode import Finish, save_levels
from neural_style.io import remove_leftovers, sha256
from neural_style.optim.loop import Progress, Schedule

BEHIND = ("cuda",)
"""Devices beside which the processor has little to do. On the CPU itself, a thread that encodes
would take from the optimizer what it saves."""

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


# MERGED: The pictures of a job as files: finished, encoded, and with a note of where they come from.


@dataclass(frozen=True)
class Snapshots:
    """Writes the pictures of a job.

    Attributes:
        folder: where to.
        settings: of the job.
        finish: what is done to each of them.
        sources: the files that they are made from, by what they are to the job.
        engine: `ENGINE_VERSION` of the code that makes them.
    """

    folder: Path
    settings: Settings
    finish: Finish
    sources: Mapping[str, Source]
    engine: int

    def save(self, picture: Tensor, epoch: int) -> Path:
        """Write the picture after an epoch, [1, 3, H, W] in [0, 1], and say where.

        Its note says how to make this very picture: with as many epochs as it took.

        Raises:
            ImageError: it is larger than the format can hold.
            NeuralStyleError: the file cannot be written.
        """
        path = self.folder / picture_name(epoch, self.settings.format)
        levels = self.finish.levels(picture[0].cpu().numpy())
        note = note_of(self.sources, self.settings.up_to(epoch), self.engine)
        save_levels(levels, path, self.settings.format, self.settings.quality, note)
        return path


# MERGED: What a job writes while it runs: pictures, the losses so far, and checkpoints to go on from.


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
        optimization: makes them.
        store: keeps the job's checkpoint.
        continuity: when to save it.
        backlog: gets the writing of pictures done.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        optimization: Schedule,
        store: CheckpointStore,
        continuity: Continuity,
        backlog: Backlog,
    ) -> None:
        self.table = LossTable()
        self._files = snapshots
        self._folder = snapshots.folder
        self._settings = snapshots.settings
        self._optimization = optimization
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
        self._optimization.restore(checkpoint.state)
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
                self._optimization.state(), self.table.rows(), self.table.seconds, self._pictures
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
        if bool(progress.diverged.any()):
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
