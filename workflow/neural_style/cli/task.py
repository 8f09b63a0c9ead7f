"""An output that the command line asks for, and the checks before the work."""

from __future__ import annotations

import argparse
import os
from collections.abc import Hashable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from neural_style.cli.parsing import UsageError
from neural_style.config.folders import exists, identity, is_folder
from neural_style.config.inputs import companions_of
from neural_style.config.options import option_name
from neural_style.config.settings import Settings
from neural_style.engine.run_folder import files_of_run, holds_run
from neural_style.errors import NeuralStyleError
from neural_style.io import escape


@dataclass(frozen=True)
class Task:
    """An output to make.

    Attributes:
        content: file of the content image.
        style: file of the style image.
        output: file of the output.
        settings: of the output.
        record: folder for the record of its run; None for no record.
        until: iteration of the run whose image is the output; None for the last one.
    """

    content: Path
    style: Path
    output: Path
    settings: Settings
    record: Path | None = None
    until: int | None = None

    @property
    def last(self) -> int:
        """The last iteration to do."""
        return self.settings.epochs if self.until is None else self.until

    @property
    def title(self) -> str:
        """Names it in messages."""
        return escape(f"{self.content.stem} × {self.style.stem}")

    @property
    def inputs(self) -> dict[str, Path]:
        """Every file that it reads, by role."""
        weights = self.settings.weights_file
        return {
            "content": self.content,
            "style": self.style,
            **companions_of(self.content, self.style, self.settings),
            **({} if weights is None else {"weights": weights}),
        }

    def snapshot(self, epoch: int) -> Path:
        """File of the image after an earlier iteration: `out_100.jpg`."""
        return self.output.with_name(f"{self.output.stem}_{epoch}{self.output.suffix}")


def outputs_of(task: Task, options: argparse.Namespace) -> list[Path]:
    """Return the files that a task writes outside of its record, the output last."""
    if task.record is not None or not hasattr(options, "save_every"):
        return [task.output]
    return [*map(task.snapshot, task.settings.snapshots[:-1]), task.output]


def require_possible(
    tasks: Sequence[Task], options: argparse.Namespace, also_read: Sequence[Path] = ()
) -> None:
    """Check that outputs can be made, and that none of them takes the place of a file that is read.

    Args:
        tasks: the outputs.
        options: of the command line.
        also_read: further files that are read.

    Raises:
        UsageError: an output would overwrite or remove a file that is not its own.
        NeuralStyleError: a file is missing, or an output cannot be written.
    """
    if options.checkpoint_every is not None and options.record is None:
        raise UsageError("--checkpoint-every needs --record, the folder of the checkpoints.")
    named = dict.fromkeys([*also_read, *(path for task in tasks for path in task.inputs.values())])
    inputs = {identity(path) for path in named}
    for task in tasks:
        _require_files(task)
        _require_free(task, inputs, options)
        if task.record is not None:
            _require_free_record(task.record, inputs)


def _require_files(task: Task) -> None:
    """Check that the files that settings name exist.

    Raises:
        NeuralStyleError: one does not.
    """
    missing = [
        f"{option_name('blend' if role.startswith('blend') else role)}: there is no file "
        f"{str(path)!r}; fix the path."
        for role, path in task.inputs.items()
        if role not in ("content", "style") and not exists(path)
    ]
    if missing:
        raise NeuralStyleError("\n".join(missing))


def _require_free(task: Task, inputs: Set[Hashable], options: argparse.Namespace) -> None:
    """Check that an output can be written, and overwrites no image that is read.

    Args:
        task: the output.
        inputs: the `identity` of each image that is read.
        options: of the command line.

    Raises:
        UsageError: it would overwrite one.
        NeuralStyleError: it cannot be written.
    """
    for file in outputs_of(task, options):
        if identity(file) in inputs:
            raise UsageError(f"-o: {str(file)!r} is an image that is read; choose another name.")
        if is_folder(file):
            raise UsageError(f"-o: {str(file)!r} is a folder; choose another name.")
        _require_name(file)
    folder = next(each for each in (task.output.absolute()).parents if os.path.lexists(each))
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise NeuralStyleError(
            f"cannot write {str(task.output)!r}: {str(folder)!r} is not a folder that you may "
            "write to; choose another name."
        )


def _require_name(file: Path) -> None:
    """Check that the system takes the name of an output.

    Raises:
        NeuralStyleError: it does not, such as a name that is too long.
    """
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise NeuralStyleError(
            f"cannot write {str(file)!r}: {error.strerror}; choose another name."
        ) from error


def _require_free_record(folder: Path, inputs: Set[Hashable]) -> None:
    """Check that a run would remove no file that is read, and none from a folder without a run.

    Args:
        folder: of `--record`.
        inputs: the `identity` of each image that is read.

    Raises:
        UsageError: it would remove another file.
    """
    files = files_of_run(folder)
    for file in files:
        if identity(file) in inputs:
            raise UsageError(
                f"--record: {str(file)!r} is read, and a run in this folder would remove it; "
                "choose another folder."
            )
    if files and not holds_run(folder):
        raise UsageError(
            f"--record: {str(files[0])!r} is not from an earlier run, and a run in this folder "
            "would remove it; choose another folder."
        )
