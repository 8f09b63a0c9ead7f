"""`neural-style CONTENT STYLE -o FILE`: which images to make, from what the user typed."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Hashable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import neural_style
from neural_style.cli.parsing import (
    Parser,
    UsageError,
    add_machine_options,
    add_output_options,
    add_settings,
    nearest,
    settings_from,
)
from neural_style.config.folders import Found, NotTaken, find_named, identity, is_folder
from neural_style.config.inputs import companions_of
from neural_style.config.options import option_name
from neural_style.config.settings import MAX_PIXELS_VARIABLE, OUTPUT_FORMATS, Settings
from neural_style.engine.run_folder import files_of_run, holds_run
from neural_style.errors import NeuralStyleError, NeuralStyleWarning
from neural_style.io import escape, expand_path

USAGE = """\
neural-style CONTENT STYLE -o FILE [OPTIONS]
       neural-style CONTENT... --style STYLE... -o FOLDER [OPTIONS]
       neural-style COMMAND [--help]"""

DESCRIPTION = """\
Give an image the style of another one, by the method of Gatys, Ecker and Bethge (2015).

  neural-style cat.jpg wave.jpg -o out.jpg
      one image; it takes long on a CPU
  neural-style cat.jpg wave.jpg -o out.jpg --size 256 --epochs 200
      the same, small and quick
  neural-style photos --style wave.jpg sea.jpg -o outputs
      each image of a folder in two styles
  neural-style cat.jpg wave.jpg -o out.jpg --preset strong --color luminance
      more of the style, with the colors of the cat

commands:
  init FOLDER      make a project, to compare many images and settings with snakemake
  remake IMAGE     make an output again, or with other options, from what it says of itself
  gallery          write the gallery page of a project
  status FOLDER    show the progress of a data set
  verify FOLDER    check every output of a data set
  presets          list the presets
  settings [NAME]  list the settings, or explain one

A content image that is named like a command can be given as ./init."""

EPILOG = """\
The exit code is 0; 1 after a failure; 2 if the command line is wrong. Ctrl-C saves the image so
far, unless it has no iteration yet, and exits with 130."""


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


def stylize(arguments: Sequence[str]) -> int:
    """Run the command, and return its exit code.

    Raises:
        UsageError: the command line is wrong.
        NeuralStyleError: nothing can be made.
    """
    options = make_parser().read(arguments)
    contents, styles = _images_of(options)
    require_output(options)
    tasks = _plan(contents, styles, options)
    return work(tasks, options)


def require_output(options: argparse.Namespace) -> None:
    """Check that there is `-o`.

    Raises:
        UsageError: there is none.
    """
    if not options.output:
        raise UsageError("say where the output should be: -o out.jpg.")
    try:
        options.output = expand_path(options.output)
    except NeuralStyleError as error:
        raise UsageError(f"-o: {error}") from error


def work(tasks: Sequence[Task], options: argparse.Namespace, also_read: Sequence[Path] = ()) -> int:
    """Check tasks and do them; return the exit code.

    Raises:
        UsageError: an output would overwrite an image that is read.
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
    if options.max_pixels:
        os.environ[MAX_PIXELS_VARIABLE] = str(options.max_pixels)
    from neural_style.runtime.memory import require_room_for_torch

    require_room_for_torch()  # whose libraries would end the process without a sentence
    from neural_style.cli.work import make_outputs

    return make_outputs(tasks, options)


# The command line


def make_parser() -> Parser:
    """Return the parser of the command."""
    parser = Parser("neural-style", USAGE, DESCRIPTION, EPILOG)
    images = parser.add_argument_group("images")
    images.add_argument(
        "images",
        nargs="*",
        metavar="CONTENT STYLE",
        help="the content image and the style image; with --style, all of them are content images. "
        "A folder stands for the images in it, and a pattern such as 'photos/*.jpg' for those that "
        "it matches",
    )
    images.add_argument(
        "--style",
        nargs="+",
        action="extend",
        default=[],
        metavar="STYLE",
        help="style images, each for every content image; write them after the content images",
    )
    add_output_options(parser, "FILE|FOLDER")
    parser.add_argument("--version", action="version", version=neural_style.__version__)
    add_settings(parser, without=["save_every"])
    add_machine_options(parser)
    return parser


# Images


def _images_of(options: argparse.Namespace) -> tuple[list[Found], list[Found]]:
    """Return the content images and the style images.

    Raises:
        UsageError: there are none, or it is not clear which are which.
        NeuralStyleError: one does not exist.
    """
    words = options.images
    if options.style and not words:
        raise UsageError("there is no content image; write it before --style: cat.jpg --style …")
    if options.style:
        return _find(words), _find(options.style)
    match words:
        case []:
            raise UsageError(
                "give a content image and a style image: neural-style cat.jpg wave.jpg -o out.jpg; "
                "see `neural-style --help`."
            )
        case [one]:
            raise UsageError(
                f"{one!r} is one image{_command_hint(one)}; give a content image and a style image."
            )
        case [content, style]:
            return _find([content]), _find([style])
        case _:
            raise UsageError(
                f"{len(words)} images are given, so say which are style images: write all content "
                "images, then --style and the style images."
            )


def _find(words: Sequence[str]) -> list[Found]:
    """Return the image files that words name; a warning names the other files of their folders.

    Raises:
        NeuralStyleError: a word names none.
    """
    not_taken = NotTaken()
    found = find_named(words, not_taken, _command_hint)
    for sentence in not_taken.sentences("images"):
        warnings.warn(sentence, NeuralStyleWarning, stacklevel=2)
    return found


def _command_hint(word: str) -> str:
    """Return a hint at a command that the user may have meant."""
    from neural_style.cli.main import COMMANDS

    hint = nearest(word, list(COMMANDS))
    return f" ({hint.replace('mean ', 'mean the command ')})" if "did you mean" in hint else ""


# Outputs


def _plan(
    contents: Sequence[Found], styles: Sequence[Found], options: argparse.Namespace
) -> list[Task]:
    """Return the outputs to make.

    Raises:
        UsageError: a setting or the name of the output is invalid.
    """
    output = Path(options.output)
    names_folder = options.output.endswith(os.sep) or is_folder(options.output)
    one = len(contents) == len(styles) == 1 and not names_folder
    if one:
        choose_format(options)
        settings = settings_from(options)
        return [Task(contents[0].path, styles[0].path, output, settings, options.record)]
    if output.suffix.lower() in OUTPUT_FORMATS.values() and not is_folder(output):
        count = len(contents) * len(styles)
        reason = f"but there are {count} outputs" if count > 1 else "but ends as a folder does"
        raise UsageError(f"-o {options.output!r} is the name of an image, {reason}; change it.")
    settings = settings_from(options)
    suffix = OUTPUT_FORMATS[settings.format]
    tasks: dict[Path, Task] = {}
    for content in contents:
        for style in styles:
            name = f"{content.path.stem}_{style.path.stem}"
            file = output / content.folder / f"{name}{suffix}"
            record = options.record and options.record / content.folder / name
            task = Task(content.path, style.path, file, settings, record)
            if file in tasks:
                raise UsageError(
                    f"{str(file)!r} would be the output of {_pair(tasks[file])} and of "
                    f"{_pair(task)}; rename an image."
                )
            tasks[file] = task
    return list(tasks.values())


def _pair(task: Task) -> str:
    return f"{str(task.content)!r} with {str(task.style)!r}"


def choose_format(options: argparse.Namespace, recalled: str = "jpg") -> None:
    """Set the option `--format` to the format that the suffix of `-o` chooses.

    Args:
        options: of the command line.
        recalled: format of the output that is made again; it tells png16 from png.

    Raises:
        UsageError: it is the suffix of no format, or of another one than `--format`.
    """
    from neural_style.images.encode import format_of_suffix

    given = getattr(options, "format", None)
    wanted = given or recalled
    try:
        chosen = format_of_suffix(
            Path(options.output), wanted if wanted in OUTPUT_FORMATS else "jpg"
        )
    except NeuralStyleError as error:
        raise UsageError(f"-o: {error}") from error
    if given is not None and given in OUTPUT_FORMATS and given != chosen:
        raise UsageError(
            f"-o {options.output!r} is a {chosen} file, but --format is {given}; leave one out."
        )
    options.format = given or chosen


# Checks before the work


def _require_files(task: Task) -> None:
    """Check that the files that settings name exist.

    Raises:
        NeuralStyleError: one does not.
    """
    missing = [
        f"{option_name('blend' if role.startswith('blend') else role)}: there is no file "
        f"{str(path)!r}; fix the path."
        for role, path in task.inputs.items()
        if role not in ("content", "style") and not os.path.exists(path)  # noqa: PTH110
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
        _require_possible(file)
    folder = next(each for each in (task.output.absolute()).parents if os.path.lexists(each))
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise NeuralStyleError(
            f"cannot write {str(task.output)!r}: {str(folder)!r} is not a folder that you may "
            "write to; choose another name."
        )


def _require_possible(file: Path) -> None:
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
    """Check that a run removes only files of earlier runs from its folder.

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


def outputs_of(task: Task, options: argparse.Namespace) -> list[Path]:
    """Return the files that a task writes outside of its record, the output last."""
    if task.record is not None or not hasattr(options, "save_every"):
        return [task.output]
    return [*map(task.snapshot, task.settings.snapshots[:-1]), task.output]
