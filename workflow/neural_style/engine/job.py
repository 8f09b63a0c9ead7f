"""One job of a sweep, from files to files: two images in; outputs, losses.csv and run.json out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from neural_style.config.settings import RUN, Settings, output_name
from neural_style.engine.checkpoint import CheckpointStore, checkpoint_key
from neural_style.engine.engine import Engine
from neural_style.engine.load import LoadedProblem, load_problem
from neural_style.engine.provenance import Source
from neural_style.engine.record import RunRecord, write_run
from neural_style.engine.writer import RunWriter, StoppedError
from neural_style.errors import NeuralStyleError
from neural_style.images.encode import round_trip
from neural_style.io import sha256
from neural_style.locks import lock_folder
from neural_style.losses.problem import move_problems
from neural_style.losses.resampling import size_at
from neural_style.optim.loop import NO_GRAPH, Progress
from neural_style.runtime.device import CPU, describe


def run_job(
    content: Path,
    style: Path,
    folder: Path,
    settings: Settings,
    device: torch.device,
    checkpoint_every: int | None = 0,
    stop: Callable[[], bool] = lambda: False,
    log: Callable[[str], None] = lambda sentence: None,
    make_engine: Callable[[torch.device], Engine] = Engine,
) -> Iterator[Progress]:
    """Make the outputs of one job, resuming from the checkpoint of an earlier run.

    Nothing runs until you iterate. The folder is locked from then on: exhaust the generator, or
    close it to release the folder.

    Args:
        content: file of the content image.
        style: file of the style image.
        folder: gets the outputs, `losses.csv` and `run.json`, each whole or not at all. Files
            there with such names are removed when the run begins.
        settings: of the job.
        device: of the optimization.
        checkpoint_every: iterations between two checkpoints; 0 for none, None for one a minute,
            see `checkpoint.CheckpointStore`.
        stop: asked after each iteration whether to save a checkpoint and end.
        log: gets sentences for the user.
        make_engine: a process that does several jobs can keep the engine, and so the network.

    Yields:
        The start (or the iteration that it resumes from) and each iteration. On the CPU its files
        have been written by then; all files are there when the generator ends.

    Raises:
        StoppedError: `stop` returned true.
        NeuralStyleError: an image or the weights cannot be read, a file cannot be written, the
            memory does not suffice, or the optimization diverged.
    """
    engine = make_engine(device)
    # On the CPU: the device may be short of memory, which the block below explains.
    loaded = load_problem(content, style, settings, CPU)
    files = files_read(engine, loaded.sources, settings)
    store = CheckpointStore(folder, _checkpoint_key(engine, files, settings), checkpoint_every)
    height, width = loaded.problem.content.shape[2:]
    with (
        lock_folder(folder, partial(_wait_for_folder, folder, stop, log)),
        engine.explaining_shortage(settings, height, width),
    ):
        writer = RunWriter(folder, settings, loaded.postprocessor, files, store, device, stop, log)
        with writer:
            (problem,) = move_problems([loaded.problem], device)
            loaded = loaded._replace(problem=problem)
            optimization = engine.optimization([problem])
            writer.resume(optimization)
            graph = NO_GRAPH
            for progress in optimization:
                if optimization.graph != graph:
                    graph = optimization.graph
                    log(f"CUDA graph: {graph}.")
                writer.write(progress, optimization.state)
                yield progress
            writer.wait()
        del optimization  # its memory is free for the network in float32
        path = folder / output_name(settings.epochs, settings.format)
        output = Source(path, writer.checksums[path.name])
        record = _make_record(engine, loaded, writer.seconds, graph, output, progress.images)
        write_run(record, folder / RUN)
        store.remove()
        for path in replaced_files(files.values()):
            log(f"{str(path)!r} was replaced after it was read; run the same command again.")


def replaced_files(sources: Iterable[Source]) -> Iterator[Path]:
    """Yield the files that are no longer those that were read; missing ones do not count."""
    for source in sources:
        with suppress(NeuralStyleError):
            if sha256(source.path) != source.checksum:
                yield source.path


def files_read(
    engine: Engine, sources: Mapping[str, Source], settings: Settings
) -> dict[str, Source]:
    """Every file that was read, by role: the images, and the weights unless they are built in."""
    files = dict(sources)
    if settings.weights_file is not None:
        weights = engine.weights(settings)
        files["weights"] = Source(Path(weights.source), weights.checksum)
    return files


def _checkpoint_key(engine: Engine, files: Mapping[str, Source], settings: Settings) -> str:
    """The digest of everything that decides the outputs."""
    checksums = [(role, source.checksum) for role, source in files.items()]
    weights, precision = engine.weights(settings), engine.precision(settings)
    return checkpoint_key(checksums, weights.checksum, settings, precision, engine.device.type)


def _make_record(
    engine: Engine,
    loaded: LoadedProblem,
    seconds: float,
    graph: str,
    output: Source,
    image: Tensor,
) -> RunRecord:
    """The record of a finished run.

    Args:
        engine: that optimized.
        loaded: what it optimized.
        seconds: that it took.
        graph: see `Optimization.graph`.
        output: the final output.
        image: the final image, [1, 3, H, W] in [0, 1].
    """
    settings = loaded.problem.settings
    scales = (stage.size / settings.size for stage in settings.all_stages)
    sizes = [size_at(loaded.problem, scale) for scale in scales]
    as_saved = torch.from_numpy(round_trip(image[0].cpu().numpy(), settings)).unsqueeze(0)
    saved, further_weights = engine.saved_losses(loaded.problem, as_saved)
    return RunRecord(
        sources=loaded.sources,
        settings=settings,
        weights=engine.weights(settings),
        device=describe(engine.device),
        precision=engine.precision(settings),
        seconds=seconds,
        graph=graph,
        stage_sizes=sizes,
        output=output,
        output_size=loaded.postprocessor.original_size or sizes[-1],
        saved=saved,
        further_weights=further_weights,
        measures=engine.measures(loaded.problem, as_saved),
    )


def _wait_for_folder(
    folder: Path, stop: Callable[[], bool], log: Callable[[str], None], tries: int
) -> None:
    """Called again and again while another process works in the folder."""
    if tries == 0:
        log(f"waiting for another process that works in {str(folder)!r}.")
    if stop():
        raise StoppedError(f"stopped while another process works in {str(folder)!r}.")
