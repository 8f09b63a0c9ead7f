"""Pictures side by side, said without a size: frozen values that `layout` measures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from neural_style.errors import NeuralStyleError

TIMES = " × "

Shape = tuple[int, int]
"""Width and height, in any unit: only their ratio counts."""


class GridError(NeuralStyleError):
    """A grid that cannot be composed, or not in the size that was asked for."""


@dataclass(frozen=True)
class Tile:
    """A place for a picture.

    Attributes:
        picture: the file; with None, or a file that cannot be read, a placeholder is drawn.
        caption: texts below the picture, each on at most two lines.
        note: what the placeholder says instead of its own reason.
        mark: the placeholder's first word.
        shape: of an original; by default that of the grid.
        fit: how a job would bring the picture to its size; empty where its proportions are kept.
    """

    picture: Path | None
    caption: tuple[str, ...] = ()
    note: str = ""
    mark: str = "missing"
    shape: Shape | None = None
    fit: str = ""


@dataclass(frozen=True)
class Row:
    """A row of tiles, one a column.

    Attributes:
        heading: at its left, read upwards.
        tiles: None where there is to be nothing.
        margin: the original that the row belongs to.
        shape: of the row's pictures; by default the grid's.
        closed: whether the next row belongs to this one: it comes close below, and the pictures
            of both lean against one another where their shapes leave room.
    """

    heading: str
    tiles: tuple[Tile | None, ...]
    margin: Tile | None = None
    shape: Shape | None = None
    closed: bool = False


@dataclass(frozen=True)
class Grid:
    """What is to be seen, without a size.

    Attributes:
        title: a name on at most two lines, or the names of a pair; shortened in the middle.
        columns: a heading a column; may be empty strings.
        rows: at least one; each with as many tiles as there are columns.
        originals: what all tiles share, at the top left.
        subtitle: a quieter text below the title, at most three lines.
        shape: of the typical picture.
    """

    title: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    originals: tuple[Tile, ...] = ()
    subtitle: str = ""
    shape: Shape = (1, 1)

    def __post_init__(self) -> None:
        """Check that the grid is a full rectangle."""
        if not self.columns or not self.rows:
            raise GridError(f"the grid {self.name!r} is empty; give it a row and a column.")
        if any(len(row.tiles) != len(self.columns) for row in self.rows):
            raise GridError(
                f"the grid {self.name!r} has rows without a tile for each of its "
                f"{len(self.columns)} columns; fill the holes with None."
            )

    @property
    def name(self) -> str:
        """The title on one line."""
        return TIMES.join(self.title)
