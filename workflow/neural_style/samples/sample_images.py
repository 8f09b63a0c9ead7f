"""Sample images for the two input folders of somebody who has none yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from neural_style.config.inputs import walk_images
from neural_style.errors import NeuralStyleError
from neural_style.images.decode import load_image
from neural_style.images.encode import save_image
from neural_style.samples.paintings import PAINTINGS
from neural_style.samples.photographs import PHOTOGRAPHS, photograph

_QUALITY = 92


def holds_image(folder: Path) -> bool:
    """Whether an image lies in or anywhere below `folder`; one that is not there holds none.

    What counts is the suffix, whatever its case. Hidden files and folders do not count.

    Raises:
        NeuralStyleError: the folder, or one below it, cannot be read.
    """
    if not folder.exists():
        return False
    try:
        return any(walk_images(folder))
    except OSError as error:
        raise NeuralStyleError(
            f"cannot look for images in {error.filename}: {error.strerror}; "
            "name a folder that you may read."
        ) from error


def sample_photographs() -> dict[str, Image.Image]:
    """The photographs by name, mode RGB.

    Raises:
        NeuralStyleError: one is not there (see `photographs.photograph`) or is damaged.
    """
    return {name: load_image(photograph(name)) for name in PHOTOGRAPHS}


def sample_paintings(seed: int) -> dict[str, Image.Image]:
    """The paintings by name, mode RGB; takes half a minute."""
    return {name: paint(seed) for name, paint in PAINTINGS.items()}


def save_samples(samples: Mapping[str, Image.Image], folder: Path) -> list[Path]:
    """Write each image to `folder` as a JPEG file called by its name, and say which files.

    All images are made before the first is written, so that a run which is stopped while it
    paints leaves an empty folder, to be filled by the next.

    Raises:
        NeuralStyleError: the folder cannot be written to.
    """
    paths = [folder / f"{name}.jpg" for name in samples]
    for path, image in zip(paths, samples.values(), strict=True):
        save_image(image, path, _QUALITY)
    return paths
