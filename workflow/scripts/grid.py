"""Write comparison grids of a sweep: all grids of a kind for each of some images."""

from __future__ import annotations

import argparse
import sys

from options import add_config_option, command, config_from

from neural_style.config.sweep import plan_sweep
from neural_style.images.encode import save_image
from neural_style.io import remove_leftovers
from neural_style.report.grid_compose import compose, read_names
from neural_style.report.grid_layout import GridError
from neural_style.report.grid_render import render_grid
from neural_style.report.outputs import sweep_grids


@command("grid")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = make_parser().parse_args(arguments)
    config = config_from(options)
    sweep = plan_sweep(config)
    grids, names = sweep_grids(sweep, config), read_names(sweep)
    for subject in options.of:
        if subject not in grids.subjects(options.kind):
            raise GridError(
                f"the sweep has no image {subject!r} for a grid of the kind {options.kind}; "
                f"{sweep.root / 'index.tsv'} lists the ids."
            )
        remove_leftovers(grids.paths(options.kind, subject))
        for grid in grids.grids(options.kind, subject):
            for path in grid.pages:
                page = render_grid(compose(grid, path, names), config["grids"]["tile_size"])
                save_image(page, path, config["grids"]["quality"])


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
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
        help="ids of content images, or of style images for the kind style; see index.tsv",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
