"""The names of picture formats and fits that the config, the Snakefile and the library share."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: Lower-case suffixes of the files that are read as images.
IMAGE_SUFFIXES: frozenset[str] = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"}
)

#: Lower-case endings of the files that are masks: `cat.mask.png` is that of `cat.jpg`.
MASK_SUFFIXES: frozenset[str] = frozenset(f".mask{suffix}" for suffix in IMAGE_SUFFIXES)

#: The value of `image.format` in the config → the suffix of the pictures that are written.
OUTPUT_FORMATS: Mapping[str, str] = MappingProxyType(
    {"jpg": ".jpg", "png": ".png", "webp": ".webp", "png16": ".png", "tiff": ".tiff"}
)

#: Those of 16 bits a channel.
DEEP: frozenset[str] = frozenset({"png16", "tiff"})

#: Those that give back the very samples that they were given.
LOSSLESS: frozenset[str] = frozenset({"png"}) | DEEP

#: The one without room for opacity.
OPAQUE: frozenset[str] = frozenset({"jpg"})

#: Those that browsers show.
SHOWN_BY_BROWSERS: frozenset[str] = frozenset({"jpg", "png", "webp", "png16"})

#: The values of `image.fit` in the config; `images.fit_image` says what each does.
FITS: tuple[str, ...] = ("stretch", "crop", "pad", "keep")
