"""Paint one photograph in the style of one picture (Gatys, Ecker and Bethge, 2015).

Writes a picture every few epochs (generated_100.jpg …), losses.csv and run.json to a folder.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import torch
from display import Display
from options import add_settings_options, settings_from

from neural_style.device import DEVICES, claim_device
from neural_style.errors import NeuralStyleError
from neural_style.job import run_job


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code is 1 after a mistake that the user can mend."""
    try:
        options = make_parser().parse_args(arguments)
        settings = settings_from(options)
        if options.threads:
            torch.set_num_threads(options.threads)
        title = options.title or f"{options.content.stem} × {options.style.stem}"
        with (
            claim_device(options.device, partial(say_waiting, title)) as device,
            Display(title, settings, on_cpu=device.type == "cpu") as display,
        ):
            for progress in run_job(
                options.content, options.style, options.output, settings, device
            ):
                display.show(progress)
    except NeuralStyleError as error:
        print(f"stylize: {error}", file=sys.stderr)
        return 1
    except torch.OutOfMemoryError:
        print("stylize: out of memory on the GPU; use a smaller image.size.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stylize: interrupted; the pictures saved so far are kept.", file=sys.stderr)
        return 130
    return 0


def say_waiting(title: str) -> None:
    """Say why nothing happens."""
    print(f"{title}: every GPU is in use; waiting for one.", file=sys.stderr, flush=True)


def make_parser() -> argparse.ArgumentParser:
    """The options: three files, the settings of the schema, and the machine."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="example: stylize.py --content cat.jpg --style wave.jpg --output out --size 256 "
        "--epochs 200",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    files = parser.add_argument_group("files")
    files.add_argument("--content", type=Path, required=True, metavar="FILE", help="the photograph")
    files.add_argument("--style", type=Path, required=True, metavar="FILE", help="the painting")
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
    machine.add_argument("--title", metavar="TEXT", help="name of the run in messages")
    return parser


def _positive(text: str) -> int:
    """A whole number from 1 on."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("give a whole number from 1 on")
    return number


if __name__ == "__main__":
    sys.exit(main())
