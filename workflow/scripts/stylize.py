"""Transfer the style of one image to the content of another (Gatys, Ecker and Bethge, 2015).

Writes an output image every few iterations (generated_100.jpg …), losses.csv and run.json to a
folder.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

import address_space  # noqa: F401 - before torch
import torch
from options import (
    INTERRUPTED,
    add_images_option,
    add_jobs_options,
    add_settings_options,
    checked_settings,
    read_path,
    settings_from,
    showing_warnings,
)
from owner import is_alive

from neural_style.config.folders import is_image
from neural_style.config.inputs import MASK, STYLE_MASK, companions_of
from neural_style.config.options import OptionError, in_options, option_name
from neural_style.config.settings import (
    BESIDE,
    ENGINE_VERSION,
    LOG_PREFIX,
    MAX_PIXELS_VARIABLE,
    Settings,
)
from neural_style.display import Display, StopRequest, log_waiting
from neural_style.engine.job import run_job
from neural_style.engine.record import (
    PAIR,
    Provenance,
    ProvenanceError,
    missing_settings,
    read_provenance,
    require_trusted,
    require_unchanged,
)
from neural_style.engine.writer import StoppedError
from neural_style.errors import NeuralStyleError
from neural_style.runtime.device import DEVICES, lock_device


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Returns:
        The exit code: 0 if all outputs were made, 1 after an error that the user can fix, 130 after
        Ctrl-C, 143 after SIGTERM or when the owner has ended, and 129 after SIGHUP. A command line
        that cannot be read ends the process with 2.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    with StopRequest() as stop:
        try:
            stylize(*read_options(arguments), stop)
        except StoppedError as stopped:
            log_failure(str(stopped))
            return stop.exit_code
        except NeuralStyleError as error:
            # Settings of a job, or those that an image records, have their keys as names.
            by_key = has_checked_settings(arguments) or isinstance(error, ProvenanceError)
            log_failure(str(error) if by_key else in_options(str(error)))
            return 1
        except KeyboardInterrupt:
            log_failure("interrupted at once; the outputs saved so far are kept.")
            return INTERRUPTED
    return 0


def stylize(options: argparse.Namespace, settings: Settings, stop: StopRequest) -> None:
    """Make the outputs of one pair and show the progress.

    Raises:
        StoppedError: the process was asked to stop.
        NeuralStyleError: see `run_job`.
    """
    if options.owner:
        stop.watch(partial(is_alive, options.owner))
    if getattr(options, "max_pixels", None):
        os.environ[MAX_PIXELS_VARIABLE] = str(options.max_pixels)
    if options.threads:
        torch.set_num_threads(options.threads)
    title = options.title or f"{options.content.stem} × {options.style.stem}"
    with (
        showing_warnings(warn),  # until there is a display
        lock_device(
            options.device, partial(log_waiting, title), partial(raise_if_stopped, stop)
        ) as device,
        Display(title, settings, on_cpu=device.type == "cpu") as display,
        showing_warnings(display.log),
    ):
        for progress in run_job(
            options.content,
            options.style,
            options.output,
            settings,
            device,
            options.checkpoint_every,
            stop,
            display.log,
        ):
            display.show(progress)


def read_options(arguments: list[str]) -> tuple[argparse.Namespace, Settings]:
    """Read a command line.

    Raises:
        NeuralStyleError: a value is invalid, or the image of `--from-image` cannot be made again.
    """
    if has_checked_settings(arguments):
        options = make_job_parser().parse_args(arguments)
        options.content, options.style = options.images
        return options, options.settings
    parser = make_parser()
    options = parser.parse_args(arguments)
    if is_image(options.output.name) and not options.output.is_dir():
        parser.error(
            f"argument --output: {str(options.output)!r} is the name of an image, but the outputs "
            f"go into a folder; name one, such as {str(options.output.with_suffix(''))!r}"
        )
    given = set(vars(options)) - {role for role in PAIR if getattr(options, role) is None}
    provenance = apply_provenance(options.from_image, options) if options.from_image else None
    missing = [f"--{name}" for name in ("content", "style") if getattr(options, name) is None]
    if missing and provenance is not None:
        raise ProvenanceError(
            f"{str(options.from_image)!r} does not name all of its images; give "
            f"{' and '.join(missing)}."
        )
    if missing:
        parser.error(f"the following arguments are required: {', '.join(missing)}")
    settings = settings_from(options)
    files = input_files(options, settings)
    if provenance is not None:
        folders = [Path(), options.from_image.parent, *options.sources]
        require_trusted(options.from_image, files_of_metadata(files, settings, given), folders)
        require_unchanged(options.from_image, provenance, files)
        if provenance.engine != ENGINE_VERSION:
            warn(f"{str(options.from_image)!r} was made by another version; the output may differ.")
    if missing_files := list(find_missing_files(files)):
        raise OptionError("\n".join(missing_files))
    return options, settings


def has_checked_settings(arguments: list[str]) -> bool:
    """Return whether this is a job of the workflow, whose settings the Snakefile has checked."""
    return any(each.partition("=")[0] == "--settings" for each in arguments)


def apply_provenance(image: Path, options: argparse.Namespace) -> Provenance:
    """Complete options with the settings and files that an output records; options override them.

    Raises:
        NeuralStyleError: it records nothing, or settings that are invalid or incomplete.
    """
    provenance = read_provenance(image)
    missing = [each for each in missing_settings(provenance) if not hasattr(options, each)]
    if missing:
        raise ProvenanceError(
            f"the metadata of {str(image)!r} are incomplete: they lack the settings "
            f"{', '.join(missing)}; give them by options such as {option_name(missing[0])}, or "
            "leave out --from-image."
        )
    options.recalled = provenance.settings
    try:
        settings_from(argparse.Namespace(recalled=provenance.settings, preset=None))
    except NeuralStyleError as error:
        raise ProvenanceError(f"{str(image)!r} records invalid settings; {error}") from error
    for role in {"content", "style"} & provenance.sources.keys():
        if getattr(options, role) is None:
            setattr(options, role, provenance.sources[role].path)
    return provenance


def input_files(options: argparse.Namespace, settings: Settings) -> dict[str, Path]:
    """Return every file that the run reads, by role."""
    return {
        "content": options.content,
        "style": options.style,
        **companions_of(options.content, options.style, settings),
        **({} if settings.weights_file is None else {"weights": settings.weights_file}),
    }


def find_missing_files(files: Mapping[str, Path]) -> Iterator[str]:
    """Yield a sentence for each file of a setting, by its role, that does not exist."""
    for role, path in files.items():
        if role not in ("content", "style", "weights") and not _exists(path):
            option = option_name("blend" if role.startswith("blend") else role)
            yield f"{option}: there is no file {str(path)!r}; fix the path."


def files_of_metadata(
    files: Mapping[str, Path], settings: Settings, given: Collection[str]
) -> dict[str, Path]:
    """Return the files that the user has not named by an option.

    Args:
        files: see `input_files`.
        settings: of the run.
        given: names of the options that the user gave.
    """
    owners = {  # a mask beside an image is named with that image
        **({MASK: "content"} if settings.mask == BESIDE else {}),
        **({STYLE_MASK: "style"} if settings.style_mask == BESIDE else {}),
        **{role: "blend" for role in files if role.startswith("blend_")},
    }
    return {
        role: path
        for role, path in files.items()
        if not {role, owners.get(role, role)} & set(given)
    }


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # such as a name that is too long
        return False


def log_failure(message: str) -> None:
    """Print why there is no output, in the form that `report.runs.failure_reason` reads."""
    first, *rest = message.splitlines()
    lines = [first, *(f"  {line.strip()}" for line in rest)]
    print("\n".join(f"{LOG_PREFIX}{line}" for line in lines), file=sys.stderr, flush=True)


def warn(sentence: str) -> None:
    """Print a warning, in a form that is not read as a failure."""
    print(f"warning: {sentence}", file=sys.stderr, flush=True)


def raise_if_stopped(stop: StopRequest) -> None:
    """End the wait for a GPU."""
    if stop():
        raise StoppedError("stopped while waiting for a GPU; nothing is lost.")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser for users, with an option for each setting."""
    parser = argparse.ArgumentParser(
        usage="%(prog)s (--content FILE --style FILE | --from-image FILE) --output FOLDER "
        "[OPTIONS]",
        description=__doc__,
        epilog="example: stylize.py --content cat.jpg --style wave.jpg --output out --size 256 "
        "--epochs 200",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    files = parser.add_argument_group("files")
    files.add_argument("--content", type=read_path, metavar="FILE", help="the content image")
    files.add_argument("--style", type=read_path, metavar="FILE", help="the style image")
    files.add_argument(
        "--output", type=read_path, required=True, metavar="FOLDER", help="folder for the outputs"
    )
    files.add_argument(
        "--from-image",
        type=read_path,
        metavar="FILE",
        help="take the images and all settings from an output of this program, to make it again; "
        "other options override it",
    )
    files.add_argument(
        "--sources",
        type=read_path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="with --from-image: a folder whose files may be read because the image names them, "
        "besides the current folder and that of the image; give it once for each folder",
    )
    add_settings_options(parser)
    add_jobs_options(_add_machine_options(parser))
    return parser


def make_job_parser() -> argparse.ArgumentParser:
    """Return the parser for jobs of the workflow, whose settings are one option, checked before."""
    parser = argparse.ArgumentParser()
    add_images_option(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--settings", type=checked_settings, required=True, metavar="JSON")
    parser.add_argument("--checkpoint-every", type=int, metavar="N")
    _add_machine_options(parser)
    return parser


def _add_machine_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("machine")
    group.add_argument(
        "--device",
        choices=DEVICES,
        default="auto",
        help="auto uses a GPU if there is one (default: auto)",
    )
    group.add_argument(
        "--threads", type=_positive, metavar="N", help="CPU threads (default: torch chooses)"
    )
    group.add_argument(
        "--owner",
        type=_positive,
        metavar="PID",
        help="stop when this process, such as Snakemake, ends",
    )
    group.add_argument("--title", metavar="TEXT", help="name of the run in messages")
    return group


def _positive(text: str) -> int:
    """Read a whole number from 1 up."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return number


if __name__ == "__main__":
    sys.exit(main())
