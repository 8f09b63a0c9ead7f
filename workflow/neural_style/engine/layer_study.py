"""The numbers of the layer study: how far each of its pictures is from the originals, by layer."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from neural_style.config.layer_study import LAYER_LOSSES, LayerStudy, LayerStudyError, StudyPicture
from neural_style.config.settings import Settings
from neural_style.engine.load import load_tensor
from neural_style.errors import NeuralStyleError
from neural_style.images.decode import load_image
from neural_style.images.encode import save_image
from neural_style.images.tensors import to_images, to_tensor
from neural_style.io import remove_leftovers_below, write_text
from neural_style.losses.problem import noise_like, single_style_problem
from neural_style.losses.terms import gram_matrix, mean_squared_error
from neural_style.model.layers import channels, receptive_field
from neural_style.model.vgg import Vgg19, features_of, full_precision
from neural_style.model.weights import load_weights
from neural_style.optim.loop import Progress, stylize
from neural_style.runtime.device import choose_precision
from neural_style.runtime.memory import explaining_shortage


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


# MERGED: Makes the pictures of the layer study, and asks every layer how well each of them agrees.


@dataclass(frozen=True)
class StudyProgress:
    """An epoch of one picture of the study.

    Attributes:
        number: of the picture, from 0.
        picture: what is being made.
        settings: how.
        progress: the epoch; after the last one the file has been written.
    """

    number: int
    picture: StudyPicture
    settings: Settings
    progress: Progress


def run_study(
    study: LayerStudy, content_path: Path, style_path: Path, folder: Path, device: torch.device
) -> Iterator[StudyProgress]:
    """Make every picture of a layer study, one after the other, and the table of their losses.

    Each picture is a stylization of its own layers alone, so that the network runs no deeper than
    it must: content reconstructions have no style term, and style reconstructions no content term.

    Args:
        study: which pictures to make, and how.
        content_path: the photograph.
        style_path: the painting.
        folder: gets the pictures and `losses.csv`, each whole or not at all; nobody else may
            write there meanwhile.
        device: where to do it.

    Yields:
        The start and every epoch of every picture.

    Raises:
        NeuralStyleError: an image or the weights cannot be read, a file cannot be written, or a
            loss became infinite or NaN.
    """
    remove_leftovers_below(folder)
    content, style = (
        load_tensor(path, study.settings, device) for path in (content_path, style_path)
    )
    network_of = partial(
        Vgg19,
        load_weights(study.settings.weights).convolutions,
        pooling=study.settings.pooling,
        padding=study.settings.padding,
    )
    precision = choose_precision(study.settings.precision, device)
    height, width = content.shape[2:]
    with explaining_shortage(study.settings, height, width, device, precision):
        for number, picture in enumerate(study.pictures):
            settings = study.settings_of(picture)
            network = network_of(settings.layers).prepare(device, precision)
            for progress in stylize(network, [single_style_problem(content, style, settings)]):
                if progress.epoch == settings.epochs:
                    _save(progress, folder / picture.file)
                yield StudyProgress(number, picture, settings, progress)
        judge = network_of(study.layers).to(device)
        rows = judge_study(study, judge, content, style, folder)
    write_layer_losses(rows, folder / LAYER_LOSSES)


@torch.no_grad()
def judge_study(
    study: LayerStudy, network: Vgg19, content: Tensor, style: Tensor, folder: Path
) -> list[LayerLoss]:
    """The losses of every picture as it was saved, at every layer of the study.

    Args:
        study: which pictures there are.
        network: in float32, giving the features of `study.layers`.
        content: the photograph, [1, 3, H, W] in [0, 1].
        style: the painting, [1, 3, h, w] in [0, 1].
        folder: of the study.

    Returns:
        A row for each picture and layer, pictures in their order and layers by depth.
    """
    noise = noise_like(content, study.settings.seed)
    with full_precision():
        originals = features_of(network, content), features_of(network, style)
        of_noise = _losses(features_of(network, noise), *originals)
        rows: list[LayerLoss] = []
        for picture in study.pictures:
            pixels = to_tensor(load_image(folder / picture.file)).to(content)
            losses = _losses(features_of(network, pixels), *originals)
            rows += [
                LayerLoss(
                    picture=picture.file,
                    content_layer=picture.content_layer or "",
                    style_layers="+".join(picture.style_layers),
                    layer=layer,
                    receptive_field=receptive_field(layer),
                    channels=channels(layer),
                    content_loss=losses[layer][0],
                    style_loss=losses[layer][1],
                    content_of_noise=of_noise[layer][0],
                    style_of_noise=of_noise[layer][1],
                )
                for layer in study.layers
            ]
    return rows


def _losses(
    features: dict[str, Tensor], content: dict[str, Tensor], style: dict[str, Tensor]
) -> dict[str, tuple[float, float]]:
    """Content loss and style loss of one picture at each layer."""
    return {
        layer: (
            float(mean_squared_error(each, content[layer])),
            float(mean_squared_error(gram_matrix(each), gram_matrix(style[layer]))),
        )
        for layer, each in features.items()
    }


def _save(progress: Progress, path: Path) -> None:
    """Write a finished picture, without loss: it is judged as it is saved."""
    if bool(progress.diverged.any()):
        raise LayerStudyError(
            f"the loss of {path.name} became infinite or NaN; lower layer_study.alpha or "
            "layer_study.beta, or check the file of network.weights."
        )
    (picture,) = to_images(progress.pictures)
    save_image(picture, path)
