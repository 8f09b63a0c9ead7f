"""The geometry of a figure, in inches: a heading, panels, a legend and notes, none on another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from neural_style.plots.style import GREY, INK, SMALL, TEXT, TITLE, Look, save_figure
from neural_style.plots.text import shorten, width_of, wrap

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
        self.text(MARGIN, self.used + 0.2, shorten(subtitle, TEXT, room), colour=GREY)
        self.used += _HEADING

    def text(
        self, left: float, top: float, text: str, size: float = TEXT, colour: str = INK
    ) -> None:
        """Put text that is drawable; its top left in inches from the figure's."""
        x, y = left / WIDTH, 1 - top / HEIGHT
        self.figure.text(x, y, text, fontsize=size, va="top", ha="left", color=colour)

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
            color=look.colour,
            linestyle=look.dash,
            marker=look.marker,
            markevery=[1],
        )
        self.figure.add_artist(line)

    def notes(self, sentences: Sequence[str]) -> None:
        """Put small grey sentences over the full width, each on lines of its own."""
        for sentence in sentences:
            for line in wrap(sentence, SMALL, WIDTH - 2 * MARGIN):
                self.text(MARGIN, self.used, line, SMALL, GREY)
                self.used += _LINE

    def save(self, path: Path) -> None:
        """Write what is used of the figure; see `save_figure`."""
        save_figure(self.figure, path, self.used + MARGIN)
