"""Makes the pictures of the layer study, and asks every layer how well each of them agrees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from neural_style.briefs.brief import plain_brief
from neural_style.briefs.start import noise_like
from neural_style.files import remove_leftovers_below
from neural_style.jobs.preparation import load_tensor
from neural_style.loss.losses import gram_matrix, mean_squared_error
from neural_style.machine.device import choose_precision, full_precision
from neural_style.machine.memory import explaining_shortage
from neural_style.network.receptive_fields import channels, receptive_field
from neural_style.network.vgg import Vgg19
from neural_style.network.views import features_of
from neural_style.network.weights import load_weights
from neural_style.optimiser.optimisation import Progress
from neural_style.optimiser.stylize import stylize
from neural_style.pictures.encoding import save_image
from neural_style.pictures.images import load_image
from neural_style.pictures.tensors import to_images, to_tensor
from neural_style.plan.settings import Settings
from neural_style.study.layer_losses import LayerLoss, write_layer_losses
from neural_style.study.layer_study import LAYER_LOSSES, LayerStudy, LayerStudyError, StudyPicture


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
            for progress in stylize(network, [plain_brief(content, style, settings)]):
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
    if bool(progress.gave_up.any()):
        raise LayerStudyError(
            f"the loss of {path.name} became infinite or NaN; lower layer_study.alpha or "
            "layer_study.beta, or check the file of network.weights."
        )
    (picture,) = to_images(progress.pictures)
    save_image(picture, path)
