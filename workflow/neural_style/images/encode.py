"""A text that a picture carries along: EXIF's comment, in TIFF the description of the image."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neural_style.config.settings import DEEP, KEEP, LOSSLESS, Settings
from neural_style.images.decode import ImageError, examine, fit_image, load_opacity
from neural_style.images.png import encode_png16
from neural_style.images.srgb import srgb_profile, to_srgb
from neural_style.io import atomic

LONGEST = 60_000
"""Characters, all of ASCII: a JPEG's EXIF block has room for so many."""

_EXIF_IFD = 0x8769
_USER_COMMENT = 0x9286
_IMAGE_DESCRIPTION = 0x010E
_IN_ASCII = b"ASCII\0\0\0"


def exif_block(note: str) -> bytes:
    """An EXIF block that holds a note and nothing else.

    Raises:
        ValueError: the note is too long, or not in ASCII.
    """
    if len(note) > LONGEST:
        raise ValueError(f"a note has up to {LONGEST} characters, this one has {len(note)}")
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _IN_ASCII + note.encode("ascii")
    return exif.tobytes()


def load_note(picture: Path) -> str:
    """The note of a picture, or what another program has put there; empty if there is none.

    Raises:
        ImageError: the file is no picture, or its metadata are damaged.
    """
    return examine(picture, _note_in)


def _note_in(image: Image.Image) -> str:
    if image.format == "TIFF":
        note = image.getexif().get(_IMAGE_DESCRIPTION, "")
    else:
        note = image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT, b"")
    if isinstance(note, bytes):
        note = note.removeprefix(_IN_ASCII).decode("ascii", "replace")
    return note if isinstance(note, str) and len(note) <= LONGEST else ""


# MERGED: Pictures as files: encoded with an sRGB profile and a note, and written whole.


Levels = NDArray[np.unsignedinteger[Any]]
"""The samples of a file: [H, W, 3], or with opacity [H, W, 4]."""

_EXIF_PREFIX = b"Exif\0\0"
_BY_SUFFIX = {".jpg": "jpg", ".jpeg": "jpg", ".png": "png", ".webp": "webp"}


def quantized(picture: NDArray[np.float32], format_name: str) -> Levels:
    """Samples in [0, 1], clipped and rounded to the levels of a format, 8 or 16 bits of them."""
    kind = np.uint16 if format_name in DEEP else np.uint8
    scaled = np.clip(picture, 0, 1) * np.float32(np.iinfo(kind).max)
    levels: Levels = np.rint(scaled).astype(kind)
    return levels


def save_levels(
    levels: Levels, path: Path, format_name: str, quality: int = 95, note: str = ""
) -> None:
    """Write a picture, whole or not at all; see `encode`.

    Raises:
        ImageError: it is larger than the format can hold.
        NeuralStyleError: the file cannot be written (see `files.atomic`).
    """
    try:
        encoded = encode(levels, format_name, quality, note)
    except (OSError, ValueError) as error:
        height, width, _ = levels.shape
        raise ImageError(
            f"cannot write {str(path)!r}: {format_name} cannot hold {width} × {height} px; "
            "choose a smaller size or png."
        ) from error
    with atomic(path) as temporary:
        temporary.write_bytes(encoded)


def save_image(image: Image.Image, path: Path, quality: int = 95) -> None:
    """Write an RGB image of 8 bits in the format that the suffix names; see `save_levels`.

    Raises:
        ImageError: another suffix, or an image larger than the format can hold.
        NeuralStyleError: the file cannot be written (see `files.atomic`).
        ValueError: the image is not of mode RGB.
    """
    if image.mode != "RGB":
        raise ValueError(f"only RGB images are saved, this one is of mode {image.mode}")
    format_name = _BY_SUFFIX.get(path.suffix.lower())
    if format_name is None:
        raise ImageError(
            f"cannot write {str(path)!r}: its suffix is none of the picture formats; "
            f"use {', '.join(sorted(_BY_SUFFIX))}."
        )
    save_levels(np.asarray(image), path, format_name, quality)


def encode(levels: Levels, format_name: str, quality: int = 95, note: str = "") -> bytes:
    """The bytes of a file, with an sRGB profile; equal pictures and notes make equal bytes.

    Args:
        levels: [H, W, 3] or [H, W, 4], of 16 bits for `formats.DEEP` and of 8 for the others.
        format_name: a key of `formats.OUTPUT_FORMATS`.
        quality: 1 to 100 for JPEG (without chroma subsampling) and WebP; 95 is near-lossless.
        note: a text to carry along, see `notes`.

    Raises:
        OSError, ValueError: the picture is larger than the format can hold.
    """
    return _ENCODERS[format_name](levels, quality, note)


def _by_pillow(encoder: str, **options: int) -> Callable[[Levels, int, str], bytes]:
    """Encode 8 bits a channel."""

    def encoded(levels: Levels, quality: int, note: str) -> bytes:
        file = io.BytesIO()
        # Without `optimize`: Pillow's buffer for it is too small for noisy 4:4:4 pictures.
        Image.fromarray(levels).save(
            file,
            encoder,
            quality=quality,
            icc_profile=srgb_profile(),
            **options,
            **({"exif": exif_block(note)} if note else {}),
        )
        return file.getvalue()

    return encoded


def _png16(levels: Levels, quality: int, note: str) -> bytes:
    exif = exif_block(note).removeprefix(_EXIF_PREFIX) if note else b""
    return encode_png16(levels.astype(np.uint16, copy=False), srgb_profile(), exif)


def _tiff(levels: Levels, quality: int, note: str) -> bytes:
    import tifffile  # by this format alone: benchmarks do with torch, numpy and Pillow

    file = io.BytesIO()
    tifffile.imwrite(
        file,
        levels,
        photometric="rgb",
        extrasamples=["unassalpha"] if levels.shape[2] == 4 else None,
        compression="zlib",
        predictor=True,
        iccprofile=srgb_profile(),
        description=note or None,
        software=False,
        metadata=None,
    )
    return file.getvalue()


_ENCODERS: Mapping[str, Callable[[Levels, int, str], bytes]] = {
    "jpg": _by_pillow("JPEG", subsampling=0),
    "png": _by_pillow("PNG"),
    "webp": _by_pillow("WEBP", exact=True),  # colors count where a picture is transparent, too
    "png16": _png16,
    "tiff": _tiff,
}


# MERGED: From a picture as it was optimized to the samples of its file: dimensions, levels, opacity.


Picture = NDArray[np.float32]
"""[3, H, W] in [0, 1]."""


@dataclass(frozen=True)
class Finish:
    """What is done to a picture before it is saved.

    Attributes:
        format: a key of `formats.OUTPUT_FORMATS`.
        fit: how the photograph was brought to its size.
        original: width and height that the file is to have; None for those of the picture.
        opacity: mode L, of the finished file's size; None where the file is to be opaque.
    """

    format: str
    fit: str
    original: tuple[int, int] | None = None
    opacity: Image.Image | None = None

    def levels(self, picture: Picture) -> Levels:
        """The samples of the file, resampled (Lanczos, on sRGB values) where they have to be.

        16 bits are resampled as floating-point numbers. 8 bits are rounded first, which is five
        times as fast at the dimensions of a photograph.
        """
        if self.format in DEEP:
            channels = (self._restored(Image.fromarray(channel)) for channel in picture)
            planes = [quantized(np.asarray(channel), self.format) for channel in channels]
            levels = np.stack(planes, axis=-1)
        else:
            rounded = quantized(picture.transpose(1, 2, 0), self.format)
            levels = np.asarray(self._restored(Image.fromarray(rounded)))
        if self.opacity is None:
            return levels
        widest = np.iinfo(levels.dtype).max // 255
        height, width = levels.shape[:2]  # a stage of the optimization has a size of its own
        opacity = self.opacity
        if opacity.size != (width, height):
            opacity = opacity.resize((width, height), Image.Resampling.LANCZOS)
        return np.dstack([levels, np.asarray(opacity).astype(levels.dtype) * widest])

    def _restored(self, image: Image.Image) -> Image.Image:
        """The image in the photograph's dimensions, without the mirrored margins of `pad`."""
        if self.original is None or self.original == image.size:
            return image
        box = unpadded(image.width, self.original) if self.fit == "pad" else None
        return image.resize(self.original, Image.Resampling.LANCZOS, box)


def unpadded(edge: int, original: tuple[int, int]) -> tuple[float, float, float, float]:
    """The part of a padded square that shows the photograph; compare `images.fit_image`."""
    width, height = (int(side * edge / max(original) + 0.5) for side in original)
    left, top = (edge - width) // 2, (edge - height) // 2
    return (left, top, left + width, top + height)


def finish_of(photograph: Path, settings: Settings, original: tuple[int, int] | None) -> Finish:
    """What is to be done to the pictures of a photograph.

    Args:
        photograph: its file, of which the opacity is read if it is to be kept.
        settings: of the pictures.
        original: dimensions of the photograph, if the files are to have them.

    Raises:
        ImageError: the photograph cannot be read.
    """
    opacity = load_opacity(photograph) if settings.transparency == KEEP else None
    if opacity is not None and original is None:
        opacity = fit_image(opacity, settings.size, settings.fit)
    return Finish(settings.format, settings.fit, original, opacity)


def as_saved(picture: Picture, settings: Settings) -> Picture:
    """A picture as its format holds it: rounded, and compressed if the format loses by that.

    Dimensions and opacity stay out of it: it is what a loss can be computed of.
    """
    levels = quantized(picture.transpose(1, 2, 0), settings.format)
    white = np.float32(np.iinfo(levels.dtype).max)
    if settings.format not in LOSSLESS:
        file = io.BytesIO(encode(levels, settings.format, settings.quality))
        with Image.open(file) as image:
            levels = np.asarray(to_srgb(image))
    return np.ascontiguousarray(levels.transpose(2, 0, 1)).astype(np.float32) / white
