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
    {"jpg": ".jpg", "png": ".png", "webp": ".webp"}
)

#: The values of `image.fit` in the config; `images.fit_image` says what each does.
FITS: tuple[str, ...] = ("stretch", "crop", "pad", "keep")
