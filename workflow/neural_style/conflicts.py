"""Settings that are each allowed and make no sense together. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from neural_style.formats import OPAQUE
from neural_style.settings import KEEP, ORIGINAL, Settings

Rule = Callable[[Settings], Iterator[str]]
"""Yields a sentence for each conflict: the keys, what is wrong, what to do."""


def opacity_without_room(settings: Settings) -> Iterator[str]:
    """JPEG has no channel for opacity."""
    if settings.transparency == KEEP and settings.format in OPAQUE:
        yield (
            f"image.transparency: keep has no room in image.format: {settings.format}; use "
            "image.format: png, webp, png16 or tiff."
        )


def dimensions_after_a_crop(settings: Settings) -> Iterator[str]:
    """What was cut off has no pixels."""
    if settings.dimensions == ORIGINAL and settings.fit == "crop":
        yield (
            "image.dimensions: original cannot bring back what image.fit: crop cuts off; use "
            "image.fit: stretch, pad or keep."
        )


RULES: tuple[Rule, ...] = (opacity_without_room, dimensions_after_a_crop)
"""For every setting of a sweep, and for the options of `scripts/stylize.py`."""

BULK_RULES: tuple[Rule, ...] = ()
"""For a setting that a data set is made in; they come on top."""


def find_conflicts(settings: Settings, rules: tuple[Rule, ...] = RULES) -> list[str]:
    """The sentences of all rules that the settings break."""
    return [sentence for rule in rules for sentence in rule(settings)]
