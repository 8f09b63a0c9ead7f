"""The engine for Python code: images of any kind in, outputs of the same kind out.

`Session` is what `api.Stylizer` calls. It checks the images, makes transfer problems from them as
the job of a sweep does, and runs the engine without changing, or depending on, the modes that the
program around it has set in torch.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from neural_style.config.options import in_python
from neural_style.config.settings import ORIGINAL, Settings, SettingsError, find_conflicts
from neural_style.engine.engine import Engine
from neural_style.engine.job import files_read
from neural_style.engine.load import make_problems, read_with_sources
from neural_style.engine.provenance import Source, metadata_text
from neural_style.engine.record import sum_by_kind
from neural_style.engine.settling import (
    CHECK_INTERVAL,
    DivergedError,
    divergence_sentence,
    excesses,
    return_sentence,
)
from neural_style.errors import NeuralStyleWarning
from neural_style.images.decode import ImageError
from neural_style.images.encode import (
    Postprocessor,
    format_of_suffix,
    make_postprocessor,
    save_pixels,
)
from neural_style.images.given import GivenImages, OutputKind, kind_of, read_images, read_path
from neural_style.losses.problem import TransferProblem, move_problems
from neural_style.optim.loop import Progress
from neural_style.runtime.device import CPU, DEVICES, DeviceError, choose_device
from neural_style.runtime.memory import MemoryShortageError


class Bar(Protocol):
    """Shows the progress of a run."""

    def show(self, progress: Progress) -> None:
        """Show the start or an iteration."""


class Session:
    """Calls of the engine that share its network.

    Args:
        device: one of `DEVICES`, or a device of torch.

    Raises:
        DeviceError: there is no such device.
    """

    def __init__(self, device: str | torch.device) -> None:
        # Each call reads its style images again, so their tensors are other ones.
        self._engine = Engine(find_device(device), keep_styles=False)

    def outputs(
        self,
        content: object,
        style: object,
        settings: Settings,
        *,
        weights: Sequence[float] | None = None,
        companions: Mapping[str, object],
        bar: Callable[[Settings], AbstractContextManager[Bar]] | None = None,
    ) -> Generator[Output, None, None]:
        """Read the images, then return the outputs of the start and of each iteration.

        Args:
            content: the content image, see `given.read_image`.
            style: a style image, or a list of them.
            settings: of the run, checked.
            weights: of the style images; None for equal ones.
            companions: masks and start by role, as they were given; None for those of the settings.
            bar: makes what shows the progress.

        Raises:
            NeuralStyleError: see `api.stylize`.
        """
        with _own_modes(self._engine.device):
            given = read_images(content, style, weights, companions, settings)
            files = _files(given)
            (problems, postprocessor), sources = read_with_sources(
                files, partial(_read, content, given)
            )
            self._engine.weights(settings)  # errors come now, not at the first iteration
            recorded = files_read(self._engine, sources, given.settings) if files else None
            run = _Run(given.settings, kind_of(content), postprocessor, recorded)
        return _optimize(self._engine, problems, run, bar)


@dataclass(frozen=True, eq=False)
class Output:
    """The image after an iteration, and the losses up to it.

    Attributes:
        epoch: number of iterations done; 0 is the start.
    """

    epoch: int
    _images: Tensor = field(repr=False)
    _run: _Run = field(repr=False)

    @property
    def settings(self) -> Settings:
        """The settings of the run. An image without a file is `IN_MEMORY` there."""
        return self._run.settings

    @cached_property
    def image(self) -> Any:  # noqa: ANN401 - its type is that of the content image
        """The image, of the kind of the content image.

        For a path or a Pillow image, a Pillow image. For an array, an array [H, W, 3] of its dtype;
        for a tensor, a tensor of its dtype, device and number of dimensions; floating-point numbers
        are in [0, 1]. Before the last of several stages, it has the size of its stage.
        """
        return self._run.kind.convert(self._images, self._run.postprocessor)

    @cached_property
    def losses(self) -> dict[str, NDArray[np.float64]]:
        """The weighted losses of the start and of each iteration, `epoch` + 1 numbers each.

        The keys are `total`, `content` and `style`, other kinds such as `smoothness`, and each term
        such as `style/conv1_1`. For a tensor [B, 3, H, W], the arrays are [epoch + 1, B]. Reading
        them synchronizes with the GPU.
        """
        losses = self._run.history.until(self.epoch)
        if self._run.kind.batched:
            return losses
        return {name: values[:, 0] for name, values in losses.items()}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the image to a file, whose suffix chooses the format.

        `.png` has 16 bits with the setting `format="png16"`, `.tiff` always. If all images are
        files, the metadata of the output say how to make it again, as those of the pipeline do.

        Returns:
            The path.

        Raises:
            NeuralStyleError: the suffix is that of no format, the output is a batch, or the file
                cannot be written.
        """
        target = read_path(path, "the file to write")
        if len(self._images) > 1:
            raise ImageError(
                f"cannot write {str(target)!r}: the output is a batch of {len(self._images)} "
                "images; save each of them by itself."
            )
        settings = replace(self.settings, format=format_of_suffix(target, self.settings.format))
        if conflicts := find_conflicts(settings):
            raise SettingsError(in_python("\n".join(conflicts)))
        postprocessor = replace(self._run.postprocessor, format=settings.format)
        pixels = postprocessor.to_pixels(self._images[0].cpu().numpy())
        sources = self._run.sources
        comment = "" if sources is None else metadata_text(sources, settings, self.epoch)
        save_pixels(pixels, target, settings.format, settings.quality, comment)
        return target


class _History:
    """The losses of a run, which stay on the device until they are read."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._pending: list[Tensor] = []
        self._rows: list[NDArray[np.float64]] = []

    def add(self, progress: Progress) -> None:
        """Keep the losses of the next iteration."""
        self._names = progress.term_names
        self._pending.append(progress.losses)

    def until(self, epoch: int) -> dict[str, NDArray[np.float64]]:
        """The losses up to an iteration by kind and by term, [epoch + 1, B] each."""
        if self._pending:
            self._rows += list(torch.stack(self._pending).double().cpu().numpy())
            self._pending.clear()
        table = np.stack(self._rows[: epoch + 1])
        terms = {name: table[:, number] for number, name in enumerate(self._names)}
        kinds = sum_by_kind(terms)
        return {"total": np.sum(list(kinds.values()), axis=0), **kinds, **terms}


@dataclass(frozen=True, eq=False)
class _Run:
    """What the outputs of a run have in common.

    Attributes:
        settings: of the run.
        kind: of the outputs.
        postprocessor: brings images to the size of the output; its format has 8 bits.
        sources: the files that were read, by role; None if an image was not a file.
        history: of the losses.
    """

    settings: Settings
    kind: OutputKind
    postprocessor: Postprocessor
    sources: Mapping[str, Source] | None
    history: _History = field(default_factory=_History)


def _files(given: GivenImages) -> dict[str, Path]:
    """The files of a call by role; none if an image is not a file, which no metadata can name."""
    files = {role: each for role, each in given.images.items() if isinstance(each, Path)}
    return files if len(files) == len(given.images) else {}


def _read(content: object, given: GivenImages) -> tuple[list[TransferProblem], Postprocessor]:
    """The problems of a call and the postprocessor of its outputs.

    Args:
        content: as it was given.
        given: all images.
    """
    # On the CPU, as a job does: `_optimize` explains it if the device is short of memory.
    problems, size = make_problems(given.images, given.settings, CPU)
    return problems, _postprocessor(content, given, size)


def _postprocessor(content: object, given: GivenImages, size: tuple[int, int]) -> Postprocessor:
    """The postprocessor of a run.

    Args:
        content: as it was given.
        given: all images.
        size: width and height of the content image.
    """
    settings = replace(given.settings, format="png")
    original = content if isinstance(content, Image.Image) else given.images["content"]
    if isinstance(original, Tensor):  # it has no opacity
        settings, original = replace(settings, transparency="white"), Path()
    original_size = size if settings.dimensions == ORIGINAL else None
    return make_postprocessor(original, settings, original_size)


def find_device(device: str | torch.device) -> torch.device:
    """The device of a name.

    Raises:
        DeviceError: there is none.
    """
    try:
        if isinstance(device, str) and device in DEVICES:
            return choose_device(device)
        found = torch.device(device)
        if found.type not in DEVICES:
            raise RuntimeError("not supported")
        choose_device(found.type)
        torch.empty(0, device=found)
        return found
    except DeviceError as error:  # it speaks of the command line
        raise DeviceError(str(error).replace("`--device cpu`", "the device cpu")) from error
    except (RuntimeError, TypeError) as error:
        raise DeviceError(
            f"device: {str(device)!r} is not available here; use {', '.join(DEVICES)}."
        ) from error


# The run


def _optimize(
    engine: Engine,
    problems: Sequence[TransferProblem],
    run: _Run,
    bar: Callable[[Settings], AbstractContextManager[Bar]] | None,
) -> Generator[Output, None, None]:
    """Optimize transfer problems, and yield the output after each iteration."""
    steps: Iterator[Progress] | None = None
    last = run.settings.epochs
    with ExitStack() as stack:
        stack.enter_context(_explaining_shortage(engine, problems))
        shown = None if bar is None else stack.enter_context(bar(run.settings))
        while True:
            with _own_modes(engine.device):
                if steps is None:
                    problems = move_problems(problems, engine.device)
                    steps = iter(engine.optimization(problems))
                step = next(steps, None)
            if step is None:
                return
            if (step.epoch % CHECK_INTERVAL == 0 or step.epoch == last) and step.diverged.any():
                raise DivergedError(divergence_sentence(step.epoch, run.settings))
            if step.epoch == last and (excess := max(excesses(step))) > 1:
                sentence = return_sentence(excess, run.settings)
                warnings.warn(sentence, NeuralStyleWarning, stacklevel=2)
            run.history.add(step)
            if shown is not None:
                shown.show(step)
            yield Output(step.epoch, step.images, run)


@contextmanager
def _explaining_shortage(engine: Engine, problems: Sequence[TransferProblem]) -> Iterator[None]:
    """Turn an out-of-memory error into one that says what fits."""
    height, width = problems[0].content.shape[2:]
    try:
        with engine.explaining_shortage(problems[0].settings, height, width):
            yield
    except MemoryShortageError as error:
        if len(problems) == 1:
            raise
        raise MemoryShortageError(
            f"{len(problems)} images at a time do not fit into the memory; give fewer. Of each: "
            f"{error}"
        ) from error


@contextmanager
def _own_modes(device: torch.device) -> Iterator[None]:
    """Compute as in a fresh process within the block, whatever modes the caller has set."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.is_autocast_enabled(device.type):
            stack.enter_context(torch.autocast(device.type, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield
