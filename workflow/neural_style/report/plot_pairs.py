"""Read the runs of a sweep by pairs of content and style, and draw the files of their plots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from neural_style.config.sweep import Job, Sweep
from neural_style.errors import NeuralStyleError
from neural_style.io import remove_leftovers
from neural_style.report.figure import can_draw, plot_style
from neural_style.report.loss_table import Curves, read_curves
from neural_style.report.names import display_names, setting_labels
from neural_style.report.outcome import failure_reason
from neural_style.report.outputs import (
    QUANTITIES,
    files_of,
    losses_figure,
    shown_pairs,
    sweep_figure,
    tradeoff_figure,
)
from neural_style.report.plot_losses import Pair, PairRun, plot_pair, plot_sweep
from neural_style.report.plot_tradeoff import plot_tradeoff
from neural_style.report.runs import RunError

MOST_SETTINGS = 36
"""The most settings in a figure; as many line styles differ in print."""

_NAMED = 4  # missing runs that are named before the rest is counted


class PlotError(NeuralStyleError):
    """A plot is requested that the sweep does not have."""


class PairReader:
    """Reads the runs of a sweep, one pair at a time."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._contents = display_names(sweep.contents, can_draw)
        self._styles = display_names(sweep.styles, can_draw)
        self._settings = list(sweep.settings)[:MOST_SETTINGS]
        self._labels, self._common = setting_labels(sweep.settings)

    def read(self, content: str, style: str) -> Pair:
        """Return the pair of two ids; a job without a usable record becomes a note."""
        runs: list[PairRun] = []
        missing: list[tuple[str, str]] = []
        for number, setting in enumerate(self._settings):
            job = self._sweep.job(content, style, setting)
            try:
                runs.append(PairRun(self._labels[setting], number, _curves(job)))
            except RunError as error:
                missing.append((self._labels[setting], str(error)))
        return Pair(
            content=self._contents[content],
            style=self._styles[style],
            labels=tuple(self._labels[setting] for setting in self._settings),
            common=self._common,
            runs=tuple(runs),
            notes=(*_missing_notes(missing), *self._cut_note()),
        )

    def _cut_note(self) -> list[str]:
        shown, every = len(self._settings), len(self._sweep.settings)
        return [f"The first {shown} of {every} settings are shown."] if shown < every else []


def draw_pairs(sweep: Sweep, content: str) -> None:
    """Draw losses and trade-off of every pair of a content image.

    No other process may draw the same figures meanwhile.

    Raises:
        PlotError: the sweep has no such content image.
        NeuralStyleError: a file cannot be written.
    """
    if content not in sweep.contents:
        index = sweep.root / "index.tsv"
        raise PlotError(f"the sweep has no content image {content!r}; {index} lists the ids.")
    folder = sweep.root
    for figure in (losses_figure, tradeoff_figure):
        _remove_leftovers(figure(folder, content, style) for style in sweep.styles)
    reader = PairReader(sweep)
    with plot_style():
        for style in sweep.styles:
            pair = reader.read(content, style)
            plot_pair(pair).save(losses_figure(folder, content, style))
            plot_tradeoff(pair).save(tradeoff_figure(folder, content, style))


def draw_sweep(sweep: Sweep) -> None:
    """Draw each of `QUANTITIES` for all pairs of a sweep, one figure each, as small multiples.

    No other process may draw the same figures meanwhile.

    Raises:
        NeuralStyleError: a file cannot be written.
    """
    _remove_leftovers(sweep_figure(sweep.root, quantity) for quantity in QUANTITIES)
    shown = shown_pairs(sweep)
    every = len(sweep.contents) * len(sweep.styles)
    note = ""
    if len(shown) < every:
        folder = sweep.root / "plots" / "losses"
        note = f"The first {len(shown)} of {every} pairs; {folder} has a figure of each."
    reader = PairReader(sweep)
    pairs = [reader.read(content, style) for content, style in shown]
    with plot_style():
        for quantity in QUANTITIES:
            page = plot_sweep(pairs, quantity, len(sweep.styles), note)
            page.save(sweep_figure(sweep.root, quantity))


def _missing_notes(missing: Sequence[tuple[str, str]]) -> list[str]:
    """Return sentences about jobs that cannot be drawn, from their labels and the reasons."""
    named = [f"Not drawn: {label} ({why.rstrip('.')})." for label, why in missing[:_NAMED]]
    rest = len(missing) - len(named)
    return [*named, f"{rest} more are not drawn."] if rest else named


def _curves(job: Job) -> Curves:
    """Return the losses of a job.

    Raises:
        RunError: the job has no output, or no usable record; the message is the reason.
    """
    if reason := failure_reason(job):
        raise RunError(reason)
    return read_curves(job.folder)


def _remove_leftovers(figures: Iterable[Path]) -> None:
    remove_leftovers(Path(name) for figure in figures for name in files_of(figure))
