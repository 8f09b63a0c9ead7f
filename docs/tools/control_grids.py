"""Make a control grid of the documentation: first its missing tiles, then the grid."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import torch
from controls import ControlGrid, ControlRow, FileTile, OutputTile, read_grids

from neural_style.config.settings import ENGINE_VERSION, RUN, output_name
from neural_style.engine.job import run_job
from neural_style.errors import NeuralStyleError
from neural_style.images.decode import upright_size
from neural_style.images.encode import save_image
from neural_style.io import sha256
from neural_style.report.grid_layout import Grid, Row, Tile, bounding
from neural_style.report.grid_render import render_grid
from neural_style.runtime.device import DEVICES, lock_device


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = make_parser().parse_args(arguments)
    torch.set_num_threads(max(1, options.threads))
    try:
        grid = read_grids(options.grids)[options.name]
        with lock_device(options.device, say_waiting) as device:
            for tile in grid.tiles:
                if isinstance(tile, OutputTile):
                    make_tile(tile, options.folder, device, options.name)
        page = render_grid(layout(grid, options.folder), grid.tile_size)
        save_image(page, options.output, options.quality)
    except NeuralStyleError as error:
        sys.exit(f"control_grids: {error}")


def make_tile(tile: OutputTile, folder: Path, device: torch.device, grid: str) -> None:
    """Make the output image of a tile, if it does not exist yet.

    The tile's folder is named by a hash of its input files, its settings, and the engine version.
    So grids share their tiles, an interrupted run keeps the tiles that it has finished, and after a
    change only the tiles that it affects are made again.

    Args:
        tile: what to make.
        folder: holds the tiles of all grids.
        device: where to make it.
        grid: name of the grid, for the log.

    Raises:
        NeuralStyleError: see `run_job`.
    """
    place = folder_of(tile, folder)
    if (place / RUN).exists():  # the last file that a run writes
        return
    title = f"{grid}, {tile.content.stem} × {tile.style.stem}, {tile.label}"
    print(f"{title}: {tile.settings.epochs} iterations", flush=True)
    for _ in run_job(tile.content, tile.style, place, tile.settings, device):
        pass


def folder_of(tile: OutputTile, folder: Path) -> Path:
    """Return the folder of a tile."""
    facts = ([sha256(path) for path in tile.files], tile.settings, ENGINE_VERSION)
    return folder / hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def layout(grid: ControlGrid, folder: Path) -> Grid:
    """Arrange the tiles of a control grid below their labels.

    Args:
        grid: what to show.
        folder: where `make_tile` has put the tiles.
    """
    return Grid(
        title=(),
        columns=tuple(tile.label for tile in grid.rows[0].tiles),
        rows=tuple(_row(row, folder) for row in grid.rows),
    )


def _row(row: ControlRow, folder: Path) -> Row:
    images = [_image(tile, folder) for tile in row.tiles]
    return Row(
        row.heading,
        tuple(map(Tile, images)),
        margin=Tile(row.content) if row.content else None,
        shape=bounding([size for size in map(upright_size, images) if size]),
    )


def _image(tile: FileTile | OutputTile, folder: Path) -> Path:
    if isinstance(tile, FileTile):
        return tile.file
    return folder_of(tile, folder) / output_name(tile.settings.epochs, tile.settings.format)


def say_waiting() -> None:
    """Say why the program waits."""
    print("control_grids: every GPU is in use; waiting for one.", file=sys.stderr, flush=True)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--grids", type=Path, required=True, metavar="FILE", help="such as docs/controls.yaml"
    )
    parser.add_argument("--name", required=True, help="name of a grid in that file")
    parser.add_argument(
        "--folder", type=Path, required=True, help="keeps the tiles of all control grids"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="image file of the grid"
    )
    parser.add_argument("--quality", type=int, default=60, choices=range(1, 101), metavar="1-100")
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N")
    return parser


if __name__ == "__main__":
    main()
