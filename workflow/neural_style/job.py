"""One job from files to files: two images in; pictures, losses.csv and run.json out."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from neural_style.backlog import Backlog, fetch
from neural_style.brief import Brief
from neural_style.canvas import canvas_of
from neural_style.checkpoint import (
    Checkpoint,
    CheckpointError,
    CheckpointStore,
    Pace,
    key_of,
)
from neural_style.claims import claimed
from neural_style.device import choose_precision, describe
from neural_style.errors import NeuralStyleError
from neural_style.files import remove_leftovers, sha256
from neural_style.fingerprint import engine_fingerprint
from neural_style.finishing import as_saved, finish_of
from neural_style.images import load_image
from neural_style.memory import explaining_shortage
from neural_style.optimisation import Progress
from neural_style.preparation import prepare
from neural_style.record import Losses, LossTable, Run, Source, losses_of, write_losses, write_run
from neural_style.schedule import Schedule
from neural_style.settings import BUILT_IN, ORIGINAL, Settings
from neural_style.snapshots import Snapshots
from neural_style.stylize import optimisation_of
from neural_style.sweep import LOSSES, RUN, picture_name, snapshot_names
from neural_style.terms import gatys_objective
from neural_style.vgg import Vgg19
from neural_style.weights import Weights, load_weights

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


def run_job(
    content_path: Path,
    style_path: Path,
    folder: Path,
    settings: Settings,
    device: torch.device,
    continuity: Continuity = NEVER,
) -> Iterator[Progress]:
    """Make the pictures of one job, going on from where an earlier run of it was killed.

    Args:
        content_path: the content image.
        style_path: the style image.
        folder: gets the pictures, `losses.csv` and `run.json`, each whole or not at all.
        settings: what to do.
        device: where to do it.
        continuity: when to save a checkpoint and when to stop.

    Yields:
        The state that it starts from and every epoch. On the CPU, its files have been written by
        then; all are there when the generator ends, and a checkpoint names none that is not.

    Raises:
        StoppedError: `continuity.stop` said so.
        NeuralStyleError: an image or the weights cannot be read, a file cannot be written, or
            the optimisation diverged.
    """
    prepared = prepare(content_path, style_path, settings, device)
    brief = prepared.brief
    height, width = brief.content.shape[2:]
    weights = load_weights(settings.weights)
    engine = engine_fingerprint()
    precision = choose_precision(settings.precision, device)
    network = Vgg19(weights.convolutions, settings.layers, settings.pooling, settings.padding)
    working = copy.deepcopy(network).prepare(device, precision)
    original = load_image(content_path).size if settings.dimensions == ORIGINAL else None
    finish = finish_of(content_path, settings, original)
    files = {**prepared.sources, **_file_of(weights)}
    checksums = (*((role, each.checksum) for role, each in files.items()), weights.checksum)
    store = CheckpointStore(folder, key_of(*checksums, settings, engine, precision, device.type))
    with (
        claimed(folder, partial(_wait, folder, continuity)),
        explaining_shortage(settings, height, width, device, precision),
    ):
        snapshots = Snapshots(folder, settings, finish, files, engine)
        picture, seconds = yield from _optimise(working, brief, snapshots, store, continuity)
        saved = judge(network.to(device), brief, picture)
        write_run(
            Run(
                sources=prepared.sources,
                settings=settings,
                weights=weights,
                engine=engine,
                device=describe(device),
                precision=precision,
                seconds=seconds,
                size=(width, height),
                picture=folder / picture_name(settings.epochs, settings.format),
                picture_size=finish.original or (width, height),
                saved=saved,
            ),
            folder / RUN,
        )
        store.remove()


def _optimise(
    network: Vgg19,
    brief: Brief,
    snapshots: Snapshots,
    store: CheckpointStore,
    continuity: Continuity,
) -> Generator[Progress, None, tuple[Tensor, float]]:
    """Make the pictures; what that took of the device's memory is free when it ends.

    Returns:
        The last picture and the seconds that it took.
    """
    device = brief.content.device
    with Backlog(device) as backlog:
        optimisation = optimisation_of(network, [brief])
        work = _Work(snapshots, optimisation, store, continuity, backlog)
        work.resume(device)
        for progress in optimisation:
            work.note(progress)
            yield progress
        backlog.finish()
    return progress.pictures, work.table.seconds


class _Work:
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
        remove_leftovers(self._folder, [*snapshot_names(self._settings), LOSSES, RUN])
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


def _wait(folder: Path, continuity: Continuity, tries: int) -> None:
    """What to do while another process makes the same pictures."""
    if tries == 0:
        continuity.say(f"waiting for another process that is at work in {folder}.")
    if continuity.stop():
        raise StoppedError(f"stopped while another process is at work in {folder}.")


@torch.no_grad()
def judge(network: Vgg19, brief: Brief, picture: Tensor) -> Losses:
    """The losses of a picture as its file holds it: rounded, and after compression.

    They are those at the size that was optimised, whatever the dimensions of the file.

    Args:
        network: in float32, whatever the picture was made with.
        brief: what the picture was to be.
        picture: [1, 3, H, W] in [0, 1].
    """
    held = torch.from_numpy(as_saved(picture[0].cpu().numpy(), brief.settings))
    canvas = canvas_of([brief])
    objective = gatys_objective(network, [brief])
    seen = canvas.picture(canvas.take(held.unsqueeze(0).to(brief.content)))
    return losses_of(objective.names, objective.parts(seen)[:, 0])


def _file_of(weights: Weights) -> dict[str, Source]:
    """The user's own file of weights, if that is where they are from."""
    if weights.source in BUILT_IN:
        return {}
    return {"weights": Source(Path(weights.source), weights.checksum)}


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
