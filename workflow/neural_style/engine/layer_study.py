"""Runs the layer study: its images, and how well each layer of the network agrees with them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from neural_style.config.layer_study import LAYER_LOSSES, LayerStudy, LayerStudyError, StudyImage
from neural_style.config.settings import RUN, Settings
from neural_style.engine.engine import Engine
from neural_style.engine.layer_losses import LayerLoss, write_layer_losses
from neural_style.engine.load import load_tensor, read_with_sources
from neural_style.engine.record import facts_of_inputs, write_facts
from neural_style.engine.settling import excesses, return_sentence
from neural_style.errors import NeuralStyleWarning
from neural_style.images.decode import load_image
from neural_style.images.encode import save_image
from neural_style.images.tensors import to_pil_images, to_tensor
from neural_style.io import remove_leftovers_below
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
