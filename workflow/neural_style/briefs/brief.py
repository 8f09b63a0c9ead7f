"""What one picture is to be: all that the optimisation is told about it, as tensors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neural_style.plan.settings import Settings


@dataclass(frozen=True)
class StyleReference:
    """An image whose Gram matrices are a part of what a region is to have.

    Attributes:
        image: [1, 3, h, w] in [0, 1], of any size.
        weight: its share of the target; the shares of a region sum to 1.
        guide: how much each of its pixels counts, [1, 1, h, w] in [0, 1]; None for all alike.
    """

    image: Tensor
    weight: float = 1.0
    guide: Tensor | None = None


@dataclass(frozen=True)
class Region:
    """A part of the picture, and the styles that it is to have.

    Attributes:
        styles: at least one.
        where: how strongly they act on each pixel, [1, 1, H, W] in [0, 1]; None for 1 everywhere.
    """

    styles: tuple[StyleReference, ...]
    where: Tensor | None = None


@dataclass(frozen=True)
class Brief:
    """One picture to make.

    Attributes:
        settings: how.
        content: the photograph as the network is to see it, [1, 3, H, W] in [0, 1].
        regions: where which styles act, at least one.
        chroma: what the photograph keeps, [1, 3, H, W], where only its luminance is painted and
            the network sees a grey picture; None elsewhere. See `canvas.LuminanceCanvas`.
        start: the picture to start from, of the content's shape; None for the content.
    """

    settings: Settings
    content: Tensor
    regions: tuple[Region, ...]
    chroma: Tensor | None = None
    start: Tensor | None = None


def plain_brief(content: Tensor, style: Tensor, settings: Settings) -> Brief:
    """The ordinary case: one style, everywhere.

    Args:
        content: [1, 3, H, W] in [0, 1].
        style: [1, 3, h, w] in [0, 1].
        settings: how.
    """
    return Brief(settings, content, (Region((StyleReference(style),)),))


def style_share(brief: Brief) -> Tensor | None:
    """How strongly all styles together act on each pixel, [1, 1, H, W]; None for 1 everywhere."""
    masks = [region.where for region in brief.regions if region.where is not None]
    if len(masks) < len(brief.regions):
        return None
    share = torch.stack(masks).sum(dim=0)
    # A mask and its inverse are 1 together, but for rounding.
    return torch.where(share > 1 - 1e-6, 1.0, share)
