"""Which pictures to put side by side: the pages of sheets, composed as grids."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neural_style.grids.headings import (
    epochs_label,
    losses_labels,
    names_of,
    paint_label,
    setting_labels,
    size_label,
    weight_label,
)
from neural_style.grids.layout import bounding
from neural_style.grids.sheets import Cell, Sheet
from neural_style.grids.tiles import Grid, Row, Shape, Tile
from neural_style.jobs.failures import reason
from neural_style.pictures.thumbnails import upright_size
from neural_style.plan.sweep import LOSSES, Job, Sweep, picture_name

_WIDEST = 12  # tiles; a longer row is broken into lines
_ASPECT = 1.5  # of the lines that a long row is broken into, and of a column's


@dataclass(frozen=True)
class Names:
    """What the images of a sweep are called, by their ids."""

    contents: Mapping[str, str]
    styles: Mapping[str, str]


def read_names(sweep: Sweep) -> Names:
    """The names of a sweep's images; needed once for all its sheets."""
    return Names(names_of(sweep.contents), names_of(sweep.styles))


def compose(sheet: Sheet, path: Path, names: Names) -> Grid:
    """Put the pictures of a page in order: as a table, or in lines if the table is but one line.

    Args:
        sheet: what is shown.
        path: which of its pages.
        names: of the images.
    """
    return _Page(sheet, path, names).grid()


@dataclass(frozen=True)
class _Heading:
    """The head of a row or a column: its words, and the original that it stands for."""

    text: str
    original: Tile | None = None


class _Page:
    """A page on its way from a table to a grid."""

    def __init__(self, sheet: Sheet, path: Path, names: Names) -> None:
        window = sheet.pages[path]
        self._sheet, self._path, self._names = sheet, path, names
        self._cells = [[sheet.cells[y][x] for x in window.columns] for y in window.rows]
        settings = {job.setting: job.settings for job in sheet.jobs}
        self._labels, self._common = setting_labels(settings)
        self._shapes = {
            job.content_path: upright_size(job.content_path) or (1, 1)
            for job in {job.content: job for job in sheet.jobs}.values()
        }
        self._losses = (
            {job.folder: losses_labels(job.folder / LOSSES) for job in sheet.jobs}
            if sheet.kind == "epochs"
            else {}
        )

    def grid(self) -> Grid:
        """The page as a table, or in lines."""
        rows = [self._row_heading(_first(row)) for row in self._cells]
        columns = [
            self._column_heading(_first(column)) for column in zip(*self._cells, strict=True)
        ]
        if len(self._sheet.cells) > 1 and len(self._sheet.cells[0]) == 1:
            return self._in_pairs(rows)
        if len(self._sheet.cells) == 1 and len(columns) > _WIDEST:
            return self._in_lines(columns)
        return self._table(rows, columns)

    def _table(self, headings: Sequence[_Heading], columns: Sequence[_Heading]) -> Grid:
        rows = tuple(
            Row(
                heading=heading.text,
                tiles=tuple(self._tile(cell, self._captions(cell)) for cell in row),
                margin=heading.original,
                shape=self._shape(row),
            )
            for heading, row in zip(headings, self._cells, strict=True)
        )
        return self._with_header(tuple(column.text for column in columns), rows)

    def _in_pairs(self, headings: Sequence[_Heading]) -> Grid:
        """A table of one column: its originals, and below each the picture made of it."""
        cells = [row[0] for row in self._cells]
        across = math.ceil(len(cells) / max(1, round(math.sqrt(len(cells) / 2 / _ASPECT))))
        rows: list[Row] = []
        for start in range(0, len(cells), across):
            line = slice(start, start + across)
            originals = tuple(heading.original for heading in headings[line])
            made = tuple(
                self._tile(cell, (heading.text,))
                for cell, heading in zip(cells[line], headings[line], strict=True)
            )
            holes = (None,) * (across - len(made))
            shape = bounding([_size(tile.picture) for tile in originals if tile])
            rows.append(Row("", (*originals, *holes), shape=shape, closed=True))
            rows.append(Row("", (*made, *holes), shape=self._shape(cells[line])))
        return self._with_header(("",) * across, tuple(rows))

    def _in_lines(self, headings: Sequence[_Heading]) -> Grid:
        """A table of one row that is too long for one line."""
        (cells,) = self._cells
        across = math.ceil(len(cells) / max(1, round(math.sqrt(len(cells) / _ASPECT))))
        rows: list[Row] = []
        for start in range(0, len(cells), across):
            line = slice(start, start + across)
            made = tuple(
                self._tile(cell, (heading.text, *self._captions(cell)))
                for cell, heading in zip(cells[line], headings[line], strict=True)
            )
            holes = (None,) * (across - len(made))
            rows.append(Row("", (*made, *holes), shape=self._shape(cells[line])))
        return self._with_header(("",) * across, tuple(rows), pair=True)

    def _with_header(
        self, columns: tuple[str, ...], rows: tuple[Row, ...], pair: bool = False
    ) -> Grid:
        """The grid of rows below title, facts and originals; of a `pair`, both of them."""
        job = self._sheet.jobs[0]
        title: tuple[str, ...]
        content, style = self._names.contents[job.content], self._names.styles[job.style]
        if self._sheet.kind in ("epochs", "weights") or pair:
            title, files = (content, style), [job.content_path, job.style_path]
        elif self._sheet.kind == "content":
            title, files = (content,), [job.content_path]
        else:
            title, files = (style,), [job.style_path]
        return Grid(
            title=title,
            columns=columns,
            rows=rows,
            originals=tuple(Tile(path, shape=_size(path)) for path in files),
            subtitle=self._facts(),
        )

    def _facts(self) -> str:
        jobs = {cell.job.folder: cell.job for row in self._cells for cell in row if cell}.values()
        pages = list(self._sheet.pages)
        facts = (
            size_label(upright_size(job.result) for job in jobs),
            epochs_label(job.settings.epochs for job in jobs),
            paint_label(job.settings for job in jobs),
            self._common.replace(" ", "\N{NO-BREAK SPACE}"),
            f"page {pages.index(self._path) + 1} of {len(pages)}" if len(pages) > 1 else "",
        )
        return "  ·  ".join(fact for fact in facts if fact)

    def _row_heading(self, cell: Cell) -> _Heading:
        job = cell.job
        match self._sheet.kind:
            case "content":
                return _Heading(self._names.styles[job.style], Tile(job.style_path))
            case "style":
                return _Heading(self._names.contents[job.content], Tile(job.content_path))
            case "epochs":
                return _Heading(self._labels[job.setting])
            case _:
                return _Heading(weight_label("alpha", job.settings.alpha))

    def _column_heading(self, cell: Cell) -> _Heading:
        match self._sheet.kind:
            case "epochs":
                return _Heading(f"epoch {cell.epoch}")
            case "weights":
                return _Heading(weight_label("beta", cell.job.settings.beta))
            case _:
                return _Heading(self._labels[cell.job.setting])

    def _captions(self, cell: Cell | None) -> tuple[str, ...]:
        """The losses after the epoch, on a strip."""
        return self._losses.get(cell.job.folder, {}).get(cell.epoch, ()) if cell else ()

    def _shape(self, cells: Sequence[Cell | None]) -> Shape:
        """The shape of a row's pictures."""
        jobs = [cell.job for cell in cells if cell]
        return bounding(
            [
                self._shapes[j.content_path] if j.settings.saved_fit == "keep" else (1, 1)
                for j in jobs
            ]
        )

    def _tile(self, cell: Cell | None, caption: tuple[str, ...]) -> Tile | None:
        if cell is None:
            return None
        if cell.epoch == 0:
            return _start(cell.job, caption)
        path = cell.job.folder / picture_name(cell.epoch, cell.job.settings.format)
        note = "" if path.exists() else reason(cell.job) or ""
        return Tile(path, caption, note)


def _start(job: Job, caption: tuple[str, ...]) -> Tile:
    """What the optimisation began with."""
    settings = job.settings
    if settings.noise_share:
        mark = "noise" if settings.noise_share == 1 else f"{settings.noise_share:.0%} noise"
        return Tile(None, caption, note=f"seed {settings.seed}", mark=mark)
    path = job.content_path if settings.init == "content" else Path(settings.init)
    return Tile(path, caption, fit="" if settings.saved_fit == "keep" else settings.fit)


def _first(cells: Sequence[Cell | None]) -> Cell:
    """A cell that stands for its row or column; there is one in each."""
    return next(cell for cell in cells if cell)


def _size(path: Path | None) -> Shape:
    return (path and upright_size(path)) or (1, 1)
