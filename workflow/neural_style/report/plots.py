"""From a sweep to the files of its plots."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from neural_style.config.sweep import Sweep
from neural_style.errors import NeuralStyleError
from neural_style.io import remove_leftovers
from neural_style.report.figure import plot_style
from neural_style.report.outputs import (
    PLOTS,
    QUANTITIES,
    files_of,
    losses_figure,
    shown_pairs,
    sweep_figure,
    tradeoff_figure,
)
from neural_style.report.plot_losses import plot_pair, plot_sweep
from neural_style.report.plot_pairs import Pairs
from neural_style.report.plot_tradeoff import plot_tradeoff


class PlotError(NeuralStyleError):
    """Something is asked for that the sweep does not hold."""


def draw_pairs(sweep: Sweep, content: str) -> None:
    """Draw losses and trade-off of every pair of a content image; be alone in doing so.

    Raises:
        PlotError: the sweep has no such content image.
        NeuralStyleError: a file cannot be written.
    """
    if content not in sweep.contents:
        raise PlotError(
            f"the sweep has no content image {content!r}; results/index.tsv lists the ids."
        )
    for make in (losses_figure, tradeoff_figure):
        _tidy(make(content, style) for style in sweep.styles)
    pairs = Pairs(sweep)
    with plot_style():
        for style in sweep.styles:
            pair = pairs.read(content, style)
            plot_pair(pair).save(losses_figure(content, style))
            plot_tradeoff(pair).save(tradeoff_figure(content, style))


def draw_sweep(sweep: Sweep) -> None:
    """Draw the small multiples of a sweep, a figure a quantity; be alone in doing so.

    Raises:
        NeuralStyleError: a file cannot be written.
    """
    _tidy(map(sweep_figure, QUANTITIES))
    shown = shown_pairs(sweep)
    every = len(sweep.contents) * len(sweep.styles)
    note = ""
    if len(shown) < every:
        note = f"The first {len(shown)} of {every} pairs; all have figures in {PLOTS / 'losses'}."
    reader = Pairs(sweep)
    pairs = [reader.read(content, style) for content, style in shown]
    with plot_style():
        for quantity in QUANTITIES:
            page = plot_sweep(pairs, quantity, len(sweep.styles), note)
            page.save(sweep_figure(quantity))


def _tidy(figures: Iterable[Path]) -> None:
    """Remove what killed processes have left of figures that are to be drawn."""
    remove_leftovers(Path(name) for figure in figures for name in files_of(figure))
