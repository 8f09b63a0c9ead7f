"""Images as tensors: conversion from and to Pillow, normalization, masks, and color statistics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from neural_style.images.decode import ImageError, load_image
from neural_style.images.fit import fit_image, resize

AnyImage: TypeAlias = Path | Image.Image | Tensor
"""An image: a file, an image of mode RGB (a mask: L), or a tensor [B, 3, H, W] in [0, 1]."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of the red, green and blue of ImageNet, in units of [0, 1]."""

IMAGENET_STD = (0.229, 0.224, 0.225)
"""Their standard deviation."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the luma Y of ITU-R BT.601, as in YIQ."""

ASPECT_TOLERANCE = 0.02
"""Largest relative difference of the aspect ratios of a mask and its image: sizes are rounded."""

MIN_COLOR_STD = 2 / 255
"""Colors with a smaller standard deviation, in units of [0, 1], count as noise of the file:
`match_color` amplifies them no further than it would amplify this one."""


def to_tensor(image: Image.Image) -> Tensor:
    """Convert an RGB image to a contiguous tensor [1, 3, H, W] of float32 in [0, 1]."""
    pixels = torch.from_numpy(np.array(image, dtype=np.uint8))
    return pixels.permute(2, 0, 1).unsqueeze(0).contiguous().float() / 255


def fit_tensor(images: Tensor, size: int, fit: str) -> Tensor:
    """Resize images [B, 3, H, W] in [0, 1] as `fit.fit_image` does, without rounding to 8 bits.

    Raises:
        ImageError: they cannot be fitted.
    """
    return _map_channels(images, lambda channel: fit_image(channel, size, fit))


def resize_tensor(images: Tensor, width: int, height: int) -> Tensor:
    """Resize images [B, 3, h, w] in [0, 1] to a width and height in pixels, by Lanczos."""
    return _map_channels(images, lambda channel: resize(channel, (width, height)))


def _map_channels(images: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    """Change each channel as an image of floating-point numbers; the results are in [0, 1]."""
    channels = images.flatten(end_dim=1).cpu().numpy()
    changed = np.stack([np.asarray(change(Image.fromarray(each))) for each in channels])
    fitted = torch.from_numpy(changed).clamp(0, 1).to(images)
    return fitted.view(*images.shape[:2], *fitted.shape[1:])


def to_pil_images(images: Tensor) -> list[Image.Image]:
    """Convert [B, 3, H, W] to 8-bit RGB images; values are clipped to [0, 1] and rounded."""
    pixels = images.detach().clamp(0, 1).mul(255).round().to(torch.uint8)
    arrays = pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return [Image.fromarray(array) for array in arrays]


def normalize(images: Tensor) -> Tensor:
    """(x - mean) / std of ImageNet for each channel of images [B, 3, H, W] in [0, 1]."""
    mean, std = _mean_and_std(images.dtype, images.device)
    return (images - mean) / std


@cache
def _mean_and_std(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Both as [1, 3, 1, 1]; cached, since a copy to the GPU synchronizes with it."""
    mean, std = (
        torch.tensor(each, dtype=dtype, device=device) for each in (IMAGENET_MEAN, IMAGENET_STD)
    )
    return mean.view(1, 3, 1, 1), std.view(1, 3, 1, 1)


def load_mask(path: Path, image_size: tuple[int, int], *, same_aspect: bool) -> Image.Image:
    """Read a mask: any image file, as gray, stretched to the size of the image it belongs to.

    It is decoded like every image: turned upright by its own EXIF orientation, colors converted
    to their brightness, and transparent pixels white.

    Args:
        path: the file.
        image_size: width and height of the image that the mask is for, upright.
        same_aspect: whether the mask must have the aspect ratio of that image.

    Returns:
        An image of mode L and of size `image_size`.

    Raises:
        ImageError: the file cannot be read, or has another aspect ratio; the message names it.
    """
    mask = load_image(path, side=max(image_size)).convert("L")
    if same_aspect and not _same_aspect(mask.size, image_size):
        raise ImageError(
            "the mask {!r} has {} × {} px, but its image, turned upright, has {} × {} px; "
            "save it with the same proportions.".format(str(path), *mask.size, *image_size)
        )
    return fit_mask(mask, image_size, path)


def fit_mask(
    mask: Image.Image, image_size: tuple[int, int], path: Path | None = None
) -> Image.Image:
    """Stretch a mask of mode L to the size of its image; an error names the file `path`."""
    return resize(mask, image_size, Image.Resampling.BILINEAR, path=path)


def mask_to_tensor(mask: Image.Image, size: int, fit: str) -> Tensor:
    """Fit a mask like its image (see `fit.fit_image`): [1, 1, H, W] in [0, 1].

    The bilinear filter does not overshoot, so black stays exactly black beside an edge.

    Raises:
        ImageError: it cannot be fitted.
    """
    fitted = fit_image(mask, size, fit, Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(fitted, dtype=np.float32))[None, None] / 255


def _same_aspect(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes have the same aspect ratio, within the tolerance."""
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) <= ASPECT_TOLERANCE


def luminance(images: Tensor) -> Tensor:
    """Y = 0.299 R + 0.587 G + 0.114 B of images [B, 3, H, W]: [B, 1, H, W]."""
    weights = images.new_tensor(LUMA).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class ColorStatistics:
    """Mean [C, 1] and covariance [C, C] of colors, in float64 on the CPU."""

    mean: Tensor
    covariance: Tensor


def match_color(image: Tensor, target: Tensor) -> Tensor:
    """Give an image the mean and the covariance of the pixels of another one.

    Args:
        image: [1, C, h, w] in [0, 1].
        target: [1, C, H, W] in [0, 1]; with one channel, mean and standard deviation are matched.

    Returns:
        [1, C, h, w], clipped to [0, 1].
    """
    return move_colors(image, color_statistics(image), color_statistics(target))


def move_colors(image: Tensor, before: ColorStatistics, after: ColorStatistics) -> Tensor:
    """Map colors linearly, so that those with the statistics `before` have those `after`.

    x ↦ Σₜ^½ Σ^-½ (x - μ) + μₜ, with μ, Σ before and μₜ, Σₜ after. Of all linear maps that match
    both, this is the one that Gatys, Bethge, Hertzmann and Shechtman chose in *Preserving Color in
    Neural Artistic Style Transfer* (2016). Directions in which the image hardly varies (all but one
    in a gray image) are amplified by a bounded factor, which prevents amplified noise and division
    by zero.

    Args:
        image: [1, C, h, w] in [0, 1].
        before: of the image, or of a part of it.
        after: of the image that is returned, apart from clipping.

    Returns:
        [1, C, h, w], clipped to [0, 1].
    """
    whiten = _matrix_power(before.covariance, -0.5, min_eigenvalue=MIN_COLOR_STD**2)
    transform = _matrix_power(after.covariance, 0.5) @ whiten
    pixels = image.flatten(start_dim=2)[0].cpu().double()
    moved = transform @ (pixels - before.mean) + after.mean
    return moved.clamp(0, 1).to(image).view_as(image)


def color_statistics(image: Tensor, weights: Tensor | None = None) -> ColorStatistics:
    """Compute mean and covariance of the pixels of an image.

    Args:
        image: [1, C, h, w].
        weights: of the pixels, [1, 1, h, w], not negative; None, or 0 everywhere, for equal ones.
    """
    pixels = image.flatten(start_dim=2)[0].cpu().double()
    shares = pixels.new_ones(pixels.shape[1])
    if weights is not None and bool((given := weights.flatten().cpu().double()).any()):
        shares = given
    shares = shares / shares.sum()
    mean = (pixels * shares).sum(dim=1, keepdim=True)
    centered = pixels - mean
    return ColorStatistics(mean, centered * shares @ centered.mT)


def _matrix_power(matrix: Tensor, exponent: float, min_eigenvalue: float = 0.0) -> Tensor:
    """A power of a symmetric matrix whose eigenvalues are first raised to `min_eigenvalue`."""
    values, vectors = torch.linalg.eigh(matrix)
    powers = values.clamp(min=min_eigenvalue).pow(exponent)
    power: Tensor = vectors @ torch.diag(powers) @ vectors.mT
    return power
