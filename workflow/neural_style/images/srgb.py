"""Conversion of pixels of any Pillow mode, bit depth and color space to 8-bit sRGB."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from neural_style.images.tiff import TIFF_TAGS, tiff_tags

_GRAY_MODES = frozenset({"1", "L", "LA", "La"})
_PROFILED_MODES = frozenset({"L", "RGB", "CMYK"})
_CREATION_DATE = slice(24, 36)  # bytes of an ICC header: six 16-bit numbers

# x and y of white, red, green and blue, in the order of PNG's chunk cHRM
_SRGB_CHROMATICITY = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_ADOBE_CHROMATICITY = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_ADOBE_GAMMA = 563 / 256
_P3_CHROMATICITY = (0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
_BT2020_CHROMATICITY = (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)

CODE_POINTS = "code_points"
"""Key of an image's `info`: color primaries and transfer function as numbers of ITU-T H.273, which
HEIF and AVIF files have in place of a profile."""

_CODED_PRIMARIES = {9: _BT2020_CHROMATICITY, 11: _P3_CHROMATICITY, 12: _P3_CHROMATICITY}
_CODED_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}  # all others are close to sRGB's
_CODED_HDR = {16: "PQ", 18: "HLG"}

_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_SRGB_GAMMA = 2.2  # the power that comes nearest to the curve of sRGB
_GAMMA_TOLERANCE, _CHROMATICITY_TOLERANCE = 0.05, 0.01  # within them, a file means sRGB
_GAMMAS = (0.1, 10.0)  # of a display; others are mistakes of the file
_D50 = np.array([0.9642, 1.0, 0.8249])  # X, Y, Z of the white of ICC profiles
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)

_EXIF_IFD, _INTEROP_IFD = 0x8769, 0xA005
_COLOR_SPACE, _INTEROP_INDEX = 0xA001, 1
_EXIF_SRGB, _EXIF_ADOBE_RGB = 1, 2  # the second is not in the standard, but in use
_ADOBE_RGB_INDEX = b"R03"


class PixelError(ValueError):
    """Pixels that cannot be interpreted; the message continues "cannot read 'a.tif': …"."""


def to_srgb(image: Image.Image) -> Image.Image:
    """Convert a decoded image to 8-bit sRGB, composited on white where it is transparent.

    Samples of 16 bits (and 12, in TIFF) are scaled to 8, not clipped. Floating-point samples must
    lie in [0, 1]. An embedded ICC profile is applied with the relative colorimetric intent and
    black-point compensation. A profile that is damaged, or made for other channels, is ignored.
    Without a profile, EXIF may say that samples are Adobe RGB, a PNG file may give its gamma and
    primaries (gAMA, cHRM), and HEIF and AVIF files have numbers for them (`CODE_POINTS`). Otherwise
    samples are taken as sRGB (CMYK as the plain complement of RGB).

    Args:
        image: any mode, at least 1 × 1 px, loaded, with the `info` that its decoder left.

    Returns:
        A new RGB image of the same size, with an empty `info`.

    Raises:
        PixelError: the samples have an unknown scale or a layout that Pillow misreads.
    """
    _refuse_separate_deep_planes(image)
    color, alpha = _split_alpha(image)
    rgb = _to_srgb_colors(color, image).convert("RGB")
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
    if tiff_tags(image).get(TIFF_TAGS["PhotometricInterpretation"]) == 0:
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
    bits = tiff_tags(image).get(TIFF_TAGS["BitsPerSample"])
    return 4095.0 if bits == (12,) else white


def _refuse_separate_deep_planes(image: Image.Image) -> None:
    """Refuse the one TIFF layout that Pillow decodes to noise without an error."""
    tags = tiff_tags(image)
    bits = tags.get(TIFF_TAGS["BitsPerSample"], (8,))
    separate = tags.get(TIFF_TAGS["PlanarConfiguration"]) == 2
    if separate and len(bits) > 1 and max(bits) > 8 and image.info.get("compression") == "raw":
        raise PixelError(
            "it is an uncompressed TIFF with 16-bit channels in separate planes, which cannot "
            "be decoded; save it with interleaved channels"
        )


def _to_srgb_colors(color: Image.Image, image: Image.Image) -> Image.Image:
    """Convert L, RGB or CMYK to sRGB by what the file says of its colors.

    Args:
        color: the pixels.
        image: as it was decoded, with its metadata.
    """
    icc = image.info.get("icc_profile")
    if isinstance(icc, bytes):
        return _apply_profile(color, icc)
    if CODE_POINTS in image.info:
        return _apply_code_points(color, *image.info[CODE_POINTS])
    if color.mode == "RGB" and _is_adobe_rgb(image):
        return _apply_profile(color, _matrix_profile(_ADOBE_CHROMATICITY, _ADOBE_GAMMA))
    if image.format == "PNG" and "srgb" not in image.info:
        return _apply_gamma(color, image.info.get("gamma"), image.info.get("chromaticity"))
    return color


def _apply_code_points(color: Image.Image, primaries: int, transfer: int) -> Image.Image:
    """Convert L or RGB from the color space that `CODE_POINTS` name to sRGB."""
    if transfer in _CODED_HDR:
        raise PixelError(
            f"it has a high dynamic range ({_CODED_HDR[transfer]}), which cannot be converted to "
            "sRGB; export it with the standard range"
        )
    if color.mode != "RGB" or not (primaries in _CODED_PRIMARIES or transfer in _CODED_GAMMAS):
        return color
    chromaticity = _CODED_PRIMARIES.get(primaries, _SRGB_CHROMATICITY)
    return _apply_profile(color, _matrix_profile(chromaticity, _CODED_GAMMAS.get(transfer)))


def _is_adobe_rgb(image: Image.Image) -> bool:
    """Whether EXIF marks an image as Adobe RGB, as cameras do without embedding a profile.

    They give the interoperability index R03 and leave the color space uncalibrated.
    """
    exif = image.info.get("exif")
    if not isinstance(exif, bytes):
        return False
    block = exif.removeprefix(b"Exif\0\0")
    order = "<" if block[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(f"{order}I", block, 4)
        details = _exif_directory(block, order, start)[_EXIF_IFD]
        tags = _exif_directory(block, order, _exif_number(details, order))
        space = _exif_number(tags[_COLOR_SPACE], order) if _COLOR_SPACE in tags else 0
        if space in (_EXIF_SRGB, _EXIF_ADOBE_RGB):
            return space == _EXIF_ADOBE_RGB
        interop = _exif_directory(block, order, _exif_number(tags[_INTEROP_IFD], order))
        return interop[_INTEROP_INDEX][1][:3] == _ADOBE_RGB_INDEX
    except (KeyError, struct.error):  # no such tags, or damaged; the pixels are intact
        return False


def _exif_directory(block: bytes, order: str, start: int) -> dict[int, tuple[int, bytes]]:
    """Type and the four bytes of the value of each tag of a directory.

    Pillow's reader prints a warning for each directory that is a little damaged.
    """
    (count,) = struct.unpack_from(f"{order}H", block, start)
    tags = {}
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}2H", block, entry)
        tags[tag] = (kind, struct.unpack_from("4s", block, entry + 8)[0])
    return tags


def _exif_number(value: tuple[int, bytes], order: str) -> int:
    """An integer of 16 or 32 bits."""
    kind, data = value
    number: int = struct.unpack(f"{order}H2x" if kind == 3 else f"{order}I", data)[0]
    return number


def _apply_gamma(color: Image.Image, gamma: object, chromaticity: object) -> Image.Image:
    """Convert L or RGB from the gamma and the primaries of a PNG file to sRGB.

    Values near those of sRGB mean sRGB: most files that have them were made so.

    Args:
        color: the pixels.
        gamma: of the file, the exponent from light to samples, such as 1 / 2.2; None if unknown.
        chromaticity: as in `_SRGB_CHROMATICITY`; None if unknown.
    """
    exponent = 1 / gamma if isinstance(gamma, float) and gamma > 0 else None
    if exponent is not None and not _GAMMAS[0] <= exponent <= _GAMMAS[1]:
        exponent = None
    if exponent is not None and abs(exponent / _SRGB_GAMMA - 1) <= _GAMMA_TOLERANCE:
        exponent = None
    if color.mode == "RGB" and _is_other_chromaticity(chromaticity):
        assert isinstance(chromaticity, tuple)
        return _apply_profile(color, _matrix_profile(chromaticity, exponent or _SRGB_GAMMA))
    if exponent is None or color.mode not in ("L", "RGB"):
        return color
    light = (np.arange(256) / 255) ** exponent
    table = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return color.point(np.rint(255 * table).astype(int).tolist() * len(color.getbands()))


def _is_other_chromaticity(chromaticity: object) -> bool:
    """Whether these are usable primaries that differ from those of sRGB."""
    if not isinstance(chromaticity, tuple) or len(chromaticity) != 8:
        return False
    distance = np.abs(np.subtract(chromaticity, _SRGB_CHROMATICITY)).max()
    if not distance > _CHROMATICITY_TOLERANCE:
        return False
    if min(chromaticity[1::2]) <= 0 or min(chromaticity) < 0 or max(chromaticity) > 1:
        return False
    return bool(abs(np.linalg.det(_to_xyz(chromaticity)[:, 1:])) > 1e-3)


def _to_xyz(chromaticity: Sequence[float]) -> NDArray[np.float64]:
    """X, Y, Z at Y = 1 of white, red, green and blue: the columns of [3, 4]."""
    x, y = np.array(chromaticity[0::2]), np.array(chromaticity[1::2])
    return np.stack([x / y, np.ones_like(x), (1 - x - y) / y])


@lru_cache(maxsize=16)
def _matrix_profile(chromaticity: tuple[float, ...], exponent: float | None) -> bytes:
    """Make an ICC profile (version 4.3) of an RGB color space.

    Args:
        chromaticity: as in `_SRGB_CHROMATICITY`.
        exponent: from samples to light, such as 2.2; None for the curve of sRGB.
    """
    xyz = _to_xyz(chromaticity)
    white, primaries = xyz[:, 0], xyz[:, 1:]
    cones = _BRADFORD @ white
    to_d50 = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50 / cones) @ _BRADFORD
    colorants = to_d50 @ (primaries * np.linalg.solve(primaries, white))
    parameters = _SRGB_CURVE if exponent is None else (exponent,)
    kind = 3 if exponent is None else 0
    curve = struct.pack(">4s4xH2x", b"para", kind) + b"".join(map(_fixed, parameters))
    texts = {b"desc": "RGB", b"cprt": "public domain"}
    tags = {
        **{name: _localized(text) for name, text in texts.items()},
        b"wtpt": _xyz_tag(_D50),
        **{name: _xyz_tag(colorants[:, k]) for k, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4s2I", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4xI4s4s4s", start + len(body), 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += b"".join(map(_fixed, _D50))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _fixed(number: float) -> bytes:
    """A number in ICC's format s15Fixed16."""
    return struct.pack(">i", round(number * 65536))


def _xyz_tag(values: NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(map(_fixed, values))


def _localized(text: str) -> bytes:
    """A text of an ICC profile in one language."""
    data = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">2I4s2I", 1, 12, b"enUS", len(data), 28) + data


def _apply_profile(color: Image.Image, icc: bytes) -> Image.Image:
    """Convert L, RGB or CMYK from its ICC profile to sRGB; unchanged if the profile is unusable."""
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
