"""Runs the layer study: its images, and how well each layer of the network agrees with them."""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from io import StringIO
from pathlib import Path

import torch
from torch import Tensor

from neural_style.config.layer_study import LAYER_LOSSES, LayerStudy, LayerStudyError, StudyImage
from neural_style.config.settings import RUN, Settings
from neural_style.engine.engine import Engine
from neural_style.engine.load import load_tensor, read_with_sources
from neural_style.engine.record import facts_of_inputs, write_facts
from neural_style.engine.settling import excesses, return_sentence
from neural_style.errors import NeuralStyleError, NeuralStyleWarning
from neural_style.images.decode import load_image
from neural_style.images.encode import save_image
from neural_style.images.tensors import to_pil_images, to_tensor
from neural_style.io import read_regular, remove_leftovers_below, write_text
from neural_style.losses.problem import noise_like, single_style_problem
from neural_style.losses.terms import gram_matrix, mean_squared_error
from neural_style.model.layers import channels, receptive_field
from neural_style.model.vgg import Vgg19, extract_features, full_precision
from neural_style.optim.loop import Progress
from neural_style.runtime.device import CPU


@dataclass(frozen=True)
class StudyProgress:
    """An iteration of one image of the study.

    Attributes:
        number: of the image, from 0.
        image: which image is being made.
        settings: of the image.
        progress: the iteration; after the last one the file has been written.
    """

    number: int
    image: StudyImage
    settings: Settings
    progress: Progress


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


def run_study(
    study: LayerStudy, content_path: Path, style_path: Path, folder: Path, device: torch.device
) -> Iterator[StudyProgress]:
    """Make every image of a layer study, one after the other, and the table of their losses.

    Each image is optimized with its own layers alone: content reconstructions have no style term,
    style reconstructions have no content term, and the network runs no deeper than it must.

    Args:
        study: which images to make, and with which settings.
        content_path: file of the content image.
        style_path: file of the style image.
        folder: gets the images, `losses.csv` and `run.json`, each whole or not at all; no other
            process may write there at the same time.
        device: of the optimization.

    Yields:
        The start and every iteration of every image.

    Raises:
        NeuralStyleError: an image or the weights cannot be read, a file cannot be written, or a
            loss became infinite or NaN.
    """
    remove_leftovers_below(folder)
    files = {"content": content_path, "style": style_path}
    on_cpu, sources = read_with_sources(
        files, lambda: [load_tensor(path, study.settings, CPU) for path in files.values()]
    )
    engine = Engine(device)
    with engine.explaining_shortage(study.settings, *on_cpu[0].shape[2:]):
        content, style = (each.to(device) for each in on_cpu)
        for number, image in enumerate(study.images):
            settings = study.settings_of(image)
            for progress in engine.optimization([single_style_problem(content, style, settings)]):
                if progress.epoch == settings.epochs:
                    _save(progress, folder / image.file, settings)
                yield StudyProgress(number, image, settings, progress)
        network = engine.float32_network(study.settings, frozenset(study.layers))
        rows = measure_study(study, network, content, style, folder)
    write_layer_losses(rows, folder / LAYER_LOSSES)
    weights = engine.weights(study.settings)
    write_facts(facts_of_inputs(sources, study.settings, weights), folder / RUN)


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


@torch.no_grad()
def measure_study(
    study: LayerStudy, network: Vgg19, content: Tensor, style: Tensor, folder: Path
) -> list[LayerLoss]:
    """The losses of every saved image at every layer of the study.

    Args:
        study: its images and layers.
        network: in float32, with the features of `study.layers`.
        content: the content image, [1, 3, H, W] in [0, 1].
        style: the style image, [1, 3, h, w] in [0, 1].
        folder: of the study.

    Returns:
        A row for each image and layer, images in their order and layers by depth.
    """
    noise = noise_like(content, study.settings.seed)
    with full_precision():
        originals = extract_features(network, content), extract_features(network, style)
        of_noise = _losses(extract_features(network, noise), *originals)
        rows: list[LayerLoss] = []
        for image in study.images:
            pixels = to_tensor(load_image(folder / image.file)).to(content)
            losses = _losses(extract_features(network, pixels), *originals)
            rows += [
                LayerLoss(
                    image=image.file,
                    content_layer=image.content_layer or "",
                    style_layers="+".join(image.style_layers),
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
    """Content loss and style loss of one image at each layer."""
    return {
        layer: (
            float(mean_squared_error(each, content[layer])),
            float(mean_squared_error(gram_matrix(each), gram_matrix(style[layer]))),
        )
        for layer, each in features.items()
    }


def _save(progress: Progress, path: Path, settings: Settings) -> None:
    """Write a finished image as PNG: it is measured as it is saved."""
    if bool(progress.diverged.any()):
        raise LayerStudyError(
            f"the loss of {path.name} became infinite or NaN; lower layer_study.alpha or "
            "layer_study.beta, or check the file of network.weights."
        )
    if (excess := excesses(progress)[0]) > 1:
        sentence = f"{path.name}: {return_sentence(excess, settings)}"
        warnings.warn(sentence, NeuralStyleWarning, stacklevel=2)
    (image,) = to_pil_images(progress.images)
    save_image(image, path)
