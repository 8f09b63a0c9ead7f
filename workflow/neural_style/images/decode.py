"""Image files: decoded to upright 8-bit sRGB, and fitted to a size."""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from neural_style.config.settings import FITS
from neural_style.errors import NeuralStyleError
from neural_style.images.srgb import PixelError, opacity_of, scale_transparent_gray, to_srgb

#: The only decoders that may run: those of `formats.IMAGE_SUFFIXES`.
DECODERS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
_EXIF_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SMALLEST_SIDE = 16  # px of a kept aspect: the network halves a side four times before conv5_1

Read = TypeVar("Read")


class ImageError(NeuralStyleError):
    """An image file that cannot be read or written, or an image that cannot be fitted."""


def load_image(path: Path, max_pixels: int = 100_000_000) -> Image.Image:
    """Read a JPEG, PNG, WebP, TIFF, BMP or GIF file; the content decides which, not the name.

    The first frame or page is taken, turned upright by its EXIF orientation, converted from
    its color profile to sRGB and composited on white (see `pixels.to_srgb`).

    Args:
        path: the file.
        max_pixels: the largest width × height that is decoded. Pillow's own guard stays in
            force and untouched beside it: over `PIL.Image.MAX_IMAGE_PIXELS` (89 million) it
            warns, over twice as many it refuses.

    Returns:
        An image of mode RGB, 8 bits a channel, with an empty `info`.

    Raises:
        ImageError: the file is missing, a directory, empty, unreadable, not an image, damaged,
            or too large; or its samples have no known scale.
    """
    return examine(path, partial(_upright, convert=to_srgb), max_pixels)


def load_opacity(path: Path, max_pixels: int = 100_000_000) -> Image.Image | None:
    """The opacity of an image file, upright, of mode L; None if it is opaque everywhere.

    Args and errors are those of `load_image`.
    """
    opacity = examine(path, partial(_upright, convert=opacity_of), max_pixels)
    return None if opacity.getextrema() == (255, 255) else opacity


def examine(path: Path, read: Callable[[Image.Image], Read], max_pixels: int = 100_000_000) -> Read:
    """What `read` makes of an image file that is open, its pixels not decoded yet.

    Raises:
        ImageError: see `load_image`; also in place of anything that `read` raises, since it is fed
            a stranger's bytes.
    """
    try:
        _require_content(path)
        with path.open("rb") as file, Image.open(file, formats=DECODERS) as image:
            _require_bounded(path, image.size, max_pixels)
            return read(image)
    except ImageError:
        raise
    except Exception as error:  # a decoder that is fed hostile bytes raises what it likes
        raise _unreadable(path, _reason(error)) from error


def _upright(image: Image.Image, convert: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Decode the pixels, convert them and turn them as EXIF says."""
    scale_transparent_gray(image)
    image.load()
    made = convert(image)
    turn = _TURNS.get(_orientation(image))
    return made if turn is None else made.transpose(turn)


def load_fitted(path: Path, size: int, fit: str) -> Image.Image:
    """The image of a file as the network is to see it: `load_image`, then `fit_image`.

    Raises:
        ImageError: the file cannot be read or fitted; the sentence names it.
    """
    return fit_named(load_image(path), path, size, fit)


def fit_named(image: Image.Image, path: Path, size: int, fit: str) -> Image.Image:
    """`fit_image` for the image of a file.

    Raises:
        ImageError: the image cannot be fitted; the sentence names the file.
    """
    try:
        return fit_image(image, size, fit)
    except ImageError as error:
        raise ImageError(f"{str(path)!r}: {error}") from error


def fit_image(
    image: Image.Image,
    size: int,
    fit: str,
    resampling: Image.Resampling = Image.Resampling.LANCZOS,
) -> Image.Image:
    """Resample an image, on sRGB values, to what the network is to see.

    Args:
        image: mode RGB, or L for a mask or an opacity.
        size: the side of the result in px, at least 1.
        fit: `stretch`: size×size, the aspect gives way. `crop`: the center square, resampled
            to size×size. `pad`: the long side becomes `size`, and mirrored picture fills the
            rest of size×size evenly on both sides. `keep`: the long side becomes `size`, the
            other follows the aspect, rounded, at least 16 px.
        resampling: the filter; Lanczos is the sharpest, and swings over at hard edges.

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
            return _mirror_to_square(_scale_long_side(image, size, fit, 1, resampling), size)
        case "keep":
            return _scale_long_side(image, size, fit, _SMALLEST_SIDE, resampling)
        case _:
            raise ValueError(f"unknown fit {fit!r}; the fits are {', '.join(FITS)}")


def _require_content(path: Path) -> None:
    """Refuse what would block, or would be reported as damage, when it is decoded."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise _unreadable(path, "it is a directory; name an image in it")
    if not stat.S_ISREG(status.st_mode):
        raise _unreadable(path, "it is not a regular file; name an image")
    if status.st_size == 0:
        raise _unreadable(path, "it is empty; replace or remove it")


def _require_bounded(path: Path, size: tuple[int, int], max_pixels: int) -> None:
    """Check the header's size before memory is spent on it."""
    width, height = size
    if width < 1 or height < 1:
        raise _unreadable(path, f"it has no pixels ({width} × {height}); replace or remove it")
    if width * height > max_pixels:
        raise _unreadable(
            path, f"it has {width} × {height} px, over the limit of {max_pixels}; make it smaller"
        )


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; upright (1) if there is none or it is not legible.

    TIFF files come upright from Pillow's decoder, which drops the tag.
    """
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # the picture is whole, whatever its broken metadata make Pillow raise
        return 1


def _unreadable(path: Path, reason: str) -> ImageError:
    """The error for a file; quoted, since a name may hold line breaks or undecodable bytes."""
    return ImageError(f"cannot read {str(path)!r}: {reason}.")


def _reason(error: Exception) -> str:
    """What to tell the user about an exception from the file system or from Pillow."""
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


def _center_square(image: Image.Image) -> Image.Image:
    """The largest square about the center."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _scale_long_side(
    image: Image.Image, size: int, fit: str, smallest: int, resampling: Image.Resampling
) -> Image.Image:
    """Resample so that the long side is `size` and the short one at least `smallest` px."""
    longest = max(image.size)
    width, height = (int(side * size / longest + 0.5) for side in image.size)
    if min(width, height) < smallest:
        raise ImageError(
            f"the image of {image.width} × {image.height} px would be {width} × {height} px "
            f"with fit {fit} and size {size}, but needs {smallest} px a side; "
            "choose a larger size, or the fit crop or stretch."
        )
    return image.resize((width, height), resampling)


def _mirror_to_square(image: Image.Image, size: int) -> Image.Image:
    """Center the image in size×size px and continue it by its mirror images."""
    across, down = size - image.width, size - image.height
    levels = np.asarray(image)
    margins = [(down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0)]
    return Image.fromarray(np.pad(levels, margins[: levels.ndim], mode="symmetric"))


# MERGED: Pictures read for a place much smaller than they are, and their shapes without their pixels.


_ON_THEIR_SIDE = range(5, 9)
_WORTHWHILE = 4  # times the side; nearer to it, a smaller decoding would cost sharpness


def load_small(path: Path, side: int) -> Image.Image:
    """Read a picture that is to be shown with its longer side at `side` pixels.

    Large JPEG files are decoded at a half, a quarter or an eighth of their size, which is several
    times as fast; all else is as with `load_image`.

    Returns:
        An image of mode RGB, upright, at least `side` pixels long unless the file's is smaller.

    Raises:
        ImageError: see `load_image`.
    """
    return _draft(path, side) or load_image(path)


def upright_size(path: Path) -> tuple[int, int] | None:
    """Width and height in pixels as the header has them; None if the file cannot be read."""
    with suppress(Exception):  # a decoder that is fed hostile bytes raises what it likes
        if path.is_file():
            with Image.open(path, formats=DECODERS) as image:
                orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
                # Of a TIFF file Pillow gives the upright size at once.
                turned = orientation in _ON_THEIR_SIDE and image.format != "TIFF"
                return image.size[::-1] if turned else image.size
    return None


def _draft(path: Path, side: int) -> Image.Image | None:
    """A large JPEG in a smaller size; None for all else, and for what is damaged."""
    with suppress(Exception):
        if path.is_file():
            with Image.open(path, formats=("JPEG",)) as image:
                if min(image.size) >= _WORTHWHILE * side:
                    image.draft(None, (2 * side, 2 * side))
                    return to_srgb(ImageOps.exif_transpose(image))
    return None
