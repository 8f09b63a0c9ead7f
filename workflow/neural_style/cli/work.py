"""The work of `neural-style`: make outputs, show the progress, and say how it ended."""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import torch

from neural_style.cli.parsing import UsageError
from neural_style.cli.task import Task, outputs_of
from neural_style.config.keys import Stage
from neural_style.config.options import in_options, positional, shell_argument, shortest_options
from neural_style.config.schema import settings_of
from neural_style.config.settings import OUTPUT_FORMATS, Settings, find_conflicts, output_name
from neural_style.config.sizes import LARGEST_SIZE, REFERENCE_SIZE
from neural_style.display import (
    Display,
    StopRequest,
    log_line,
    log_waiting,
)
from neural_style.engine.job import run_job
from neural_style.engine.provenance import read_provenance
from neural_style.engine.session import Output, Session
from neural_style.engine.writer import StoppedError
from neural_style.errors import NeuralStyleError, showing_warnings
from neural_style.images.decode import upright_size
from neural_style.io import atomic, escape, format_duration
from neural_style.runtime.device import DEVICES, lock_device
from neural_style.runtime.failures import DeviceFailedError
from neural_style.runtime.memory import keep_freed_memory

NAME = "neural-style"


def make_outputs(tasks: Sequence[Task], options: argparse.Namespace) -> int:
    """Do all tasks; one that fails does not stop the others, unless the GPU has failed.

    Returns:
        The exit code, see `cli.main`.

    Raises:
        NeuralStyleError: the only task failed, nothing could be begun, or the GPU failed.
    """
    if options.device not in DEVICES:
        raise UsageError(
            f"--device: there is no device {options.device!r}; use one of {', '.join(DEVICES)}."
        )
    written = {file for task in tasks for file in outputs_of(task, options)}
    _require_own(written - {Path(options.output)})
    keep_freed_memory()
    if options.threads:
        torch.set_num_threads(options.threads)
    with StopRequest() as stop:
        try:
            title = tasks[0].title if len(tasks) == 1 else NAME
            with lock_device(
                options.device, partial(log_waiting, title), partial(_raise_if_stopped, stop)
            ) as device:
                return _Work(tasks, options, device, stop).run()
        except StoppedError as stopped:
            log_line(NAME, str(stopped))
            return stop.exit_code


@dataclass(frozen=True)
class _Work:
    """All tasks of a command on one device."""

    tasks: Sequence[Task]
    options: argparse.Namespace
    device: torch.device
    stop: StopRequest

    def run(self) -> int:
        """Do them, and return the exit code."""
        session, began, failed = Session(self.device), time.monotonic(), 0
        for number, task in enumerate(self.tasks, start=1):
            start = time.monotonic()
            try:
                size = self._make(task, session)
            except (StoppedError, DeviceFailedError):  # of a GPU that failed, all others would fail
                raise
            except NeuralStyleError as error:
                if len(self.tasks) == 1:
                    raise
                failed += 1
                log_line(NAME, f"{escape(str(task.output))}: {in_options(str(error))}")
                continue
            took = format_duration(time.monotonic() - start)
            of = f"{number} of {len(self.tasks)}: " if len(self.tasks) > 1 else ""
            self._say(
                f"{of}{escape(str(task.output))} has {size[0]} × {size[1]} pixels; "
                f"{_iterations(task.last)} took {took}."
            )
        if len(self.tasks) > 1:
            took = format_duration(time.monotonic() - began)
            done = len(self.tasks) - failed
            self._say(f"{done} outputs are in {escape(self.options.output)}; they took {took}.")
        elif self.tasks[0].until is None:  # the ideas are for whole runs
            self._say("\n".join(["Try next:", *ideas_for(self.tasks[0])]))
        if failed:
            log_line(NAME, f"{failed} of {len(self.tasks)} outputs failed.")
        return 1 if failed else 0

    def _make(self, task: Task, session: Session) -> tuple[int, int]:
        """Make an output, and return its width and height in pixels."""
        with showing_warnings(partial(log_line, task.title)):
            if task.record is None:
                self._optimize(task, session)
            else:
                self._record(task, task.record)
        return upright_size(task.output) or (0, 0)

    def _optimize(self, task: Task, session: Session) -> None:
        """Make an output, and what `--save-every` asks for."""
        epochs = {*task.settings.snapshots} if hasattr(self.options, "save_every") else set[int]()
        bar = None if self.options.quiet else partial(self._display, task)
        outputs = session.outputs(task.content, task.style, task.settings, companions={}, bar=bar)
        for output in outputs:
            last = output.epoch == task.last
            if last or output.epoch in epochs:
                output.save(task.output if last else task.snapshot(output.epoch))
            if last:
                outputs.close()
            elif self.stop():
                outputs.close()
                _keep(output, task)

    def _record(self, task: Task, folder: Path) -> None:
        """Make an output as a job of the pipeline does, and copy it."""
        with nullcontext() if self.options.quiet else self._display(task) as display:
            for progress in run_job(
                task.content,
                task.style,
                folder,
                task.settings,
                self.device,
                self.options.checkpoint_every,
                self.stop,
                partial(log_line, task.title) if display is None else display.log,
            ):
                if display is not None:
                    display.show(progress)
        made = folder / output_name(task.settings.epochs, task.settings.format)
        with atomic(task.output) as temporary:
            shutil.copyfile(made, temporary)

    def _display(self, task: Task, settings: Settings | None = None) -> Display:
        on_cpu = self.device.type == "cpu"
        return Display(task.title, settings or task.settings, on_cpu=on_cpu, last=task.last)

    def _say(self, text: str) -> None:
        if not self.options.quiet:
            print(text, flush=True)


def _keep(output: Output, task: Task) -> NoReturn:
    """Save the image so far, and end.

    Raises:
        StoppedError: always.
    """
    where = f"stopped after iteration {output.epoch} of {task.last}"
    if not output.epoch:
        raise StoppedError(f"{where}; nothing was written.")
    output.save(task.output)
    raise StoppedError(f"{where}; the image so far is in {escape(str(task.output))}.")


def _iterations(number: int) -> str:
    return "1 iteration" if number == 1 else f"{number} iterations"


def _raise_if_stopped(stop: StopRequest) -> None:
    if stop():
        raise StoppedError("stopped while waiting for a GPU; nothing was written.")


def _require_own(files: Iterable[Path]) -> None:
    """Check that files whose names the user did not type are outputs of this program, or new.

    Raises:
        NeuralStyleError: one is something else.
    """
    for file in sorted(files):
        if not os.path.lexists(file):
            continue
        try:
            read_provenance(file)
        except NeuralStyleError:
            raise NeuralStyleError(
                f"{str(file)!r} is there already, and this program did not make it; move it, or "
                "choose another name with -o."
            ) from None


def ideas_for(task: Task) -> Iterator[str]:
    """Commands that change one thing of an output, and what they change."""
    settings = task.settings
    ideas: dict[str, tuple[str, dict[str, Any]]] = {
        "more style": ("strong", {"beta": settings.beta * 10}),
        "more content": ("subtle", {"beta": settings.beta / 10}),
        "colors of the content": ("colors", {"color": "luminance"}),
    }
    if larger := _larger(settings):
        ideas["twice the size"] = ("large", larger)
    for idea, (name, values) in ideas.items():
        changed = replace(settings, **values)
        if changed == settings or find_conflicts(changed):
            continue
        output = task.output.with_name(f"{task.output.stem}_{name}{task.output.suffix}")
        yield f"  {command_line(replace(task, output=output, settings=changed))}  # {idea}"


def _larger(settings: Settings) -> dict[str, Any]:
    """Values for twice the size; none if that is too large, or would make another image.

    Without stages, the size becomes the first one. With those of `best`, an output of at least
    `REFERENCE_SIZE` is continued by one with the stages of its size.
    """
    size = 2 * settings.size
    if size > LARGEST_SIZE or settings.epochs < 2:
        return {}
    if not settings.stages:
        return {"size": size, "stages": (Stage(settings.size, settings.epochs // 2),)}
    own = replace(settings, **_stages_of_best(settings.size))
    return _stages_of_best(size) if settings == own and own.size >= REFERENCE_SIZE else {}


def _stages_of_best(size: int) -> dict[str, Any]:
    """A size, and the values of `best` that depend on it."""
    best = settings_of({"size": size}, "best")
    return {"size": size, "stages": best.stages, "epochs": best.epochs}


def command_line(task: Task) -> str:
    """The command that makes an output, for a shell."""
    settings = task.settings
    options = shortest_options(settings)
    if OUTPUT_FORMATS[settings.format] == task.output.suffix and settings.format != "png16":
        options = [each for each in options if not each.startswith("--format=")]  # the suffix says
    words = [positional(task.content), positional(task.style), "-o", str(task.output)]
    return " ".join(map(shell_argument, ["neural-style", *words, *options]))
