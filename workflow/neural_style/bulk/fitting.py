"""From a photograph to what the network gets, and from its picture to the size asked for."""

from __future__ import annotations

from PIL import Image

from neural_style.bulk.plan import ORIGINAL
from neural_style.images import fit_image
from neural_style.settings import Settings

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


def restore(picture: Image.Image, original: tuple[int, int], fit: str, size: str) -> Image.Image:
    """The picture in the size that is asked for.

    Args:
        picture: as it was optimised.
        original: width and height of the photograph in px.
        fit: how that was brought to its size; the mirrored margins of `pad` are cut off again.
        size: `original` or `fitted`, which changes nothing.
    """
    if size != ORIGINAL or picture.size == original:
        return picture
    box = _unpadded(picture.width, original) if fit == "pad" else None
    return picture.resize(original, Image.Resampling.LANCZOS, box)


def _unpadded(edge: int, original: tuple[int, int]) -> tuple[float, float, float, float]:
    """The part of a padded square that shows the photograph; compare `images.fit_image`."""
    width, height = (int(side * edge / max(original) + 0.5) for side in original)
    left, top = (edge - width) // 2, (edge - height) // 2
    return (left, top, left + width, top + height)
