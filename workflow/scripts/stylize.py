"""Transfer the style of one image to the content of another (Gatys, Ecker and Bethge, 2015).

Writes an output image every few iterations (generated_100.jpg …), losses.csv and run.json to a
folder.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path

import address_space  # noqa: F401 - before torch
import torch
from display import Display, StopRequest, log_waiting
from options import (
    INTERRUPTED,
    add_jobs_options,
    add_settings_options,
    checked_settings,
    settings_from,
    showing_warnings,
)

from neural_style.config.inputs import MASK, STYLE_MASK, companions_of
from neural_style.config.options import option_name
from neural_style.config.settings import (
    BESIDE,
    BUILT_IN,
    ENGINE_VERSION,
    LOG_PREFIX,
    MAX_PIXELS_VARIABLE,
    Settings,
)
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
    """Run the command line; the exit code is 1 after an error that the user can fix."""
    with StopRequest() as stop:
        try:
            stylize(*read_options(sys.argv[1:] if arguments is None else arguments), stop)
        except StoppedError as stopped:
            log(str(stopped))
            return stop.exit_code
        except NeuralStyleError as error:
            log(str(error))
            return 1
        except KeyboardInterrupt:
            log("interrupted at once; the outputs saved so far are kept.")
            return INTERRUPTED
    return 0


def stylize(options: argparse.Namespace, settings: Settings, stop: StopRequest) -> None:
    """Make the outputs of one pair and show the progress.

    Raises:
        StoppedError: the process was asked to stop.
        NeuralStyleError: see `run_job`.
    """
    stop.watch(options.owner)
    if getattr(options, "max_pixels", None):
        os.environ[MAX_PIXELS_VARIABLE] = str(options.max_pixels)
    if options.threads:
        torch.set_num_threads(options.threads)
    title = options.title or f"{options.content.stem} × {options.style.stem}"
    with (
        lock_device(
            options.device, partial(log_waiting, title), partial(end_if_asked, stop)
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
    # A job of the workflow gets settings that the Snakefile has checked.
    if any(each.partition("=")[0] == "--settings" for each in arguments):
        options = make_parser(checked=True).parse_args(arguments)
        return options, options.settings
    parser = make_parser()
    options = parser.parse_args(arguments)
    given = set(vars(options)) - {role for role in PAIR if getattr(options, role) is None}
    provenance = recall(options.from_image, options) if options.from_image else None
    missing = [f"--{name}" for name in ("content", "style") if getattr(options, name) is None]
    if missing and provenance is not None:
        raise ProvenanceError(
            f"{str(options.from_image)!r} does not name all of its images; give "
            f"{' and '.join(missing)}."
        )
    if missing:
        parser.error(f"the following arguments are required: {', '.join(missing)}")
    settings = settings_from(options)
    if provenance is not None:
        files = input_files(options, settings)
        folders = [Path(), options.from_image.parent, *options.sources]
        require_trusted(options.from_image, files_of_metadata(files, settings, given), folders)
        require_unchanged(options.from_image, provenance, files)
        if provenance.engine != ENGINE_VERSION:
            log(f"{str(options.from_image)!r} was made by another version; the output may differ.")
    return options, settings


def recall(image: Path, options: argparse.Namespace) -> Provenance:
    """Complete options with the settings and files that an output records; given options win.

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
        **({} if settings.weights in BUILT_IN else {"weights": Path(settings.weights)}),
    }


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


def log(sentence: str) -> None:
    """Print why there is no output, in the form that the report reads from logs."""
    print(f"{LOG_PREFIX}{sentence}", file=sys.stderr, flush=True)


def end_if_asked(stop: StopRequest) -> None:
    """End the wait for a GPU."""
    if stop():
        raise StoppedError("stopped while waiting for a GPU; nothing is lost.")


def make_parser(checked: bool = False) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Args:
        checked: whether the settings are one option, `--settings`, instead of one for each.
    """
    parser = argparse.ArgumentParser(
        usage="%(prog)s --content FILE --style FILE --output FOLDER [OPTIONS]",
        description=__doc__,
        epilog="example: stylize.py --content cat.jpg --style wave.jpg --output out --size 256 "
        "--epochs 200",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    files = parser.add_argument_group("files")
    files.add_argument(
        "--content", type=Path, required=checked, metavar="FILE", help="the content image"
    )
    files.add_argument(
        "--style", type=Path, required=checked, metavar="FILE", help="the style image"
    )
    files.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="folder for the outputs"
    )
    if checked:
        parser.add_argument("--settings", type=checked_settings, required=True, metavar="JSON")
        parser.add_argument("--checkpoint-every", type=int, metavar="N")
    else:
        files.add_argument(
            "--from-image",
            type=Path,
            metavar="FILE",
            help="take the images and all settings from an output of this program, to make it "
            "again; options given beside it win",
        )
        files.add_argument(
            "--sources",
            type=Path,
            action="append",
            default=[],
            metavar="FOLDER",
            help="with --from-image: a folder whose files may be read because the image names "
            "them, besides the current folder and that of the image; give it once for each folder",
        )
        add_settings_options(parser)
    machine = parser.add_argument_group("machine")
    machine.add_argument(
        "--device",
        choices=DEVICES,
        default="auto",
        help="auto uses the GPU if there is one (default: auto)",
    )
    machine.add_argument(
        "--threads", type=_positive, metavar="N", help="CPU threads (default: torch chooses)"
    )
    if not checked:
        add_jobs_options(machine)
    machine.add_argument(
        "--owner",
        type=_positive,
        metavar="PID",
        help="stop when this process, such as Snakemake, ends",
    )
    machine.add_argument("--title", metavar="TEXT", help="name of the run in messages")
    return parser


def _positive(text: str) -> int:
    """Read a whole number from 1 on."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("give a whole number from 1 on")
    return number


if __name__ == "__main__":
    sys.exit(main())
