"""Pictures read for a place much smaller than they are, and their shapes without their pixels."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from PIL import Image, ImageOps

from neural_style.pictures.images import DECODERS, load_image
from neural_style.pictures.pixels import to_srgb

_EXIF_ORIENTATION = 0x0112
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
