"""Conversion of pixels of any Pillow mode, bit depth and color space to 8-bit sRGB."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageCms, TiffTags

_GRAY_MODES = frozenset({"1", "L", "LA", "La"})
_PROFILED_MODES = frozenset({"L", "RGB", "CMYK"})
_TIFF_TAGS = {tag.name: number for number, tag in TiffTags.TAGS_V2.items()}
_CREATION_DATE = slice(24, 36)  # bytes of an ICC header: six 16-bit numbers


class PixelError(ValueError):
    """Pixels that cannot be interpreted; the message continues "cannot read 'a.tif': …"."""


def to_srgb(image: Image.Image) -> Image.Image:
    """Convert a decoded image to 8-bit sRGB, composited on white where it is transparent.

    Samples of 16 bits (and 12, in TIFF) are scaled to 8, not clipped. Floating-point samples must
    lie in [0, 1]. An embedded ICC profile is applied with the relative colorimetric intent and
    black-point compensation. A profile that is damaged, or made for other channels, is ignored;
    without a profile, samples are taken as sRGB (CMYK as the plain complement of RGB).

    Args:
        image: any mode, at least 1 × 1 px, loaded, with the `info` that its decoder left.

    Returns:
        A new RGB image of the same size, with an empty `info`.

    Raises:
        PixelError: the samples have an unknown scale or a layout that Pillow misreads.
    """
    _refuse_separate_deep_planes(image)
    color, alpha = _split_alpha(image)
    rgb = _apply_profile(color, image.info.get("icc_profile")).convert("RGB")
    if alpha is not None:
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)
    rgb.info.clear()
    return rgb


def extract_opacity(image: Image.Image) -> Image.Image:
    """Extract the opacity of a decoded image, of mode L; 255 everywhere without transparency.

    Args and errors are those of `to_srgb`.
    """
    _refuse_separate_deep_planes(image)
    _, alpha = _split_alpha(image)
    return Image.new("L", image.size, 255) if alpha is None else alpha


def scale_transparent_gray(image: Image.Image) -> None:
    """Scale the transparent gray value of a 2- or 4-bit PNG to 0–255, as its pixels are.

    Pillow expands the pixels (it replicates the bits) but not the value of the tRNS chunk. Call
    this between opening and loading: the bit depth is known only then.
    """
    tiles = getattr(image, "tile", [])
    factor = {"L;2": 85, "L;4": 17}.get(str(tiles[0][3])) if tiles else None
    gray = image.info.get("transparency")
    if image.format == "PNG" and factor is not None and isinstance(gray, int):
        image.info["transparency"] = gray * factor


def srgb_profile() -> bytes:
    """Make an ICC profile of sRGB (IEC 61966-2-1): the same bytes at every call.

    LittleCMS writes the current time into the header. A fixed date replaces it, so that equal
    images make equal files.
    """
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[_CREATION_DATE] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(data)


def _split_alpha(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """The color of an image as L, RGB or CMYK, and its opacity as L, or None if opaque."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _eight_bit_gray(image)
    gray = image.mode in _GRAY_MODES
    if image.has_transparency_data:
        mode = "LA" if gray else "RGBA"
        expanded = image.convert(mode)
        return expanded.convert(mode.removesuffix("A")), expanded.getchannel("A")
    if image.mode in _PROFILED_MODES:
        return image, None
    return image.convert("L" if gray else "RGB"), None


def _eight_bit_gray(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Scale integer or floating-point gray to 0–255; opacity from the transparent value."""
    samples = np.asarray(image)
    scaled = samples.astype(np.float32)
    scaled *= 255 / _white_value(image, samples)
    if _tiff_tags(image).get(_TIFF_TAGS["PhotometricInterpretation"]) == 0:
        scaled = 255 - scaled  # white is zero: Pillow inverts this for 8 bits only
    gray = Image.fromarray(np.rint(scaled).astype(np.uint8))
    transparent = image.info.get("transparency")
    if transparent is None:
        return gray, None
    return gray, Image.fromarray(np.where(samples == transparent, 0, 255).astype(np.uint8))


def _white_value(image: Image.Image, samples: np.ndarray[Any, Any]) -> float:
    """The sample value of full intensity; checks that no sample exceeds it."""
    white = 1.0 if image.mode == "F" else 65535.0
    if not ((samples >= 0) & (samples <= white)).all():  # NaN fails this check
        raise PixelError(
            f"its samples are not all finite and between 0 and {white:g}, so their scale is "
            "unknown; save it with 8 or 16 bits a channel"
        )
    bits = _tiff_tags(image).get(_TIFF_TAGS["BitsPerSample"])
    return 4095.0 if bits == (12,) else white


def _refuse_separate_deep_planes(image: Image.Image) -> None:
    """Refuse the one TIFF layout that Pillow decodes to noise without an error."""
    tags = _tiff_tags(image)
    bits = tags.get(_TIFF_TAGS["BitsPerSample"], (8,))
    separate = tags.get(_TIFF_TAGS["PlanarConfiguration"]) == 2
    if separate and len(bits) > 1 and max(bits) > 8 and image.info.get("compression") == "raw":
        raise PixelError(
            "it is an uncompressed TIFF with 16-bit channels in separate planes, which cannot "
            "be decoded; save it with interleaved channels"
        )


def _tiff_tags(image: Image.Image) -> Mapping[int, Any]:
    """The tags of a TIFF file by number; empty for other formats."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    return tags if image.format == "TIFF" else {}


def _apply_profile(color: Image.Image, icc: object) -> Image.Image:
    """Convert L, RGB or CMYK from its ICC profile to sRGB; unchanged if the profile is unusable."""
    if not isinstance(icc, bytes):
        return color
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        if color.mode == "L":
            flags |= ImageCms.Flags.NOOPTIMIZE
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            color.mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=flags,
        )
    except (OSError, ValueError, ImageCms.PyCMSError):
        return color  # damaged, or made for other channels
    return _map_gray(color, transform) if color.mode == "L" else transform.apply(color)


def _map_gray(gray: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    """Apply a color transform to gray pixels by a table of its 256 values.

    LittleCMS's optimized gray transforms are off by up to 10 of 255 in the shadows, and its exact
    ones are ten times slower. This is exact and fast.
    """
    ramp = Image.frombytes("L", (256, 1), bytes(range(256)))
    return Image.fromarray(np.asarray(transform.apply(ramp))[0][np.asarray(gray)])
