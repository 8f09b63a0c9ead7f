"""Other sizes of a transfer problem: those of its stages, and those of a pyramid.

`problem_at` brings a problem to the size of a stage, `refined_images` brings the images of a
stage to the next, `continue_problem` makes them its content, and `halve_problem` makes the next
level of a pyramid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.config.sizes import REFERENCE_SIZE, SHORTEST_SIDE, scaled_size
from neural_style.images.tensors import luminance
from neural_style.losses.problem import (
    Region,
    StyleReference,
    TransferProblem,
    image_to_start_from,
)
from neural_style.losses.size_correction import style_layers_at_half

LARGEST_RATIO_ON_CUDA = 32
"""Largest ratio of sizes for an antialiased filter on CUDA. Its weights have to fit into the shared
memory of 48 KB: (32 + 33) · 4 · (4 · ratio + 1) bytes for the bicubic one."""

ResampleStyle: TypeAlias = Callable[[Tensor, Tensor | None, float], tuple[Tensor, Tensor | None]]
"""A function like `resample_style`."""

ChangeStyle: TypeAlias = Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]
"""A function that returns another style image and guide, like `halve_style`."""

GAIN_REACH = 2
"""How far a window of `_detail_gain` reaches to each side, in pixels of the smaller image."""

GAIN_EPSILON = 1e-3
"""ε of `_detail_gain`, in units of [0, 1] squared. Where the luminance of the content image varies
much less, it is noise rather than structure."""


def refined_images(
    images: Tensor, problems: Sequence[TransferProblem], *, continues: bool = False
) -> Tensor:
    """Bring the images of a stage to the size of the next, with the detail that it can show.

    The images are resampled, and get what the luminance of the initial image loses at their size,
    without the noise in it. So eyes, windows and branches are there again from the start of each
    stage, as in STROTSS (Kolkin, Salavon and Shakhnarovich, 2019).

    Args:
        images: [B, 3, h, w] in [0, 1].
        problems: of the next stage, one for each image.
        continues: whether the next stage continues a smaller one. Then the detail is multiplied by
            `_detail_gain`.

    Returns:
        [B, 3, H, W], not clipped to [0, 1].
    """
    details = []
    for problem, image in zip(problems, torch.split(images, 1), strict=True):
        initial = image_to_start_from(problem)
        detail = _shown_detail if continues else _detail
        details.append((1 - problem.settings.noise_share) * detail(initial, image))
    return resample_images(images, *problems[0].content.shape[2:]) + torch.cat(details)


def continue_problem(problem: TransferProblem, image: Tensor) -> TransferProblem:
    """The problem of a stage with the image of a smaller one as its content.

    The image is resampled, and gets what the luminance of the content image loses at its size,
    where it has the same structure, see `_detail_gain`.

    Args:
        problem: of the stage.
        image: as the network sees it, [1, 3, h, w] in [0, 1].
    """
    coarse = resample_images(image, *problem.content.shape[2:])
    continued = coarse + _shown_detail(problem.content, image)
    return replace(problem, content=continued.clamp(0, 1))


def _shown_detail(content: Tensor, image: Tensor) -> Tensor:
    """The detail of a content image where a smaller image shows its structure, [1, 1, H, W]."""
    return _detail_gain(content, image) * _detail(content, image)


def _detail(content: Tensor, image: Tensor) -> Tensor:
    """What the luminance of an image [1, 3, H, W] loses at the size of another, [1, 1, H, W]."""
    whole = luminance(content)
    return whole - resample_images(resample_images(whole, *image.shape[2:]), *whole.shape[2:])


def _detail_gain(content: Tensor, image: Tensor) -> Tensor:
    """How much of the structure of a content image a smaller image has at each place.

    This is the gain of the guided filter (He, Sun and Tang, 2010), clipped to [0, 1]: in a window,
    with the luminances y of the image and c of the content image at its size,

        a = cov(y, c) / (var(c) + ε),

    averaged over the windows of a pixel. It is nearly 1 where the image shows the content as it is,
    such as windows of houses, and 0 where it shows something else, such as strokes in place of
    branches. There, the detail of the content image would be scratches on the strokes.

    Args:
        content: [1, 3, H, W].
        image: [1, 3, h, w].

    Returns:
        [1, 1, H, W] in [0, 1].
    """

    def mean(values: Tensor) -> Tensor:
        side = 2 * GAIN_REACH + 1
        return functional.avg_pool2d(values, side, 1, GAIN_REACH, count_include_pad=False)

    own, other = luminance(image), resample_images(luminance(content), *image.shape[2:])
    own_mean, other_mean = mean(own), mean(other)
    covariance = mean(own * other) - own_mean * other_mean
    variance = mean(other.square()) - other_mean.square()
    gain = mean((covariance / (variance.clamp(min=0) + GAIN_EPSILON)).clamp(0, 1))
    return _resample_mask(gain, content.shape[2], content.shape[3])


def problem_at(
    problem: TransferProblem, scale: float, style_resampler: ResampleStyle | None = None
) -> TransferProblem:
    """Bring a problem to the size of a stage; see `resample_problem`.

    Args:
        problem: stages of at most `REFERENCE_SIZE` use its `at_reference`, if it has one.
        scale: size of the stage ÷ `settings.size`.
        style_resampler: see `resample_problem`.
    """
    source, factor = _source_at(problem, scale)
    return replace(resample_problem(source, factor, style_resampler), settings=problem.settings)


def size_at(problem: TransferProblem, scale: float) -> tuple[int, int]:
    """Width and height in pixels of the result of `problem_at`."""
    source, factor = _source_at(problem, scale)
    height, width = scaled_size(source.content.shape[2], source.content.shape[3], factor)
    return width, height


def _source_at(problem: TransferProblem, scale: float) -> tuple[TransferProblem, float]:
    """What is resampled for a stage, and the factor on each side."""
    size = round(scale * problem.settings.size)
    if problem.at_reference is not None and size <= REFERENCE_SIZE:
        return problem.at_reference, size / REFERENCE_SIZE
    return problem, scale


def resample_problem(
    problem: TransferProblem,
    scale: float,
    style_resampler: ResampleStyle | None = None,
) -> TransferProblem:
    """Resample all images and masks of a problem, see `sizes.scaled_size`.

    Args:
        problem: returned unchanged for a scale of 1.
        scale: factor on each side, > 0.
        style_resampler: used instead of `resample_style`; it may cache results.
    """
    if scale == 1:
        return problem
    height, width = scaled_size(problem.content.shape[2], problem.content.shape[3], scale)
    chroma, start = problem.chroma, problem.start
    style_resampler = style_resampler or resample_style
    regions = _changed_regions(
        problem,
        lambda image, guide: style_resampler(image, guide, scale),
        lambda mask: _resample_mask(mask, height, width),
    )
    return replace(
        problem,
        content=resample_images(problem.content, height, width),
        regions=regions,
        # Differences of colors may be negative, so they are not clipped.
        chroma=chroma if chroma is None else _interpolate(chroma, height, width, "bicubic"),
        start=start if start is None else resample_images(start, height, width),
        at_reference=None,
    )


def resample_style(
    image: Tensor, guide: Tensor | None, scale: float
) -> tuple[Tensor, Tensor | None]:
    """Resample a style image and its guide by a factor on each side."""
    height, width = scaled_size(image.shape[2], image.shape[3], scale)
    resampled_guide = guide if guide is None else _resample_mask(guide, height, width)
    return resample_images(image, height, width), resampled_guide


def halve_problem(problem: TransferProblem, style_halver: ChangeStyle) -> TransferProblem:
    """What the losses compare at half the size: contents, styles, and masks, without a start.

    The settings have the style layers of `style_layers_at_half`.

    Args:
        problem: each side of its content image has at least two pixels.
        style_halver: halves a style image and its guide, like `halve_style`.
    """
    layers = style_layers_at_half(problem.settings.style_layers)
    settings = replace(problem.settings, style_layers=layers)
    regions = _changed_regions(problem, style_halver, halve)
    return TransferProblem(settings, halve(problem.content), regions)


def halve_style(image: Tensor, guide: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """A style image and its guide at half their size; small ones stay as they are."""
    if min(image.shape[2:]) < 2 * SHORTEST_SIDE:
        return image, guide
    return halve(image), None if guide is None else halve(guide)


def halve(images: Tensor) -> Tensor:
    """The mean of each 2 × 2 pixels of images [B, C, H, W]; an odd row or column is left out."""
    return functional.avg_pool2d(images, 2)


def resample_images(images: Tensor, height: int, width: int) -> Tensor:
    """Resample images [B, C, h, w] in [0, 1]: bicubic, with antialiasing when they shrink."""
    return _interpolate(images, height, width, "bicubic").clamp(0, 1)


def _changed_regions(
    problem: TransferProblem, change_style: ChangeStyle, change_mask: Callable[[Tensor], Tensor]
) -> tuple[Region, ...]:
    """The regions with all style images and guides changed by one function, masks by another."""

    def changed_reference(style: StyleReference) -> StyleReference:
        image, guide = change_style(style.image, style.guide)
        return replace(style, image=image, guide=guide)

    return tuple(
        Region(
            tuple(map(changed_reference, region.styles)),
            None if region.mask is None else change_mask(region.mask),
        )
        for region in problem.regions
    )


def _resample_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """Resample a mask or another map; masks that sum to 1 still do: the filter is linear."""
    return _interpolate(mask, height, width, "bilinear")


def _interpolate(images: Tensor, height: int, width: int, mode: str) -> Tensor:
    ratio = max(images.shape[2] / height, images.shape[3] / width)
    there = images.cpu() if images.is_cuda and ratio > LARGEST_RATIO_ON_CUDA else images
    resampled = functional.interpolate(there, size=(height, width), mode=mode, antialias=True)
    return resampled.to(images.device)
