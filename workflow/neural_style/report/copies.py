"""Small copies of images for pages and grids, made again only if their source has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from PIL import Image

from neural_style.config.settings import Settings
from neural_style.images.decode import ImageError, load_image
from neural_style.images.encode import save_image
from neural_style.images.fit import fit_image

ORIGINALS, THUMBNAILS, COPIES = "originals", "thumbnails", "copies"
"""Folders beside the page: copies of inputs, thumbnails, JPEGs of outputs in other formats."""

THUMBNAIL_EDGE = 360
"""Greatest longer side of a thumbnail in pixels."""

ORIGINAL_EDGE = 1024
"""Greatest longer side of the copy of an original in pixels."""

_THUMBNAIL_QUALITY = 82
_COPY_QUALITY = 95
_ORIGINAL_QUALITY = 90


def make_thumbnail(source: Path, target: Path) -> None:
    """Make a small JPEG of an image, unless `target` is already that of the same file.

    Raises:
        ImageError: the image cannot be read.
        NeuralStyleError: the thumbnail cannot be written.
    """

    def small() -> Image.Image:
        return shrink(load_image(source, side=THUMBNAIL_EDGE), THUMBNAIL_EDGE)

    _make(source, target, small, _THUMBNAIL_QUALITY)


def make_copy(source: Path, target: Path) -> None:
    """Make a JPEG of an image in its own size, unless `target` is already that of the same file.

    Raises:
        ImageError: the image cannot be read.
        NeuralStyleError: the copy cannot be written.
    """
    _make(source, target, lambda: load_image(source), _COPY_QUALITY)


def make_original(source: Path, target: Path, settings: Settings | None = None) -> None:
    """Make a copy of an original for the screen, unless `target` is already that of the same file.

    Args:
        source: a content or style image.
        target: a JPEG.
        settings: give the copy the size and fit of a job, so that it covers the job's output
            exactly; without, it keeps its own proportions.

    Raises:
        ImageError: the image cannot be read or fitted.
        NeuralStyleError: the copy cannot be written.
    """

    def fitted() -> Image.Image:
        image = load_image(source, side=settings.size if settings else ORIGINAL_EDGE)
        if settings is not None:
            image = fit_image(image, settings.size, settings.fit)
        return shrink(image, ORIGINAL_EDGE)

    _make(source, target, fitted, _ORIGINAL_QUALITY)


def shrink(image: Image.Image, edge: int) -> Image.Image:
    """Reduce an image to a longer side of at most `edge` pixels, in proportion."""
    scale = edge / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _make(source: Path, target: Path, read: Callable[[], Image.Image], quality: int) -> None:
    """Write what `read` returns with the date of its source, unless the copy is current."""
    if not _is_current(source, target):
        date = _date(source)
        save_image(read(), target, quality)
        os.utime(target, ns=(date, date))


def _is_current(source: Path, target: Path) -> bool:
    """Return whether the copy has the date of its source, which `_make` gave it.

    Equal, not newer, since a source may be replaced by an older file. If by one of the same date,
    its second date (ctime), which programs cannot set, is newer than that of the copy.
    """
    try:
        of_source, of_target = source.stat(), target.stat()
    except OSError:
        return False
    return (
        of_source.st_mtime_ns == of_target.st_mtime_ns
        and of_source.st_ctime_ns <= of_target.st_ctime_ns
    )


def _date(source: Path) -> int:
    """The date of an image before it is read, in nanoseconds since 1970."""
    try:
        return source.stat().st_mtime_ns
    except OSError as error:
        raise ImageError(f"cannot read {str(source)!r}: it vanished; run again.") from error


def remove_copies(folder: Path) -> None:
    """Remove the copies of a page that was deleted, and the folders that are empty then.

    Args:
        folder: of the page.
    """
    for home in (folder / name for name in (ORIGINALS, THUMBNAILS, COPIES)):
        for path in sorted(home.rglob("*"), reverse=True):
            with suppress(OSError):  # something else is in the folder
                if path.is_dir() and not path.is_symlink():
                    path.rmdir()
                elif path.suffix == ".jpg":
                    path.unlink()
        with suppress(OSError):
            home.rmdir()
    with suppress(OSError):
        folder.rmdir()
