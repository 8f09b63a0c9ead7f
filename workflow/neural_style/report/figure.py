"""Words in figures: only what the font can draw, measured, shortened and wrapped."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import FT2Font
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from neural_style.io import atomic
from neural_style.report.outputs import files_of
from neural_style.report.text import ELLIPSIS, plain

FAMILY = "DejaVu Sans"
"""The font inside matplotlib, which every machine has."""

MISSING = "\N{WHITE SQUARE}"
"""Stands for what the font cannot draw."""


_FINE = 1200  # dots per inch


def drawable(text: str) -> str:
    """`text` on one line, with a box for each character that the font lacks."""
    glyphs = _glyphs()
    return "".join(c if ord(c) in glyphs else MISSING for c in plain(text))


def width_of(text: str, size: float) -> float:
    """The width of drawable `text` in inches, at `size` points."""
    font = _font()
    font.set_size(size, _FINE)  # finely, since every letter is rounded to pixels
    font.set_text(text)
    return float(font.get_width_height()[0]) / 64 / _FINE  # of 26.6 fixed-point pixels


def shorten(text: str, size: float, inches: float) -> str:
    """`drawable(text)`, with an ellipsis for its middle where it is wider than `inches`."""
    whole = drawable(text)
    if width_of(whole, size) <= inches:
        return whole
    for kept in range(len(whole) - 1, 0, -1):
        tail = kept // 2
        short = whole[: kept - tail].rstrip() + ELLIPSIS + whole[len(whole) - tail :].lstrip()
        if width_of(short, size) <= inches:
            return short
    return ELLIPSIS


def wrap(text: str, size: float, inches: float) -> list[str]:
    """`drawable(text)` on lines of at most `inches`; a word that is too long is shortened."""
    lines: list[str] = []
    for word in drawable(text).split():
        longer = f"{lines[-1]} {word}" if lines else ""
        if longer and width_of(longer, size) <= inches:
            lines[-1] = longer
        else:
            lines.append(shorten(word, size, inches))
    return lines


def names_of(files: Mapping[str, Path]) -> dict[str, str]:
    """By id: the name that people gave to the file, or the id if that cannot be drawn or told."""
    shared = Counter(path.stem for path in files.values())

    def tells(name: str) -> bool:
        return bool(name.strip()) and drawable(name) == name and shared[name] == 1

    return {key: path.stem if tells(path.stem) else key for key, path in files.items()}


def _font() -> FT2Font:
    return get_font(findfont(FontProperties(family=FAMILY)))


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    """The characters that the font has, by their code points."""
    return frozenset(_font().get_charmap())


# MERGED: The look of all figures, and how they are written: the same bytes for the same data.


INK, GRAY, PALE = "#1d1c1a", "#6b6862", "#d9d5cd"
TEXT, SMALL, TITLE = 7.0, 6.5, 10.0
"""Sizes of type in points."""

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


@dataclass(frozen=True)
class Look:
    """How a setting is drawn in every panel; color, dash and marker each tell it by itself.

    Attributes:
        color: `#rrggbb`.
        dash: a line style of matplotlib.
        marker: a marker of matplotlib.
    """

    color: str
    dash: Any
    marker: str


def looks(count: int) -> list[Look]:
    """Looks for `count` settings in their order: from dark to light, in print as on screens.

    The colors are a part of the map "plasma", whose lightness rises evenly, whatever colors an
    eye can tell; dashes and markers come in turns of 4 and 9, so that 36 settings differ in print.
    """
    ramp = colormaps["plasma"]
    return [
        Look(
            to_hex(ramp(0.02 + 0.74 * number / max(1, count - 1))),
            _DASHES[number % len(_DASHES)],
            _MARKERS[number % len(_MARKERS)],
        )
        for number in range(count)
    ]


@contextmanager
def plot_style() -> Iterator[None]:
    """The house's settings of matplotlib for a block, whatever the user's own are."""
    with matplotlib.style.context(["default", dict(_STYLE)]):
        yield


def save_figure(figure: Figure, path: Path, height: float) -> None:
    """Write the upper `height` inches of a figure in every format of `outputs.SUFFIXES`.

    To be called under `plot_style`; `path` has no suffix.

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


# MERGED: The geometry of a figure, in inches: a heading, panels, a legend and notes, none on another.


WIDTH = 7.2
"""Inches of every figure: two columns of a journal."""

HEIGHT = 40.0
"""Inches of the figure before it is cut to what is used."""

MARGIN = 0.12
LEFT, RIGHT = 0.86, 0.22
"""Inches beside the panels, for the names and numbers of the axes."""

HANDLE = 0.42
"""Inches of the line in the legend."""

_LINE = 0.135  # inches from a line of notes to the next
_LEGEND_LINE = 0.165
_HEADING = 0.46


class Page:
    """A figure that is filled from the top; it is written as long as what is on it.

    Attributes:
        figure: of matplotlib, longer than any page gets.
        used: inches from its top that are taken.
    """

    def __init__(self) -> None:
        self.figure = Figure(figsize=(WIDTH, HEIGHT))
        self.used = MARGIN

    def heading(self, title: str, subtitle: str) -> None:
        """Put a title and, smaller, the facts below it."""
        room = WIDTH - 2 * MARGIN
        self.text(MARGIN, self.used, shorten(title, TITLE, room), size=TITLE)
        self.text(MARGIN, self.used + 0.2, shorten(subtitle, TEXT, room), color=GRAY)
        self.used += _HEADING

    def text(
        self, left: float, top: float, text: str, size: float = TEXT, color: str = INK
    ) -> None:
        """Put text that is drawable; its top left in inches from the figure's."""
        x, y = left / WIDTH, 1 - top / HEIGHT
        self.figure.text(x, y, text, fontsize=size, va="top", ha="left", color=color)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes at a place in inches from the top left."""
        bottom = 1 - (top + height) / HEIGHT
        return self.figure.add_axes((left / WIDTH, bottom, width / WIDTH, height / HEIGHT))

    def panels(
        self, rows: int, columns: int, height: float, gaps: tuple[float, float]
    ) -> list[Axes]:
        """A block of axes, row by row, `gaps` (across, down) apart, with room for their names."""
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

    def name_down(self, axes: Axes, name: str) -> None:
        """Name the axis that goes up, at the edge of the page: in line with those above."""
        box = axes.get_position()
        axes.set_ylabel(name, va="top")
        axes.yaxis.set_label_coords((MARGIN / WIDTH - box.x0) / box.width, 0.5)

    def legend(self, labels: Sequence[str], looks: Sequence[Look]) -> None:
        """Name the looks, in as many columns as there is room for."""
        room = WIDTH - LEFT - RIGHT
        shown = [shorten(label, TEXT, room - HANDLE - 0.1) for label in labels]
        column = max(width_of(label, TEXT) for label in shown) + HANDLE + 0.28
        columns = max(1, min(len(shown), int((room + 0.2) / column)))
        rows = math.ceil(len(shown) / columns)
        for number, (label, look) in enumerate(zip(shown, looks, strict=True)):
            left = LEFT + number // rows * column
            top = self.used + (number % rows + 0.5) * _LEGEND_LINE
            self._handle(left, top, look)
            self.text(left + HANDLE + 0.07, top - 0.055, label)
        self.used += rows * _LEGEND_LINE + 0.06

    def _handle(self, left: float, top: float, look: Look) -> None:
        across = [left / WIDTH, (left + HANDLE / 2) / WIDTH, (left + HANDLE) / WIDTH]
        line = Line2D(
            across,
            [1 - top / HEIGHT] * 3,
            color=look.color,
            linestyle=look.dash,
            marker=look.marker,
            markevery=[1],
        )
        self.figure.add_artist(line)

    def notes(self, sentences: Sequence[str]) -> None:
        """Put small gray sentences over the full width, each on lines of its own."""
        for sentence in sentences:
            for line in wrap(sentence, SMALL, WIDTH - 2 * MARGIN):
                self.text(MARGIN, self.used, line, SMALL, GRAY)
                self.used += _LINE

    def save(self, path: Path) -> None:
        """Write what is used of the figure; see `save_figure`."""
        save_figure(self.figure, path, self.used + MARGIN)
