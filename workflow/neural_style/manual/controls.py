"""The sheets of docs/controls.md: which pictures show a control. Free of torch.

The Snakefile reads them from docs/controls.yaml, which says for each sheet its tiles by their
labels. A tile is an entry of `settings.named`, made from a photograph and a painting, or a file
that is shown as it is. A sheet of several pairs has a row for each.
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

_OF_A_SHEET = frozenset({"content", "style", "pairs", "settings", "tile_size", "tiles"})


class ControlsError(NeuralStyleError):
    """The description of the sheets cannot be understood."""


@dataclass(frozen=True)
class Shown:
    """A tile that is a file as it is.

    Attributes:
        label: above it.
        file: an image.
    """

    label: str
    file: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """What it is made of."""
        return (self.file,)


@dataclass(frozen=True)
class Made:
    """A tile that is a picture to make.

    Attributes:
        label: above it.
        content: the photograph.
        style: the painting.
        settings: how.
    """

    label: str
    content: Path
    style: Path
    settings: Settings

    @property
    def files(self) -> tuple[Path, ...]:
        """What it is made of."""
        companions = companions_of(self.content, self.style, self.settings)
        return (self.content, self.style, *companions.values())


@dataclass(frozen=True)
class ControlRow:
    """Tiles side by side.

    Attributes:
        heading: at its left; empty in a sheet of one row.
        photograph: before the tiles; None in a sheet of one row.
        tiles: from left to right.
    """

    heading: str
    photograph: Path | None
    tiles: tuple[Shown | Made, ...]


@dataclass(frozen=True)
class ControlSheet:
    """A picture of the guide.

    Attributes:
        tile_size: longer side of its tiles in pixels.
        rows: all with the same labels.
    """

    tile_size: int
    rows: tuple[ControlRow, ...]

    @property
    def tiles(self) -> Iterator[Shown | Made]:
        """Every tile, row by row."""
        for row in self.rows:
            yield from row.tiles

    @property
    def files(self) -> list[Path]:
        """Every file that the sheet is made of."""
        return list(dict.fromkeys(file for tile in self.tiles for file in tile.files))


def read_sheets(path: Path, schema: Mapping[str, Any]) -> dict[str, ControlSheet]:
    """The sheets that a file such as docs/controls.yaml describes, by their names.

    Args:
        path: the file. Its `settings` hold for every tile of every sheet, and the `settings` of
            a sheet, like what a tile says itself, for what they name.
        schema: of the configuration.

    Raises:
        NeuralStyleError: it cannot be read, or a setting is not allowed.
    """
    try:
        described = yaml.safe_load(path.read_text(encoding="utf-8"))
        common, sheets = described["settings"], described["sheets"]
        return {
            name: _sheet(name, {"tile_size": described["tile_size"], **sheet}, common, schema)
            for name, sheet in sheets.items()
        }
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ControlsError(
            f"cannot understand {path}: {type(error).__name__}: {error}; "
            "compare docs/controls.yaml."
        ) from error


def _sheet(
    name: str, sheet: Mapping[str, Any], common: Mapping[str, Any], schema: Mapping[str, Any]
) -> ControlSheet:
    if unknown := set(sheet) - _OF_A_SHEET:
        raise ControlsError(
            f"sheet {name}: there is no such key as {', '.join(sorted(unknown))}; "
            f"allowed: {', '.join(sorted(_OF_A_SHEET))}."
        )
    entries = laid_over(common, sheet.get("settings", {}))
    rows: list[ControlRow] = []
    try:
        for pair in sheet.get("pairs", [sheet]):
            content, style = Path(pair["content"]), Path(pair["style"])
            tiles = tuple(
                _tile(label, tile, (content, style), entries, schema)
                for label, tile in sheet["tiles"].items()
            )
            if "pairs" in sheet:
                rows.append(ControlRow(f"{content.stem} × {style.stem}", content, tiles))
            else:
                rows.append(ControlRow("", None, tiles))
    except NeuralStyleError as error:
        raise ControlsError(f"sheet {name}: {error}") from error
    return ControlSheet(sheet["tile_size"], tuple(rows))


def _tile(
    label: str,
    tile: Mapping[str, Any],
    pair: tuple[Path, Path],
    common: Mapping[str, Any],
    schema: Mapping[str, Any],
) -> Shown | Made:
    """A tile from what is said of it; it may have an image of its own in place of the pair's."""
    if "file" in tile:
        return Shown(label, Path(tile["file"]))
    content, style = (Path(tile.get(key, pair[n])) for n, key in enumerate(("content", "style")))
    own = {key: value for key, value in tile.items() if key not in ("content", "style")}
    named = {label: laid_over(common, own)}
    config = complete({"settings": {"named": named}}, schema)
    return Made(label, content, style, expand_settings(config)[slug(label)])
