"""Batches of pictures through the optimization, with everything loaded once a process."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import torch

from neural_style.bulk.shard import Task
from neural_style.bulk.worker import Result, Take, batch_key
from neural_style.config.settings import Settings
from neural_style.engine.load import read_style
from neural_style.engine.record import Losses, losses_of
from neural_style.errors import NeuralStyleError
from neural_style.images.encode import Picture
from neural_style.images.tensors import to_tensor
from neural_style.losses.gatys import StyleGrams
from neural_style.losses.problem import Region, TransferProblem, recolored
from neural_style.model.vgg import Vgg19
from neural_style.model.weights import load_weights
from neural_style.optim.loop import Progress, stylize
from neural_style.runtime.device import choose_precision
from neural_style.runtime.memory import automatic_batch, explaining_shortage, in_batches

LOOK_EVERY = 10
"""Epochs between two looks at whether a whole batch has diverged; each waits for the device."""
STYLES_KEPT = 64
"""Style images that stay on the device."""


class Transfer(Protocol):
    """What `stylize.stylize` does, or a stand-in for it."""

    def __call__(
        self,
        network: Vgg19,
        problems: Sequence[TransferProblem],
        grams: StyleGrams | None = None,
    ) -> Iterator[Progress]:
        """See `stylize.stylize`."""


class TorchEngine:
    """Makes pictures; networks and styles are loaded when they are first needed, and kept.

    Args:
        device: where to.
        batch: pictures at a time; None chooses by the memory.
        say: is told a sentence when batches had to become smaller.
        transfer: the optimization.
    """

    def __init__(
        self,
        device: torch.device,
        batch: int | None,
        say: Callable[[str], None],
        transfer: Transfer = stylize,
    ) -> None:
        self._device = device
        self._batch = batch
        self._say = say
        self._transfer = transfer
        self._limits: dict[Hashable, int] = {}
        self._weights = lru_cache(maxsize=None)(load_weights)
        self._network = lru_cache(maxsize=None)(self._load_network)
        self._style = lru_cache(maxsize=STYLES_KEPT)(self._load_style)

    def batch_size(self, task: Task) -> int:
        """How many pictures like that of a task to make at once."""
        key = batch_key(task)
        if key not in self._limits:
            width, height = task.image.size
            precision = choose_precision(task.settings.precision, self._device)
            self._limits[key] = self._batch or automatic_batch(
                task.settings, height, width, self._device, precision
            )
        return self._limits[key]

    def __call__(self, tasks: Sequence[Task], take: Take) -> None:
        """Make the pictures of tasks of one shape, layers, network and number of epochs.

        Args:
            tasks: at least one.
            take: gets each task with its result, a batch at a time.

        Raises:
            NeuralStyleError: the weights cannot be read, or one picture alone does not fit into
                the memory.
        """
        limit, largest = self.batch_size(tasks[0]), 0
        shortages: list[str] = []

        def work(batch: Sequence[Task]) -> None:
            nonlocal largest
            results = self._make(batch)
            largest = max(largest, len(batch))
            for task, result in zip(batch, results, strict=True):
                take(task, result)

        settings, (width, height) = tasks[0].settings, tasks[0].image.size
        precision = choose_precision(settings.precision, self._device)
        with explaining_shortage(settings, height, width, self._device, precision):
            in_batches(tasks, limit, work, shortages.append)
        if shortages:  # said once, since later batches like this begin with what fitted
            self._limits[batch_key(tasks[0])] = largest
            self._say(shortages[0])

    def _make(self, tasks: Sequence[Task]) -> list[Result]:
        """The results of a batch; a style that cannot be read fails its own pictures only."""
        began = time.monotonic()
        results: list[Result | None] = [None] * len(tasks)
        ready: list[tuple[int, Region]] = []
        for place, task in enumerate(tasks):
            try:
                ready.append((place, self._style_of(task)))
            except NeuralStyleError as error:
                results[place] = Result(reason=str(error))
        if ready:
            made = self._optimize([tasks[place] for place, _ in ready], [each for _, each in ready])
            for (place, _), result in zip(ready, made, strict=True):
                results[place] = result
        share = (time.monotonic() - began) / len(tasks)
        return [replace(result, seconds=share) for result in results if result is not None]

    def _optimize(self, tasks: Sequence[Task], styles: Sequence[Region]) -> list[Result]:
        settings = [task.settings for task in tasks]
        precision = choose_precision(settings[0].precision, self._device)
        common = settings[0]
        network, grams = self._network(
            common.weights, common.layers, common.pooling, common.padding, precision
        )
        problems = [
            recolored(
                TransferProblem(task.settings, to_tensor(task.image).to(self._device), (style,))
            )
            for task, style in zip(tasks, styles, strict=True)
        ]
        for progress in self._transfer(network, problems, grams):
            last = progress
            if progress.epoch % LOOK_EVERY == 0 and bool(progress.diverged.all()):
                break
        pictures, losses = last.pictures.cpu().numpy(), last.losses.cpu()
        return [
            Result(reason=_diverged(settings[place]))
            if diverged
            else _result(pictures[place], losses_of(last.term_names, losses[:, place]))
            for place, diverged in enumerate(last.diverged.tolist())
        ]

    def _style_of(self, task: Task) -> Region:
        path = task.picture.style.path
        assert path is not None, "only styles that are there are assigned"
        return self._style(path, task.settings.style_sizes, task.settings.fit)

    def _load_style(self, path: Path, sizes: tuple[int, ...], fit: str) -> Region:
        return Region(read_style(path, sizes, fit, self._device))

    def _load_network(
        self,
        source: str,
        layers: frozenset[str],
        pooling: str,
        padding: str,
        precision: torch.dtype,
    ) -> tuple[Vgg19, StyleGrams]:
        """A network, and the Gram matrices of style images that it gives."""
        convolutions = self._weights(source).convolutions
        network = Vgg19(convolutions, layers, pooling, padding).prepare(self._device, precision)
        return network, StyleGrams(network)


def _result(picture: Picture, losses: Losses) -> Result:
    return Result(picture, losses.total, losses.content, losses.style)


def _diverged(settings: Settings) -> str:
    return (
        "the loss became infinite or NaN, and again after going back to the best picture; lower "
        f"learning_rate (now {settings.learning_rate:g}) or beta (now {settings.beta:g})."
    )
