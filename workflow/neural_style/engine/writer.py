"""What is written during the run: outputs, losses.csv, and checkpoints to resume from."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from neural_style.config.settings import (
    LOSS_COLUMNS,
    LOSSES,
    RUN,
    Settings,
    output_name,
    output_names,
)
from neural_style.engine.checkpoint import Checkpoint, CheckpointError, CheckpointStore
from neural_style.engine.provenance import Source, metadata_text
from neural_style.engine.record import summarize_losses
from neural_style.engine.run_folder import files_of_run, remove_files
from neural_style.engine.settling import (
    CHECK_INTERVAL,
    DivergedError,
    divergence_sentence,
    excesses,
    return_sentence,
)
from neural_style.errors import NeuralStyleError
from neural_style.images.encode import Postprocessor, save_pixels
from neural_style.io import WorkQueue, remove_leftovers, write_text
from neural_style.optim.loop import Optimization, Progress
from neural_style.optim.state import State, StateError

BACKGROUND_DEVICES = ("cuda", "mps")
"""Devices with which outputs are written in a thread. On the CPU, the thread would compete with the
optimization for the same cores."""

QUEUE_DEPTH = 4
"""Outputs that may wait to be written; each of them holds an image in memory."""

_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?|-?inf|nan")  # as the table's formats write it


class StoppedError(NeuralStyleError):
    """The run was asked to stop before its end."""


class RunWriter:
    """Writes the folder of one run; use it as a context manager around the optimization.

    Call `resume` once, then `write` after each iteration, then `wait`. Outputs and `losses.csv`
    are written at the iterations that `optimization.save_every` names. Losses stay on the device
    until then, so that an iteration never waits for them. With a GPU a thread encodes and writes;
    its error is raised by a later call.

    Args:
        folder: belongs to the run, and gets its outputs; each file is written whole or not at all.
            What is there by the names of outputs is removed with the first iteration.
        settings: of the run.
        postprocessor: turns an image into the samples of its file.
        sources: the files that the run reads, by role, for the metadata of the outputs.
        store: keeps the checkpoint of the run, and says when to save it.
        device: of the optimization.
        stop: asked after each iteration whether to save a checkpoint and end.
        log: gets sentences for the user.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        postprocessor: Postprocessor,
        sources: Mapping[str, Source],
        store: CheckpointStore,
        device: torch.device,
        stop: Callable[[], bool],
        log: Callable[[str], None],
    ) -> None:
        self.seconds = 0.0
        """Time from the first iteration to the latest one in the table, excluding downtime before a
        resume."""
        self.checksums: dict[str, str] = {}
        """File name → SHA-256 of each output that was written."""
        self._folder = folder
        self._settings = settings
        self._snapshots = frozenset(settings.snapshots)
        self._postprocessor = postprocessor
        self._sources = sources
        self._store = store
        self._device = device
        self._stop = stop
        self._log = log
        threads = 1 if device.type in BACKGROUND_DEVICES else 0
        self._queue = WorkQueue(threads, QUEUE_DEPTH, "write outputs")
        self._mark: Callable[[], Callable[[], float]] | None = None
        self._seconds_before = 0.0
        self._resumed: int | None = None
        self._rows: list[Sequence[str]] = []
        self._pending: list[tuple[int, Callable[[], float], Tensor]] = []
        self._term_names: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        """Start the thread."""
        self._queue.__enter__()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Finish the writes that have begun, and end the thread."""
        self._queue.__exit__(kind, error, trace)

    def resume(self, optimization: Optimization) -> None:
        """Let the optimization resume from the checkpoint of this run, if there is one.

        The outputs of the checkpoint are restored. If anything is wrong with it, the log says so,
        and the run starts over.

        Args:
            optimization: of the run, before its first iteration.

        Raises:
            NeuralStyleError: a file cannot be written.
        """

        def accept(checkpoint: Checkpoint) -> None:
            self._require_own(checkpoint)
            optimization.resume(checkpoint.state, checkpoint.rows[0][len(LOSS_COLUMNS) :])

        names = [*output_names(self._settings), LOSSES, RUN]
        remove_leftovers(self._folder / name for name in names)
        try:
            checkpoint = self._store.load(self._device, accept)
        except CheckpointError as error:
            self._log(str(error))
            self._store.remove()
            return
        if checkpoint is None:
            return
        self._resumed = checkpoint.state.epoch
        self._rows = list(checkpoint.rows)
        self._term_names = tuple(self._rows[0][len(LOSS_COLUMNS) :])
        self.checksums = dict(checkpoint.outputs)
        self.seconds = self._seconds_before = checkpoint.seconds
        self._write_losses(self._rows)
        remove_files([self._folder / RUN])
        self._log(f"resuming from iteration {self._resumed} of {self._settings.epochs}.")

    def _require_own(self, checkpoint: Checkpoint) -> None:
        """Check that outputs and rows are those of this run after the iteration of the state.

        Raises:
            StateError: they are not.
        """
        epoch, rows = getattr(checkpoint.state, "epoch", None), checkpoint.rows
        if type(epoch) is not int or not 0 <= epoch < self._settings.epochs:
            raise StateError(f"its epoch is {epoch!r}")
        snapshots = [each for each in self._snapshots if each <= epoch]
        names = {output_name(each, self._settings.format) for each in snapshots}
        if checkpoint.outputs.keys() != names:
            raise StateError("its outputs are not those of this iteration")
        header_is_right = bool(rows) and tuple(rows[0][: len(LOSS_COLUMNS)]) == LOSS_COLUMNS
        if not header_is_right or [row[:1] for row in rows[1:]] != [
            [str(number)] for number in range(epoch + 1)
        ]:
            raise StateError("its table of losses does not end with this iteration")
        if not all(len(row) == len(rows[0]) and all(map(_is_number, row)) for row in rows[1:]):
            raise StateError("its table of losses has fields that are not numbers")

    def write(self, progress: Progress, state: Callable[[], State]) -> None:
        """Write what is due after an iteration.

        Args:
            progress: the iteration.
            state: returns the state of the optimization after it, for a checkpoint.

        Raises:
            DivergedError: the optimization diverged.
            StoppedError: the run was asked to stop; a checkpoint was saved unless checkpoints are
                turned off.
            NeuralStyleError: a file cannot be written.
        """
        if self._mark is None:
            self._mark = start_clock(self._device)
        epoch = progress.epoch
        self._queue.check()
        if epoch != self._resumed:
            checkpoint_due = self._store.is_due(epoch)
            output_due = epoch in self._snapshots
            if output_due or checkpoint_due or epoch % CHECK_INTERVAL == 0:
                self._check(progress)
            self._add_losses(progress)  # after the check, which synchronizes with the GPU
            if epoch == self._settings.epochs and (excess := excesses(progress)[0]) > 1:
                self._log(return_sentence(excess, self._settings))
            if epoch == 0:  # early, so that a folder that cannot be written to costs no time
                remove_files(files_of_run(self._folder))
                self._write_losses(self._loss_rows())
            if output_due:
                self._queue.submit(
                    self._write_output, copy_to_host(progress.images), epoch, self._loss_rows()
                )
            if checkpoint_due and 0 < epoch < self._settings.epochs:
                self._save_checkpoint(state())
        if epoch < self._settings.epochs and self._stop():
            self._end_early(progress, state)

    def wait(self) -> None:
        """Wait until everything is written.

        Raises:
            NeuralStyleError: a file cannot be written.
        """
        self._queue.finish()

    def _write_output(
        self, image: Callable[[], Tensor], epoch: int, rows: Sequence[Sequence[str]]
    ) -> None:
        """Write the output of an iteration and the losses so far."""
        path = self._folder / output_name(epoch, self._settings.format)
        pixels = self._postprocessor.to_pixels(image()[0].numpy())
        text = metadata_text(self._sources, self._settings, epoch)
        settings = self._settings
        self.checksums[path.name] = save_pixels(
            pixels, path, settings.format, settings.quality, text
        )
        self._write_losses(rows)

    def _add_losses(self, progress: Progress) -> None:
        """Keep the losses and the time of an iteration."""
        assert self._mark is not None, "the clock starts with the first iteration"
        self._term_names = progress.term_names
        self._pending.append((progress.epoch, self._mark(), progress.losses[:, 0]))

    def _loss_rows(self) -> list[Sequence[str]]:
        """The table so far: a header, then a row an iteration. Synchronizes with the GPU."""
        if not self._rows:
            self._rows.append([*LOSS_COLUMNS, *self._term_names])
        pending, self._pending = self._pending, []
        if pending:
            losses = torch.stack([each for _, _, each in pending]).cpu()  # in one copy
            for (epoch, elapsed, _), values in zip(pending, losses, strict=True):
                self.seconds = self._seconds_before + elapsed()
                summary = summarize_losses(self._term_names, values)
                shown = (summary.total, summary.content, summary.style, *summary.parts.values())
                numbers = (f"{value:.6g}" for value in shown)
                self._rows.append([str(epoch), f"{self.seconds:.3f}", *numbers])
        return list(self._rows)

    def _write_losses(self, rows: Sequence[Sequence[str]]) -> None:
        write_text(self._folder / LOSSES, "".join(f"{','.join(row)}\n" for row in rows))

    def _save_checkpoint(self, state: State) -> None:
        self._queue.finish()  # a checkpoint names only outputs that are there
        self._store.save(Checkpoint(state, self._loss_rows(), self.seconds, self.checksums))

    def _end_early(self, progress: Progress, state: Callable[[], State]) -> None:
        self._check(progress)
        where = f"stopped after iteration {progress.epoch} of {self._settings.epochs}"
        if not self._store.is_enabled:
            raise StoppedError(f"{where}; the next run starts over, since checkpoint_every is 0.")
        if progress.epoch != self._resumed:
            self._save_checkpoint(state())
        raise StoppedError(f"{where}; the next run resumes from there.")

    def _check(self, progress: Progress) -> None:
        """Raise DivergedError if the optimization diverged. Synchronizes with the GPU."""
        if bool(progress.diverged.any()):
            self._store.remove()
            raise DivergedError(divergence_sentence(progress.epoch, self._settings))


def _is_number(field: str) -> bool:
    return _NUMBER.fullmatch(field) is not None


def start_clock(device: torch.device) -> Callable[[], Callable[[], float]]:
    """Start a clock that runs with the work of a device.

    Returns:
        A function that marks this moment. With CUDA, that is when the GPU has done all work that is
        queued by now. It returns a function that gives the seconds from the start to the mark, and
        waits for it.
    """
    if device.type != "cuda":
        began = time.monotonic()

        def mark_now() -> Callable[[], float]:
            seconds = time.monotonic() - began
            return lambda: seconds

        return mark_now

    def record() -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True, blocking=True)
        event.record()
        return event

    first = record()

    def mark_in_queue() -> Callable[[], float]:
        event = record()

        def seconds() -> float:
            event.synchronize()
            return float(first.elapsed_time(event)) / 1000

        return seconds

    return mark_in_queue


def copy_to_host(tensor: Tensor) -> Callable[[], Tensor]:
    """Start copying a tensor to the host, after the work that its GPU has queued.

    Returns:
        A function that waits for the copy, in any thread, and returns it. On the CPU it returns
        the tensor itself. With MPS, which threads should not share, the copy is made at once.
    """
    if not tensor.is_cuda:
        arrived_already = tensor.cpu()
        return lambda: arrived_already
    copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    copy.copy_(tensor, non_blocking=True)
    arrived = torch.cuda.Event(blocking=True)
    arrived.record()

    def wait() -> Tensor:
        arrived.synchronize()
        return copy

    return wait
