"""Write the sheets of a sweep to results/grids: all those of a kind, for each of some images."""

from __future__ import annotations

import argparse
import sys

from command import command
from options import add_config_option, config_from

from neural_style.config.sweep import plan
from neural_style.images.encode import save_image
from neural_style.io import remove_leftovers
from neural_style.report.grid_compose import compose, read_names
from neural_style.report.grid_layout import GridError
from neural_style.report.grid_render import render_grid
from neural_style.report.outputs import sheets_of


@command("grid")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = make_parser().parse_args(arguments)
    config = config_from(options)
    sweep = plan(config)
    sheets, names, grids = sheets_of(sweep, config), read_names(sweep), config["grids"]
    for subject in options.of:
        if subject not in sheets.subjects(options.kind):
            raise GridError(
                f"the sweep has no image {subject!r} for a sheet of the kind {options.kind}; "
                "results/index.tsv lists the ids that there are."
            )
        remove_leftovers(sheets.paths(options.kind, subject))
        for sheet in sheets.sheets(options.kind, subject):
            for path in sheet.pages:
                page = render_grid(compose(sheet, path, names), grids["tile_size"])
                save_image(page, path, grids["quality"])


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_option(parser)
    parser.add_argument(
        "--kind",
        required=True,
        choices=("content", "style", "epochs", "weights"),
        help="content: styles x settings; style: contents x settings; epochs: settings x epochs "
        "of each pair; weights: alpha x beta of each pair",
    )
    parser.add_argument(
        "--of",
        required=True,
        nargs="+",
        metavar="ID",
        help="content images, or style images where they are the kind; results/index.tsv has ids",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
