"""Pictures in another size: what is to be made, for a stage of its own size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from torch import Tensor
from torch.nn import functional

from neural_style.briefs.brief import Brief, Region, StyleReference
from neural_style.plan.stages import scaled_size

ResampleStyle: TypeAlias = Callable[[Tensor, Tensor | None, float], tuple[Tensor, Tensor | None]]
"""Gives a style image and its guide back in another size, see `resampled_style`."""


def resampled(images: Tensor, height: int, width: int) -> Tensor:
    """Images [B, C, h, w] in [0, 1] at another size: bicubic, and smoothed where they shrink."""
    return _interpolated(images, height, width, "bicubic").clamp(0, 1)


def resampled_style(
    image: Tensor, guide: Tensor | None, scale: float
) -> tuple[Tensor, Tensor | None]:
    """A style image and its guide with each side `scale` times as long."""
    height, width = scaled_size(image.shape[2], image.shape[3], scale)
    smaller = guide if guide is None else _mask(guide, height, width)
    return resampled(image, height, width), smaller


def resampled_brief(
    brief: Brief,
    scale: float,
    style_at: ResampleStyle = resampled_style,
) -> Brief:
    """All that a brief holds, with each side `scale` times as long, see `stages.scaled_size`.

    Args:
        brief: what is to be made; it is given back as it is for a scale of 1.
        scale: more than 0.
        style_at: does what `resampled_style` does, and may remember what it did.
    """
    if scale == 1:
        return brief
    height, width = scaled_size(brief.content.shape[2], brief.content.shape[3], scale)
    chroma, start = brief.chroma, brief.start

    def smaller(style: StyleReference) -> StyleReference:
        image, guide = style_at(style.image, style.guide, scale)
        return replace(style, image=image, guide=guide)

    def region_at(region: Region) -> Region:
        where = region.where
        return Region(
            tuple(map(smaller, region.styles)),
            where if where is None else _mask(where, height, width),
        )

    return replace(
        brief,
        content=resampled(brief.content, height, width),
        regions=tuple(region_at(region) for region in brief.regions),
        # Differences of colours may be negative.
        chroma=chroma if chroma is None else _interpolated(chroma, height, width, "bicubic"),
        start=start if start is None else resampled(start, height, width),
    )


def _mask(mask: Tensor, height: int, width: int) -> Tensor:
    """A mask at another size; what adds up to 1 still does."""
    return _interpolated(mask, height, width, "bilinear")


def _interpolated(images: Tensor, height: int, width: int, mode: str) -> Tensor:
    return functional.interpolate(images, size=(height, width), mode=mode, antialias=True)
