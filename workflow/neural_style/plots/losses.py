"""Figures of losses over the epochs: one of a pair with all its parts, one of a whole sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes

from neural_style.plots.curves import KINDS, SMOOTHNESS
from neural_style.plots.outputs import QUANTITIES
from neural_style.plots.page import LEFT, RIGHT, WIDTH, Page
from neural_style.plots.pairs import Pair
from neural_style.plots.panels import Line, draw_panel, lines_of, scale_log
from neural_style.plots.style import TEXT, Look, looks
from neural_style.plots.text import shorten

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
