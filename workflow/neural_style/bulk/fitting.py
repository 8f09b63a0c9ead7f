"""From a photograph of a data set to what the network gets."""

from __future__ import annotations

from PIL import Image

from neural_style.pictures.images import fit_image
from neural_style.plan.settings import ORIGINAL, Settings

SMALLEST = 16
"""px a side that the network needs."""


def fit_content(image: Image.Image, settings: Settings, size: str) -> Image.Image:
    """A photograph as the network gets it.

    That is what `image.size` and `image.fit` say. With `original` and the fit `keep`, a photograph
    whose long side is shorter than that is taken as it is.

    Raises:
        ImageError: it is too narrow, see `images.fit_image`.
    """
    small = max(image.size) <= settings.size and min(image.size) >= SMALLEST
    if size == ORIGINAL and settings.fit == "keep" and small:
        return image
    return fit_image(image, settings.size, settings.fit)
