"""Tags of TIFF files, which say how their samples are laid out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from PIL import Image, TiffImagePlugin, TiffTags

TIFF_TAGS = {tag.name: number for number, tag in TiffTags.TAGS_V2.items()}
"""Number of each tag by its name in the standard."""

_PLAIN_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 8, 32773, 32946})
_PLAIN_DEPTHS = frozenset({1, 2, 4, 8, 16})
_UNSIGNED = 1
_SAMPLE_FORMATS = {1: "unsigned integers", 2: "signed integers", 3: "floating-point numbers"}


def tiff_tags(image: Image.Image) -> Mapping[int, Any]:
    """The tags of a TIFF file by number; empty for other formats."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    return tags if image.format == "TIFF" else {}


def tiff_layout(file: IO[bytes]) -> str:
    """Describe the samples of a TIFF file if they are of an unusual kind.

    Args:
        file: an image file of any format.

    Returns:
        Such as `3 channels of 32-bit floating-point numbers`; empty for other formats, for
        unreadable files, and for what every program can decode.
    """
    try:
        file.seek(0)
        header = file.read(16)
        big = header[2:4] in (b"\x2b\0", b"\0\x2b")
        tags = TiffImagePlugin.ImageFileDirectory_v2(header if big else header[:8])
        file.seek(tags.next)
        tags.load(file)
        bits = tags.get(TIFF_TAGS["BitsPerSample"], (1,))
        channels = int(tags.get(TIFF_TAGS["SamplesPerPixel"], len(bits)))
        kind = int(tags.get(TIFF_TAGS["SampleFormat"], (_UNSIGNED,))[0])
        compression = int(tags.get(TIFF_TAGS["Compression"], 1))
        planes = tags.get(TIFF_TAGS["PlanarConfiguration"]) == 2
    except Exception:  # damaged files make Pillow raise many types
        return ""
    plain = (
        kind == _UNSIGNED
        and set(bits) <= _PLAIN_DEPTHS
        and compression in _PLAIN_COMPRESSIONS
        and not planes
        and (channels != 2 or max(bits) <= 8)
    )
    if plain:
        return ""
    name = TiffImagePlugin.COMPRESSION_INFO.get(compression, str(compression))
    packed = "" if name == "raw" else f", compression {name.removeprefix('tiff_')}"
    return (
        f"{channels} channel{'s' * (channels > 1)} of {max(bits)}-bit "
        f"{_SAMPLE_FORMATS.get(kind, 'samples')}{packed}{', in separate planes' * planes}"
    )
