"""Output files: from the optimized image to encoded bytes with a color profile and a comment.

An optimized image is [3, H, W] in [0, 1]. `Postprocessor` makes the pixels of its file from it
(original dimensions, rounding, opacity), `save_pixels` encodes and writes them. A comment travels
in EXIF's UserComment, in TIFF in the ImageDescription; the library stores there how to make the
image again.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from neural_style.config.settings import DEEP, KEEP, LOSSLESS, OUTPUT_FORMATS, Settings
from neural_style.images.decode import ImageError, load_opacity, opacity_of, read_image_file
from neural_style.images.fit import fit_image, resize
from neural_style.images.srgb import srgb_profile, to_srgb
from neural_style.io import atomic_file

FloatImage = NDArray[np.float32]
"""An optimized image, [3, H, W] in [0, 1]."""

PixelArray = NDArray[np.unsignedinteger[Any]]
"""The pixels of a file, [H, W, 3] or with opacity [H, W, 4], of uint8 or uint16."""

MAX_COMMENT_LENGTH = 60_000
"""The longest comment, in ASCII characters, for which a JPEG's EXIF block has room."""

FileFormat: TypeAlias = Literal["jpg", "png", "webp", "avif", "png16", "tiff"]
"""A key of `settings.OUTPUT_FORMATS`."""

_FORMAT_OF_SUFFIX: Mapping[str, FileFormat] = {
    ".jpg": "jpg",
    ".jpeg": "jpg",
    ".png": "png",
    ".webp": "webp",
    ".avif": "avif",
    ".tiff": "tiff",
    ".tif": "tiff",
}
_EXIF_IFD = 0x8769
_USER_COMMENT = 0x9286
_IMAGE_DESCRIPTION = 0x010E
_ASCII_COMMENT = b"ASCII\0\0\0"
_EXIF_PREFIX = b"Exif\0\0"


@dataclass(frozen=True)
class Postprocessor:
    """Turns optimized images into the pixels of their files.

    Attributes:
        format: a key of `settings.OUTPUT_FORMATS`.
        fit: how the content image was fitted to its size, see `fit.fit_image`.
        original_size: width and height of the files in pixels; None for those of the image.
        opacity: mode L, of the size of the files; None for opaque files.
    """

    format: str
    fit: str
    original_size: tuple[int, int] | None = None
    opacity: Image.Image | None = None

    def to_pixels(self, image: FloatImage) -> PixelArray:
        """Resize (Lanczos, on sRGB values), round and add the opacity.

        16 bits are resized as floating-point numbers. 8 bits are rounded first, which is five
        times as fast for an image of several megapixels.
        """
        if self.format in DEEP:
            pixels = quantize(self.to_floats(image).transpose(1, 2, 0), self.format)
        else:
            rounded = quantize(image.transpose(1, 2, 0), self.format)
            pixels = np.asarray(self._restore_size(Image.fromarray(rounded)))
        if self.opacity is None:
            return pixels
        opacity = self.opacity
        height, width = pixels.shape[:2]
        if opacity.size != (width, height):  # a stage of the optimization has a size of its own
            opacity = resize(opacity, (width, height))
        scale = np.iinfo(pixels.dtype).max // 255
        return np.dstack([pixels, np.asarray(opacity).astype(pixels.dtype) * scale])

    def to_floats(self, image: FloatImage) -> FloatImage:
        """Resize (Lanczos, on sRGB values) and clip, without rounding: [3, H, W] in [0, 1]."""
        channels = [np.asarray(self._restore_size(Image.fromarray(channel))) for channel in image]
        clipped: FloatImage = np.clip(np.stack(channels), 0, 1)
        return clipped

    def _restore_size(self, image: Image.Image) -> Image.Image:
        """The image in the content image's dimensions, without the mirrored margins of `pad`."""
        if self.original_size is None or self.original_size == image.size:
            return image
        box = _unpadded_box(image.width, self.original_size) if self.fit == "pad" else None
        return resize(image, self.original_size, box=box)


def make_postprocessor(
    content: Path | Image.Image, settings: Settings, original_size: tuple[int, int] | None
) -> Postprocessor:
    """Make the postprocessor for the outputs of a content image.

    Args:
        content: its file, or the image; its opacity is read if the outputs keep it.
        settings: the settings of the outputs.
        original_size: width and height of the content image, if the outputs get them.

    Raises:
        ImageError: the content image cannot be read.
    """
    opacity = None
    if settings.transparency == KEEP:
        opacity = load_opacity(content) if isinstance(content, Path) else opacity_of(content)
    if opacity is not None and original_size is None:
        opacity = fit_image(opacity, settings.size, settings.fit)
    return Postprocessor(settings.format, settings.fit, original_size, opacity)


def _unpadded_box(side: int, original: tuple[int, int]) -> tuple[float, float, float, float]:
    """The part of a square made by `fit_image(…, "pad")` that shows the image itself."""
    width, height = (int(each * side / max(original) + 0.5) for each in original)
    left, top = (side - width) // 2, (side - height) // 2
    return (left, top, left + width, top + height)


def quantize(image: FloatImage, format_name: str) -> PixelArray:
    """Clip values in [0, 1] and round them to the 8 or 16 bits of a format; any shape."""
    dtype = np.uint16 if format_name in DEEP else np.uint8
    scaled = np.clip(image, 0, 1) * np.float32(np.iinfo(dtype).max)
    pixels: PixelArray = np.rint(scaled).astype(dtype)
    return pixels


def round_trip(image: FloatImage, settings: Settings) -> FloatImage:
    """Encode an image in its format and decode it, to compute the losses of the saved image.

    The result has the image's own dimensions and no opacity.
    """
    pixels = quantize(image.transpose(1, 2, 0), settings.format)
    white = np.float32(np.iinfo(pixels.dtype).max)
    if settings.format not in LOSSLESS:
        file = io.BytesIO(encode_image(pixels, settings.format, settings.quality))
        with Image.open(file) as decoded:
            pixels = np.asarray(to_srgb(decoded))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.float32) / white


def format_of_suffix(path: Path, wanted: str = "jpg") -> FileFormat:
    """The format that the suffix of a file chooses.

    Args:
        path: the file.
        wanted: a key of `settings.OUTPUT_FORMATS`; used if it has this suffix, as png16 has `.png`.

    Raises:
        ImageError: it is the suffix of no format.
    """
    suffix = path.suffix.lower()
    if OUTPUT_FORMATS[wanted] == suffix:
        return cast(FileFormat, wanted)
    if suffix not in _FORMAT_OF_SUFFIX:
        raise ImageError(
            f"cannot write {str(path)!r}: its suffix is not that of an output format; "
            f"use {', '.join(_FORMAT_OF_SUFFIX)}."
        )
    return _FORMAT_OF_SUFFIX[suffix]


def save_image(image: Image.Image, path: Path, quality: int = 95) -> None:
    """Write an RGB image of 8 bits in the format that the suffix names; see `save_pixels`.

    Raises:
        ImageError: another suffix, or an image larger than the format can hold.
        NeuralStyleError: the file cannot be written (see `io.atomic`).
        ValueError: the image is not of mode RGB.
    """
    if image.mode != "RGB":
        raise ValueError(f"only RGB images are saved, this one is of mode {image.mode}")
    save_pixels(np.asarray(image), path, format_of_suffix(path), quality)


def save_pixels(
    pixels: PixelArray, path: Path, format_name: str, quality: int = 95, comment: str = ""
) -> str:
    """Encode an image and write it atomically; see `encode_image`.

    Returns:
        SHA-256 of the file, in hexadecimal.

    Raises:
        ImageError: the image is larger than the format can hold.
        NeuralStyleError: the file cannot be written (see `io.atomic`).
    """
    try:
        encoded = encode_image(pixels, format_name, quality, comment)
    except (OSError, ValueError) as error:
        height, width, _ = pixels.shape
        raise ImageError(
            f"cannot write {str(path)!r}: {format_name} cannot hold {width} × {height} px; "
            "choose a smaller size or png."
        ) from error
    with atomic_file(path) as file:
        file.write(encoded)
    return hashlib.sha256(encoded).hexdigest()


def encode_image(
    pixels: PixelArray, format_name: str, quality: int = 95, comment: str = ""
) -> bytes:
    """Encode an image with an sRGB profile; equal images and comments make equal bytes.

    Args:
        pixels: [H, W, 3] or [H, W, 4], uint16 for the formats in `settings.DEEP`, else uint8.
        format_name: a key of `settings.OUTPUT_FORMATS`.
        quality: 1 to 100 for JPEG and AVIF (without chroma subsampling) and WebP; 95 is
            near-lossless.
        comment: ASCII, at most `MAX_COMMENT_LENGTH` characters; empty for none.

    Raises:
        OSError, ValueError: the image is larger than the format can hold.
    """
    return _ENCODERS[format_name](pixels, quality, comment)


def exif_block(comment: str) -> bytes:
    """Make an EXIF block that holds a comment and nothing else.

    Raises:
        ValueError: the comment is too long, or not ASCII.
    """
    if len(comment) > MAX_COMMENT_LENGTH:
        raise ValueError(
            f"a comment has up to {MAX_COMMENT_LENGTH} characters, this one has {len(comment)}"
        )
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _ASCII_COMMENT + comment.encode("ascii")
    return exif.tobytes()


def load_comment(path: Path) -> str:
    """Read the comment of an image file, whoever wrote it; empty if there is none.

    Raises:
        ImageError: the file is not an image, or its metadata are damaged.
    """
    return read_image_file(path, _comment_of)


def _comment_of(image: Image.Image) -> str:
    if image.format == "TIFF":
        comment = image.getexif().get(_IMAGE_DESCRIPTION, "")
    else:
        comment = image.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT, b"")
    if isinstance(comment, bytes):
        comment = comment.removeprefix(_ASCII_COMMENT).decode("ascii", "replace")
    return comment if isinstance(comment, str) and len(comment) <= MAX_COMMENT_LENGTH else ""


def _pillow_encoder(encoder: str, **options: int | str) -> Callable[[PixelArray, int, str], bytes]:
    """An encoder of 8 bits a channel."""

    def encode(pixels: PixelArray, quality: int, comment: str) -> bytes:
        file = io.BytesIO()
        # Without `optimize`: Pillow's buffer for it is too small for noisy 4:4:4 images.
        Image.fromarray(pixels).save(
            file,
            encoder,
            quality=quality,
            icc_profile=srgb_profile(),
            **options,
            **({"exif": exif_block(comment)} if comment else {}),
        )
        return file.getvalue()

    return encode


def _encode_png16(pixels: PixelArray, quality: int, comment: str) -> bytes:
    from neural_style.images.png import encode_png16  # few runs write 16 bits

    exif = exif_block(comment).removeprefix(_EXIF_PREFIX) if comment else b""
    return encode_png16(pixels.astype(np.uint16, copy=False), srgb_profile(), exif)


def _encode_tiff(pixels: PixelArray, quality: int, comment: str) -> bytes:
    import tifffile  # only TIFF needs it: benchmarks run without it

    file = io.BytesIO()
    tifffile.imwrite(
        file,
        pixels,
        photometric="rgb",
        extrasamples=["unassalpha"] if pixels.shape[2] == 4 else None,
        compression="zlib",
        predictor=True,
        iccprofile=srgb_profile(),
        description=comment or None,
        software=False,
        metadata=None,
    )
    return file.getvalue()


_ENCODERS: Mapping[str, Callable[[PixelArray, int, str], bytes]] = {
    "jpg": _pillow_encoder("JPEG", subsampling=0),
    "png": _pillow_encoder("PNG"),
    "webp": _pillow_encoder("WEBP", exact=True),  # keeps the colors of transparent pixels, too
    # With another number of threads, the bytes are others.
    "avif": _pillow_encoder("AVIF", subsampling="4:4:4", max_threads=1),
    "png16": _encode_png16,
    "tiff": _encode_tiff,
}
