"""What the tests of plots share: the first pair of a sweep, and what a page shows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from neural_style.config.sweep import Sweep
from neural_style.report.figure import HEIGHT, WIDTH, Page
from neural_style.report.plot_losses import Pair
from neural_style.report.plot_pairs import PairReader

BETAS = [1e4, 1e5, 1e6]


def first_pair(sweep: Sweep) -> Pair:
    return PairReader(sweep).read(*next(itertools.product(sweep.contents, sweep.styles)))


def words(page: Page) -> list[str]:
    return [text.get_text() for text in page.figure.findobj(Text) if text.get_text()]


def panel(page: Page, title: str):
    (axes,) = [each for each in page.figure.axes if each.get_title(loc="left") == title]
    return axes


def drawn(page: Page, title: str) -> list[tuple[list[float], list[float]]]:
    return [
        (list(line.get_xdata()), list(line.get_ydata())) for line in panel(page, title).get_lines()
    ]


def assert_well_laid_out(page: Page) -> None:
    """No text on another, none on panels that are not its own, none off the page."""
    FigureCanvasAgg(page.figure)
    page.figure.draw_without_rendering()
    dots = page.figure.dpi
    top, bottom = HEIGHT * dots, (HEIGHT - page.used) * dots
    texts = list(visible_texts(page))
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    for name, box in boxes:
        assert box.x0 >= 0 and box.x1 <= WIDTH * dots, f"{name!r} is cut at the side"
        assert box.y0 >= bottom - 0.12 * dots and box.y1 <= top, f"{name!r} is off the page"
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        width = min(first.x1, second.x1) - max(first.x0, second.x0)
        height = min(first.y1, second.y1) - max(first.y0, second.y0)
        # Boxes of rotated and of neighboring lines may touch by the descent of a letter.
        assert width <= 1 or height <= 2, f"{one!r} lies on {other!r}"
    panels = [axes.get_window_extent() for axes in page.figure.axes]
    outside = [box for text, box in zip(texts, boxes, strict=True) if text.axes is None]
    for (name, extent), box in itertools.product(outside, panels):
        apart = extent.x1 <= box.x0 or extent.x0 >= box.x1
        apart = apart or extent.y1 <= box.y0 + 1 or extent.y0 >= box.y1 - 1
        assert apart, f"{name!r} lies on a panel"
    for line in page.figure.lines:  # the samples of the legend
        (y,) = set(np.asarray(line.get_ydata(), dtype=float).tolist())
        for box in panels:
            assert not box.y0 < y * top < box.y1, "the legend lies on a panel"


def visible_texts(page: Page) -> Iterator[Text]:
    yield from page.figure.texts
    for axes in page.figure.axes:
        children = axes.get_children() if axes.axison else axes.texts
        yield from (each for each in children if isinstance(each, Text) and each.get_text())
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            if axis.get_label().get_text():
                yield axis.get_label()
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if tick.label1.get_visible() and low <= tick.get_loc() <= high:
                    yield tick.label1
