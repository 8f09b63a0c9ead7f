"""Image files, decoded to upright 8-bit sRGB.

`load_image` reads a file; `load_reduced` and `upright_size` are the fast ways to a small image and
to the size alone.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from PIL import Image, UnidentifiedImageError

from neural_style.config.settings import MAX_PIXELS, MAX_PIXELS_VARIABLE
from neural_style.errors import NeuralStyleError, NeuralStyleWarning
from neural_style.images.formats import (
    JPEG_END,
    JPEG_SIGNATURE,
    KINDS,
    is_jpeg,
    is_sideways,
    open_image,
    turn_upright,
)
from neural_style.images.srgb import (
    PixelError,
    extract_opacity,
    scale_transparent_gray,
    to_srgb,
)
from neural_style.images.tiff import tiff_layout

if TYPE_CHECKING:
    from neural_style.images.repair import Repaired

REDUCED_FROM = 100_000_000
"""Pixels from which a JPEG is decoded at a reduced size for a small output. Files with fewer are
decoded whole, because the reduced pixels are not exactly the same."""

LARGEST_REPAIRED = 2**30
"""Bytes of a file up to which it is read whole, to repair it or to see what its end lacks."""

_DRAFT_RATIO = 4  # below this many times the wanted side, a reduced decoding would lose sharpness
_LARGE = threading.Lock()  # held while a large image is decoded: one at a time

_MISREAD = (UnidentifiedImageError, OSError, ValueError, RuntimeError)  # layouts Pillow lacks

T = TypeVar("T")


class ImageError(NeuralStyleError):
    """An image file that cannot be read or written, or an image that cannot be fitted."""


def load_image(path: Path, *, side: int | None = None) -> Image.Image:
    """Read an image file of one of `formats.KINDS`; the content decides which, not the name.

    The first frame or page is turned upright by its EXIF orientation, converted from its color
    profile to sRGB, and composited on white (see `srgb.to_srgb`). A file with a fault that does not
    touch the pixels is read with a `NeuralStyleWarning`, see `repair`.

    Args:
        path: the file.
        side: pixels of the edge to which the image will be fitted. A JPEG of over `REDUCED_FROM`
            pixels is then decoded at 1/2, 1/4 or 1/8 of its size, if its short side stays at least
            twice as long. None decodes every image whole.

    Returns:
        An image of mode RGB, 8 bits a channel, with an empty `info`.

    Raises:
        ImageError: the file is missing, a directory, empty, unreadable, not an image, damaged,
            or too large; or its samples have no known scale.
    """
    decode = partial(_decode_upright, convert=to_srgb, side=side)
    return read_image_file(path, decode, decodes=True)


def load_sized(path: Path, side: int) -> tuple[Image.Image, tuple[int, int]]:
    """Read an image that will be fitted to a size; see `load_image` for arguments and errors.

    Returns:
        The image, and width and height of its file, upright. They differ if it was decoded at a
        reduced size.
    """

    def read(image: Image.Image) -> tuple[Image.Image, tuple[int, int]]:
        whole = image.size
        decoded = _decode_upright(image, to_srgb, side)
        if not is_jpeg(image):
            return decoded, decoded.size
        return decoded, whole[::-1] if is_sideways(image) else whole

    return read_image_file(path, read, decodes=True)


def pixel_limit() -> int:
    """The largest width × height of an image file that is read.

    The environment variable `NEURAL_STYLE_MAX_PIXELS` overrides `settings.MAX_PIXELS`: so the limit
    of a configuration reaches every process of a run.
    """
    given = os.environ.get(MAX_PIXELS_VARIABLE, "")
    return int(given) if given.isdecimal() else MAX_PIXELS


def load_opacity(path: Path) -> Image.Image | None:
    """Read the opacity of an image file: upright, of mode L; None if it is opaque everywhere.

    Args and errors are those of `load_image`.
    """

    def read(image: Image.Image) -> Image.Image | None:
        if is_jpeg(image):  # which has no opacity
            return None
        return _decode_upright(image, extract_opacity)

    opacity = read_image_file(path, read)
    return None if opacity is None or opacity.getextrema() == (255, 255) else opacity


def convert_image(image: Image.Image) -> Image.Image:
    """Convert an image in memory as `load_image` does one in a file: upright, sRGB, on white.

    Raises:
        ImageError: it cannot be decoded, has no pixels or too many, or its samples have no known
            scale.
    """
    return _convert_in_memory(image, to_srgb)


def opacity_of(image: Image.Image) -> Image.Image | None:
    """The opacity of an image in memory, as `load_opacity`; errors are those of `convert_image`."""
    opacity = _convert_in_memory(image, extract_opacity)
    return None if opacity.getextrema() == (255, 255) else opacity


def _convert_in_memory(
    image: Image.Image, convert: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError(f"the image has no pixels ({width} × {height}); give another one.")
    if width * height > pixel_limit():
        raise ImageError(
            f"the image has {width} × {height} px, over the limit of {pixel_limit()}; make it "
            f"smaller, or set {MAX_PIXELS_VARIABLE}."
        )
    try:
        return _decode_upright(image, convert)
    except Exception as error:  # a damaged file makes Pillow raise many types
        raise ImageError(f"cannot read the image: {_reason(error)}.") from error


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
    with suppress(ImageError):
        return read_image_file(path, _upright_size)
    return None


def read_image_file(path: Path, read: Callable[[Image.Image], T], *, decodes: bool = False) -> T:
    """Open an image file and return `read(image)`; the pixels are not decoded before that.

    Args:
        path: the file.
        read: gets the opened image.
        decodes: whether `read` decodes the pixels, so that a warning may say that all are there.

    Raises:
        ImageError: see `load_image`; also for every exception of `read`, since a damaged file can
            make a decoder raise anything.
    """
    limit = pixel_limit()
    try:
        _require_content(path)
        with path.open("rb") as file:
            try:
                result = _read(path, file, read, limit)
                if decodes and (fault := _fault_at_end(file)):
                    _warn(path, fault)
                return result
            except ImageError:
                raise
            except Exception as error:
                sound = isinstance(error, MemoryError | PixelError)
                repaired = None if sound else _repaired(file)
                if repaired is None:
                    raise _unreadable(path, _reason(error, file)) from error
        result = _read(path, io.BytesIO(repaired.data), _with_info(read, repaired), limit)
    except ImageError:
        raise
    except Exception as error:
        raise _unreadable(path, _reason(error)) from error
    if repaired.fault:
        _warn(path, repaired.fault)
    return result


def _warn(path: Path, fault: str) -> None:
    """Warn of a fault of a file that does not touch its pixels."""
    warnings.warn(f"{str(path)!r} has {fault}.", NeuralStyleWarning, stacklevel=3)


def _read(path: Path, file: IO[bytes], read: Callable[[Image.Image], T], limit: int) -> T:
    """Open an image whose size is within the limit, and return `read(image)`."""
    check = partial(_require_bounded, path, max_pixels=limit)
    with (
        open_image(file, check) as image,
        _without_guard() if _is_guarded(image) else nullcontext(),
    ):
        return read(image)


def _is_guarded(image: Image.Image) -> bool:
    """Whether Pillow would warn of the size of an image."""
    guard = Image.MAX_IMAGE_PIXELS
    return guard is not None and image.width * image.height > guard


@contextmanager
def _without_guard() -> Iterator[None]:
    """Switch Pillow's own limit off, which some decoders check again; for one image at a time."""
    with _LARGE:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _fault_at_end(file: IO[bytes]) -> str:
    """What is wrong with the end of a decoded file; empty if nothing is.

    Only a JPEG file that does not end with its end marker is read again: other data, such as
    further images, may follow the marker.
    """
    file.seek(0)
    if file.read(len(JPEG_SIGNATURE)) != JPEG_SIGNATURE:
        return ""
    if file.seek(0, io.SEEK_END) > LARGEST_REPAIRED:
        return ""
    file.seek(-len(JPEG_END), io.SEEK_END)
    if file.read(len(JPEG_END)) == JPEG_END:
        return ""
    from neural_style.images.repair import NO_JPEG_END, only_lacks_end

    file.seek(0)
    try:
        return NO_JPEG_END if only_lacks_end(file.read()) else ""
    except (KeyError, ValueError, IndexError):  # an odd header, which the decoder did not mind
        return ""


def _repaired(file: IO[bytes]) -> Repaired | None:
    """A copy of a refused file that can be read; None if there is none.

    Raises:
        PixelError: see `repair`.
    """
    from neural_style.images.repair import SIGNATURES, repair  # few files need it

    try:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if size > LARGEST_REPAIRED or not file.read(8).startswith(SIGNATURES):
            return None
        file.seek(0)
        with _without_guard():  # its size has been checked
            return repair(file.read())
    except PixelError:
        raise
    except Exception:  # damaged files make Pillow raise many types
        return None


def _with_info(read: Callable[[Image.Image], T], repaired: Repaired) -> Callable[[Image.Image], T]:
    """Let `read` find what a repaired file lacks in the `info` of the image."""

    def read_with_info(image: Image.Image) -> T:
        image.info.update(repaired.info)
        return read(image)

    return read_with_info


def _decode_upright(
    image: Image.Image, convert: Callable[[Image.Image], Image.Image], side: int | None = None
) -> Image.Image:
    """Decode the pixels, convert them and turn them as EXIF says; `side` as in `load_image`."""
    if side is not None and image.width * image.height > REDUCED_FROM and is_jpeg(image):
        image.draft(None, (2 * side, 2 * side))
    scale_transparent_gray(image)
    image.load()
    return turn_upright(convert(image), image)


def _upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height after turning; of a TIFF file, Pillow gives the upright size."""
    return image.size[::-1] if is_sideways(image) and image.format != "TIFF" else image.size


def _load_draft(path: Path, side: int) -> Image.Image | None:
    """A large JPEG at a reduced size; None for everything else, and for damaged files."""
    with suppress(Exception):
        if path.is_file():
            check = partial(_require_bounded, path, max_pixels=pixel_limit())
            with path.open("rb") as file, open_image(file, check) as image:
                if is_jpeg(image) and min(image.size) >= _DRAFT_RATIO * side:
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
            path,
            f"it has {width} × {height} px, over the limit of {max_pixels}; make it smaller, or "
            "raise jobs.max_pixels (--max-pixels)",
        )


def _unreadable(path: Path, reason: str) -> ImageError:
    """The error for a file; quoted, since a name may hold line breaks or undecodable bytes."""
    return ImageError(f"cannot read {str(path)!r}: {reason}.")


def _reason(error: Exception, file: IO[bytes] | None = None) -> str:
    """Cause and remedy of an exception from the file system or from Pillow.

    Args:
        error: the exception.
        file: the opened file, if there is one; the reason may be found in its header.
    """
    misread = isinstance(error, _MISREAD) and not isinstance(error, PixelError)
    known = getattr(error, "errno", None) is not None
    if file is not None and misread and not known and (layout := tiff_layout(file)):
        return (
            f"it is a TIFF file with {layout}, which cannot be decoded, or it is damaged; save it "
            "with 8 or 16 bits a channel, as RGB or gray, compressed with LZW or not at all"
        )
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
            kinds = ", ".join(KINDS)
            return f"it is not an image that can be read ({kinds}), or is damaged; replace it"
        case MemoryError():
            return "there is not enough memory to decode it; make it smaller"
        case OSError(errno=number) if number not in (None, errno.EINVAL):
            return f"{error.strerror}; check the file and its disk"
        case _:
            return "it is truncated or damaged; replace or remove it"
