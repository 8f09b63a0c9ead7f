"""One job from files to files: two images in; pictures, losses.csv and run.json out."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from neural_style.device import choose_precision, describe, full_precision
from neural_style.errors import NeuralStyleError
from neural_style.files import sha256
from neural_style.fingerprint import engine_fingerprint
from neural_style.images import ImageError, fit_image, load_image, save_image
from neural_style.objective import gatys_objective
from neural_style.record import Losses, LossTable, Run, Source, losses_of, write_run
from neural_style.settings import Settings
from neural_style.stylize import Progress, stylize
from neural_style.sweep import LOSSES, RUN, picture_name
from neural_style.tensors import to_images, to_tensor
from neural_style.vgg import Vgg19
from neural_style.weights import load_weights

LOOK_EVERY = 10
"""Epochs between two looks at whether a picture has diverged; each look waits for the device."""


class DivergedError(NeuralStyleError):
    """The loss became infinite or NaN, and going back to the best picture did not help."""


def run_job(
    content_path: Path, style_path: Path, folder: Path, settings: Settings, device: torch.device
) -> Iterator[Progress]:
    """Make the pictures of one job.

    Args:
        content_path: the content image.
        style_path: the style image.
        folder: gets the pictures, `losses.csv` and `run.json`, each whole or not at all.
        settings: what to do.
        device: where to do it.

    Yields:
        The start and every epoch, after its files have been written.

    Raises:
        NeuralStyleError: an image or the weights cannot be read, a file cannot be written, or
            the optimisation diverged.
    """
    content_source, content = _load(content_path, settings, device)
    style_source, style = _load(style_path, settings, device)
    weights = load_weights(settings.weights)
    precision = choose_precision(settings.precision, device)
    network = Vgg19(weights.convolutions, settings.layers)
    working = copy.deepcopy(network).prepare(device, precision)
    snapshots = frozenset(settings.snapshots)
    table = LossTable()
    for progress in stylize(working, content, [style], [settings]):
        save = progress.epoch in snapshots
        if save or progress.epoch % LOOK_EVERY == 0:
            _check(progress, settings)
        table.add(progress)  # after the look, which waits: until then a GPU has only been told
        if progress.epoch == 0:
            _begin(folder, table)
        if save:
            (picture,) = to_images(progress.pictures)
            path = folder / picture_name(progress.epoch, settings.format)
            save_image(picture, path, settings.quality)
            table.write(folder / LOSSES)
        yield progress
    saved = judge(network.to(device), content, style, path, settings)
    write_run(
        Run(
            content=content_source,
            style=style_source,
            settings=settings,
            weights=weights,
            engine=engine_fingerprint(),
            device=describe(device),
            precision=precision,
            seconds=table.seconds,
            size=picture.size,
            picture=path,
            saved=saved,
        ),
        folder / RUN,
    )


@torch.no_grad()
def judge(
    network: Vgg19, content: Tensor, style: Tensor, picture: Path, settings: Settings
) -> Losses:
    """The losses of a picture as it was saved: 8 bits a channel, after compression.

    Args:
        network: in float32, whatever the picture was made with.
        content: [1, 3, H, W] in [0, 1].
        style: [1, 3, h, w] in [0, 1].
        picture: the saved file, of size H×W.
        settings: layers, alpha and beta.
    """
    pixels = to_tensor(load_image(picture)).to(content)
    with full_precision():
        objective = gatys_objective(network, content, [style], [settings])
        return losses_of(objective.names, objective.parts(pixels)[:, 0])


def _load(path: Path, settings: Settings, device: torch.device) -> tuple[Source, Tensor]:
    """An image file and what it holds, fitted to size, as [1, 3, H, W] in [0, 1]."""
    image = load_image(path)
    try:
        fitted = fit_image(image, settings.size, settings.fit)
    except ImageError as error:
        raise ImageError(f"{str(path)!r}: {error}") from error
    return Source(path, sha256(path)), to_tensor(fitted).to(device)


def _begin(folder: Path, table: LossTable) -> None:
    """Write early, so that a folder that takes no files costs no run; drop an older run's facts."""
    table.write(folder / LOSSES)
    (folder / RUN).unlink(missing_ok=True)


def _check(progress: Progress, settings: Settings) -> None:
    """Raise DivergedError if the picture was given up."""
    if not bool(progress.gave_up.any()):
        return
    if progress.epoch == 0:
        raise DivergedError(
            "the loss is infinite or NaN from the start; lower alpha, beta or a layer's weight, "
            "or check the file of network.weights."
        )
    raise DivergedError(
        f"the loss became infinite or NaN by epoch {progress.epoch}, and again after going back "
        f"to the best picture; lower learning_rate (now {settings.learning_rate:g}) or beta "
        f"(now {settings.beta:g})."
    )
