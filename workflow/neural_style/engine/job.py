"""One job from files to files: two images in; pictures, losses.csv and run.json out."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from neural_style.config.settings import (
    BUILT_IN,
    ENGINE_VERSION,
    ORIGINAL,
    RUN,
    Settings,
    output_name,
)
from neural_style.engine.checkpoint import CheckpointStore, key_of
from neural_style.engine.load import prepare
from neural_style.engine.record import Losses, Run, Source, losses_of, write_run
from neural_style.engine.writer import NEVER, Backlog, Continuity, Journal, Snapshots, StoppedError
from neural_style.images.decode import load_image
from neural_style.images.encode import as_saved, finish_of
from neural_style.io import lock_folder
from neural_style.losses.gatys import gatys_objective
from neural_style.losses.problem import TransferProblem
from neural_style.model.vgg import Vgg19
from neural_style.model.weights import Weights, load_weights
from neural_style.optim.loop import Progress, optimization_of
from neural_style.optim.parameterization import parameterization_of
from neural_style.runtime.device import choose_precision, describe
from neural_style.runtime.memory import explaining_shortage


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
            the optimization diverged.
    """
    prepared = prepare(content_path, style_path, settings, device)
    problem = prepared.problem
    height, width = problem.content.shape[2:]
    weights = load_weights(settings.weights)
    engine = ENGINE_VERSION
    precision = choose_precision(settings.precision, device)
    network = Vgg19(weights.convolutions, settings.layers, settings.pooling, settings.padding)
    working = copy.deepcopy(network).prepare(device, precision)
    original = load_image(content_path).size if settings.dimensions == ORIGINAL else None
    finish = finish_of(content_path, settings, original)
    files = {**prepared.sources, **_file_of(weights)}
    checksums = (*((role, each.checksum) for role, each in files.items()), weights.checksum)
    store = CheckpointStore(folder, key_of(*checksums, settings, engine, precision, device.type))
    with (
        lock_folder(folder, partial(_wait, folder, continuity)),
        explaining_shortage(settings, height, width, device, precision),
    ):
        snapshots = Snapshots(folder, settings, finish, files, engine)
        picture, seconds = yield from _optimize(working, problem, snapshots, store, continuity)
        saved = judge(network.to(device), problem, picture)
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
                picture=folder / output_name(settings.epochs, settings.format),
                picture_size=finish.original or (width, height),
                saved=saved,
            ),
            folder / RUN,
        )
        store.remove()


def _optimize(
    network: Vgg19,
    problem: TransferProblem,
    snapshots: Snapshots,
    store: CheckpointStore,
    continuity: Continuity,
) -> Generator[Progress, None, tuple[Tensor, float]]:
    """Make the pictures; what that took of the device's memory is free when it ends.

    Returns:
        The last picture and the seconds that it took.
    """
    device = problem.content.device
    with Backlog(device) as backlog:
        optimization = optimization_of(network, [problem])
        journal = Journal(snapshots, optimization, store, continuity, backlog)
        journal.resume(device)
        for progress in optimization:
            journal.note(progress)
            yield progress
        backlog.finish()
    return progress.pictures, journal.table.seconds


def _wait(folder: Path, continuity: Continuity, tries: int) -> None:
    """What to do while another process makes the same pictures."""
    if tries == 0:
        continuity.say(f"waiting for another process that is at work in {folder}.")
    if continuity.stop():
        raise StoppedError(f"stopped while another process is at work in {folder}.")


@torch.no_grad()
def judge(network: Vgg19, problem: TransferProblem, picture: Tensor) -> Losses:
    """The losses of a picture as its file holds it: rounded, and after compression.

    They are those at the size that was optimized, whatever the dimensions of the file.

    Args:
        network: in float32, whatever the picture was made with.
        problem: what the picture was to be.
        picture: [1, 3, H, W] in [0, 1].
    """
    held = torch.from_numpy(as_saved(picture[0].cpu().numpy(), problem.settings))
    parameterization = parameterization_of([problem])
    objective = gatys_objective(network, [problem])
    seen = parameterization.picture(parameterization.take(held.unsqueeze(0).to(problem.content)))
    return losses_of(objective.term_names, objective.losses(seen)[:, 0])


def _file_of(weights: Weights) -> dict[str, Source]:
    """The user's own file of weights, if that is where they are from."""
    if weights.source in BUILT_IN:
        return {}
    return {"weights": Source(Path(weights.source), weights.checksum)}
