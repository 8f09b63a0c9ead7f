"""The figure of all images of a layer study, and the chart of their losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path

from matplotlib.axes import Axes

from neural_style.config.layer_study import LayerStudy, StudyImage
from neural_style.engine.layer_losses import LayerLoss
from neural_style.report.figure import GRAY, Page, line_styles, scale_log
from neural_style.report.grid_layout import Grid, Row, Tile
from neural_style.report.names import SEPARATOR, iterations_label

_HEIGHT = 1.9  # of a panel, in inches
_TICK_LINES = 0.06  # room for the second and third line below the ticks, in inches
_TICK_LENGTH = 0.62  # room for rotated text below the ticks, in inches
_MOST_UPRIGHT = 12  # layers whose names are not rotated
_BETWEEN = 0.1  # the two panels, in inches
_RING = 8.0  # points


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


def plot_study(rows: Sequence[LayerLoss], content: str, style: str, study: LayerStudy) -> Page:
    """Plot the losses of the reconstructions over the layers.

    Above: the content loss at every layer, a line for each content reconstruction. Below: the style
    loss at every layer, a line for each style reconstruction. Both are relative to the loss of the
    white noise that they started from, on a logarithmic scale. The layer that was optimized, or
    the deepest of several, has a ring.

    Args:
        rows: of `losses.csv`.
        content: name of the content image.
        style: name of the style image.
        study: which images there are.
    """
    page = Page()
    size, epochs = study.settings.size, study.settings.epochs
    facts = SEPARATOR.join((f"{size} × {size} px", iterations_label([epochs])))
    page.heading((content, style), ": losses layer by layer", facts)
    of_content = [row for row in rows if not row.style_layers]
    _plot(page, "content", of_content, lambda row: row.relative_content, _deepest_of_content)
    of_style = [row for row in rows if not row.content_layer]
    _plot(page, "style", of_style, lambda row: row.relative_style, _deepest_of_style)
    page.notes(
        [
            "Below a layer: its receptive field and its number of channels. A ring: the layer that "
            "was optimized, or the deepest of several. 1, dotted: the white noise of the start. "
            "The two panels have their own scales, as they show losses of different kinds."
        ]
    )
    return page


def _deepest_of_content(row: LayerLoss) -> str:
    return row.content_layer


def _deepest_of_style(row: LayerLoss) -> str:
    return row.style_layers.split("+")[-1]


def _plot(
    page: Page,
    kind: str,
    rows: Sequence[LayerLoss],
    loss: Callable[[LayerLoss], float],
    deepest: Callable[[LayerLoss], str],
) -> None:
    """Plot a line for each image over the layers; values without a logarithm are left out."""
    layers = {row.layer: row for row in rows}
    places = {layer: number for number, layer in enumerate(layers)}
    images = [[row for row in rows if row.image == image] for image in _images(rows)]
    (axes,) = page.panels(1, 1, _HEIGHT, (0, 0))
    axes.set_title(f"{kind} reconstructions: {kind} loss at each layer")
    styles = line_styles(len(images))
    shown = [1.0]
    for line, style in zip(images, styles, strict=True):
        values = {row.layer: loss(row) for row in line if loss(row) > 0 and isfinite(loss(row))}
        shown += values.values()
        axes.plot(
            [places[name] for name in values],
            [*values.values()],
            color=style.color,
            linestyle=style.dash,
            marker=style.marker,
        )
        if (ring := deepest(line[0])) in values:
            axes.plot(places[ring], values[ring], "o", ms=_RING, mfc="none", mec=style.color)
    axes.axhline(1, color=GRAY, linestyle=":", linewidth=0.8)
    scale_log(axes, "y", min(shown), max(shown))
    _name_layers(page, axes, list(layers.values()))
    page.label_y(axes, "loss relative to white noise")
    prefix = "from" if kind == "content" else "from the layers down to"
    page.legend([f"{prefix} {deepest(line[0])}" for line in images], styles)
    page.used += _BETWEEN


def _images(rows: Sequence[LayerLoss]) -> list[str]:
    return list(dict.fromkeys(row.image for row in rows))


def _name_layers(page: Page, axes: Axes, layers: Sequence[LayerLoss]) -> None:
    """Write the facts of the layers below the axis, upright or, of many layers, rotated."""
    facts = [(row.layer, f"{row.receptive_field} px", str(row.channels)) for row in layers]
    upright = len(layers) <= _MOST_UPRIGHT
    axes.set_xticks(
        range(len(layers)),
        [("\n" if upright else ", ").join(each) for each in facts],
        rotation=0 if upright else 90,
    )
    page.used += _TICK_LINES if upright else _TICK_LENGTH


def _heading(layers: tuple[str, ...]) -> str:
    """`style of conv1_1` or `style to conv3_1`, on one line if it fits."""
    return _unbroken(f"style of {layers[0]}" if len(layers) == 1 else f"style to {layers[-1]}")


def _unbroken(text: str) -> str:
    return text.replace(" ", "\N{NO-BREAK SPACE}")
