"""Which sheets a sweep has: their tables, their pages, their files. Free of torch.

A sheet is a table of pictures over one page or several:

    kind      one for each     down       across
    content   content image    styles     settings
    style     style image      contents   settings
    epochs    pair of both     settings   epochs, 0 being the start
    weights   pair of both     alphas     betas; a table for each learning rate

Pages are counted from the configuration alone, so that Snakemake knows each file beforehand.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from neural_style.config.settings import LOSSES, RUN, output_names
from neural_style.config.sweep import RESULTS, Job, Sweep, format_number
from neural_style.io import escape, write_text

GRIDS = RESULTS / "grids"
PDF = GRIDS / "grids.pdf"
"""All pages of all sheets."""

_BREADTH = 4  # rows or columns of the longest page, squared, for a tile: 16 of 60


@dataclass(frozen=True)
class Cell:
    """A place in a table: the picture of a job after an epoch, 0 being what it starts from."""

    job: Job
    epoch: int


@dataclass(frozen=True)
class Window:
    """The rows and columns of a table that a page shows."""

    rows: range
    columns: range


@dataclass(frozen=True)
class Sheet:
    """A table and its pages.

    Attributes:
        kind: one of `Sheets.kinds`.
        cells: row by row; None where there is nothing to show, as a job may save other epochs.
        pages: the file of each page and the part of the table on it.
    """

    kind: str
    cells: tuple[tuple[Cell | None, ...], ...]
    pages: Mapping[Path, Window]

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs whose pictures are shown, each once, in the order of the table."""
        jobs = {cell.job.folder: cell.job for row in self.cells for cell in row if cell}
        return tuple(jobs.values())


@dataclass(frozen=True)
class Sheets:
    """All sheets of a sweep.

    Attributes:
        sweep: what is shown.
        lists: the swept alphas, betas and learning rates, by name.
        format: of the pages, `jpg` or `png`.
        tiles_per_page: the most pictures of a page, originals not counted.
    """

    sweep: Sweep
    lists: Mapping[str, Sequence[float]]
    format: str
    tiles_per_page: int

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of sheets that this sweep has."""
        matrices = all(len(self.lists[name]) > 1 for name in ("alpha", "beta"))
        return ("content", "style", "epochs", *(("weights",) if matrices else ()))

    def subjects(self, kind: str) -> tuple[str, ...]:
        """The ids of the images that the sheets of a kind are about."""
        return tuple(self.sweep.styles if kind == "style" else self.sweep.contents)

    def paths(self, kind: str, subject: str) -> list[Path]:
        """The pages of a kind for an image; `subject` is an id, or a wildcard for any."""
        names = self._names(kind, subject)
        return [path for name in names for path in self._pages(kind, name)]

    @property
    def all_paths(self) -> Iterator[Path]:
        """Every page, in the order of the PDF."""
        for kind in self.kinds:
            for subject in self.subjects(kind):
                yield from self.paths(kind, subject)

    def inputs(self, kind: str, subject: str) -> list[Path]:
        """The results that the sheets of a kind show for an image."""
        jobs = self.jobs(kind, subject)
        if kind != "epochs":
            return [job.result for job in jobs]
        return [job.folder / name for job in jobs for name in (*output_names(job.settings), LOSSES)]

    def jobs(self, kind: str, subject: str) -> list[Job]:
        """The jobs that the sheets of a kind show for an image."""
        settings = self.sweep.settings
        if kind == "weights":
            rates = range(len(self.lists["learning_rate"]))
            settings = {key: settings[key] for rate in rates for key in self._weights(rate)}
        if kind == "style":
            pairs = [(content, subject) for content in self.sweep.contents]
        else:
            pairs = [(subject, style) for style in self.sweep.styles]
        return [self.sweep.job(*pair, setting) for pair in pairs for setting in settings]

    def sheets(self, kind: str, subject: str) -> Iterator[Sheet]:
        """The sheets of a kind for an image."""
        for name in self._names(kind, subject):
            pages = self._pages(kind, name)
            for number, cells in enumerate(self._tables(kind, subject, name.name)):
                windows = self._windows(kind)
                own = pages[number * len(windows) : (number + 1) * len(windows)]
                yield Sheet(kind, cells, dict(zip(own, windows, strict=True)))

    def _names(self, kind: str, subject: str) -> list[Path]:
        """The sheets of an image by what their files have in common."""
        folder = GRIDS / kind / subject
        if kind in ("content", "style"):
            return [folder]
        return [folder / style for style in self.sweep.styles]

    def _pages(self, kind: str, name: Path) -> list[Path]:
        """`cat.jpg`, `cat+2.jpg`, …: no id has a plus sign, so no page is taken for another."""
        tables = len(self.lists["learning_rate"]) if kind == "weights" else 1
        count = tables * len(self._windows(kind))
        numbers = ["", *(f"+{number}" for number in range(2, count + 1))]
        return [name.with_name(f"{name.name}{number}.{self.format}") for number in numbers]

    def _windows(self, kind: str) -> tuple[Window, ...]:
        """The pages of a table of a kind; all its tables are of the same size."""
        settings, most = len(self.sweep.settings), self.tiles_per_page
        match kind:
            case "content":
                return split(len(self.sweep.styles), settings, most)
            case "style":
                return split(len(self.sweep.contents), settings, most)
            case "epochs":
                return split(settings, len(self._epochs), most)
            case _:
                return split(len(self.lists["alpha"]), len(self.lists["beta"]), most)

    def _tables(
        self, kind: str, subject: str, style: str
    ) -> Iterator[tuple[tuple[Cell | None, ...], ...]]:
        """The cells of each table of a sheet; `style` counts for those of a pair."""
        sweep = self.sweep
        if kind == "content":
            yield _finished(
                [sweep.job(subject, style, key) for key in sweep.settings] for style in sweep.styles
            )
        elif kind == "style":
            yield _finished(
                [sweep.job(content, subject, key) for key in sweep.settings]
                for content in sweep.contents
            )
        elif kind == "epochs":
            jobs = [sweep.job(subject, style, key) for key in sweep.settings]
            yield tuple(tuple(self._cell(job, epoch) for epoch in self._epochs) for job in jobs)
        else:
            width = len(self.lists["beta"])
            for rate in range(len(self.lists["learning_rate"])):
                row = [sweep.job(subject, style, key) for key in self._weights(rate)]
                yield _finished(row[at : at + width] for at in range(0, len(row), width))

    @cached_property
    def _epochs(self) -> tuple[int, ...]:
        """The start, and the epochs after which any setting saves a picture."""
        saved = {epoch for each in self.sweep.settings.values() for epoch in each.snapshots}
        return (0, *sorted(saved))

    def _cell(self, job: Job, epoch: int) -> Cell | None:
        return Cell(job, epoch) if epoch in (0, *job.settings.snapshots) else None

    def _weights(self, rate: int) -> list[str]:
        """The ids of the settings of a learning rate, by alpha, then beta; without the named."""
        return [
            "_".join(map(format_number, (alpha, beta, self.lists["learning_rate"][rate])))
            for alpha in self.lists["alpha"]
            for beta in self.lists["beta"]
        ]


def sheets_of(sweep: Sweep, config: Mapping[str, Any]) -> Sheets:
    """The sheets of a sweep and the configuration that `config.complete` has checked."""
    grids = config["grids"]
    return Sheets(sweep, config["settings"], grids["format"], grids["tiles_per_page"])


def breadth(most: int) -> int:
    """The most rows or columns that a page of `most` tiles is given."""
    return min(most, math.ceil(math.sqrt(_BREADTH * most)))


def split(rows: int, columns: int, most: int) -> tuple[Window, ...]:
    """Cut a table into even pages of at most `most` tiles.

    A line, be it a row or a column, is cut into pages as it is, since it can be broken anywhere
    on its page. Of other tables no page is longer or wider than `breadth(most)`.
    """
    if 1 in (rows, columns):
        return tuple(Window(a, b) for a in _parts(rows, most) for b in _parts(columns, most))
    across = _parts(columns, breadth(most))
    height = min(breadth(most), most // max(map(len, across)))
    return tuple(Window(down, part) for down in _parts(rows, height) for part in across)


def _parts(count: int, most: int) -> list[range]:
    """0 … count - 1 in as few ranges of at most `most` as there can be, as even as can be."""
    parts = math.ceil(count / most)
    return [range(*ends) for ends in pairwise(count * part // parts for part in range(parts + 1))]


def _finished(rows: Iterator[list[Job]]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(tuple(Cell(job, job.settings.epochs) for job in row) for row in rows)


# MERGED: The files of the plots, and what they are made of. Free of matplotlib: the Snakefile reads it.


PLOTS = RESULTS / "plots"
SUFFIXES = (".png", ".pdf")
"""Each figure is written as both: one for screens, one for print."""

QUANTITIES = ("total", "content", "style")
"""What the figures of the whole sweep show, one each."""

MOST_PAIRS = 48
"""Pairs in a figure of the whole sweep."""


def losses_figure(content: str, style: str) -> Path:
    """The losses of a pair over the epochs, without suffix."""
    return PLOTS / "losses" / content / style


def tradeoff_figure(content: str, style: str) -> Path:
    """Content loss against style loss of a pair, without suffix."""
    return PLOTS / "tradeoff" / content / style


def sweep_figure(quantity: str) -> Path:
    """One of `QUANTITIES` over the epochs for the pairs of a sweep, without suffix."""
    return PLOTS / quantity


def files_of(figure: Path) -> list[str]:
    """The files of a figure; an id may hold a dot, and keeps it."""
    return [f"{figure}{suffix}" for suffix in SUFFIXES]


def plots_of(contents: Iterable[str], styles: Iterable[str]) -> list[str]:
    """Every file of the plots of these content and style images, and those of the whole sweep."""
    figures = [
        make(content, style)
        for content, style in itertools.product(contents, styles)
        for make in (losses_figure, tradeoff_figure)
    ]
    figures += map(sweep_figure, QUANTITIES)
    return [file for figure in figures for file in files_of(figure)]


def shown_pairs(sweep: Sweep) -> list[tuple[str, str]]:
    """The pairs of content and style in the figures of the whole sweep, the first of all."""
    return list(itertools.islice(itertools.product(sweep.contents, sweep.styles), MOST_PAIRS))


def records_of(job: Job) -> list[str]:
    """What a job writes about itself."""
    return [str(job.folder / name) for name in (LOSSES, RUN)]


# MERGED: `results/index.tsv`: which file, style and setting each id stands for.


COLUMNS: Mapping[str, Callable[[Job], object]] = MappingProxyType(
    {
        "content": lambda job: job.content,
        "style": lambda job: job.style,
        "setting": lambda job: job.setting,
        "content_path": lambda job: job.content_path,
        "style_path": lambda job: job.style_path,
        "alpha": lambda job: job.settings.alpha,
        "beta": lambda job: job.settings.beta,
        "learning_rate": lambda job: job.settings.learning_rate,
        "epochs": lambda job: job.settings.epochs,
        "result": lambda job: job.result,
    }
)
"""The columns by name, each with what it says of a job; `result` may not be there yet."""


def write_index(jobs: Iterable[Job], path: Path) -> None:
    """Write a line a job, atomically. Tabs, line breaks and backslashes in names are escaped."""
    rows = ([escape(str(fact(job))) for fact in COLUMNS.values()] for job in jobs)
    write_text(path, "".join("\t".join(line) + "\n" for line in (COLUMNS, *rows)))
