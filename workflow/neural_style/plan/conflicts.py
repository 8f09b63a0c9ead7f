"""Settings that are each allowed and make no sense together. Free of torch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from neural_style.plan.formats import OPAQUE
from neural_style.plan.settings import KEEP, ORIGINAL, STARTS, Settings

Rule = Callable[[Settings], Iterator[str]]
"""Yields a sentence for each conflict: the keys, what is wrong, what to do."""
SMALLEST, LARGEST = 32, 4096
"""The bounds of `image.size`, in pixels; they are those of style images, too."""


def file_to_start_from(settings: Settings) -> Iterator[str]:
    """Every photograph of a data set would start from the same picture."""
    if settings.init not in STARTS:
        yield (
            f"optimization.init: {settings.init!r} is one file, and the photographs of "
            "bulk.content are many; start them from content or noise."
        )


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


def style_scales_in_bounds(settings: Settings) -> Iterator[str]:
    """A style image needs some pixels, and must not take all memory."""
    for scale, edge in zip(settings.style_scales, settings.style_sizes, strict=True):
        if not SMALLEST <= edge <= LARGEST:
            yield (
                f"paint.style_scales: {scale:g} of image.size {settings.size} is {edge} px, but a "
                f"style image may have {SMALLEST} to {LARGEST}; choose another scale or size."
            )


def no_further_files(settings: Settings) -> Iterator[str]:
    """A data set knows photographs and styles alone."""
    for key in ("blend", "mask", "style_mask"):
        if getattr(settings, key):
            yield (
                f"paint.{key}: a data set (bulk.content) takes no further images; leave the key "
                "out, or make such pictures with the sweep."
            )


def stages_from_coarse_to_fine(settings: Settings) -> Iterator[str]:
    """Each stage is larger than the one before, and the picture's own size comes last."""
    sizes = [stage.size for stage in settings.course]
    if any(after <= before for before, after in itertools.pairwise(sizes)):
        shown = ", ".join(map(str, sizes[:-1]))
        yield (
            f"optimization.stages: the sizes {shown} must grow and stay below image.size "
            f"{settings.size}; sort them, or take some out."
        )


def epochs_for_every_stage(settings: Settings) -> Iterator[str]:
    """The picture's own size gets what the stages leave over."""
    coarse = sum(stage.epochs for stage in settings.stages)
    if coarse >= settings.epochs:
        yield (
            f"optimization.stages: their {coarse} epochs leave none of optimization.epochs "
            f"{settings.epochs} for image.size {settings.size}; shorten them, or give more epochs."
        )


def style_scales_in_stages(settings: Settings) -> Iterator[str]:
    """Style images shrink with the picture."""
    size = settings.course[0].size
    for scale in settings.style_scales:
        edge = int(size * scale + 0.5)
        if settings.stages and edge < SMALLEST:
            yield (
                f"paint.style_scales: {scale:g} of optimization.stages {size} is {edge} px, "
                f"but a style image needs {SMALLEST} px; choose another scale, or begin with a "
                "larger size."
            )


RULES: tuple[Rule, ...] = (
    stages_from_coarse_to_fine,
    epochs_for_every_stage,
    opacity_without_room,
    dimensions_after_a_crop,
    style_scales_in_bounds,
    style_scales_in_stages,
)
"""For every setting of a sweep, and for the options of `scripts/stylize.py`."""

BULK_RULES: tuple[Rule, ...] = (no_further_files, file_to_start_from)
"""For a setting that a data set is made in; they come on top."""


def find_conflicts(settings: Settings, rules: tuple[Rule, ...] = RULES) -> list[str]:
    """The sentences of all rules that the settings break."""
    return [sentence for rule in rules for sentence in rule(settings)]
