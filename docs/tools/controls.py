"""The control grids of the documentation: which images show what a control does.

docs/controls.yaml describes each grid as tiles with labels. A tile is either an output image, made
from a content image and a style image with an entry of `settings.named`, or an image file shown as
it is. A grid of several pairs has one row for each pair. This module does not import torch, because
the Snakefile reads the grids with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from neural_style.config.inputs import companions_of, slug
from neural_style.config.presets import laid_over
from neural_style.config.schema import complete
from neural_style.config.settings import Settings
from neural_style.config.sweep import expand_settings
from neural_style.errors import NeuralStyleError

_KEYS_OF_A_GRID = frozenset({"content", "style", "pairs", "settings", "tile_size", "tiles"})


class ControlsError(NeuralStyleError):
    """The description of the control grids is invalid."""


@dataclass(frozen=True)
class FileTile:
    """A tile that shows an image file as it is.

    Attributes:
        label: text above the tile.
        file: the image.
    """

    label: str
    file: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """The input files."""
        return (self.file,)


@dataclass(frozen=True)
class OutputTile:
    """A tile that shows an output image, which has to be made.

    Attributes:
        label: text above the tile.
        content: the content image.
        style: the style image.
        settings: of the output.
    """

    label: str
    content: Path
    style: Path
    settings: Settings

    @property
    def files(self) -> tuple[Path, ...]:
        """The input files."""
        companions = companions_of(self.content, self.style, self.settings)
        return (self.content, self.style, *companions.values())


@dataclass(frozen=True)
class ControlRow:
    """A row of tiles.

    Attributes:
        heading: text at the left; empty in a grid of one row.
        content: image before the tiles; None in a grid of one row.
        tiles: from left to right.
    """

    heading: str
    content: Path | None
    tiles: tuple[FileTile | OutputTile, ...]


@dataclass(frozen=True)
class ControlGrid:
    """One image of the documentation.

    Attributes:
        tile_size: long side of a tile, in pixels.
        rows: all with the same labels.
    """

    tile_size: int
    rows: tuple[ControlRow, ...]

    @property
    def tiles(self) -> Iterator[FileTile | OutputTile]:
        """Every tile, row by row."""
        for row in self.rows:
            yield from row.tiles

    @property
    def files(self) -> list[Path]:
        """Every input file."""
        return list(dict.fromkeys(file for tile in self.tiles for file in tile.files))


def read_grids(path: Path) -> dict[str, ControlGrid]:
    """Read the control grids from a file such as docs/controls.yaml.

    Args:
        path: the file. Its `settings` apply to every tile. The `settings` of a grid override them,
            and the settings of a tile override both.

    Returns:
        Name → grid.

    Raises:
        ControlsError: the file cannot be read, or a key or value in it is invalid.
    """
    try:
        described = yaml.safe_load(path.read_text(encoding="utf-8"))
        common, grids = described["settings"], described["grids"]
        return {
            name: _grid(name, {"tile_size": described["tile_size"], **grid}, common)
            for name, grid in grids.items()
        }
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ControlsError(
            f"cannot read the control grids from {path}: {type(error).__name__}: {error}; "
            "compare docs/controls.yaml."
        ) from error


def _grid(name: str, grid: Mapping[str, Any], common: Mapping[str, Any]) -> ControlGrid:
    if unknown := set(grid) - _KEYS_OF_A_GRID:
        raise ControlsError(
            f"grid {name}: unknown key {', '.join(sorted(unknown))}; "
            f"allowed: {', '.join(sorted(_KEYS_OF_A_GRID))}."
        )
    entries = laid_over(common, grid.get("settings", {}))
    rows: list[ControlRow] = []
    try:
        for pair in grid.get("pairs", [grid]):
            content, style = Path(pair["content"]), Path(pair["style"])
            tiles = tuple(
                _tile(label, tile, (content, style), entries)
                for label, tile in grid["tiles"].items()
            )
            if "pairs" in grid:
                rows.append(ControlRow(f"{content.stem} × {style.stem}", content, tiles))
            else:
                rows.append(ControlRow("", None, tiles))
    except NeuralStyleError as error:
        raise ControlsError(f"grid {name}: {error}") from error
    return ControlGrid(grid["tile_size"], tuple(rows))


def _tile(
    label: str,
    tile: Mapping[str, Any],
    pair: tuple[Path, Path],
    common: Mapping[str, Any],
) -> FileTile | OutputTile:
    """Make a tile from its description, which may name its own `content` or `style`."""
    if "file" in tile:
        return FileTile(label, Path(tile["file"]))
    content, style = (Path(tile.get(key, pair[n])) for n, key in enumerate(("content", "style")))
    own = {key: value for key, value in tile.items() if key not in ("content", "style")}
    named = {label: laid_over(common, own)}
    config = complete({"settings": {"named": named}})
    return OutputTile(label, content, style, expand_settings(config)[slug(label)])
