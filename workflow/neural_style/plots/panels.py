"""One panel: a loss of several settings over the epochs, on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from neural_style.plots.curves import Curves, Values
from neural_style.plots.pairs import Member
from neural_style.plots.style import GREY, SMALL, Look

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
    """`total` as minimised, or without their weights `content`, `style` or a term; None if unknown.

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
        axes.text(0, 0.5, "no value above 0", fontsize=SMALL, color=GREY, transform=axes.transAxes)
        return
    for number, line in enumerate(lines):
        step = max(1, len(line.epochs) // _MARKS)
        axes.plot(
            line.epochs,
            line.values,
            color=line.look.colour,
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
    centre = math.log10(low) + decades / 2
    reach = spread * (0.5 + room)
    axis = axes.xaxis if which == "x" else axes.yaxis
    limits = (10 ** (centre - reach), 10 ** (centre + reach))
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
