"""The files of the plots, and what they are made of. Free of matplotlib: the Snakefile reads it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

from neural_style.plan.sweep import LOSSES, RESULTS, RUN, Job, Sweep

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
