"""Pictures as files: encoded with an sRGB profile and a note, and written whole."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neural_style.files import atomic
from neural_style.pictures.images import ImageError
from neural_style.pictures.notes import exif_block
from neural_style.pictures.pixels import srgb_profile
from neural_style.pictures.png import encode_png16
from neural_style.plan.formats import DEEP

Levels = NDArray[np.unsignedinteger[Any]]
"""The samples of a file: [H, W, 3], or with opacity [H, W, 4]."""

_EXIF_PREFIX = b"Exif\0\0"
_BY_SUFFIX = {".jpg": "jpg", ".jpeg": "jpg", ".png": "png", ".webp": "webp"}


def quantised(picture: NDArray[np.float32], format_name: str) -> Levels:
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
    "webp": _by_pillow("WEBP", exact=True),  # colours count where a picture is transparent, too
    "png16": _png16,
    "tiff": _tiff,
}
