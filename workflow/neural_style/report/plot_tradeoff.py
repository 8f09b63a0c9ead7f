"""Plot content loss against style loss of the outputs of a pair, with the outputs themselves."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from PIL import Image

from neural_style.images.decode import ImageError, load_image
from neural_style.report.figure import (
    DOTS_PER_INCH,
    GRAY,
    HEIGHT,
    INK,
    MARGIN,
    PALE,
    RIGHT,
    SMALL,
    TEXT,
    WIDTH,
    LineStyle,
    Page,
    families,
    line_styles,
    scale_log,
    shorten,
    width_in,
)
from neural_style.report.loss_table import Values
from neural_style.report.plot_losses import Pair, PairRun, facts_of, kind_notes
from neural_style.report.runs import KINDS, Run

MOST_LABELS = 12
"""The most points with the labels of their settings; more points have numbers."""

_COLUMNS = 6
_CAPTION = 0.2  # inches below a thumbnail
_WIDEST = 1.75  # inches of a thumbnail
_LEFT = 0.98  # inches beside the axes
_PLOT = 2.8  # inches, the height of the axes


@dataclass(frozen=True)
class Point:
    """The output of a setting in the plane of the two losses.

    Attributes:
        run: of the setting.
        content: content loss without alpha.
        style: style loss without beta.
        label: text beside it.
    """

    run: PairRun
    content: float
    style: float
    label: str


def points_of(pair: Pair) -> list[Point]:
    """Return the points of a pair in the order of the sweep, where both losses are above 0."""
    points: list[Point] = []
    for run in pair.runs:
        content, style = (run.record.saved_loss(kind) for kind in KINDS)
        if content and style:
            many = len(pair.labels) > MOST_LABELS
            label = str(run.number + 1) if many else run.label
            points.append(Point(run, content, style, label))
    return points


def curves_of(points: Sequence[Point]) -> list[list[Point]]:
    """Return the curves to draw: two or more points that differ only in beta, ordered by beta."""
    groups: dict[str, list[Point]] = {}
    for point in points:
        others = {key: value for key, value in point.run.record.settings.items() if key != "beta"}
        groups.setdefault(repr(sorted(others.items())), []).append(point)
    return [
        sorted(group, key=lambda point: point.run.record.beta)
        for group in groups.values()
        if len(group) > 1
    ]


def plot_tradeoff(pair: Pair) -> Page:
    """Plot the trade-off of a pair: a point and a thumbnail per setting, lines along beta."""
    points = points_of(pair)
    styles = line_styles(len(pair.labels))
    page = Page()
    page.heading(
        (pair.content, pair.style),
        ": content loss against style loss of the outputs",
        facts_of(pair),
    )
    if points:
        axes = page.axes(_LEFT, page.used + 0.05, WIDTH - _LEFT - RIGHT, _PLOT)
        page.used += _PLOT + 0.64
        _draw_points(axes, points, styles)
        page.label_y(axes, "style loss without β (dimensionless)\n←  closer to the style image")
    _draw_thumbnails(page, pair.runs, styles, numbered=len(pair.labels) > MOST_LABELS)
    page.notes([*_notes(pair, points), *pair.notes])
    return page


def _draw_points(axes: Axes, points: Sequence[Point], styles: Sequence[LineStyle]) -> None:
    for which, values in (
        ("x", [point.content for point in points]),
        ("y", [point.style for point in points]),
    ):
        scale_log(axes, which, min(values), max(values), margin=0.14)
    axes.set_xlabel("content loss without α (dimensionless)\n←  closer to the content image")
    for curve in curves_of(points):
        axes.plot(
            [point.content for point in curve],
            [point.style for point in curve],
            color=GRAY,
            linewidth=0.8,
            zorder=1,
        )
    for point in points:
        style = styles[point.run.number]
        axes.plot(
            point.content,
            point.style,
            linestyle="none",
            marker=style.marker,
            markersize=6,
            color=style.color,
            markeredgecolor="white",
            markeredgewidth=0.6,
        )
    _label_points(axes, points)


def _label_points(axes: Axes, points: Sequence[Point]) -> None:
    """Write each label where it covers no label, and as little as possible of points and lines.

    A label without such a place is left out: the legend of the thumbnails has its marker.
    """
    box = axes.get_position()
    inches = np.array([box.width * WIDTH, box.height * HEIGHT])
    spots = [
        axes.transAxes.inverted().transform(axes.transData.transform((p.content, p.style))) * inches
        for p in points
    ]
    marks = [_around(spot, 0.12, 0.12) for spot in spots] + _along(points, spots)
    labels: list[Box] = []
    for point, spot in zip(points, spots, strict=True):
        text = shorten(point.label, SMALL, 1.6)
        half = np.array([width_in(SMALL)(text) / 2, 0.055])
        places = [
            center
            for away, way in itertools.product((0.07, 0.2), _WAYS)
            if ((center := spot + (half + away) * way) > half).all()
            and (center + half < inches).all()
            and not _covered(_around(center, *(2 * half + 0.04)), labels)
        ]
        if places:
            best = min(places, key=lambda center: _covered(_around(center, *(2 * half)), marks))
            labels.append(_around(best, *(2 * half + 0.04)))
            _write(axes, best / inches, text)


def _write(axes: Axes, place: Values, text: str) -> None:
    axes.text(
        float(place[0]),
        float(place[1]),
        text,
        fontsize=SMALL,
        ha="center",
        va="center",
        color=INK,
        family=families(text),
        transform=axes.transAxes,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6},
    )


_WAYS = tuple(np.array(way) for way in itertools.product((1, -1, 0), (1, -1, 0)) if any(way))

Box = tuple[float, float, float, float]


def _around(center: Values, width: float, height: float) -> Box:
    x, y = center
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _along(points: Sequence[Point], spots: Sequence[Values]) -> list[Box]:
    """Return small boxes along the curves, which labels avoid."""
    place = {id(point): spot for point, spot in zip(points, spots, strict=True)}
    boxes: list[Box] = []
    for curve in curves_of(points):
        for one, other in itertools.pairwise(curve):
            for share in np.linspace(0, 1, 40):
                spot = place[id(one)] * (1 - share) + place[id(other)] * share
                boxes.append(_around(spot, 0.06, 0.06))
    return boxes


def _covered(box: Box, taken: Sequence[Box]) -> float:
    """Return the area of a box that others cover."""
    area = 0.0
    for other in taken:
        width = min(box[2], other[2]) - max(box[0], other[0])
        height = min(box[3], other[3]) - max(box[1], other[1])
        area += max(0.0, width) * max(0.0, height)
    return area


def _draw_thumbnails(
    page: Page, runs: Sequence[PairRun], styles: Sequence[LineStyle], numbered: bool
) -> None:
    if not runs:
        return
    gap = 0.1
    columns = min(len(runs), _COLUMNS)
    width = min(_WIDEST, (WIDTH - 2 * MARGIN - (columns - 1) * gap) / columns)
    tallest = max(height / width for width, height in (each.record.size or (1, 1) for each in runs))
    height = width * min(max(tallest, 0.3), 1.4)
    left = (WIDTH - columns * width - (columns - 1) * gap) / 2
    for place, run in enumerate(runs):
        row, column = divmod(place, columns)
        corner = (left + column * (width + gap), page.used + row * (height + _CAPTION + 0.06))
        number = f"{run.number + 1}   " if numbered else ""
        _draw_thumbnail(page, run, styles[run.number], corner, (width, height), number)
    page.used += math.ceil(len(runs) / columns) * (height + _CAPTION + 0.06) + 0.04


def _draw_thumbnail(
    page: Page,
    run: PairRun,
    style: LineStyle,
    corner: tuple[float, float],
    size: tuple[float, float],
    number: str,
) -> None:
    image = _thumbnail(run.record, size)
    axes = page.axes(*corner, *size)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(PALE)
    if image is None:
        axes.text(0.5, 0.5, "cannot be read", ha="center", va="center", color=GRAY, fontsize=SMALL)
    else:
        axes.imshow(np.asarray(image), aspect="equal", extent=(0, image.width, 0, image.height))
    top = corner[1] + size[1] + _CAPTION / 2 + 0.02
    page.figure.add_artist(
        Line2D(
            [(corner[0] + 0.06) / WIDTH],
            [1 - top / HEIGHT],
            marker=style.marker,
            markersize=6,
            color=style.color,
            linestyle="none",
        )
    )
    label = shorten(f"{number}{run.label}", TEXT, size[0] - 0.18)
    page.text(corner[0] + 0.16, top - 0.055, label)


def _thumbnail(run: Run, size: tuple[float, float]) -> Image.Image | None:
    """Return the output, reduced; None if it cannot be read."""
    try:
        image = load_image(run.output)
    except ImageError:
        return None
    pixels = (round(size[0] * DOTS_PER_INCH), round(size[1] * DOTS_PER_INCH))
    image.thumbnail(pixels, Image.Resampling.LANCZOS)
    return image


def _notes(pair: Pair, points: Sequence[Point]) -> list[str]:
    """Return why an output has no point, and whether the losses can be compared."""
    placed = {point.run.number for point in points}
    absent = [run.label for run in pair.runs if run.number not in placed]
    notes = []
    if absent:
        names = ", ".join(absent[:6]) + (" and others" if len(absent) > 6 else "")
        notes.append(f"Without a point, as the weight of a loss, or a loss, is 0: {names}.")
    return [*notes, *kind_notes([point.run.record for point in points])]
