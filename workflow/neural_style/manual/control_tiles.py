"""Makes the tiles of the sheets of docs/controls.md, those that are not there yet, and sheets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from neural_style.config.settings import ENGINE_VERSION
from neural_style.config.sweep import RUN, picture_name
from neural_style.engine.checkpoint import key_of
from neural_style.engine.job import run_job
from neural_style.images.decode import upright_size
from neural_style.io import sha256
from neural_style.manual.controls import ControlRow, ControlSheet, Made, Shown
from neural_style.optim.loop import Progress
from neural_style.report.grid_layout import Grid, Row, Tile, bounding


@dataclass(frozen=True)
class TileProgress:
    """An epoch of a tile.

    Attributes:
        tile: what is being made.
        progress: the epoch; after the last one the file has been written.
    """

    tile: Made
    progress: Progress


def make_tiles(sheet: ControlSheet, folder: Path, device: torch.device) -> Iterator[TileProgress]:
    """Make what is missing of a sheet.

    A tile lies in a folder that is named by all that decides it. So it is made once for all sheets
    that show it, a run that was stopped goes on, and after a change only what it concerns is made.

    Args:
        sheet: what to make.
        folder: gets the tiles; it may hold those of other sheets.
        device: where to do it.

    Yields:
        The start and every epoch of every tile that is made.

    Raises:
        NeuralStyleError: see `job.run_job`.
    """
    for tile in sheet.tiles:
        if isinstance(tile, Shown):
            continue
        place = _place(tile, folder)
        if not (place / RUN).exists():  # it is written last
            for progress in run_job(tile.content, tile.style, place, tile.settings, device):
                yield TileProgress(tile, progress)


def sheet_grid(sheet: ControlSheet, folder: Path) -> Grid:
    """The tiles below their labels.

    Args:
        sheet: what is shown.
        folder: where `make_tiles` has put the tiles.
    """
    return Grid(
        title=(),
        columns=tuple(tile.label for tile in sheet.rows[0].tiles),
        rows=tuple(_row(row, folder) for row in sheet.rows),
    )


def _row(row: ControlRow, folder: Path) -> Row:
    pictures = [_picture(tile, folder) for tile in row.tiles]
    return Row(
        row.heading,
        tuple(map(Tile, pictures)),
        margin=Tile(row.photograph) if row.photograph else None,
        shape=bounding([size for size in map(upright_size, pictures) if size]),
    )


def _picture(tile: Made | Shown, folder: Path) -> Path:
    if isinstance(tile, Shown):
        return tile.file
    return _place(tile, folder) / picture_name(tile.settings.epochs, tile.settings.format)


def _place(tile: Made, folder: Path) -> Path:
    """The folder of a tile."""
    checksums = [sha256(path) for path in tile.files]
    return folder / key_of(checksums, tile.settings, ENGINE_VERSION)[:16]
