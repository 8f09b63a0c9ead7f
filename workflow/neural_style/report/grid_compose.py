"""The words on sheets: names of images, of settings and of sizes, and the losses below a tile."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neural_style.config.settings import Settings
from neural_style.config.sweep import LOSSES, WEIGHTS, Job, Sweep, format_number, picture_name
from neural_style.images.decode import upright_size
from neural_style.report.grid_layout import Grid, Row, Shape, Tile, bounding
from neural_style.report.outputs import Cell, Sheet
from neural_style.report.runs import reason
from neural_style.report.text import load_font

SIGNS = ("α", "β", "lr")
"""What `sweep.WEIGHTS` are called in a heading."""

_LOSSES = ("total", "content", "style")


def names_of(files: Mapping[str, Path]) -> dict[str, str]:
    """By id: the name that people gave to the file, or the id if that cannot be drawn or told."""
    font = load_font(12)
    shared = Counter(path.stem for path in files.values())

    def tells(name: str) -> bool:
        return bool(name.strip()) and font.draws(name) and shared[name] == 1

    return {key: path.stem if tells(path.stem) else key for key, path in files.items()}


def setting_labels(settings: Mapping[str, Settings]) -> tuple[dict[str, str], str]:
    """A heading for each setting by its id, and what need not be in the headings.

    A setting that the lists make is called by its weights: `α 1   β 1e6`. What all settings have
    in common is told once, in the second part, and a setting on its own needs no heading at all.
    """
    common = [name for name in WEIGHTS if len({getattr(s, name) for s in settings.values()}) == 1]
    differing = [name for name in WEIGHTS if name not in common]
    if len(settings) == 1:
        ((key, only),) = settings.items()
        return {key: ""}, _label(only, WEIGHTS) if _is_unnamed(key, only) else key
    labels = {
        key: _label(each, differing or WEIGHTS) if _is_unnamed(key, each) else key
        for key, each in settings.items()
    }
    return labels, _label(next(iter(settings.values())), common) if differing else ""


def weight_label(name: str, value: float) -> str:
    """`α 1`, `β 1e6` or `lr 1`, which is not broken across lines; six digits have to do."""
    number = format_number(float(f"{value:.6g}"))
    return f"{SIGNS[WEIGHTS.index(name)]}\N{NO-BREAK SPACE}{number}"


def size_label(sizes: Iterable[tuple[int, int] | None]) -> str:
    """The size that pictures share, or else their longer side; empty if they share neither."""
    known = {size for size in sizes if size}
    longer = {max(size) for size in known}
    if len(known) == 1:
        return "{} × {} px".format(*known.pop())
    return f"{longer.pop()} px" if len(longer) == 1 else ""


def epochs_label(epochs: Iterable[int]) -> str:
    """`1000 epochs`, or the range of them."""
    several = sorted(set(epochs))
    ends = [str(several[0]), str(several[-1])] if len(several) > 1 else [str(several[0])]
    return f"{'–'.join(ends)} epoch{'s' if several[-1] > 1 else ''}"


def paint_label(settings: Iterable[Settings]) -> str:
    """What all settings have in common beside one style everywhere: `with sea 0.5, masked`."""
    words = [list(_paint_words(each)) for each in settings]
    return ", ".join(word for word in words[0] if all(word in others for others in words))


def losses_labels(path: Path) -> dict[int, tuple[str, ...]]:
    """By epoch: a line for the total, the content and the style loss that `losses.csv` holds.

    A row that cannot be read is left out, and so are all if the file cannot be read.
    """
    labels: dict[int, tuple[str, ...]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                words = tuple(f"{name} {_short(float(row[name]))}" for name in _LOSSES)
                labels[int(row["epoch"])] = words
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        pass  # what was read before the damage is as good as it was
    return labels


def _paint_words(settings: Settings) -> Iterator[str]:
    if settings.blend:
        shares = (f"{Path(file).stem} {format_number(x)}" for file, x in settings.blend.items())
        yield f"with {' and '.join(shares)}"
    if settings.style_scales != (1.0,):
        yield f"style {' and '.join(f'×{format_number(x)}' for x in settings.style_scales)}"
    if settings.mask:
        yield "masked"
    if settings.style_mask:
        yield "style masked"


def _is_unnamed(key: str, settings: Settings) -> bool:
    return key == "_".join(format_number(getattr(settings, name)) for name in WEIGHTS)


def _label(settings: Settings, names: Iterable[str]) -> str:
    return "   ".join(weight_label(name, getattr(settings, name)) for name in names)


def _short(value: float) -> str:
    """A number rounded to three digits: 0.512, 51200, 5.12e7."""
    mantissa, _, exponent = f"{float(f'{value:.3g}'):g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


# MERGED: Which pictures to put side by side: the pages of sheets, composed as grids.


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
    """What the optimization began with."""
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
