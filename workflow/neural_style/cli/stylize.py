"""`neural-style CONTENT STYLE -o FILE`: which images to make, from what the user typed."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Sequence
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
from neural_style.cli.task import Task, require_possible
from neural_style.config.folders import Found, NotTaken, find_named, is_folder
from neural_style.config.settings import MAX_PIXELS_VARIABLE, OUTPUT_FORMATS
from neural_style.errors import NeuralStyleError, NeuralStyleWarning
from neural_style.io import expand_path

USAGE = """\
neural-style CONTENT STYLE -o FILE [OPTIONS]
       neural-style CONTENT... --style STYLE... -o FOLDER [OPTIONS]
       neural-style COMMAND [--help]"""

DESCRIPTION = """\
Give an image the style of another one, by the method of Gatys, Ecker and Bethge (2015).

  neural-style cat.jpg wave.jpg -o out.jpg --preset best
      one image, with the palette and the strokes of the style
  neural-style cat.jpg wave.jpg -o out.jpg --preset best --size 256
      the same, small and quick
  neural-style cat.jpg wave.jpg -o out.jpg
      one image by the original method; it takes long on a CPU
  neural-style photos --style wave.jpg sea.jpg -o outputs --preset best
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
    require_possible(tasks, options, also_read)
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
