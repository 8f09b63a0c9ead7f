"""Compose the pages of a sweep's grids: which image, heading, and caption is where.

A page is a table, or, if the table has only one row or column, lines of tiles.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from neural_style.config.settings import Settings, output_name
from neural_style.config.sweep import Job, Sweep, format_number
from neural_style.images.decode import upright_size
from neural_style.report.grid_layout import TIMES, Grid, Row, Shape, Tile, bounding
from neural_style.report.loss_table import read_losses
from neural_style.report.names import (
    SEPARATOR,
    display_names,
    format_loss,
    iterations_label,
    setting_labels,
    size_label,
    weight_label,
)
from neural_style.report.outcome import failure_reason
from neural_style.report.outputs import Cell, SweepGrid
from neural_style.report.runs import KINDS, RunError, read_run
from neural_style.report.text import load_font

_WIDEST = 12  # tiles in a row; a longer row is broken into lines
_ASPECT = 1.5  # columns per row of a page of lines


@dataclass(frozen=True)
class Names:
    """What the images of a sweep are called, by their ids."""

    contents: Mapping[str, str]
    styles: Mapping[str, str]


def read_names(sweep: Sweep) -> Names:
    """Return the names of a sweep's images that the font of the grids can draw, or their ids."""
    draws = load_font(12).draws
    return Names(display_names(sweep.contents, draws), display_names(sweep.styles, draws))


def page_title(grid: SweepGrid, path: Path, names: Names) -> str:
    """Return a title for the outline of the PDF: `content: Café, page 2`, unique in the sweep."""
    pages, job = list(grid.pages), grid.jobs[0]
    content, style = names.contents[job.content], names.styles[job.style]
    subject = {"content": content, "style": style}.get(grid.kind, f"{content}{TIMES}{style}")
    rate = weight_label("learning_rate", job.settings.learning_rate)
    parts = [
        f"{grid.kind}: {subject}",
        *([rate] if grid.kind == "weights" else []),
        *([f"page {pages.index(path) + 1}"] if len(pages) > 1 else []),
    ]
    return ", ".join(parts)


def transfer_label(settings: Iterable[Settings]) -> str:
    """Return the options of `transfer` that all settings share: `with sea 0.5, masked`."""
    parts = [list(_transfer_options(each)) for each in settings]
    return ", ".join(part for part in parts[0] if all(part in others for others in parts))


def loss_captions(folder: Path, epochs: Collection[int]) -> dict[int, tuple[str, ...]]:
    """Return by epoch a line each for the losses in a job's record.

    Content and style loss are without alpha and beta, so that settings can be compared; the sum
    with the weights is called `minimized`. An epoch whose losses cannot be read is left out.
    """
    run = None
    with suppress(RunError):
        run = read_run(folder)
    captions = {}
    for epoch, losses in read_losses(folder, epochs).items():
        kinds = run.without_weight(losses, epoch) if run else (None, None)
        values = dict(zip((*KINDS, "minimized"), (*kinds, losses.total), strict=True))
        captions[epoch] = tuple(
            f"{name} {format_loss(value)}" for name, value in values.items() if value is not None
        )
    return captions


def compose(grid: SweepGrid, path: Path, names: Names) -> Grid:
    """Compose a page of a grid.

    Args:
        grid: what is shown.
        path: which of its pages.
        names: of the images.
    """
    return _Page(grid, path, names).grid()


def _transfer_options(settings: Settings) -> Iterator[str]:
    if settings.blend:
        shares = (f"{Path(file).stem} {format_number(x)}" for file, x in settings.blend.items())
        yield f"with {' and '.join(shares)}"
    if settings.style_scales != (1.0,):
        yield f"style {' and '.join(f'×{format_number(x)}' for x in settings.style_scales)}"
    if settings.mask:
        yield "masked"
    if settings.style_mask:
        yield "style masked"


@dataclass(frozen=True)
class _Heading:
    """The heading of a row or a column: its text, and the original that it stands for."""

    text: str
    original: Tile | None = None


class _Page:
    """Composes one page of a grid."""

    def __init__(self, grid: SweepGrid, path: Path, names: Names) -> None:
        window = grid.pages[path]
        self._grid, self._path, self._names = grid, path, names
        columns = _without_starts(grid, list(window.columns))
        self._cells = [[grid.cells[y][x] for x in columns] for y in window.rows]
        # On this page a row may be empty: its setting may save fewer outputs than others.
        self._rows = [_first(grid.cells[y]) for y in window.rows]
        self._columns = [_first(row[x] for row in grid.cells) for x in columns]
        settings = {job.setting: job.settings for job in grid.jobs}
        self._labels, self._common = setting_labels(settings)
        if len(settings) == 1:  # its label is in the subtitle, not in a heading
            ((key, self._common),) = self._labels.items()
            self._labels = {key: ""}
        self._shapes = {
            job.content_path: upright_size(job.content_path) or (1, 1)
            for job in {job.content: job for job in grid.jobs}.values()
        }
        self._losses = (
            {
                job.folder: loss_captions(job.folder, (0, *job.settings.snapshots))
                for job in grid.jobs
            }
            if grid.kind == "epochs"
            else {}
        )

    def grid(self) -> Grid:
        """Return the page as a table, or in lines."""
        rows = [self._row_heading(cell) for cell in self._rows]
        columns = [self._column_heading(cell) for cell in self._columns]
        if len(self._grid.cells) > 1 and len(self._grid.cells[0]) == 1:
            return self._in_pairs(rows)
        if len(self._grid.cells) == 1 and len(columns) > _WIDEST:
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
        """Return a table of one column as lines: each original above the output made from it."""
        cells = [row[0] for row in self._cells]
        across = math.ceil(len(cells) / max(1, round(math.sqrt(len(cells) / 2 / _ASPECT))))
        rows: list[Row] = []
        for start in range(0, len(cells), across):
            part = slice(start, start + across)
            originals = tuple(heading.original for heading in headings[part])
            outputs = tuple(
                self._tile(cell, (heading.text,))
                for cell, heading in zip(cells[part], headings[part], strict=True)
            )
            holes = (None,) * (across - len(outputs))
            shape = bounding([_size(tile.image) for tile in originals if tile])
            rows.append(Row("", (*originals, *holes), shape=shape, joined=True))
            rows.append(Row("", (*outputs, *holes), shape=self._shape(cells[part])))
        return self._with_header(("",) * across, tuple(rows))

    def _in_lines(self, headings: Sequence[_Heading]) -> Grid:
        """Return a table of one long row as lines."""
        (cells,) = self._cells
        across = math.ceil(len(cells) / max(1, round(math.sqrt(len(cells) / _ASPECT))))
        rows: list[Row] = []
        for start in range(0, len(cells), across):
            part = slice(start, start + across)
            outputs = tuple(
                self._tile(cell, (heading.text, *self._captions(cell)))
                for cell, heading in zip(cells[part], headings[part], strict=True)
            )
            holes = (None,) * (across - len(outputs))
            rows.append(Row("", (*outputs, *holes), shape=self._shape(cells[part])))
        return self._with_header(("",) * across, tuple(rows), pair=True)

    def _with_header(
        self, columns: tuple[str, ...], rows: tuple[Row, ...], pair: bool = False
    ) -> Grid:
        """Return the grid with title, facts, and originals; with both images of a `pair`."""
        job = self._grid.jobs[0]
        title: tuple[str, ...]
        content, style = self._names.contents[job.content], self._names.styles[job.style]
        if self._grid.kind in ("epochs", "weights") or pair:
            title, files = (content, style), [job.content_path, job.style_path]
        elif self._grid.kind == "content":
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
        shown = [cell for row in self._cells for cell in row if cell] or self._rows
        jobs = {cell.job.folder: cell.job for cell in shown}.values()
        pages = list(self._grid.pages)
        facts = (
            size_label(upright_size(job.final_output) for job in jobs),
            iterations_label(job.settings.epochs for job in jobs),
            transfer_label(job.settings for job in jobs),
            self._common.replace(" ", "\N{NO-BREAK SPACE}"),
            f"page {pages.index(self._path) + 1} of {len(pages)}" if len(pages) > 1 else "",
        )
        return SEPARATOR.join(fact for fact in facts if fact)

    def _row_heading(self, cell: Cell) -> _Heading:
        job = cell.job
        match self._grid.kind:
            case "content":
                return _Heading(self._names.styles[job.style], Tile(job.style_path))
            case "style":
                return _Heading(self._names.contents[job.content], Tile(job.content_path))
            case "epochs":
                return _Heading(self._labels[job.setting])
            case _:
                return _Heading(weight_label("alpha", job.settings.alpha))

    def _column_heading(self, cell: Cell) -> _Heading:
        match self._grid.kind:
            case "epochs":
                return _Heading(f"iteration {cell.epoch}")
            case "weights":
                return _Heading(weight_label("beta", cell.job.settings.beta))
            case _:
                return _Heading(self._labels[cell.job.setting])

    def _captions(self, cell: Cell | None) -> tuple[str, ...]:
        """Return the losses after the iteration, on a grid of iterations."""
        return self._losses.get(cell.job.folder, {}).get(cell.epoch, ()) if cell else ()

    def _shape(self, cells: Sequence[Cell | None]) -> Shape:
        """Return the shape that holds all images of a row."""
        jobs = [cell.job for cell in cells if cell] or self._grid.jobs
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
            shown = self._grid.kind == "epochs" and len(self._grid.cells) > 1
            return _start(cell.job, caption, content_is_shown=shown)
        path = cell.job.folder / output_name(cell.epoch, cell.job.settings.format)
        note = "" if path.exists() else failure_reason(cell.job) or ""
        return Tile(path, caption, note)


def _without_starts(grid: SweepGrid, columns: list[int]) -> list[int]:
    """Return the columns without that of iteration 0 if it repeats the content image in every row.

    The content image is at the top of the page.
    """
    starts = [row[columns[0]] for row in grid.cells]
    repeated = grid.kind == "epochs" and all(
        cell and cell.epoch == 0 and cell.job.settings.starts_from_content for cell in starts
    )
    return columns[1:] if repeated and len(starts) > 1 and len(columns) > 1 else columns


def _start(job: Job, caption: tuple[str, ...], content_is_shown: bool) -> Tile:
    """Return what the optimization starts from; in words if it is on the page already.

    The content image stands for a recolored start.
    """
    settings = job.settings
    if settings.noise_share:
        mark = "noise" if settings.noise_share == 1 else f"{settings.noise_share:.0%} noise"
        return Tile(None, caption, note=f"seed {settings.seed}", mark=mark)
    if content_is_shown and settings.starts_from_content:
        return Tile(None, caption, mark="content image")
    path = job.content_path if settings.starts_from_content else Path(settings.init)
    return Tile(path, caption, fit="" if settings.saved_fit == "keep" else settings.fit)


def _first(cells: Iterable[Cell | None]) -> Cell:
    """Return a cell of a row or column of a grid, which is never empty."""
    return next(cell for cell in cells if cell)


def _size(path: Path | None) -> Shape:
    return (path and upright_size(path)) or (1, 1)
