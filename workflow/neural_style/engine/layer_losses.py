"""The table of losses of a layer study. It loads no torch, so that its figure is drawn sooner."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from io import StringIO
from pathlib import Path

from neural_style.errors import NeuralStyleError
from neural_style.io import read_regular, write_text


@dataclass(frozen=True)
class LayerLoss:
    """The unweighted losses of one image of the study at one layer.

    Attributes:
        image: file of the image, relative to the folder of the study.
        content_layer: layer whose features of the content image it was made from; empty if none.
        style_layers: layers whose Gram matrices of the style image it was made from, joined by
            `+`; empty if none.
        layer: the layer at which the losses are measured.
        receptive_field: width in pixels of what a feature of that layer depends on.
        channels: features of that layer at each position.
        content_loss: mean squared difference of its features from the content image's.
        style_loss: mean squared difference of its Gram matrix from the style image's.
        content_of_noise: `content_loss` of the white noise that reconstructions start from.
        style_of_noise: `style_loss` of that noise.
    """

    image: str
    content_layer: str
    style_layers: str
    layer: str
    receptive_field: int
    channels: int
    content_loss: float
    style_loss: float
    content_of_noise: float
    style_of_noise: float

    @property
    def relative_content(self) -> float:
        """Content loss relative to that of the noise; NaN if the noise has none."""
        return self.content_loss / self.content_of_noise if self.content_of_noise else math.nan

    @property
    def relative_style(self) -> float:
        """Style loss relative to that of the noise; NaN if the noise has none."""
        return self.style_loss / self.style_of_noise if self.style_of_noise else math.nan


COLUMNS = {"picture" if field.name == "image" else field.name: field for field in fields(LayerLoss)}
"""Column of the table → field of `LayerLoss`. The column of the image kept its older name."""
_READERS = {"str": str, "int": int, "float": float}


def write_layer_losses(rows: Iterable[LayerLoss], path: Path) -> None:
    """Write the table atomically, with numbers of six digits."""
    lines = [list(COLUMNS)]
    lines += [[_shown(getattr(row, field.name)) for field in COLUMNS.values()] for row in rows]
    write_text(path, "".join(f"{','.join(line)}\n" for line in lines))


def read_layer_losses(path: Path) -> list[LayerLoss]:
    """Read the table that `write_layer_losses` wrote.

    Raises:
        NeuralStyleError: the file is not there or is no such table.
    """
    try:
        rows = list(csv.DictReader(StringIO(read_regular(path), newline="")))
        if not rows:
            raise ValueError("the table is empty")
        return [
            LayerLoss(
                **{
                    field.name: _READERS[str(field.type)](row[column])
                    for column, field in COLUMNS.items()
                }
            )
            for row in rows
        ]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise NeuralStyleError(
            f"cannot read {str(path)!r} as losses of a layer study; delete it and make it again."
        ) from error


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
