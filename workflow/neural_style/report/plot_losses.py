"""Plot losses over the iterations: one pair with all its terms, or all pairs of a sweep."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from neural_style.report.figure import (
    GRAY,
    LEFT,
    MARGIN,
    RIGHT,
    SMALL,
    TEXT,
    WIDTH,
    LineStyle,
    Page,
    families,
    in_order,
    line_styles,
    scale_log,
    shorten_names,
    width_in,
)
from neural_style.report.loss_table import Curves, Values
from neural_style.report.names import SEPARATOR, iterations_label, size_label
from neural_style.report.outputs import QUANTITIES
from neural_style.report.runs import KINDS, Run
from neural_style.report.text import wrap

MOST_POINTS = 2000
"""Iterations of a line; of a longer run every second, third … is drawn, and the last."""

_MARKS = 7  # markers along a line

ITERATION = "iteration"
LOSS = "loss (dimensionless)"
TITLES = MappingProxyType(
    {
        "total": "total = α · content + β · style",
        "content": "content loss (without α)",
        "style": "style loss (without β)",
    }
)
"""Titles of the panels."""

KINDS_OF_LOSSES = MappingProxyType(
    {"content_loss": "squared", "content_focus": 0.0, "style_loss": "gram"}
)
"""Settings beside the layers that change what a loss is → the value of older records, which lack
them."""

MOST_LAYERS = 24
"""The most panels of layers in a figure."""

MOST_COLUMNS = 6
"""The most panels side by side in the figure of a sweep."""

_GAPS = (0.56, 0.46)  # inches between panels: for the ticks and for two lines of a title


@dataclass(frozen=True)
class PairRun:
    """The run of one setting of a pair.

    Attributes:
        label: of the setting, in the legend.
        number: its place among the shown settings of the sweep, which decides its line style.
        curves: its losses.
    """

    label: str
    number: int
    curves: Curves

    @property
    def record(self) -> Run:
        """The record of the run."""
        return self.curves.run


@dataclass(frozen=True)
class Pair:
    """The runs of a content image with a style image.

    Attributes:
        content: name of the content image.
        style: name of the style image.
        labels: of all shown settings, whether they have a run or not.
        common: the values that all settings share, such as `α 1   lr 1`.
        runs: the settings that have run.
        notes: sentences about those that are left out.
    """

    content: str
    style: str
    labels: tuple[str, ...]
    common: str
    runs: tuple[PairRun, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """A loss of one setting in a panel.

    Attributes:
        epochs: [N].
        values: [N], above 0 and finite; NaN where there is a gap.
        style: how it is drawn.
    """

    epochs: Values
    values: Values
    style: LineStyle


def quantity(curves: Curves, name: str) -> Values | None:
    """Return a loss over the iterations, [E]; None if the run does not have it.

    Args:
        curves: of the run.
        name: `total`, as it was minimized; or `content`, `style`, or a term, without its weight.
    """
    if name == "total":
        return curves.total
    return curves.unweighted(name) if "/" in name else curves.loss(name)


def lines_of(runs: Iterable[PairRun], name: str, styles: Sequence[LineStyle]) -> list[Line]:
    """Return a loss of each run that has it, with gaps where it has no logarithm."""
    lines: list[Line] = []
    for run in runs:
        values = quantity(run.curves, name)
        if values is None:
            continue
        kept = _thinned(len(values))
        positive = np.where(np.isfinite(values) & (values > 0), values, np.nan)[kept]
        if np.isfinite(positive).any():
            epochs = run.curves.epochs[kept].astype(np.float64)
            lines.append(Line(epochs, positive, styles[run.number]))
    return lines


def draw_panel(axes: Axes, lines: Sequence[Line], title: str, finished: bool) -> None:
    """Draw lines on a logarithmic scale over the iterations from 0; say why if there are none.

    Args:
        axes: to draw on.
        lines: of the runs.
        title: of the panel.
        finished: whether there is a run at all.
    """
    axes.set_title(in_order(title), family=families(title))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
    if not lines:
        empty = "no value above 0" if finished else "no finished run"
        axes.set_axis_off()
        axes.text(0.04, 0.5, empty, fontsize=SMALL, color=GRAY, transform=axes.transAxes)
        return
    for number, line in enumerate(lines):
        step = max(1, len(line.epochs) // _MARKS)
        axes.plot(
            line.epochs,
            line.values,
            color=line.style.color,
            linestyle=line.style.dash,
            marker=line.style.marker,
            # Markers of coinciding lines are at different epochs, so that all are seen.
            markevery=(number * step // max(1, len(lines)), step),
        )
    last = max(float(line.epochs[-1]) for line in lines)
    axes.set_xlim(0, max(1.0, last))
    every = np.concatenate([line.values for line in lines])
    scale_log(axes, "y", float(np.nanmin(every)), float(np.nanmax(every)))


def _thinned(count: int) -> list[int]:
    """Return the indices of about `MOST_POINTS` epochs out of `count`, including the last."""
    step = math.ceil(count / MOST_POINTS)
    return sorted({*range(0, count, step), count - 1})


def plot_pair(pair: Pair) -> Page:
    """Plot total, content, and style loss and each layer over the iterations, one line per setting.

    The only layer of a kind has no panel: it would repeat that of its kind up to a factor.
    """
    terms = _terms(pair)
    panels = [*QUANTITIES, *terms[:MOST_LAYERS]]
    page = Page()
    page.heading((pair.content, pair.style), ": losses over the iterations", facts_of(pair))
    columns = 4
    rows = math.ceil(len(panels) / columns)
    styles = line_styles(len(pair.labels))
    made = page.panels(rows, columns, 1.3, _GAPS)
    width = (WIDTH - LEFT - RIGHT - (columns - 1) * _GAPS[0]) / columns
    for number, axes in enumerate(made):
        if number >= len(panels):
            axes.remove()
            continue
        available = width + (RIGHT if number % columns == columns - 1 else _GAPS[0]) - MARGIN
        title = "\n".join(wrap(_title(panels[number], [pair]), width_in(TEXT), available, 2))
        draw_panel(axes, lines_of(pair.runs, panels[number], styles), title, bool(pair.runs))
        if number % columns == 0:
            page.label_y(axes, LOSS)
        if number + columns >= len(panels):
            axes.set_xlabel(ITERATION)
    page.legend(pair.labels, styles)  # of all settings, so that a missing one is noticed
    left_out = len(terms) - MOST_LAYERS
    page.notes(
        [
            "Each panel has its own scale, as its losses are of another magnitude.",
            *_total_note([pair]),
            *_zero_notes(pair),
            *kind_notes([run.record for run in pair.runs]),
            *([f"{left_out} more layers are not shown."] if left_out > 0 else []),
            *pair.notes,
        ]
    )
    return page


def plot_sweep(pairs: Sequence[Pair], name: str, style_count: int, note: str = "") -> Page:
    """Plot one loss over the iterations in small multiples: a panel per pair, all on one scale.

    Args:
        pairs: to show, by content, then style; at least one.
        name: one of `QUANTITIES`.
        style_count: number of style images; if several fit, every content image has a row.
        note: a sentence about what is left out.
    """
    columns = min(len(pairs), style_count if style_count > 1 else MOST_COLUMNS, MOST_COLUMNS)
    rows = math.ceil(len(pairs) / columns)
    styles = line_styles(len(pairs[0].labels))
    page = Page()
    contents = {pair.content for pair in pairs}
    whose = pairs[0].content if len(contents) == 1 else f"{len(pairs)} pairs"
    page.heading((whose,), f": {_title(name, pairs)}, over the iterations", pairs[0].common)
    made = page.panels(rows, columns, 1.05, (0.28, 0.34))
    drawn = [lines_of(pair.runs, name, styles) for pair in pairs]
    for axes, pair, lines in zip(made, pairs, drawn, strict=False):
        width = (WIDTH - LEFT - RIGHT) / columns - 0.3
        names = (pair.style,) if len(contents) == 1 else (pair.content, pair.style)
        draw_panel(axes, lines, shorten_names(names, TEXT, width), bool(pair.runs))
    _share_scales(page, made, drawn, columns)
    for axes in made[len(pairs) :]:
        axes.remove()
    page.legend(pairs[0].labels, styles)
    kinds = kind_notes([run.record for pair in pairs for run in pair.runs])
    totals = _total_note(pairs) if name == "total" else []
    page.notes([*([note] if note else []), *totals, *_missing_note(pairs), *kinds])
    return page


def facts_of(pair: Pair) -> str:
    """Return what the runs of a pair have in common: weights, size, epochs."""
    sizes = size_label(run.record.size for run in pair.runs)
    epochs = iterations_label(int(run.curves.epochs[-1]) for run in pair.runs)
    return SEPARATOR.join(fact for fact in (pair.common, sizes, epochs) if fact)


def kind_notes(runs: Sequence[Run]) -> list[str]:
    """Return why the losses of runs cannot be compared although they are without weights."""
    settings = [run.settings for run in runs]
    layers = {repr([sorted(each[f"{kind}_layers"].items()) for kind in KINDS]) for each in settings}
    notes = []
    if len(layers) > 1:
        notes.append("The settings compare different layers, so that their losses differ in kind.")
    for key, default in KINDS_OF_LOSSES.items():
        if len({str(each.get(key, default)) for each in settings}) > 1:
            kind = key.partition("_")[0]
            notes.append(f"The settings differ in {key}: do not compare their {kind} losses.")
    return notes


def _share_scales(
    page: Page, made: Sequence[Axes], drawn: Sequence[Sequence[Line]], columns: int
) -> None:
    """Give all panels the same limits, also an empty one; label only the outer axes."""
    lines = [line for each in drawn for line in each]
    if not lines:
        return
    every = np.concatenate([line.values for line in lines])
    last = max(float(line.epochs[-1]) for line in lines)
    for number, axes in enumerate(made[: len(drawn)]):
        axes.set_axis_on()
        scale_log(axes, "y", float(np.nanmin(every)), float(np.nanmax(every)))
        axes.set_xlim(0, max(1.0, last))
        if number % columns == 0:
            page.label_y(axes, LOSS)
        else:
            axes.tick_params(axis="y", labelleft=False)
        if number + columns >= len(drawn):
            axes.set_xlabel(ITERATION)
        else:
            axes.tick_params(axis="x", labelbottom=False)


def _terms(pair: Pair) -> list[str]:
    """Return the terms to show: of each kind the layers of all settings, if there are several."""
    terms: list[str] = []
    for kind in KINDS:
        every = {term for run in pair.runs for term in run.record.terms_of_kind(kind)}
        terms += sorted(every) if len(every) > 1 else []
    return [*terms, *_further_terms([pair])]


def _further_terms(pairs: Sequence[Pair]) -> list[str]:
    """Return the terms beside content and style that any setting has in its total."""
    every = dict.fromkeys(
        term for pair in pairs for run in pair.runs for term in run.record.term_factors
    )
    return [term for term in every if term.partition("/")[0] not in KINDS]


def _title(name: str, pairs: Sequence[Pair]) -> str:
    kind, _, part = name.partition("/")
    if part:
        if kind in KINDS:
            return f"{kind}, {part} alone"
        return f"{part.replace('_', ' ')} (without\u00a0its\u00a0weight)"
    further = _further_terms(pairs) if name == "total" else []
    words = [f"{len(further)} more terms"] if len(further) > 1 else map(_in_words, further)
    return " + ".join([TITLES[name], *words])


def _in_words(term: str) -> str:
    return term.partition("/")[2].replace("_", " ")


def _total_note(pairs: Sequence[Pair]) -> list[str]:
    """Return which terms the total has beside content and style, if its title says how many."""
    further = list(map(_in_words, _further_terms(pairs)))
    if len(further) < 2:
        return []
    return [f"The total also has {', '.join(further[:-1])} and {further[-1]}, with their weights."]


def _zero_notes(pair: Pair) -> list[str]:
    """Return which settings have no content or style loss, because its weight is 0."""
    notes = []
    for kind, sign in zip(KINDS, ("α", "β"), strict=True):
        labels = [run.label for run in pair.runs if not run.record.factor(kind)]
        if labels:
            notes.append(f"No {kind} loss is recorded where {sign} is 0: {', '.join(labels[:6])}.")
    return notes


def _missing_note(pairs: Sequence[Pair]) -> list[str]:
    missing = sum(len(pair.labels) - len(pair.runs) for pair in pairs)
    if not missing:
        return []
    runs = "1 run is" if missing == 1 else f"{missing} runs are"
    return [f"{runs} not drawn, as they have not ended well; the figures of the pairs say why."]
