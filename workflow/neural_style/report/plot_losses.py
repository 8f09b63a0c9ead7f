"""One panel: a loss of several settings over the epochs, on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from neural_style.report.figure import (
    GRAY,
    LEFT,
    RIGHT,
    SMALL,
    TEXT,
    WIDTH,
    Look,
    Page,
    looks,
    shorten,
)
from neural_style.report.outputs import QUANTITIES
from neural_style.report.plot_pairs import Member, Pair
from neural_style.report.runs import KINDS, SMOOTHNESS, Curves, Values

MOST_POINTS = 2000
"""Epochs drawn of a line; of a longer run every second, third … is taken, and the last."""

_MARKS = 7  # markers along a line
_SUBS: tuple[tuple[float, tuple[float, ...]], ...] = (
    (0.75, (1, 1.5, 2, 3, 4, 5, 7)),
    (1, (1, 2, 3, 5)),
    (1.7, (1, 2, 5)),
    (3, (1, 3)),
)  # the numbers in a decade of a scale of at most so many decades
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Line:
    """What a panel draws of a setting.

    Attributes:
        epochs: [N].
        values: [N], all above 0 and finite; gaps are NaN.
        look: how.
    """

    epochs: Values
    values: Values
    look: Look


def quantity(curves: Curves, name: str) -> Values | None:
    """`total` as minimized, or without their weights `content`, `style` or a term; None if unknown.

    [E], as in `curves`.
    """
    if name == "total":
        return curves.total
    return curves.layer(name) if "/" in name else curves.loss(name)


def lines_of(members: Iterable[Member], name: str, looks: Sequence[Look]) -> list[Line]:
    """A quantity of each setting that has one, with gaps where a logarithm has none."""
    lines: list[Line] = []
    for member in members:
        values = quantity(member.curves, name)
        if values is None:
            continue
        kept = _thinned(len(values))
        shown = np.where(np.isfinite(values) & (values > 0), values, np.nan)[kept]
        if np.isfinite(shown).any():
            epochs = member.curves.epochs[kept].astype(np.float64)
            lines.append(Line(epochs, shown, looks[member.number]))
    return lines


def draw_panel(axes: Axes, lines: Sequence[Line], title: str) -> None:
    """Draw the lines, with an epoch axis from 0; without any, say so."""
    axes.set_title(title)
    if not lines:
        axes.set_axis_off()
        axes.text(0, 0.5, "no value above 0", fontsize=SMALL, color=GRAY, transform=axes.transAxes)
        return
    for number, line in enumerate(lines):
        step = max(1, len(line.epochs) // _MARKS)
        axes.plot(
            line.epochs,
            line.values,
            color=line.look.color,
            linestyle=line.look.dash,
            marker=line.look.marker,
            # Each begins elsewhere, so that markers of lines that run together are all seen.
            markevery=(number * step // max(1, len(lines)), step),
        )
    last = max(float(line.epochs[-1]) for line in lines)
    axes.set_xlim(0, max(1.0, last))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
    every = np.concatenate([line.values for line in lines])
    scale_log(axes, "y", float(np.nanmin(every)), float(np.nanmax(every)))


def scale_log(axes: Axes, which: str, low: float, high: float, room: float = 0.06) -> None:
    """Give an axis (`x` or `y`) a logarithmic scale about low … high, with readable numbers.

    Args:
        axes: where.
        which: `x` or `y`.
        low: the smallest value, above 0.
        high: the largest.
        room: share of the length that stays free at either end.
    """
    decades = math.log10(high / low)
    spread = max(decades, 0.1)  # a factor of 1.26 for what is constant
    center = math.log10(low) + decades / 2
    reach = spread * (0.5 + room)
    axis = axes.xaxis if which == "x" else axes.yaxis
    limits = (10 ** (center - reach), 10 ** (center + reach))
    if which == "x":
        axes.set_xscale("log")
        axes.set_xlim(limits)
    else:
        axes.set_yscale("log")
        axes.set_ylim(limits)
    axis.set_major_locator(_locator(2 * reach))
    axis.set_major_formatter(FuncFormatter(lambda value, _: format_value(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def format_value(value: float) -> str:
    """A number of a scale: 250, 0.05, 2×10⁻⁵."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if 0.01 <= abs(value) < 10000:
        return f"{value:.4g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    power = "10" + str(int(exponent)).translate(_SUPERSCRIPTS)
    digits = mantissa.rstrip("0").rstrip(".")
    return power if digits == "1" else f"{digits}×{power}"


def _locator(decades: float) -> LogLocator | MaxNLocator:
    """Two to six numbers on a scale of so many decades."""
    if decades < 0.55:
        return MaxNLocator(4, steps=[1, 2, 5, 10])
    if decades >= 3:
        return LogLocator(numticks=6)
    subs = next(subs for most, subs in _SUBS if decades < most)
    return LogLocator(subs=subs, numticks=12)


def _thinned(count: int) -> list[int]:
    """The places of at most `MOST_POINTS` epochs out of `count`, the last among them."""
    step = math.ceil(count / MOST_POINTS)
    return sorted({*range(0, count, step), count - 1})


# MERGED: Figures of losses over the epochs: one of a pair with all its parts, one of a whole sweep.


EPOCH = "epoch (iterations)"
LOSS = "loss (dimensionless)"
TITLES = MappingProxyType(
    {
        "total": "total = α · content + β · style",
        "content": "content loss (without α)",
        "style": "style loss (without β)",
        SMOOTHNESS: "total variation (without its weight)",
    }
)
"""What the quantities are called."""

MOST_LAYERS = 24
"""Panels of layers in a figure."""

MOST_COLUMNS = 6
"""Panels side by side in the figure of a sweep."""

_GAPS = (0.56, 0.42)


def plot_pair(pair: Pair) -> Page:
    """Total, content, style and each layer over the epochs, with a line a setting.

    A kind that has one layer needs no panel for it: it is the same up to the layer's weight.
    """
    terms = _terms(pair)
    panels = [*QUANTITIES, *terms[:MOST_LAYERS]]
    page = Page()
    page.heading(f"{pair.content} × {pair.style}: losses over the epochs", facts_of(pair))
    columns = 4
    rows = math.ceil(len(panels) / columns)
    shown = looks(len(pair.labels))
    made = page.panels(rows, columns, 1.3, _GAPS)
    for number, axes in enumerate(made):
        if number >= len(panels):
            axes.remove()
            continue
        draw_panel(
            axes, lines_of(pair.members, panels[number], shown), _title(panels[number], [pair])
        )
        if number % columns == 0:
            page.name_down(axes, LOSS)
        if number + columns >= len(panels):
            axes.set_xlabel(EPOCH)
    _name(page, pair, shown)
    left_out = len(terms) - MOST_LAYERS
    page.notes(
        [
            *_zero_notes(pair),
            *([f"{left_out} more layers are not shown."] if left_out > 0 else []),
            *pair.notes,
        ]
    )
    return page


def plot_sweep(pairs: Sequence[Pair], name: str, styles: int, note: str = "") -> Page:
    """Small multiples: one quantity over the epochs, a panel a pair, all on the same scales.

    Args:
        pairs: those to show, by content, then style.
        name: one of `QUANTITIES`.
        styles: how many styles a content has; where they fit, a content is a row.
        note: what is left out, if anything is.
    """
    columns = min(len(pairs), styles if styles <= MOST_COLUMNS else MOST_COLUMNS)
    rows = math.ceil(len(pairs) / columns)
    shown = looks(len(pairs[0].labels))
    page = Page()
    contents = {pair.content for pair in pairs}
    whose = pairs[0].content if len(contents) == 1 else f"{len(pairs)} pairs"
    page.heading(f"{whose}: {_title(name, pairs)}, over the epochs", pairs[0].common)
    made = page.panels(rows, columns, 1.05, (0.28, 0.34))
    drawn = [lines_of(pair.members, name, shown) for pair in pairs]
    for axes, pair, lines in zip(made, pairs, drawn, strict=False):
        width = (WIDTH - LEFT - RIGHT) / columns - 0.3
        title = pair.style if len(contents) == 1 else f"{pair.content} × {pair.style}"
        draw_panel(axes, lines, shorten(title, TEXT, width))
    _share_scales(page, made, drawn, columns)
    for axes in made[len(pairs) :]:
        axes.remove()
    _name(page, pairs[0], shown)
    page.notes([*([note] if note else []), *_missing_note(pairs)])
    return page


def facts_of(pair: Pair) -> str:
    """What the runs of a pair have in common: weights, size, epochs."""
    runs = [member.run for member in pair.members]
    sizes = sorted({f"{run.size[0]} × {run.size[1]} px" for run in runs})
    epochs = sorted({int(member.curves.epochs[-1]) for member in pair.members})
    several = f"{epochs[0]}–{epochs[-1]}" if len(epochs) > 1 else f"{epochs[0]}" if epochs else ""
    facts = [
        pair.common,
        *(sizes if len(sizes) == 1 else []),
        f"{several} epochs" if several else "",
    ]
    return "  ·  ".join(fact for fact in facts if fact)


def _share_scales(
    page: Page, made: Sequence[Axes], drawn: Sequence[Sequence[Line]], columns: int
) -> None:
    """The same limits for all panels; numbers and names at the left and the bottom alone."""
    lines = [line for each in drawn for line in each]
    if not lines:
        return
    every = np.concatenate([line.values for line in lines])
    last = max(float(line.epochs[-1]) for line in lines)
    for number, (axes, own) in enumerate(zip(made, drawn, strict=False)):
        if not own:
            continue
        scale_log(axes, "y", float(np.nanmin(every)), float(np.nanmax(every)))
        axes.set_xlim(0, max(1.0, last))
        if number % columns == 0:
            page.name_down(axes, LOSS)
        else:
            axes.tick_params(axis="y", labelleft=False)
        if number + columns >= len(drawn):
            axes.set_xlabel(EPOCH)
        else:
            axes.tick_params(axis="x", labelbottom=False)


def _name(page: Page, pair: Pair, shown: Sequence[Look]) -> None:
    """The legend, of all settings, so that a missing one is missed."""
    page.legend(pair.labels, shown)


def _terms(pair: Pair) -> list[str]:
    """The terms to show: of each kind the layers of any setting, if that are several."""
    terms: list[str] = []
    for kind in KINDS:
        every = {term for member in pair.members for term in member.run.layers(kind)}
        terms += sorted(every) if len(every) > 1 else []
    return [*terms, SMOOTHNESS] if _is_smoothed(pair) else terms


def _is_smoothed(pair: Pair) -> bool:
    """Whether the total of any setting has a third part."""
    return any(SMOOTHNESS in member.run.weights for member in pair.members)


def _title(name: str, pairs: Sequence[Pair]) -> str:
    if "/" in name and name not in TITLES:
        kind, layer = name.split("/")
        return f"{kind}, {layer} alone"
    smoothed = name == "total" and any(map(_is_smoothed, pairs))
    return TITLES[name] + (" + smoothness" if smoothed else "")


def _zero_notes(pair: Pair) -> list[str]:
    """Which settings have no content or style loss, as its weight is 0."""
    notes = []
    for kind, sign in zip(KINDS, ("α", "β"), strict=True):
        labels = [member.label for member in pair.members if not member.run.factor(kind)]
        if labels:
            notes.append(f"No {kind} loss is recorded where {sign} is 0: {', '.join(labels[:6])}.")
    return notes


def _missing_note(pairs: Sequence[Pair]) -> list[str]:
    missing = sum(len(pair.labels) - len(pair.members) for pair in pairs)
    if not missing:
        return []
    runs = "1 run is" if missing == 1 else f"{missing} runs are"
    return [f"{runs} not drawn, as they have not ended well; the figures of the pairs say why."]
