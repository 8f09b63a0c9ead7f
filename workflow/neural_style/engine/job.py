"""One job of a sweep, from files to files: two images in; outputs, losses.csv and run.json out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

from neural_style.config.settings import BUILT_IN, ORIGINAL, RUN, Settings, output_name
from neural_style.engine.checkpoint import CheckpointStore, checkpoint_key
from neural_style.engine.engine import Engine
from neural_style.engine.load import load_problem
from neural_style.engine.record import RunRecord, Source, write_run
from neural_style.engine.writer import RunWriter, StoppedError
from neural_style.images.decode import upright_size
from neural_style.images.encode import make_postprocessor
from neural_style.io import lock_folder
from neural_style.optim.loop import Progress
from neural_style.runtime.device import describe


def run_job(
    content: Path,
    style: Path,
    folder: Path,
    settings: Settings,
    device: torch.device,
    checkpoint_every: int | None = 0,
    stop: Callable[[], bool] = lambda: False,
    log: Callable[[str], None] = lambda sentence: None,
) -> Iterator[Progress]:
    """Make the outputs of one job, resuming from the checkpoint of an earlier run.

    Args:
        content: file of the content image.
        style: file of the style image.
        folder: gets the outputs, `losses.csv` and `run.json`, each whole or not at all. Outputs of
            a run with other settings that are there are removed when this one begins.
        settings: of the job.
        device: of the optimization.
        checkpoint_every: iterations between two checkpoints; 0 for none, None for one a minute,
            see `checkpoint.CheckpointStore`.
        stop: asked after each iteration whether to save a checkpoint and end.
        log: gets sentences for the user.

    Yields:
        The start (or the iteration that it resumes from) and each iteration. On the CPU its files
        have been written by then; all files are there when the generator ends.

    Raises:
        StoppedError: `stop` returned true.
        NeuralStyleError: an image or the weights cannot be read, a file cannot be written, the
            memory does not suffice, or the optimization diverged.
    """
    engine = Engine(device)
    problem, sources = load_problem(content, style, settings, device)
    height, width = problem.content.shape[2:]
    weights = engine.weights(settings)
    precision = engine.precision(settings)
    original = upright_size(content) if settings.dimensions == ORIGINAL else None
    finish = make_postprocessor(content, settings, original)
    files = dict(sources)
    if settings.weights_file is not None:
        files["weights"] = Source(Path(weights.source), weights.checksum)
    checksums = [(role, source.checksum) for role, source in files.items()]
    key = checkpoint_key(checksums, weights.checksum, settings, precision, device.type)
    store = CheckpointStore(folder, key, checkpoint_every)
    with (
        lock_folder(folder, partial(_wait_for_folder, folder, stop, log)),
        engine.explaining_shortage(settings, height, width),
    ):
        with RunWriter(folder, settings, finish, files, store, device, stop, log) as writer:
            optimization = engine.optimize([problem])
            writer.resume(optimization, device)
            for progress in optimization:
                writer.write(progress, optimization.state)
                yield progress
            writer.finish()
        del optimization  # its memory is free for the network in float32
        write_run(
            RunRecord(
                sources=sources,
                settings=settings,
                weights=weights,
                device=describe(device),
                precision=precision,
                seconds=writer.seconds,
                size=(width, height),
                output=folder / output_name(settings.epochs, settings.format),
                output_size=finish.original_size or (width, height),
                saved=engine.saved_losses(problem, progress.images),
            ),
            folder / RUN,
        )
        store.remove()


def _wait_for_folder(
    folder: Path, stop: Callable[[], bool], log: Callable[[str], None], tries: int
) -> None:
    """Called again and again while another process works in the folder."""
    if tries == 0:
        log(f"waiting for another process that works in {folder}.")
    if stop():
        raise StoppedError(f"stopped while another process works in {folder}.")
