"""Paint one photograph in the style of one picture (Gatys, Ecker and Bethge, 2015).

Writes a picture every few epochs (generated_100.jpg …), losses.csv and run.json to a folder.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import torch
from command import INTERRUPTED
from display import Display, say_waiting
from options import add_jobs_options, add_settings_options, jobs_from, settings_from
from remaking import check_files, recall
from stopping import StopRequest

from neural_style.config.settings import ENGINE_VERSION
from neural_style.engine.job import run_job
from neural_style.engine.writer import Continuity, StoppedError
from neural_style.errors import NeuralStyleError
from neural_style.report.runs import VOICE
from neural_style.runtime.device import DEVICES, lock_device


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code is 1 after a mistake that the user can mend."""
    with StopRequest() as stop:
        try:
            _run(_read(arguments), stop)
        except StoppedError as stopped:
            _say(str(stopped))
            return stop.exit_code
        except NeuralStyleError as error:
            _say(str(error))
            return 1
        except KeyboardInterrupt:
            _say("interrupted at once; the pictures saved so far are kept.")
            return INTERRUPTED
    return 0


def _read(arguments: list[str] | None) -> argparse.Namespace:
    """The options, those that a picture remembers among them.

    Raises:
        NeuralStyleError: it remembers none, or its files are not what they were.
    """
    parser = make_parser()
    options = parser.parse_args(arguments)
    provenance = recall(options.from_image, options) if options.from_image else None
    missing = [f"--{name}" for name in ("content", "style") if getattr(options, name) is None]
    if missing:
        parser.error(f"the following arguments are required: {', '.join(missing)}")
    if provenance is not None:
        check_files(provenance, options)
        if provenance.engine != ENGINE_VERSION:
            _say(f"{str(options.from_image)!r} is of another version; the picture may differ.")
    return options


def _run(options: argparse.Namespace, stop: StopRequest) -> None:
    """Do what the options say, until it is done or the process is asked to stop."""
    stop.watch(options.owner)
    settings = settings_from(options)
    every = jobs_from(options).get("checkpoint_every")
    if options.threads:
        torch.set_num_threads(options.threads)
    title = options.title or f"{options.content.stem} × {options.style.stem}"
    with (
        lock_device(
            options.device, partial(say_waiting, title), partial(_end_if_asked, stop)
        ) as device,
        Display(title, settings, on_cpu=device.type == "cpu") as display,
    ):
        continuity = Continuity(every, stop, display.tell)
        for progress in run_job(
            options.content, options.style, options.output, settings, device, continuity
        ):
            display.show(progress)


def _say(sentence: str) -> None:
    """Say why there is no picture, in the form that sheets quote (see `failures`)."""
    print(f"{VOICE}{sentence}", file=sys.stderr, flush=True)


def _end_if_asked(stop: StopRequest) -> None:
    """Wait no longer."""
    if stop():
        raise StoppedError("asked to stop while it waited for a GPU; nothing is lost.")


def make_parser() -> argparse.ArgumentParser:
    """The options: three files, the settings of the schema, and the machine."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: stylize.py --content cat.jpg --style wave.jpg --output out --size 256 "
        "--epochs 200",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    files = parser.add_argument_group("files")
    files.add_argument("--content", type=Path, metavar="FILE", help="the photograph")
    files.add_argument("--style", type=Path, metavar="FILE", help="the painting")
    files.add_argument(
        "--from-image",
        type=Path,
        metavar="PICTURE",
        help="take both, and all settings, from a picture that this program has made, so that the "
        "same picture is made again; options given beside it win",
    )
    files.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="where the pictures go"
    )
    add_settings_options(parser)
    machine = parser.add_argument_group("the machine")
    machine.add_argument(
        "--device",
        choices=DEVICES,
        default="auto",
        help="processor; auto takes the GPU if there is one (default: auto)",
    )
    machine.add_argument(
        "--threads",
        type=_positive,
        metavar="N",
        help="CPU threads (default: as many as torch likes)",
    )
    machine.add_argument(
        "--owner",
        type=_positive,
        metavar="PID",
        help="a process, say Snakemake, whose end is a request to stop",
    )
    add_jobs_options(machine)
    machine.add_argument("--title", metavar="TEXT", help="name of the run in messages")
    return parser


def _positive(text: str) -> int:
    """A whole number from 1 on."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("give a whole number from 1 on")
    return number


if __name__ == "__main__":
    sys.exit(main())
