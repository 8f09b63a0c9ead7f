"""Write the sheets of content images: styles down, settings across, `ID.jpg` for each."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from options import add_config_option, sweep_from

from neural_style.comparisons import content_grid
from neural_style.errors import NeuralStyleError
from neural_style.grid import render_grid
from neural_style.images import save_image
from neural_style.index import rows_of


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code is 1 after a mistake that the user can mend."""
    options = make_parser().parse_args(arguments)
    try:
        rows = rows_of(sweep_from(options).jobs)
        for content in options.content:
            sheet = render_grid(content_grid(rows, content), options.tile_size)
            save_image(sheet, options.output / f"{content}.jpg", options.quality)
    except NeuralStyleError as error:
        print(f"grid: {error}", file=sys.stderr)
        return 1
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_option(parser)
    parser.add_argument(
        "--content", required=True, nargs="+", metavar="ID", help="ids; results/index.tsv has them"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument(
        "--tile-size", type=int, default=256, metavar="PX", help="the longer side of a tile"
    )
    parser.add_argument("--quality", type=int, default=90, choices=range(1, 101), metavar="1-100")
    return parser


if __name__ == "__main__":
    sys.exit(main())
