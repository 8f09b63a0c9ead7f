"""Draw the losses of a sweep: of each pair, of content images, or small multiples of all."""

from __future__ import annotations

import argparse
import sys

from options import add_config_option, sweep_from

from neural_style.errors import NeuralStyleError
from neural_style.plots.drawing import draw_pairs, draw_sweep


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code is 1 after a mistake that the user can mend."""
    options = make_parser().parse_args(arguments)
    try:
        sweep = sweep_from(options)
        for content in options.content:
            draw_pairs(sweep, content)
        if options.sweep:
            draw_sweep(sweep)
    except NeuralStyleError as error:
        print(f"plots: {error}", file=sys.stderr)
        return 1
    return 0


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
