"""The files of a sweep's report: pages of grids, plots, and the index.

Free of torch and matplotlib, since the Snakefile reads it: everything follows from the
configuration, so Snakemake knows each file before it is made.

A grid is a table of images on one page or several:

    kind      one for each     down       across
    content   content image    styles     settings
    style     style image      contents   settings
    epochs    pair of both     settings   epochs, 0 is the start
    weights   pair of both     alphas     betas; a table for each learning rate
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
from neural_style.config.sweep import Job, Sweep, setting_id
from neural_style.io import escape, write_text

_ELONGATION = 4  # a page of 60 tiles has at most √(4 · 60) ≈ 16 rows or columns


@dataclass(frozen=True)
class Cell:
    """A place in a table: the output of a job after an iteration; 0 is the image it starts from."""

    job: Job
    epoch: int


@dataclass(frozen=True)
class Window:
    """The rows and columns of a table that a page shows."""

    rows: range
    columns: range


@dataclass(frozen=True)
class SweepGrid:
    """A table of images and its pages.

    Attributes:
        kind: one of `SweepGrids.kinds`.
        cells: row by row; None where there is nothing to show, as a job may save other epochs.
        pages: the file of each page and the part of the table on it.
    """

    kind: str
    cells: tuple[tuple[Cell | None, ...], ...]
    pages: Mapping[Path, Window]

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs whose outputs are shown, each once, in the order of the table."""
        jobs = {cell.job.folder: cell.job for row in self.cells for cell in row if cell}
        return tuple(jobs.values())


@dataclass(frozen=True)
class SweepGrids:
    """All grids of a sweep.

    Attributes:
        sweep: what is shown.
        lists: the swept alphas, betas and learning rates, by name.
        format: of the pages, `jpg` or `png`.
        tiles_per_page: the most outputs of a page.
    """

    sweep: Sweep
    lists: Mapping[str, Sequence[float]]
    format: str
    tiles_per_page: int

    @property
    def folder(self) -> Path:
        """The folder of the pages."""
        return self.sweep.root / "grids"

    @property
    def pdf(self) -> Path:
        """The file with all pages of all grids."""
        return self.folder / "grids.pdf"

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of grids that this sweep has."""
        both_swept = all(len(self.lists[name]) > 1 for name in ("alpha", "beta"))
        return ("content", "style", "epochs", *(("weights",) if both_swept else ()))

    def subjects(self, kind: str) -> tuple[str, ...]:
        """Return the ids of the images that the grids of a kind are about."""
        return tuple(self.sweep.styles if kind == "style" else self.sweep.contents)

    def paths(self, kind: str, subject: str) -> list[Path]:
        """Return the pages of a kind for an image; `subject` is an id, or a wildcard for any."""
        names = self._names(kind, subject)
        return [path for name in names for path in self._pages(kind, name)]

    @property
    def all_paths(self) -> Iterator[Path]:
        """Every page, in the order of the PDF."""
        for kind in self.kinds:
            for subject in self.subjects(kind):
                yield from self.paths(kind, subject)

    def inputs(self, kind: str, subject: str) -> list[Path]:
        """Return the files that the grids of a kind show for an image."""
        jobs = self.jobs(kind, subject)
        if kind != "epochs":
            return [job.final_output for job in jobs]
        return [job.folder / name for job in jobs for name in (*output_names(job.settings), LOSSES)]

    def jobs(self, kind: str, subject: str) -> list[Job]:
        """Return the jobs that the grids of a kind show for an image."""
        settings = self.sweep.settings
        if kind == "weights":
            rates = range(len(self.lists["learning_rate"]))
            settings = {key: settings[key] for rate in rates for key in self._weights(rate)}
        if kind == "style":
            pairs = [(content, subject) for content in self.sweep.contents]
        else:
            pairs = [(subject, style) for style in self.sweep.styles]
        return [self.sweep.job(*pair, setting) for pair in pairs for setting in settings]

    def grids(self, kind: str, subject: str) -> Iterator[SweepGrid]:
        """Return the grids of a kind for an image."""
        for name in self._names(kind, subject):
            pages = self._pages(kind, name)
            for number, cells in enumerate(self._tables(kind, subject, name.name)):
                windows = self._windows(kind)
                own = pages[number * len(windows) : (number + 1) * len(windows)]
                yield SweepGrid(kind, cells, dict(zip(own, windows, strict=True)))

    def _names(self, kind: str, subject: str) -> list[Path]:
        """Return the path of the first page of each grid of an image, without suffix."""
        folder = self.folder / kind / subject
        if kind in ("content", "style"):
            return [folder]
        return [folder / style for style in self.sweep.styles]

    def _pages(self, kind: str, name: Path) -> list[Path]:
        """`cat.jpg`, `cat+2.jpg`, …: no id has a plus sign, so names are unique."""
        tables = len(self.lists["learning_rate"]) if kind == "weights" else 1
        count = tables * len(self._windows(kind))
        numbers = ["", *(f"+{number}" for number in range(2, count + 1))]
        return [name.with_name(f"{name.name}{number}.{self.format}") for number in numbers]

    def _windows(self, kind: str) -> tuple[Window, ...]:
        """Return the pages of a table of a kind; all tables of a kind have the same size."""
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
        """Return the cells of each table of a grid; `style` counts only for grids of pairs."""
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
            yield tuple(self._over_epochs(sweep.job(subject, style, key)) for key in sweep.settings)
        else:
            width = len(self.lists["beta"])
            for rate in range(len(self.lists["learning_rate"])):
                row = [sweep.job(subject, style, key) for key in self._weights(rate)]
                yield _finished(row[at : at + width] for at in range(0, len(row), width))

    @cached_property
    def _epochs(self) -> tuple[int, ...]:
        """The start, and the epochs after which any setting saves an output."""
        saved = {epoch for each in self.sweep.settings.values() for epoch in each.snapshots}
        return (0, *sorted(saved))

    def _over_epochs(self, job: Job) -> tuple[Cell | None, ...]:
        saved = {0, *job.settings.snapshots}
        return tuple(Cell(job, epoch) if epoch in saved else None for epoch in self._epochs)

    def _weights(self, rate: int) -> list[str]:
        """Return the ids of the unnamed settings of a learning rate, by alpha, then beta."""
        return [
            setting_id((alpha, beta, self.lists["learning_rate"][rate]))
            for alpha in self.lists["alpha"]
            for beta in self.lists["beta"]
        ]


def sweep_grids(sweep: Sweep, config: Mapping[str, Any]) -> SweepGrids:
    """Return the grids of a sweep, from the configuration that `complete` has checked."""
    grids = config["grids"]
    return SweepGrids(sweep, config["settings"], grids["format"], grids["tiles_per_page"])


def longest_side(most: int) -> int:
    """Return the most rows or columns of a page that holds `most` tiles."""
    return min(most, math.ceil(math.sqrt(_ELONGATION * most)))


def split(rows: int, columns: int, most: int) -> tuple[Window, ...]:
    """Cut a table into even pages of at most `most` tiles.

    A table of one row or column is cut into pages by its length alone, since a page can break it
    into lines. No page of another table is longer or wider than `longest_side(most)`.
    """
    if 1 in (rows, columns):
        return tuple(Window(a, b) for a in _parts(rows, most) for b in _parts(columns, most))
    across = _parts(columns, longest_side(most))
    height = min(longest_side(most), most // max(map(len, across)))
    return tuple(Window(down, part) for down in _parts(rows, height) for part in across)


def _parts(count: int, most: int) -> list[range]:
    """0 … count - 1 in the fewest ranges of at most `most` numbers, as even as possible."""
    parts = math.ceil(count / most)
    return [range(*ends) for ends in pairwise(count * part // parts for part in range(parts + 1))]


def _finished(rows: Iterator[list[Job]]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(tuple(Cell(job, job.settings.epochs) for job in row) for row in rows)


SUFFIXES = (".png", ".pdf")
"""Each figure is written as both: one for screens, one for print."""

QUANTITIES = ("total", "content", "style")
"""The losses over the iterations that have a figure of the whole sweep."""

MOST_PAIRS = 48
"""The most pairs in a figure of the whole sweep."""


def losses_figure(folder: Path, content: str, style: str) -> Path:
    """Return the path of the figure of a pair's losses over the iterations, without suffix."""
    return folder / "plots" / "losses" / content / style


def tradeoff_figure(folder: Path, content: str, style: str) -> Path:
    """Return the path of the figure of a pair's content and style loss, without suffix."""
    return folder / "plots" / "tradeoff" / content / style


def sweep_figure(folder: Path, quantity: str) -> Path:
    """Return the path of the figure of one of `QUANTITIES` for a whole sweep, without suffix."""
    return folder / "plots" / quantity


def time_lapse(folder: Path, content: str, style: str, setting: str) -> Path:
    """Return the file of the time-lapse of an output."""
    return folder / "time_lapses" / content / style / f"{setting}.webp"


def spread(values: Sequence[int], most: int) -> list[int]:
    """Return the values, or `most` of them evenly spaced, including the first and the last."""
    if len(values) <= most:
        return list(values)
    last = len(values) - 1
    return [values[round(step * last / (most - 1))] for step in range(most)]


def files_of(figure: Path) -> list[str]:
    """Return the files of a figure; an id may contain a dot, and keeps it."""
    return [f"{figure}{suffix}" for suffix in SUFFIXES]


def plots_of(folder: Path, contents: Iterable[str], styles: Iterable[str]) -> list[str]:
    """Return the files of all plots of some content and style images, and of the whole sweep.

    Args:
        folder: of the sweep.
        contents: ids.
        styles: ids.
    """
    figures = [
        figure(folder, content, style)
        for content, style in itertools.product(contents, styles)
        for figure in (losses_figure, tradeoff_figure)
    ]
    figures += [sweep_figure(folder, quantity) for quantity in QUANTITIES]
    return [file for figure in figures for file in files_of(figure)]


def shown_pairs(sweep: Sweep) -> list[tuple[str, str]]:
    """Return the pairs of content and style in the figures of the whole sweep."""
    return list(itertools.islice(itertools.product(sweep.contents, sweep.styles), MOST_PAIRS))


def records_of(job: Job) -> list[str]:
    """Return the records of a job, which plots read."""
    return [str(job.folder / name) for name in (LOSSES, RUN)]


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
        "result": lambda job: job.final_output,
    }
)
"""The columns of the index by name, each with its value for a job."""


def write_index(jobs: Iterable[Job], path: Path) -> None:
    """Write `index.tsv`, one line per job: which files and settings each id stands for.

    Tabs, line breaks, and backslashes in names are escaped. The file is replaced as a whole.

    Raises:
        NeuralStyleError: it cannot be written.
    """
    rows = ([escape(str(value(job))) for value in COLUMNS.values()] for job in jobs)
    write_text(path, "".join("\t".join(line) + "\n" for line in (COLUMNS, *rows)))
