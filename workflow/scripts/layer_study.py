"""Make the images of the layer study and the table of their losses in a folder."""

from __future__ import annotations

import argparse
import sys
from functools import partial

import address_space  # noqa: F401 - before torch
import torch
from options import add_study_options, command, config_from
from owner import add_owner_option, end_with

from neural_style.config.layer_study import plan_study
from neural_style.display import log_line, log_waiting, show_in_turn
from neural_style.engine.layer_study import run_study
from neural_style.errors import showing_warnings
from neural_style.runtime.device import DEVICES, lock_device
from neural_style.runtime.memory import keep_freed_memory


@command("layer study")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = make_parser().parse_args(arguments)
    if options.owner:
        end_with(options.owner)
    study = plan_study(config_from(options))
    content, style = options.images
    keep_freed_memory()
    torch.set_num_threads(max(1, options.threads))
    with (
        showing_warnings(partial(log_line, "layer study")),
        lock_device(options.device, partial(log_waiting, "layer study")) as device,
    ):
        steps = run_study(study, content, style, options.output, device)
        total = len(study.images)
        show_in_turn(
            (
                f"layer study {step.number + 1}/{total}, {step.image.label}",
                step.settings,
                step.progress,
            )
            for step in steps
        )


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_study_options(parser)
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N")
    add_owner_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
