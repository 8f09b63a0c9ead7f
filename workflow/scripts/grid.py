"""Write the grid of one content image: styles down, settings across."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from neural_style.comparisons import content_grid
from neural_style.errors import NeuralStyleError
from neural_style.grid import render_grid
from neural_style.images import save_image
from neural_style.index import read_index


def main(arguments: list[str] | None = None) -> int:
    """Read the index, paint the grid, write it; the exit code is 1 after a user's mistake."""
    options = _parser().parse_args(arguments)
    try:
        grid = content_grid(read_index(options.index), options.content)
        save_image(render_grid(grid, options.tile_size), options.output, options.quality)
    except NeuralStyleError as error:
        print(f"grid: {error}", file=sys.stderr)
        return 1
    return 0


def _quality(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 100")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, default=Path("results/index.tsv"), metavar="TSV")
    parser.add_argument("--content", required=True, metavar="ID", help="a content id of the index")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--tile-size", type=int, default=256, metavar="PX", help="the longer side of a tile"
    )
    parser.add_argument("--quality", type=_quality, default=90, metavar="1-100")
    return parser


if __name__ == "__main__":
    sys.exit(main())
