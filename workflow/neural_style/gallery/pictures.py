"""The copies of pictures that the gallery shows, made again only when their source changed."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from neural_style.pictures.encoding import save_image
from neural_style.pictures.images import ImageError, fit_image, load_image
from neural_style.plan.settings import Settings

THUMBNAIL_EDGE = 360
"""The longer side of a thumbnail in pixels, at most."""

ORIGINAL_EDGE = 1024
"""The longer side of the copy of an original in pixels, at most."""

_THUMBNAIL_QUALITY = 82
_COPY_QUALITY = 95
_ORIGINAL_QUALITY = 90


def make_thumbnail(source: Path, target: Path) -> None:
    """Make a small JPEG of a picture, unless the one that is there is of the same picture.

    Raises:
        ImageError: the picture cannot be read.
        NeuralStyleError: the thumbnail cannot be written.
    """
    if not _is_current(source, target):
        small = shrink(load_image(source), THUMBNAIL_EDGE)
        _save(small, source, target, _THUMBNAIL_QUALITY)


def make_copy(source: Path, target: Path) -> None:
    """Make a JPEG of a picture in its own size, unless the one that is there is of that picture.

    Raises:
        ImageError: the picture cannot be read.
        NeuralStyleError: the copy cannot be written.
    """
    if not _is_current(source, target):
        _save(load_image(source), source, target, _COPY_QUALITY)


def make_original(source: Path, target: Path, settings: Settings | None = None) -> None:
    """Make a copy of an original for the screen, unless it is there already.

    Args:
        source: a content or style image of the user's.
        target: a JPEG.
        settings: show what a job of these settings saw (size and fit), so that the copy lies
            exactly over the job's picture; without, the whole image in its own proportions.

    Raises:
        ImageError: the image cannot be read, or not be fitted.
        NeuralStyleError: the copy cannot be written.
    """
    if not _is_current(source, target):
        image = load_image(source)
        if settings is not None:
            image = fit_image(image, settings.size, settings.fit)
        _save(shrink(image, ORIGINAL_EDGE), source, target, _ORIGINAL_QUALITY)


def shrink(image: Image.Image, edge: int) -> Image.Image:
    """The image with its longer side at most `edge` px, the other in proportion, at least 1 px."""
    scale = edge / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _is_current(source: Path, target: Path) -> bool:
    """Whether the copy bears its source's date; `_save` gave it that.

    Equal, not newer: a source may be replaced by an older file.
    """
    try:
        return source.stat().st_mtime_ns == target.stat().st_mtime_ns
    except OSError:
        return False


def _save(image: Image.Image, source: Path, target: Path, quality: int) -> None:
    try:
        date = source.stat().st_mtime_ns
    except OSError as error:
        raise ImageError(f"cannot read {str(source)!r}: it vanished; run again.") from error
    save_image(image, target, quality)
    os.utime(target, ns=(date, date))
