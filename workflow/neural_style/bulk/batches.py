"""Batches of a shard: transfer problems for the engine, and results from its images."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from PIL import Image

from neural_style.bulk.shard import Task
from neural_style.bulk.worker import Result, Take, batch_key
from neural_style.config.settings import Settings
from neural_style.engine.engine import Engine
from neural_style.engine.load import load_style
from neural_style.engine.record import Losses, summarize_losses
from neural_style.engine.settling import (
    CHECK_INTERVAL,
    divergence_sentence,
    excesses,
    return_sentence,
)
from neural_style.errors import NeuralStyleError
from neural_style.images.encode import FloatImage
from neural_style.images.fit import FitError
from neural_style.images.tensors import to_tensor
from neural_style.losses.problem import Region, TransferProblem, recolor_problem
from neural_style.runtime.memory import in_batches

STYLES_KEPT = 64
"""Style images that stay on the device, each at one size."""


class BatchRunner:
    """Optimizes tasks in batches; style images are loaded once and kept.

    Args:
        engine: optimizes the batches.
        batch: images of a batch; None chooses by the memory.
        log: gets a sentence when batches had to become smaller, or an optimization did not settle.
    """

    def __init__(self, engine: Engine, batch: int | None, log: Callable[[str], None]) -> None:
        self._engine = engine
        self._batch = batch
        self._log = log
        self._limits: dict[Hashable, int] = {}
        self._style = lru_cache(maxsize=STYLES_KEPT)(self._load_style)

    def batch_size(self, task: Task) -> int:
        """How many tasks like this one to optimize at once."""
        key = batch_key(task)
        if key not in self._limits:
            width, height = task.image.size
            self._limits[key] = self._batch or self._engine.batch_size(task.settings, height, width)
        return self._limits[key]

    def __call__(self, tasks: Sequence[Task], take: Take) -> None:
        """Optimize tasks that share a batch key.

        Args:
            tasks: at least one.
            take: gets each task with its result, a batch at a time.

        Raises:
            NeuralStyleError: the weights cannot be read, or a single image does not fit into the
                memory.
        """
        limit, largest = self.batch_size(tasks[0]), 0
        shortages: list[str] = []

        def work(batch: Sequence[Task]) -> None:
            nonlocal largest
            results = self._run(batch)
            largest = max(largest, len(batch))
            for task, result in zip(batch, results, strict=True):
                take(task, result)

        width, height = tasks[0].image.size
        with self._engine.explaining_shortage(tasks[0].settings, height, width):
            in_batches(tasks, limit, work, shortages.append)
        if shortages:  # once: later batches of this kind start with a size that fits
            self._limits[batch_key(tasks[0])] = largest
            self._log(shortages[0])

    def _run(self, tasks: Sequence[Task]) -> list[Result]:
        """Return the results of a batch; an unreadable style image fails only its own tasks."""
        began = time.monotonic()
        results: list[Result | None] = [None] * len(tasks)
        ready: dict[int, TransferProblem] = {}
        for place, task in enumerate(tasks):
            try:
                ready[place] = self._problem(task)
            except NeuralStyleError as error:
                results[place] = Result(reason=str(error))
        # With and without images at the reference size, small stages may differ in size.
        for has in (True, False):
            places = [place for place in ready if (ready[place].at_reference is not None) == has]
            if places:
                made = self._optimize([tasks[i] for i in places], [ready[i] for i in places])
                for place, result in zip(places, made, strict=True):
                    results[place] = result
        share = (time.monotonic() - began) / len(tasks)
        return [replace(result, seconds=share) for result in results if result is not None]

    def _optimize(self, tasks: Sequence[Task], problems: Sequence[TransferProblem]) -> list[Result]:
        for progress in self._engine.optimization(problems):
            last = progress
            if progress.epoch % CHECK_INTERVAL == 0 and bool(progress.diverged.all()):
                break
        for task, excess in zip(tasks, excesses(last), strict=True):
            if excess > 1:
                self._log(f"{task.output.path}: {return_sentence(excess, task.settings)}")
        images, losses = last.images.cpu().numpy(), last.losses.cpu()
        return [
            Result(reason=divergence_sentence(last.epoch, tasks[place].settings))
            if diverged
            else _result(images[place], summarize_losses(last.term_names, losses[:, place]))
            for place, diverged in enumerate(last.diverged.tolist())
        ]

    def _problem(self, task: Task) -> TransferProblem:
        """The problem of a task.

        Raises:
            NeuralStyleError: its style cannot be read.
        """
        problem = self._problem_at_size(task, task.image, task.settings)
        settings = task.settings.at_reference
        if task.at_reference is None or settings is None:
            return problem
        try:
            small = self._problem_at_size(task, task.at_reference, settings)
        except FitError:  # then there is no output of that size
            return problem
        return replace(problem, at_reference=small)

    def _problem_at_size(
        self, task: Task, image: Image.Image, settings: Settings
    ) -> TransferProblem:
        """A problem with images of one size."""
        style = self._style(task.output.style.file, settings.style_sizes, settings.fit)
        if isinstance(style, NeuralStyleError):
            raise style
        content = to_tensor(image).to(self._engine.device)
        return recolor_problem(TransferProblem(settings, content, (style,)))

    def _load_style(
        self, path: Path, sizes: tuple[int, ...], fit: str
    ) -> Region | NeuralStyleError:
        """A style, or why it cannot be read, which is final: a damaged file is read once."""
        try:
            return Region(load_style(path, sizes, fit, self._engine.device))
        except NeuralStyleError as error:
            return error.with_traceback(None)


def _result(image: FloatImage, losses: Losses) -> Result:
    return Result(
        image,
        total_loss=losses.total,
        content_loss=losses.content,
        style_loss=losses.style,
    )
