"""The figures of all plots: style, text that fits, scales, and a page that is filled from the top.

All lengths are in inches. The same data make the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib.style
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import Bbox

from neural_style.io import atomic
from neural_style.report.names import format_tick
from neural_style.report.outputs import files_of
from neural_style.report.text import (
    is_right_to_left,
    machine_font,
    plain,
    shorten_middle,
    wrap,
)

FAMILY = "DejaVu Sans"
"""The font that comes with matplotlib, so every machine has it."""

MISSING = "\N{WHITE SQUARE}"
"""Stands for a character that the font does not have."""

WIDTH = 7.2
"""Width of every figure: two columns of a journal."""

HEIGHT = 40.0
"""Height of a figure before it is cut to what is used."""

MARGIN = 0.12
LEFT, RIGHT = 0.86, 0.22
"""Room beside the panels for the labels and numbers of the axes."""

HANDLE = 0.42
"""Length of the lines in the legend."""

_NOTE_LINE = 0.135
_LEGEND_LINE = 0.165
_HEADING = 0.46

INK, GRAY, PALE = "#1d1c1a", "#6b6862", "#d9d5cd"
TEXT, SMALL, TITLE = 7.0, 6.5, 10.0
"""Text sizes in points."""

DOTS_PER_INCH = 200

_STYLE: Mapping[str, Any] = MappingProxyType(
    {
        "axes.edgecolor": GRAY,
        "axes.grid": True,
        "axes.labelcolor": INK,
        "axes.labelsize": TEXT,
        "axes.linewidth": 0.6,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlepad": 4,
        "axes.titlesize": TEXT,
        "font.family": FAMILY,
        "font.size": TEXT,
        "grid.color": PALE,
        "grid.linewidth": 0.4,
        "legend.fontsize": TEXT,
        "lines.linewidth": 1.2,
        "lines.markersize": 3.6,
        "pdf.fonttype": 42,  # TrueType, which journals ask for, instead of Type 3
        "savefig.dpi": DOTS_PER_INCH,
        "text.color": INK,
        "text.parse_math": False,  # a name may hold dollar signs
        "xtick.color": GRAY,
        "xtick.labelcolor": INK,
        "xtick.labelsize": SMALL,
        "xtick.major.size": 2.5,
        "xtick.major.width": 0.6,
        "ytick.color": GRAY,
        "ytick.labelcolor": INK,
        "ytick.labelsize": SMALL,
        "ytick.major.size": 2.5,
        "ytick.major.width": 0.6,
        "ytick.minor.size": 0,
    }
)
# No dates and no versions: the same data make the same bytes.
_METADATA: Mapping[str, Mapping[str, None]] = MappingProxyType(
    {
        ".png": {"Software": None},
        ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
)
_DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
_SUBS: tuple[tuple[float, tuple[float, ...]], ...] = (
    (0.75, (1, 1.5, 2, 3, 4, 5, 7)),
    (1, (1, 2, 3, 5)),
    (1.7, (1, 2, 5)),
    (3, (1, 3)),
)  # for axes of fewer decades than the first number: the ticks of a decade
_FINE = 1200  # dots per inch at which text is measured, since every letter is rounded to pixels
_MOST_LINES = 6  # of a note
_TIMES = " × "
_LEFT_TO_RIGHT = "\u200e"  # an invisible letter that is written from left to right


@dataclass(frozen=True)
class LineStyle:
    """How a setting is drawn in every panel.

    Attributes:
        color: `#rrggbb`.
        dash: a line style of matplotlib.
        marker: a marker of matplotlib.
    """

    color: str
    dash: Any
    marker: str


def line_styles(count: int) -> list[LineStyle]:
    """Return styles for `count` settings in their order, from dark to light.

    The colors are a part of the colormap "plasma", whose lightness rises evenly, so they differ
    for color-blind readers and in gray. Dashes repeat every 4 and markers every 9 settings, so 36
    settings differ without color.
    """
    ramp = colormaps["plasma"]
    return [
        LineStyle(
            to_hex(ramp(0.02 + 0.74 * number / max(1, count - 1))),
            _DASHES[number % len(_DASHES)],
            _MARKERS[number % len(_MARKERS)],
        )
        for number in range(count)
    ]


@contextmanager
def plot_style() -> Iterator[None]:
    """Use the plot style for a block, independent of the user's settings of matplotlib."""
    with matplotlib.style.context(["default", dict(_STYLE)]):
        yield


def save_figure(figure: Figure, path: Path, height: float) -> None:
    """Write the upper `height` inches of a figure in every format of `outputs.SUFFIXES`.

    Call it within `plot_style`; `path` has no suffix.

    Raises:
        NeuralStyleError: a file cannot be written.
    """
    width, whole = figure.get_size_inches()
    part = Bbox.from_extents(0, whole - height, width, whole)
    for name in files_of(path):
        file = Path(name)
        with atomic(file) as temporary:
            kind = file.suffix
            figure.savefig(
                temporary, format=kind[1:], metadata=dict(_METADATA[kind]), bbox_inches=part
            )


class Page:
    """A figure that is filled from the top and cut below its content when it is saved.

    Attributes:
        figure: of matplotlib, longer than any page gets.
        used: inches from the top that are filled.
    """

    def __init__(self) -> None:
        self.figure = Figure(figsize=(WIDTH, HEIGHT))
        self.used = MARGIN

    def heading(self, names: Sequence[str], rest: str, subtitle: str) -> None:
        """Add a title, which begins with one or two names, and, smaller, the facts below it."""
        room = WIDTH - 2 * MARGIN
        title = shorten_names(names, TITLE, room - width_in(TITLE)(rest)) + rest
        self.text(MARGIN, self.used, title, size=TITLE)
        self.text(MARGIN, self.used + 0.2, shorten(subtitle, TEXT, room), color=GRAY)
        self.used += _HEADING

    def text(
        self, left: float, top: float, text: str, size: float = TEXT, color: str = INK
    ) -> None:
        """Add text whose characters the fonts have; its top left in inches from the figure's."""
        x, y = left / WIDTH, 1 - top / HEIGHT
        self.figure.text(
            x, y, in_order(text), size=size, va="top", ha="left", color=color, family=families(text)
        )

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Add axes; their place in inches from the top left."""
        bottom = 1 - (top + height) / HEIGHT
        return self.figure.add_axes((left / WIDTH, bottom, width / WIDTH, height / HEIGHT))

    def panels(
        self, rows: int, columns: int, height: float, gaps: tuple[float, float]
    ) -> list[Axes]:
        """Add a block of axes, row by row, `gaps` (across, down) apart, with room for labels."""
        width = (WIDTH - LEFT - RIGHT - (columns - 1) * gaps[0]) / columns
        top = self.used + 0.16
        made = [
            self.axes(
                LEFT + column * (width + gaps[0]), top + row * (height + gaps[1]), width, height
            )
            for row in range(rows)
            for column in range(columns)
        ]
        self.used = top + rows * height + (rows - 1) * gaps[1] + 0.46
        return made

    def label_y(self, axes: Axes, name: str) -> None:
        """Label the vertical axis at the edge of the page, aligned with the panels above."""
        box = axes.get_position()
        axes.set_ylabel(name, va="top")
        axes.yaxis.set_label_coords((MARGIN / WIDTH - box.x0) / box.width, 0.5)

    def legend(self, labels: Sequence[str], styles: Sequence[LineStyle]) -> None:
        """Add a legend in as many columns as there is room for."""
        room = WIDTH - LEFT - RIGHT
        shown = [shorten(label, TEXT, room - HANDLE - 0.1) for label in labels]
        column = max(map(width_in(TEXT), shown)) + HANDLE + 0.28
        columns = max(1, min(len(shown), int((room + 0.2) / column)))
        rows = math.ceil(len(shown) / columns)
        for number, (label, style) in enumerate(zip(shown, styles, strict=True)):
            left = LEFT + number // rows * column
            top = self.used + (number % rows + 0.5) * _LEGEND_LINE
            self._handle(left, top, style)
            self.text(left + HANDLE + 0.07, top - 0.055, label)
        self.used += rows * _LEGEND_LINE + 0.06

    def _handle(self, left: float, top: float, style: LineStyle) -> None:
        across = [left / WIDTH, (left + HANDLE / 2) / WIDTH, (left + HANDLE) / WIDTH]
        line = Line2D(
            across,
            [1 - top / HEIGHT] * 3,
            color=style.color,
            linestyle=style.dash,
            marker=style.marker,
            markevery=[1],
        )
        self.figure.add_artist(line)

    def notes(self, sentences: Sequence[str]) -> None:
        """Add small gray sentences over the full width, each on at most `_MOST_LINES` lines."""
        for sentence in sentences:
            for line in wrap(drawable(sentence), width_in(SMALL), WIDTH - 2 * MARGIN, _MOST_LINES):
                self.text(MARGIN, self.used, line, SMALL, GRAY)
                self.used += _NOTE_LINE

    def save(self, path: Path) -> None:
        """Write the filled part of the figure; see `save_figure`."""
        save_figure(self.figure, path, self.used + MARGIN)


def scale_log(axes: Axes, which: str, low: float, high: float, margin: float = 0.06) -> None:
    """Give an axis (`x` or `y`) a logarithmic scale of low … high, with readable ticks.

    Args:
        axes: to change.
        which: `x` or `y`.
        low: the smallest value, above 0.
        high: the largest.
        margin: share of the length that stays empty at either end.
    """
    decades = math.log10(high / low)
    center = math.log10(low) + decades / 2
    reach = max(decades, 0.1) * (0.5 + margin)  # 0.1: a factor of 1.26 for a constant
    axis = axes.xaxis if which == "x" else axes.yaxis
    limits = (10 ** (center - reach), 10 ** (center + reach))
    if which == "x":
        axes.set_xscale("log")
        axes.set_xlim(limits)
    else:
        axes.set_yscale("log")
        axes.set_ylim(limits)
    axis.set_major_locator(_locator(2 * reach))
    axis.set_major_formatter(FuncFormatter(lambda value, _: format_tick(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _locator(decades: float) -> LogLocator | MaxNLocator:
    """Return two to six ticks on a scale of `decades`."""
    if decades < 0.55:
        return MaxNLocator(4, steps=[1, 2, 5, 10])
    if decades >= 3:
        return LogLocator(numticks=6)
    subs = next(subs for most, subs in _SUBS if decades < most)
    return LogLocator(subs=subs, numticks=12)


def drawable(text: str) -> str:
    """Return `text` on one line, with a box for each character that no font of this machine has."""
    return "".join(c if _is_known(c) or machine_font(c) else MISSING for c in plain(text))


def can_draw(name: str) -> bool:
    """Return whether fonts of this machine have all characters of a name."""
    return drawable(name) == name


def families(text: str) -> list[str]:
    """Return the families of the fonts that draw a text, each character with the first it has."""
    return [FAMILY, *map(_register, _further_fonts(text))]


def in_order(text: str) -> str:
    """Return text in which right-to-left writing does not change the places of two names."""
    mark = _LEFT_TO_RIGHT
    return mark + text.replace(_TIMES, f"{mark}{_TIMES}{mark}") if is_right_to_left(text) else text


def width_in(size: float) -> Callable[[str], float]:
    """Return a function that measures the width of drawable text in inches, at `size` points."""

    def width(text: str) -> float:
        files = map(str, _further_fonts(text))
        font = get_font([findfont(FontProperties(family=FAMILY)), *files])
        font.set_size(size, _FINE)
        font.set_text(text)
        return float(font.get_width_height()[0]) / 64 / _FINE  # of 26.6 fixed-point pixels

    return width


def shorten(text: str, size: float, inches: float) -> str:
    """Return `drawable(text)`, with an ellipsis for its middle where it is wider than `inches`."""
    return shorten_middle(drawable(text), width_in(size), inches)


def shorten_names(names: Sequence[str], size: float, inches: float) -> str:
    """Return one or two names, each shortened by itself where both are wider than `inches`."""
    if len(names) == 1:
        return shorten(names[0], size, inches)
    one, two = map(drawable, names)
    width = width_in(size)
    room = max(0.0, inches - width(_TIMES))
    first = min(width(one), max(room / 2, room - width(two)))
    # A little more than measured: a sum of widths is rounded more often than the width of the sum.
    return _TIMES.join((shorten(one, size, first + 1e-6), shorten(two, size, room - first + 1e-6)))


def _is_known(character: str) -> bool:
    return ord(character) in _glyphs() or character == _LEFT_TO_RIGHT


def _further_fonts(text: str) -> list[Path]:
    """Return the fonts beside that of the plots that a text needs, as few as possible."""
    unknown = sorted({c for c in text if not _is_known(c)})
    whole = machine_font("".join(unknown)) if unknown else None
    files = [whole] if whole else map(machine_font, unknown)
    return [file for file in dict.fromkeys(files) if file]


@lru_cache(maxsize=256)
def _register(file: Path) -> str:
    """Make a font known to matplotlib, and return the name of its family."""
    known = {entry.fname: entry.name for entry in fontManager.ttflist}
    if str(file) in known:
        return known[str(file)]
    fontManager.addfont(file)
    return fontManager.ttflist[-1].name


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    """Return the code points of the characters that the font has."""
    return frozenset(get_font(findfont(FontProperties(family=FAMILY))).get_charmap())
