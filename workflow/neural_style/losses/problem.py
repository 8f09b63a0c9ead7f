"""What one picture is to be: all that the optimization is told about it, as tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.config.settings import Settings, scaled_size


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
class TransferProblem:
    """One picture to make.

    Attributes:
        settings: how.
        content: the photograph as the network is to see it, [1, 3, H, W] in [0, 1].
        regions: where which styles act, at least one.
        chroma: what the photograph keeps, [1, 3, H, W], where only its luminance is painted and
            the network sees a gray picture; None elsewhere. See `parameterization.LuminanceParameterization`.
        start: the picture to start from, of the content's shape; None for the content.
    """

    settings: Settings
    content: Tensor
    regions: tuple[Region, ...]
    chroma: Tensor | None = None
    start: Tensor | None = None


def single_style_problem(content: Tensor, style: Tensor, settings: Settings) -> TransferProblem:
    """The ordinary case: one style, everywhere.

    Args:
        content: [1, 3, H, W] in [0, 1].
        style: [1, 3, h, w] in [0, 1].
        settings: how.
    """
    return TransferProblem(settings, content, (Region((StyleReference(style),)),))


def style_share(problem: TransferProblem) -> Tensor | None:
    """How strongly all styles together act on each pixel, [1, 1, H, W]; None for 1 everywhere."""
    masks = [region.where for region in problem.regions if region.where is not None]
    if len(masks) < len(problem.regions):
        return None
    share = torch.stack(masks).sum(dim=0)
    # A mask and its inverse are 1 together, but for rounding.
    return torch.where(share > 1 - 1e-6, 1.0, share)


# MERGED: What the optimization of a picture starts from.


def start_picture(problem: TransferProblem) -> Tensor:
    """The first picture of a problem, [1, 3, H, W] in [0, 1].

    That is (1 - share) · picture + share · noise, with the picture that is given, or else the
    content, and the share of noise that the settings name.
    """
    given = problem.content if problem.start is None else problem.start
    share = problem.settings.noise_share
    return torch.lerp(given, noise_like(given, problem.settings.seed), share) if share else given


def noise_like(picture: Tensor, seed: int) -> Tensor:
    """Noise of the shape of a picture [1, C, H, W], uniform in [0, 1].

    It is drawn on the CPU, so that it depends on the seed alone and on no device.
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(picture.shape[1:], generator=generator).to(picture).unsqueeze(0)


# MERGED: Colors: the mean and the covariance of an image's pixels, and a move from one's to another's.
#
# After Gatys, Bethge, Hertzmann and Shechtman, Preserving Color in Neural Artistic Style Transfer
# (2016).


LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in the luminance Y of YIQ, in which the paper works."""

NOISE = 2 / 255
"""A smaller standard deviation, in units of [0, 1], is noise of the file and no color: what is
larger may be spread as far as it takes, what is smaller no further than this would be."""


def luminance(pictures: Tensor) -> Tensor:
    """Y = 0.299 R + 0.587 G + 0.114 B of pictures [B, 3, H, W]: [B, 1, H, W]."""
    shares = pictures.new_tensor(LUMA).view(1, 3, 1, 1)
    return (pictures * shares).sum(dim=1, keepdim=True)


def recolored(problem: TransferProblem) -> TransferProblem:
    """The problem in the colors that `color` of its settings asks for.

    `style`: as it is. `match`: every style image gets the photograph's colors beforehand.
    `luminance`: the network is to see photograph and styles in gray, the styles with the mean and
    the deviation of the photograph's luminance; its chroma stays with the picture.
    """
    content = problem.content
    match problem.settings.color:
        case "match":
            return _with_styles(problem, lambda image: match_moments(image, content))
        case "luminance":
            gray = luminance(content)
            seen = replace(problem, content=gray.expand(-1, 3, -1, -1), chroma=content - gray)
            return _with_styles(
                seen,
                lambda image: match_moments(luminance(image), gray).expand(-1, 3, -1, -1),
            )
        case _:
            return problem


def _with_styles(problem: TransferProblem, recolor: Callable[[Tensor], Tensor]) -> TransferProblem:
    """The problem with every style image recolored."""
    regions = tuple(
        replace(
            region,
            styles=tuple(replace(style, image=recolor(style.image)) for style in region.styles),
        )
        for region in problem.regions
    )
    return replace(problem, regions=regions)


def match_moments(image: Tensor, target: Tensor) -> Tensor:
    """Give an image the mean and the covariance that the pixels of another one have.

    x ↦ Σ_t^½ Σ^-½ (x - μ) + μ_t, with μ, Σ of the image and μ_t, Σ_t of the target: of the linear
    maps that do it, the paper's choice. Directions in which the image hardly varies (all but one
    in a gray image) are spread by a bounded factor, so that neither noise is blown up nor anything
    divided by zero.

    Args:
        image: [1, C, h, w] in [0, 1].
        target: [1, C, H, W] in [0, 1]; of one channel, its mean and deviation are taken.

    Returns:
        [1, C, h, w], clipped to [0, 1].
    """
    mean, covariance = _moments(image)
    wanted_mean, wanted_covariance = _moments(target)
    spread = _power(wanted_covariance, 0.5) @ _power(covariance, -0.5, smallest=NOISE**2)
    pixels = image.flatten(start_dim=2)[0].double().cpu()
    moved = spread @ (pixels - mean) + wanted_mean
    return moved.clamp(0, 1).to(image).view_as(image)


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [C, 1] and covariance [C, C] of the pixels of [1, C, h, w], in float64 on the CPU."""
    pixels = image.flatten(start_dim=2)[0].double().cpu()
    mean = pixels.mean(dim=1, keepdim=True)
    centered = pixels - mean
    return mean, centered @ centered.mT / pixels.shape[1]


def _power(covariance: Tensor, exponent: float, smallest: float = 0.0) -> Tensor:
    """A power of a symmetric matrix whose eigenvalues are raised to `smallest` first."""
    values, vectors = torch.linalg.eigh(covariance)
    power: Tensor = vectors @ torch.diag(values.clamp(min=smallest).pow(exponent)) @ vectors.mT
    return power


# MERGED: Pictures in another size: what is to be made, for a stage of its own size.


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


def resampled_problem(
    problem: TransferProblem,
    scale: float,
    style_at: ResampleStyle = resampled_style,
) -> TransferProblem:
    """All that a problem holds, with each side `scale` times as long, see `stages.scaled_size`.

    Args:
        problem: what is to be made; it is given back as it is for a scale of 1.
        scale: more than 0.
        style_at: does what `resampled_style` does, and may remember what it did.
    """
    if scale == 1:
        return problem
    height, width = scaled_size(problem.content.shape[2], problem.content.shape[3], scale)
    chroma, start = problem.chroma, problem.start

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
        problem,
        content=resampled(problem.content, height, width),
        regions=tuple(region_at(region) for region in problem.regions),
        # Differences of colors may be negative.
        chroma=chroma if chroma is None else _interpolated(chroma, height, width, "bicubic"),
        start=start if start is None else resampled(start, height, width),
    )


def _mask(mask: Tensor, height: int, width: int) -> Tensor:
    """A mask at another size; what adds up to 1 still does."""
    return _interpolated(mask, height, width, "bilinear")


def _interpolated(images: Tensor, height: int, width: int, mode: str) -> Tensor:
    return functional.interpolate(images, size=(height, width), mode=mode, antialias=True)
