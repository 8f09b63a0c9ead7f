"""The transfer problem: the inputs of one optimization, as tensors.

`TransferProblem` holds the content image, the style images, where each acts, and the settings.
`recolor_problem` applies `transfer.color` to it, `resample_problem` brings it to the size of a
stage, and `initial_image` makes the image that the optimization starts from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.config.settings import Settings
from neural_style.config.sizes import SHORTEST_SIDE, scaled_size
from neural_style.images.tensors import luminance, match_color
from neural_style.losses.size_correction import pyramid_at, style_layers_at_half

LARGEST_RATIO_ON_CUDA = 32
"""Largest ratio of sizes for an antialiased filter on CUDA. Its weights have to fit into the shared
memory of 48 KB: (32 + 33) · 4 · (4 · ratio + 1) bytes for the bicubic one."""


@dataclass(frozen=True)
class StyleReference:
    """A style image and its share of the target of a region.

    Attributes:
        image: [1, 3, h, w] in [0, 1], of any size.
        weight: its share; the shares of a region sum to 1.
        guide: weight of each of its pixels, [1, 1, h, w] in [0, 1], of the size of `image`; None
            for 1 everywhere.

    Raises:
        ValueError: a tensor has another shape.
    """

    image: Tensor
    weight: float = 1.0
    guide: Tensor | None = None

    def __post_init__(self) -> None:
        _require_shape("a style image", self.image, (1, 3, None, None))
        _require_shape("the guide of a style image", self.guide, (1, 1, *self.image.shape[2:]))


@dataclass(frozen=True)
class Region:
    """A part of the output and the styles that act there.

    Attributes:
        styles: at least one.
        mask: how strongly they act on each pixel, [1, 1, H, W] in [0, 1]; None for 1 everywhere.
    """

    styles: tuple[StyleReference, ...]
    mask: Tensor | None = None


@dataclass(frozen=True)
class TransferProblem:
    """One image to optimize.

    Attributes:
        settings: weights, layers, color, start, stages and the rest.
        content: the content image as the network sees it, [1, 3, H, W] in [0, 1].
        regions: where which styles act; at least one.
        chroma: RGB - Y of the content image, [1, 3, H, W], if only its luminance is optimized and
            `content` is gray; None otherwise. See `parameterization.LuminanceParameterization`.
        start: the image to start from, of the shape of `content`; None for `content` itself.

    Raises:
        ValueError: a tensor has another shape, or there is no region.
    """

    settings: Settings
    content: Tensor
    regions: tuple[Region, ...]
    chroma: Tensor | None = None
    start: Tensor | None = None

    def __post_init__(self) -> None:
        _require_shape("the content image", self.content, (1, 3, None, None))
        shape = self.content.shape
        _require_shape("the chroma of the content image", self.chroma, tuple(shape))
        _require_shape("the image to start from", self.start, tuple(shape))
        for region in self.regions:
            _require_shape("the mask of a region", region.mask, (1, 1, *shape[2:]))
        if not self.regions or not all(region.styles for region in self.regions):
            raise ValueError("a transfer problem needs a region, and each region needs a style")


def _require_shape(name: str, tensor: Tensor | None, shape: tuple[int | None, ...]) -> None:
    """Check the shape of a tensor, if there is one; None in the shape stands for any number."""
    if tensor is None:
        return
    fits = tensor.dim() == len(shape) and all(
        expected in (None, size) for size, expected in zip(tensor.shape, shape, strict=True)
    )
    if not fits:
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} has the shape {list(tensor.shape)}, not [{expected}]")


def single_style_problem(content: Tensor, style: Tensor, settings: Settings) -> TransferProblem:
    """Make the usual problem: one style, everywhere, with `settings.color` applied to the images.

    The images are used at their own sizes. Settings that name files or further images are ignored:
    `mask`, `style_mask`, `blend`, `style_scales`, and `init` if it is a file. `engine.load` makes
    problems with them.

    Args:
        content: [1, 3, H, W] in [0, 1].
        style: [1, 3, h, w] in [0, 1].
        settings: of the output; stages are relative to `settings.size`.

    Raises:
        ValueError: an image has another shape.
    """
    problem = TransferProblem(settings, content, (Region((StyleReference(style),)),))
    return recolor_problem(problem)


def move_problems(
    problems: Sequence[TransferProblem], device: torch.device
) -> list[TransferProblem]:
    """The problems with all their tensors on a device; what they share stays shared."""

    @cache
    def moved(tensor: Tensor) -> Tensor:
        return tensor.to(device)

    def moved_if_any(tensor: Tensor | None) -> Tensor | None:
        return tensor if tensor is None else moved(tensor)

    def moved_region(region: Region) -> Region:
        styles = (
            replace(style, image=moved(style.image), guide=moved_if_any(style.guide))
            for style in region.styles
        )
        return Region(tuple(styles), moved_if_any(region.mask))

    return [
        replace(
            problem,
            content=moved(problem.content),
            regions=tuple(map(moved_region, problem.regions)),
            chroma=moved_if_any(problem.chroma),
            start=moved_if_any(problem.start),
        )
        for problem in problems
    ]


def check_batch(problems: Sequence[TransferProblem]) -> None:
    """Check that problems can be optimized together.

    Raises:
        ValueError: there are none, or they differ in size or in what `Settings.batch_key` lists.
    """
    if not problems:
        raise ValueError("a batch needs at least one problem")
    first = problems[0]
    for problem in problems[1:]:
        if problem.content.shape != first.content.shape:
            sizes = (
                f"{each.content.shape[3]} × {each.content.shape[2]}" for each in (first, problem)
            )
            raise ValueError(f"problems of a batch differ in size: {' and '.join(sizes)} pixels")
        differing = [
            name
            for (name, value), (_, other) in zip(
                first.settings.batch_key, problem.settings.batch_key, strict=True
            )
            if value != other
        ]
        if differing:
            raise ValueError(f"problems of a batch differ in {', '.join(differing)}")


def combined_mask(problem: TransferProblem) -> Tensor | None:
    """The sum of the masks of all regions, [1, 1, H, W] in [0, 1]; None for 1 everywhere."""
    masks = [region.mask for region in problem.regions if region.mask is not None]
    if len(masks) < len(problem.regions):
        return None
    total = torch.stack(masks).sum(dim=0)
    # A mask and its inverse sum to 1 apart from rounding.
    return torch.where(total > 1 - 1e-6, 1.0, total)


def initial_image(problem: TransferProblem) -> Tensor:
    """Blend `start` (or `content`) with uniform noise: (1 - s) · image + s · noise.

    The share s is `settings.noise_share`. The result is [1, 3, H, W] in [0, 1].
    """
    image = problem.content if problem.start is None else problem.start
    share = problem.settings.noise_share
    return torch.lerp(image, noise_like(image, problem.settings.seed), share) if share else image


def refined_images(images: Tensor, problems: Sequence[TransferProblem]) -> Tensor:
    """Bring the images of a stage to the size of the next, with the detail that it can show.

    The images are resampled, and get what the luminance of the initial image loses at their size,
    without the noise in it. So eyes, windows and branches are there again from the start of each
    stage, as in STROTSS (Kolkin, Salavon and Shakhnarovich, 2019).

    Before a stage with a pyramid, the images are blurred. Otherwise, single pixels of the small
    stages become beads along the strokes of large outputs, which no loss takes away again.

    Args:
        images: [B, 3, h, w] in [0, 1].
        problems: of the next stage, one for each image.

    Returns:
        [B, 3, H, W], not clipped to [0, 1].
    """
    size, next_size = images.shape[2:], problems[0].content.shape[2:]
    details = []
    for problem in problems:
        image = luminance(problem.content if problem.start is None else problem.start)
        coarse = resample_images(resample_images(image, *size), *next_size)
        details.append((1 - problem.settings.noise_share) * (image - coarse))
    if len(pyramid_at(problems[0].settings, *next_size)) > 1:
        images = blur(images)
    return resample_images(images, *next_size) + torch.cat(details)


def noise_like(image: Tensor, seed: int) -> Tensor:
    """Noise of the shape of an image [1, C, H, W], uniform in [0, 1].

    It is drawn on the CPU, so that it depends on the seed and not on the device.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(image.shape[1:], generator=generator, dtype=torch.float32, device="cpu")
    return noise.to(image).unsqueeze(0)


def recolor_problem(problem: TransferProblem) -> TransferProblem:
    """Apply the setting `color` to the images of a problem; do so once.

    `style`: nothing changes, and the output takes the colors of the style.
    `match`: every style image first gets the color statistics of the content image.
    `luminance`: all images become gray, the style images with the mean and standard deviation of
    the content image's luminance; the problem keeps the chroma of the content image.

    After Gatys, Bethge, Hertzmann and Shechtman, *Preserving Color in Neural Artistic Style
    Transfer* (2016).
    """
    content = problem.content
    match problem.settings.color:
        case "match":
            return _recolor_styles(problem, lambda image: match_color(image, content))
        case "luminance":
            gray = luminance(content)
            gray_content = gray.expand(-1, 3, -1, -1)
            return _recolor_styles(
                replace(problem, content=gray_content, chroma=content - gray),
                lambda image: match_color(luminance(image), gray).expand(-1, 3, -1, -1),
            )
        case _:
            return problem


def _recolor_styles(
    problem: TransferProblem, recolor: Callable[[Tensor], Tensor]
) -> TransferProblem:
    """The problem with every style image recolored."""
    regions = tuple(
        replace(
            region,
            styles=tuple(replace(style, image=recolor(style.image)) for style in region.styles),
        )
        for region in problem.regions
    )
    return replace(problem, regions=regions)


ResampleStyle: TypeAlias = Callable[[Tensor, Tensor | None, float], tuple[Tensor, Tensor | None]]
"""A function like `resample_style`."""

HalveStyle: TypeAlias = Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor | None]]
"""A function like `halve_style`."""


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

    def resample_reference(style: StyleReference) -> StyleReference:
        image, guide = style_resampler(style.image, style.guide, scale)
        return replace(style, image=image, guide=guide)

    def resample_region(region: Region) -> Region:
        mask = region.mask
        return Region(
            tuple(map(resample_reference, region.styles)),
            mask if mask is None else _resample_mask(mask, height, width),
        )

    return replace(
        problem,
        content=resample_images(problem.content, height, width),
        regions=tuple(resample_region(region) for region in problem.regions),
        # Differences of colors may be negative, so they are not clipped.
        chroma=chroma if chroma is None else _interpolate(chroma, height, width, "bicubic"),
        start=start if start is None else resample_images(start, height, width),
    )


def resample_style(
    image: Tensor, guide: Tensor | None, scale: float
) -> tuple[Tensor, Tensor | None]:
    """Resample a style image and its guide by a factor on each side."""
    height, width = scaled_size(image.shape[2], image.shape[3], scale)
    resampled_guide = guide if guide is None else _resample_mask(guide, height, width)
    return resample_images(image, height, width), resampled_guide


def halve_problem(problem: TransferProblem, style_halver: HalveStyle) -> TransferProblem:
    """What the losses compare at half the size: contents, styles, and masks, without a start.

    The settings have the style layers of `style_layers_at_half`.

    Args:
        problem: each side of its content image has at least two pixels.
        style_halver: halves a style image and its guide, like `halve_style`.
    """

    def halved_reference(style: StyleReference) -> StyleReference:
        image, guide = style_halver(style.image, style.guide)
        return replace(style, image=image, guide=guide)

    regions = tuple(
        Region(
            tuple(map(halved_reference, region.styles)),
            None if region.mask is None else halve(region.mask),
        )
        for region in problem.regions
    )
    layers = style_layers_at_half(problem.settings.style_layers)
    settings = replace(problem.settings, style_layers=layers)
    return TransferProblem(settings, halve(problem.content), regions)


def halve_style(image: Tensor, guide: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """A style image and its guide at half their size; small ones stay as they are."""
    if min(image.shape[2:]) < 2 * SHORTEST_SIDE:
        return image, guide
    return halve(image), None if guide is None else halve(guide)


def halve(images: Tensor) -> Tensor:
    """The mean of each 2 × 2 pixels of images [B, C, H, W]; an odd row or column is left out."""
    return functional.avg_pool2d(images, 2)


def blur(images: Tensor) -> Tensor:
    """Blur images [B, C, H, W] by a binomial filter, [1 4 6 4 1]/16 in each direction.

    Its standard deviation is a pixel. The outermost pixels are repeated beyond the border.
    """
    weights = images.new_tensor([1, 4, 6, 4, 1]) / 16
    kernel = weights.outer(weights).expand(images.shape[1], 1, 5, 5)
    padded = functional.pad(images, (2, 2, 2, 2), mode="replicate")
    return functional.conv2d(padded, kernel, groups=images.shape[1])


def resample_images(images: Tensor, height: int, width: int) -> Tensor:
    """Resample images [B, C, h, w] in [0, 1]: bicubic, with antialiasing when they shrink."""
    return _interpolate(images, height, width, "bicubic").clamp(0, 1)


def _resample_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """Resample a mask; masks that sum to 1 still do, because the filter is linear."""
    return _interpolate(mask, height, width, "bilinear")


def _interpolate(images: Tensor, height: int, width: int, mode: str) -> Tensor:
    ratio = max(images.shape[2] / height, images.shape[3] / width)
    there = images.cpu() if images.is_cuda and ratio > LARGEST_RATIO_ON_CUDA else images
    resampled = functional.interpolate(there, size=(height, width), mode=mode, antialias=True)
    return resampled.to(images.device)
