"""Pixels of any Pillow mode, depth and color space, brought to 8-bit sRGB."""

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
_CREATION_DATE = slice(24, 36)  # in an ICC header, as six 16-bit numbers


class PixelError(ValueError):
    """Pixels whose meaning is not known; the message is a clause that follows a file's name."""


def to_srgb(image: Image.Image) -> Image.Image:
    """Convert a decoded image to 8-bit sRGB, composited on white where it is transparent.

    Samples of 16 bits (and 12, in TIFF) are scaled to 8, not clipped. Floating-point samples
    must lie in [0, 1]. An embedded ICC profile that fits the samples (gray, RGB or CMYK) is
    applied with the relative colorimetric intent and black-point compensation; a broken or
    unfitting one counts as absent, and without one the samples are taken for sRGB (CMYK for
    the plain complement).

    Args:
        image: any mode, at least 1×1 px, loaded, and with the `info` that its decoder left.

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


def opacity_of(image: Image.Image) -> Image.Image:
    """The opacity of a decoded image, of mode L: 255 everywhere if it has none of its own.

    Args and errors are those of `to_srgb`.
    """
    _refuse_separate_deep_planes(image)
    _, alpha = _split_alpha(image)
    return Image.new("L", image.size, 255) if alpha is None else alpha


def scale_transparent_gray(image: Image.Image) -> None:
    """Bring the transparent gray of a 2- or 4-bit PNG to the 0–255 scale of its pixels.

    Pillow expands the pixels (bits are replicated) but leaves the tRNS value as it stands in
    the file. To be called between opening and loading, while the depth is still to be seen.
    """
    tiles = getattr(image, "tile", [])
    factor = {"L;2": 85, "L;4": 17}.get(str(tiles[0][3])) if tiles else None
    gray = image.info.get("transparency")
    if image.format == "PNG" and factor is not None and isinstance(gray, int):
        image.info["transparency"] = gray * factor


def srgb_profile() -> bytes:
    """An ICC profile of sRGB (IEC 61966-2-1): the same bytes at every call.

    LittleCMS stamps the current time into the header; a fixed date takes its place, so that
    the same picture makes the same file.
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
        whole = image.convert(mode)
        return whole.convert(mode.removesuffix("A")), whole.getchannel("A")
    if image.mode in _PROFILED_MODES:
        return image, None
    return image.convert("L" if gray else "RGB"), None


def _eight_bit_gray(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Scale integer or floating-point gray to 0–255; opacity from the transparent value."""
    samples = np.asarray(image)
    levels = samples.astype(np.float32)
    levels *= 255 / _white(image, samples)
    if _tiff_tags(image).get(_TIFF_TAGS["PhotometricInterpretation"]) == 0:
        levels = 255 - levels  # white is zero: Pillow inverts this for 8 bits only
    gray = Image.fromarray(np.rint(levels).astype(np.uint8))
    transparent = image.info.get("transparency")
    if transparent is None:
        return gray, None
    return gray, Image.fromarray(np.where(samples == transparent, 0, 255).astype(np.uint8))


def _white(image: Image.Image, samples: np.ndarray[Any, Any]) -> float:
    """The sample value that stands for full intensity, once all samples are seen to obey it."""
    white = 1.0 if image.mode == "F" else 65535.0
    if not ((samples >= 0) & (samples <= white)).all():  # so written that NaN fails
        raise PixelError(
            f"its samples are not all finite and between 0 and {white:g}, so their scale is "
            "unknown; save it with 8 or 16 bits a channel"
        )
    bits = _tiff_tags(image).get(_TIFF_TAGS["BitsPerSample"])
    return 4095.0 if bits == (12,) else white


def _refuse_separate_deep_planes(image: Image.Image) -> None:
    """Stop at the one TIFF layout that Pillow decodes to noise without an error."""
    tags = _tiff_tags(image)
    bits = tags.get(_TIFF_TAGS["BitsPerSample"], (8,))
    separate = tags.get(_TIFF_TAGS["PlanarConfiguration"]) == 2
    if separate and len(bits) > 1 and max(bits) > 8 and image.info.get("compression") == "raw":
        raise PixelError(
            "it is an uncompressed TIFF with 16-bit channels in separate planes, which cannot "
            "be decoded; save it with interleaved channels"
        )


def _tiff_tags(image: Image.Image) -> Mapping[int, Any]:
    """The tags of a TIFF by number; nothing for other formats."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    return tags if image.format == "TIFF" else {}


def _apply_profile(color: Image.Image, icc: object) -> Image.Image:
    """Convert L, RGB or CMYK through its ICC profile to sRGB; unchanged if `icc` is no use."""
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
        return color  # broken, or made for other channels than these
    return _map_gray(color, transform) if color.mode == "L" else transform.apply(color)


def _map_gray(gray: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    """Apply a transform to the 256 levels and look the pixels up.

    LittleCMS's optimized gray transforms are up to 10 levels off in the shadows, and its exact
    ones ten times slower; this is exact and fast.
    """
    ramp = Image.frombytes("L", (256, 1), bytes(range(256)))
    return Image.fromarray(np.asarray(transform.apply(ramp))[0][np.asarray(gray)])
