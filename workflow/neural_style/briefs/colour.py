"""Colours: the mean and the covariance of an image's pixels, and a move from one's to another's.

After Gatys, Bethge, Hertzmann and Shechtman, Preserving Color in Neural Artistic Style Transfer
(2016).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from neural_style.briefs.brief import Brief

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in the luminance Y of YIQ, in which the paper works."""

NOISE = 2 / 255
"""A smaller standard deviation, in units of [0, 1], is noise of the file and no colour: what is
larger may be spread as far as it takes, what is smaller no further than this would be."""


def luminance(pictures: Tensor) -> Tensor:
    """Y = 0.299 R + 0.587 G + 0.114 B of pictures [B, 3, H, W]: [B, 1, H, W]."""
    shares = pictures.new_tensor(LUMA).view(1, 3, 1, 1)
    return (pictures * shares).sum(dim=1, keepdim=True)


def recoloured(brief: Brief) -> Brief:
    """The brief in the colours that `colour` of its settings asks for.

    `style`: as it is. `match`: every style image gets the photograph's colours beforehand.
    `luminance`: the network is to see photograph and styles in grey, the styles with the mean and
    the deviation of the photograph's luminance; its chroma stays with the picture.
    """
    content = brief.content
    match brief.settings.colour:
        case "match":
            return _with_styles(brief, lambda image: match_moments(image, content))
        case "luminance":
            grey = luminance(content)
            seen = replace(brief, content=grey.expand(-1, 3, -1, -1), chroma=content - grey)
            return _with_styles(
                seen,
                lambda image: match_moments(luminance(image), grey).expand(-1, 3, -1, -1),
            )
        case _:
            return brief


def _with_styles(brief: Brief, recolour: Callable[[Tensor], Tensor]) -> Brief:
    """The brief with every style image recoloured."""
    regions = tuple(
        replace(
            region,
            styles=tuple(replace(style, image=recolour(style.image)) for style in region.styles),
        )
        for region in brief.regions
    )
    return replace(brief, regions=regions)


def match_moments(image: Tensor, target: Tensor) -> Tensor:
    """Give an image the mean and the covariance that the pixels of another one have.

    x ↦ Σ_t^½ Σ^-½ (x - μ) + μ_t, with μ, Σ of the image and μ_t, Σ_t of the target: of the linear
    maps that do it, the paper's choice. Directions in which the image hardly varies (all but one
    in a grey image) are spread by a bounded factor, so that neither noise is blown up nor anything
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
    centred = pixels - mean
    return mean, centred @ centred.mT / pixels.shape[1]


def _power(covariance: Tensor, exponent: float, smallest: float = 0.0) -> Tensor:
    """A power of a symmetric matrix whose eigenvalues are raised to `smallest` first."""
    values, vectors = torch.linalg.eigh(covariance)
    power: Tensor = vectors @ torch.diag(values.clamp(min=smallest).pow(exponent)) @ vectors.mT
    return power
