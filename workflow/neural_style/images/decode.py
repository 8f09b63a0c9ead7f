"""Image files: decoding to upright 8-bit sRGB, and fitting to a size.

`load_image` reads a file, `fit_image` resizes it to what the network gets, `load_fitted` does both.
`load_reduced` and `upright_size` are the fast ways to a small image and to the size alone.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from neural_style.config.settings import FITS
from neural_style.errors import NeuralStyleError
from neural_style.images.srgb import (
    PixelError,
    extract_opacity,
    scale_transparent_gray,
    to_srgb,
)

DECODERS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
"""The only Pillow decoders that may run: those of `settings.IMAGE_SUFFIXES`."""

MIN_SIDE = 16
"""Pixels of the short side with the fit `keep`: VGG19 halves a side four times before conv5_1."""

_EXIF_ORIENTATION = 0x0112
_TRANSPOSE_FOR_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = range(5, 9)  # the orientations that swap width and height
_DRAFT_RATIO = 4  # below this many times the wanted side, a reduced decoding would lose sharpness

T = TypeVar("T")


class ImageError(NeuralStyleError):
    """An image file that cannot be read or written, or an image that cannot be fitted."""


def load_image(path: Path, max_pixels: int = 100_000_000) -> Image.Image:
    """Read a JPEG, PNG, WebP, TIFF, BMP or GIF file; the content decides which, not the name.

    The first frame or page is turned upright by its EXIF orientation, converted from its color
    profile to sRGB, and composited on white (see `srgb.to_srgb`).

    Args:
        path: the file.
        max_pixels: the largest width × height that is decoded. Pillow's own limits stay in force:
            it warns above `PIL.Image.MAX_IMAGE_PIXELS` (89 million) and refuses twice as many.

    Returns:
        An image of mode RGB, 8 bits a channel, with an empty `info`.

    Raises:
        ImageError: the file is missing, a directory, empty, unreadable, not an image, damaged,
            or too large; or its samples have no known scale.
    """
    return read_image_file(path, partial(_decode_upright, convert=to_srgb), max_pixels)


def load_opacity(path: Path, max_pixels: int = 100_000_000) -> Image.Image | None:
    """Read the opacity of an image file: upright, of mode L; None if it is opaque everywhere.

    Args and errors are those of `load_image`.
    """
    convert = partial(_decode_upright, convert=extract_opacity)
    opacity = read_image_file(path, convert, max_pixels)
    return None if opacity.getextrema() == (255, 255) else opacity


def load_reduced(path: Path, side: int) -> Image.Image:
    """Read an image that will be shown with a long side of `side` pixels.

    Large JPEG files are decoded at 1/2, 1/4 or 1/8 of their size, which is several times as fast;
    everything else is read by `load_image`.

    Returns:
        An image of mode RGB, upright, at least `side` pixels long unless the file's is smaller.

    Raises:
        ImageError: see `load_image`.
    """
    return _load_draft(path, side) or load_image(path)


def upright_size(path: Path) -> tuple[int, int] | None:
    """Read width and height in pixels from the header; None if the file cannot be read."""
    with suppress(Exception):  # damaged files make Pillow raise many types
        if path.is_file():
            with Image.open(path, formats=DECODERS) as image:
                sideways = _orientation(image) in _SIDEWAYS
                # Of a TIFF file, Pillow gives the upright size.
                return image.size[::-1] if sideways and image.format != "TIFF" else image.size
    return None


def read_image_file(
    path: Path, read: Callable[[Image.Image], T], max_pixels: int = 100_000_000
) -> T:
    """Open an image file and return `read(image)`; the pixels are not decoded before that.

    Raises:
        ImageError: see `load_image`; also for every exception of `read`, since a damaged file can
            make a decoder raise anything.
    """
    try:
        _require_content(path)
        with path.open("rb") as file, Image.open(file, formats=DECODERS) as image:
            _require_bounded(path, image.size, max_pixels)
            return read(image)
    except ImageError:
        raise
    except Exception as error:
        raise _unreadable(path, _reason(error)) from error


def load_fitted(path: Path, size: int, fit: str) -> Image.Image:
    """Read an image file as the network gets it: `load_image`, then `fit_image`.

    Raises:
        ImageError: the file cannot be read or fitted; the message names it.
    """
    return fit_image(load_image(path), size, fit, path=path)


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
        ImageError: with `pad` or `keep`, the image is so narrow that its short side vanishes.
        ValueError: `fit` is none of the four.
    """
    match fit:
        case "stretch":
            return image.resize((size, size), resampling)
        case "crop":
            return _center_square(image).resize((size, size), resampling)
        case "pad":
            return _mirror_to_square(_scale_long_side(image, size, fit, 1, resampling, path), size)
        case "keep":
            return _scale_long_side(image, size, fit, MIN_SIDE, resampling, path)
        case _:
            raise ValueError(f"unknown fit {fit!r}; the fits are {', '.join(FITS)}")


def _center_square(image: Image.Image) -> Image.Image:
    """The largest square about the center."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


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
        name = f"{str(path)!r}: " if path else ""
        raise ImageError(
            f"{name}the image of {image.width} × {image.height} px would be {width} × {height} px "
            f"with fit {fit} and size {size}, but needs {min_side} px a side; "
            "choose a larger size, or the fit crop or stretch."
        )
    return image.resize((width, height), resampling)


def _mirror_to_square(image: Image.Image, size: int) -> Image.Image:
    """Center the image in size × size pixels and continue it by its mirror images."""
    across, down = size - image.width, size - image.height
    pixels = np.asarray(image)
    margins = [(down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0)]
    return Image.fromarray(np.pad(pixels, margins[: pixels.ndim], mode="symmetric"))


def _decode_upright(
    image: Image.Image, convert: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """Decode the pixels, convert them and turn them as EXIF says."""
    scale_transparent_gray(image)
    image.load()
    converted = convert(image)
    transpose = _TRANSPOSE_FOR_ORIENTATION.get(_orientation(image))
    return converted if transpose is None else converted.transpose(transpose)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 (upright) if there is none or it cannot be read.

    When Pillow decodes a TIFF file, it turns it upright and drops the tag.
    """
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # damaged metadata make Pillow raise many types; the pixels are intact
        return 1


def _load_draft(path: Path, side: int) -> Image.Image | None:
    """A large JPEG at a reduced size; None for everything else, and for damaged files."""
    with suppress(Exception):
        if path.is_file():
            with Image.open(path, formats=("JPEG",)) as image:
                if min(image.size) >= _DRAFT_RATIO * side:
                    image.draft(None, (2 * side, 2 * side))
                    return _decode_upright(image, to_srgb)
    return None


def _require_content(path: Path) -> None:
    """Refuse what would block a read, or would look like a damaged file."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise _unreadable(path, "it is a directory; name an image in it")
    if not stat.S_ISREG(status.st_mode):
        raise _unreadable(path, "it is not a regular file; name an image")
    if status.st_size == 0:
        raise _unreadable(path, "it is empty; replace or remove it")


def _require_bounded(path: Path, size: tuple[int, int], max_pixels: int) -> None:
    """Check the size in the header before memory is allocated for it."""
    width, height = size
    if width < 1 or height < 1:
        raise _unreadable(path, f"it has no pixels ({width} × {height}); replace or remove it")
    if width * height > max_pixels:
        raise _unreadable(
            path, f"it has {width} × {height} px, over the limit of {max_pixels}; make it smaller"
        )


def _unreadable(path: Path, reason: str) -> ImageError:
    """The error for a file; quoted, since a name may hold line breaks or undecodable bytes."""
    return ImageError(f"cannot read {str(path)!r}: {reason}.")


def _reason(error: Exception) -> str:
    """Cause and remedy of an exception from the file system or from Pillow."""
    match error:
        case PixelError():
            return str(error)
        case FileNotFoundError():
            return "there is no such file; check the name"
        case PermissionError():
            return "permission denied; change its permissions"
        case Image.DecompressionBombError() | Image.DecompressionBombWarning():
            return "it has more pixels than Pillow decodes safely; make it smaller"
        case UnidentifiedImageError():
            kinds = ", ".join(DECODERS)
            return f"it is not an image that can be read ({kinds}), or is damaged; replace it"
        case MemoryError():
            return "there is not enough memory to decode it; make it smaller"
        case OSError(errno=number) if number not in (None, errno.EINVAL):
            return f"{error.strerror}; check the file and its disk"
        case _:
            return "it is truncated or damaged; replace or remove it"
