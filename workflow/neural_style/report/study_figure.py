"""The figure of all images of a layer study, and the chart of their losses."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from neural_style.config.layer_study import LayerStudy, StudyImage
from neural_style.engine.layer_study import LayerLoss
from neural_style.images.encode import save_image
from neural_style.report.grid_layout import Grid, Row, Tile

# The palette of Okabe and Ito, which color-blind readers can distinguish; markers differ in print.
_COLORS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_INCHES = (10.5, 4.6)  # at least
_INCHES_PER_LAYER = 1.6
_DPI = 100
_LEGEND_COLUMNS = 5


def study_grid(study: LayerStudy, content: Path, style: Path, folder: Path) -> Grid:
    """Compose the figure: content layers down, sets of style layers across.

    The first row shows the style reconstructions, with the style image in its margin. Below it,
    the margin shows the content reconstructions, and each tile the stylization of its row and
    column. The content image is in the corner.

    Args:
        study: which images there are.
        content: the content image.
        style: the style image.
        folder: of the study.
    """

    def tile(content_layer: str | None, style_layers: tuple[str, ...]) -> Tile:
        return Tile(folder / StudyImage(content_layer, style_layers).file)

    sets = study.style_sets
    styles = tuple(tile(None, layers) for layers in sets)
    rows = (
        Row(f"content of {layer}", tuple(tile(layer, layers) for layers in sets), tile(layer, ()))
        for layer in study.content_layers
    )
    size, epochs = study.settings.size, study.settings.epochs
    return Grid(
        title=(f"{content.stem} × {style.stem}, layer by layer",),
        columns=tuple(_heading(layers) for layers in sets),
        rows=(Row("style reconstruction", styles, Tile(style)), *rows),
        originals=(Tile(content),),
        subtitle=(
            "Left: content reconstructions from one layer. Top row: style reconstructions from "
            "some layers. Both start from noise. All others: stylizations. "
            f"{_unbroken(f'{size} × {size} px')}  ·  {_unbroken(f'{epochs} iterations')}"
        ),
    )


def write_study_chart(rows: Sequence[LayerLoss], path: Path) -> None:
    """Draw the losses of the reconstructions over the layers, as a PNG; the file is replaced whole.

    Left: the content loss at every layer, a line for each content reconstruction. Right: the style
    loss at every layer, a line for each style reconstruction. Both are relative to the loss of the
    white noise that they started from, on a logarithmic scale. The layer that was optimized, or
    the deepest of several, has a ring.

    Args:
        rows: of `losses.csv`.
        path: a `.png`.
    """
    content = [row for row in rows if not row.style_layers]
    style = [row for row in rows if not row.content_layer]
    width = max(_INCHES[0], _INCHES_PER_LAYER * len({row.layer for row in rows}))
    figure = Figure(figsize=(width, _INCHES[1]), dpi=_DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw(left, content, lambda row: row.relative_content, lambda row: row.content_layer)
    _label(left, "content", "Content reconstruction from")
    _draw(right, style, lambda row: row.relative_style, lambda row: row.style_layers.split("+")[-1])
    _label(right, "style", "Style reconstruction from the layers down to")
    encoded = io.BytesIO()
    figure.savefig(encoded, format="png")
    save_image(Image.open(encoded).convert("RGB"), path)


def _draw(
    axes: Axes,
    rows: Sequence[LayerLoss],
    loss: Callable[[LayerLoss], float],
    deepest: Callable[[LayerLoss], str],
) -> None:
    """Draw a line for each image over the layers; values without a logarithm are left out."""
    layers = {row.layer: row for row in rows}
    places = {layer: number for number, layer in enumerate(layers)}
    for number, image in enumerate(dict.fromkeys(row.image for row in rows)):
        line = [row for row in rows if row.image == image]
        values = [loss(row) if loss(row) > 0 else math.nan for row in line]
        color = _COLORS[number % len(_COLORS)]
        marker = _MARKERS[number % len(_MARKERS)]
        name = deepest(line[0])
        axes.plot(
            [places[row.layer] for row in line], values, color=color, marker=marker, label=name
        )
        axes.plot(
            [places[name]],
            [values[[row.layer for row in line].index(name)]],
            linestyle="none",
            marker="o",
            markersize=14,
            markerfacecolor="none",
            markeredgecolor=color,
        )
    axes.axhline(1, color="0.6", linestyle=":")
    axes.set_yscale("log")
    axes.set_xticks(list(places.values()), [_tick(row) for row in layers.values()])
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)


def _label(axes: Axes, kind: str, title: str) -> None:
    """Label the axes, and add a legend above them."""
    axes.set_ylabel(f"{kind} loss relative to white noise")
    axes.set_xlabel(
        "layer, its receptive field, and its number of channels\n(ring: layer that was optimized)"
    )
    axes.legend(
        title=title,
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=_LEGEND_COLUMNS,
        frameon=False,
        fontsize="small",
        handlelength=1.2,
        handletextpad=0.4,
        columnspacing=1.0,
    )


def _tick(row: LayerLoss) -> str:
    return f"{row.layer}\n{row.receptive_field} px\n{row.channels}"


def _heading(layers: tuple[str, ...]) -> str:
    """`style of conv1_1` or `style to conv3_1`, on one line if it fits."""
    return _unbroken(f"style of {layers[0]}" if len(layers) == 1 else f"style to {layers[-1]}")


def _unbroken(text: str) -> str:
    return text.replace(" ", "\N{NO-BREAK SPACE}")
