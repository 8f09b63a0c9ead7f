"""The numbers of the layer study: how far each of its pictures is from the originals, by layer."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from neural_style.errors import NeuralStyleError
from neural_style.files import write_text


@dataclass(frozen=True)
class LayerLoss:
    """What one layer says of one picture; losses are not weighted.

    Attributes:
        picture: its file, below the folder of the study.
        content_layer: where it was to agree with the photograph; empty if nowhere.
        style_layers: where it was to agree with the painting, joined by `+`; empty if nowhere.
        layer: the layer that is asked.
        receptive_field: how many pixels across a feature of that layer sees.
        channels: how many features it has at each place.
        content_loss: mean squared difference of its features and the photograph's.
        style_loss: mean squared difference of its Gram matrix and the painting's.
        content_of_noise: `content_loss` of the white noise that reconstructions start from.
        style_of_noise: `style_loss` of that noise.
    """

    picture: str
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
        """The content loss in units of the noise's; NaN where the noise has none."""
        return self.content_loss / self.content_of_noise if self.content_of_noise else math.nan

    @property
    def relative_style(self) -> float:
        """The style loss in units of the noise's; NaN where the noise has none."""
        return self.style_loss / self.style_of_noise if self.style_of_noise else math.nan


COLUMNS = {field.name: field.type for field in fields(LayerLoss)}
_READERS = {"str": str, "int": int, "float": float}


def write_layer_losses(rows: Iterable[LayerLoss], path: Path) -> None:
    """Write the table, atomically, with numbers to six digits."""
    lines = [list(COLUMNS)]
    lines += [[_shown(getattr(row, name)) for name in COLUMNS] for row in rows]
    write_text(path, "".join(f"{','.join(line)}\n" for line in lines))


def read_layer_losses(path: Path) -> list[LayerLoss]:
    """Read the table that `write_layer_losses` wrote.

    Raises:
        NeuralStyleError: the file is not there or is no such table.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if not rows:
            raise ValueError("the table is empty")
        return [
            LayerLoss(**{name: _READERS[str(kind)](row[name]) for name, kind in COLUMNS.items()})
            for row in rows
        ]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise NeuralStyleError(
            f"cannot read {path} as losses of a layer study; delete it and make it again."
        ) from error


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
