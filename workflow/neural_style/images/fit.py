"""Images fitted to the size that the network gets; `load_fitted` reads a file and fits it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from neural_style.config.settings import FITS
from neural_style.config.sizes import SHORTEST_SIDE
from neural_style.images.decode import ImageError, load_image

_LONGEST_SIDE = 1_000_000  # pixels of a side for which the table of a filter has a bearable size
_MOST_BETWEEN = 250_000_000  # pixels of the image between the two passes of a resampling


class FitError(ImageError):
    """An image that cannot be fitted to a size, although it can be to others."""


def load_fitted(path: Path, size: int, fit: str) -> Image.Image:
    """Read an image file as the network gets it: `load_image`, then `fit_image`.

    Raises:
        ImageError: the file cannot be read or fitted; the message names it.
    """
    return fit_image(load_image(path, side=size), size, fit, path=path)


def fit_image(
    image: Image.Image,
    size: int,
    fit: str,
    resampling: Image.Resampling = Image.Resampling.LANCZOS,
    path: Path | None = None,
) -> Image.Image:
    """Resize an image, on sRGB values, to what the network gets.

    Args:
        image: mode RGB, or L for a mask or an opacity.
        size: pixels of a side of the result, at least 1.
        fit: `keep`: the long side becomes `size`, the other follows the aspect ratio, rounded, at
            least 16 px. `crop`: the center square, resized to size × size. `pad`: the long side
            becomes `size`, and mirror images fill the rest of size × size evenly on both sides.
            `stretch`: size × size, at any aspect ratio.
        resampling: the filter. Lanczos is the sharpest, and overshoots at hard edges.
        path: the file that an error message names.

    Raises:
        FitError: with `pad` or `keep`, the image is so narrow that its short side vanishes.
        ImageError: the memory does not suffice.
        ValueError: `fit` is none of the four.
    """
    match fit:
        case "stretch":
            return resize(image, (size, size), resampling, path=path)
        case "crop":
            return resize(_center_square(image), (size, size), resampling, path=path)
        case "pad":
            return _mirror_to_square(_scale_long_side(image, size, fit, 1, resampling, path), size)
        case "keep":
            return _scale_long_side(image, size, fit, SHORTEST_SIDE, resampling, path)
        case _:
            raise ValueError(f"unknown fit {fit!r}; the fits are {', '.join(FITS)}")


def resize(
    image: Image.Image,
    size: tuple[int, int],
    resampling: Image.Resampling = Image.Resampling.LANCZOS,
    box: tuple[float, float, float, float] | None = None,
    path: Path | None = None,
) -> Image.Image:
    """Resize an image as Pillow does, with a bound on the memory of very long and narrow ones.

    Pillow changes first the width, then the height. Where the image between them would be huge,
    the height is changed first. A side of millions of pixels is shortened by averaging before.

    Args:
        image: of any size.
        size: width and height of the result in pixels.
        resampling: the filter.
        box: the part of the image to resize; None for all of it.
        path: the file that an error message names.

    Raises:
        ImageError: there is not enough memory.
    """
    try:
        if box is not None:
            return image.resize(size, resampling, box)
        factors = (_shortening(image.width, size[0]), _shortening(image.height, size[1]))
        reduced = image if factors == (1, 1) else image.reduce(factors)
        if size[0] * reduced.height > _MOST_BETWEEN:
            reduced = reduced.resize((reduced.width, size[1]), resampling)
        return reduced.resize(size, resampling)
    except MemoryError as error:
        raise ImageError(
            "{}there is not enough memory to resize an image of {} × {} px to {} × {} px; make it "
            "smaller, or its proportions less extreme.".format(_prefix(path), *image.size, *size)
        ) from error


def _prefix(path: Path | None) -> str:
    """The beginning of a sentence about a file."""
    return f"{str(path)!r}: " if path else ""


def _shortening(side: int, wanted: int) -> int:
    """By how much to shorten a side before the filter; 1 for all but extremely long sides."""
    return max(1, min(-(-side // _LONGEST_SIDE), side // (4 * wanted)))


def _center_square(image: Image.Image) -> Image.Image:
    """The largest square about the center."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = Image.new(image.mode, (side, side))
    square.paste(image, (-left, -top))  # `crop` warns of large images
    return square


def _scale_long_side(
    image: Image.Image,
    size: int,
    fit: str,
    min_side: int,
    resampling: Image.Resampling,
    path: Path | None,
) -> Image.Image:
    """Resize so that the long side is `size` and the short one at least `min_side` pixels."""
    longest = max(image.size)
    width, height = (int(side * size / longest + 0.5) for side in image.size)
    if min(width, height) < min_side:
        raise FitError(
            f"{_prefix(path)}the image of {image.width} × {image.height} px would be "
            f"{width} × {height} px with fit {fit} and size {size}, but needs {min_side} px a "
            "side; choose a larger size, or the fit crop or stretch."
        )
    return resize(image, (width, height), resampling, path=path)


def _mirror_to_square(image: Image.Image, size: int) -> Image.Image:
    """Center the image in size × size pixels and continue it by its mirror images."""
    across, down = size - image.width, size - image.height
    pixels = np.asarray(image)
    margins = [(down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0)]
    return Image.fromarray(np.pad(pixels, margins[: pixels.ndim], mode="symmetric"))
