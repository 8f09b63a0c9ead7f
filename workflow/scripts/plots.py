"""Draw the losses of a sweep: of each pair, of content images, or small multiples of all."""

from __future__ import annotations

import argparse
import sys

from command import command
from options import add_config_option, sweep_from

from neural_style.report.plots import draw_pairs, draw_sweep


@command("plots")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = make_parser().parse_args(arguments)
    sweep = sweep_from(options)
    for content in options.content:
        draw_pairs(sweep, content)
    if options.sweep:
        draw_sweep(sweep)


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_option(parser)
    parser.add_argument(
        "--content",
        default=[],
        nargs="+",
        metavar="ID",
        help="content images whose pairs to draw; results/index.tsv has the ids",
    )
    parser.add_argument(
        "--sweep", action="store_true", help="draw the small multiples of the whole sweep"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
