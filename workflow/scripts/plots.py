"""Plot the losses of a sweep: of all pairs of some content images, or of the whole sweep."""

from __future__ import annotations

import argparse
import sys

from options import add_config_option, command, sweep_from

from neural_style.report.plot_pairs import draw_pairs, draw_sweep


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
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_option(parser)
    parser.add_argument(
        "--content",
        default=[],
        nargs="+",
        metavar="ID",
        help="ids of content images whose pairs to plot; see index.tsv",
    )
    parser.add_argument(
        "--sweep", action="store_true", help="plot all pairs of the sweep as small multiples"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
