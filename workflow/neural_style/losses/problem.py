"""The transfer problem: the inputs of one optimization, as tensors.

`TransferProblem` holds the content image, the style images, where each acts, and the settings.
`recolor_problem` applies `transfer.color` to it, and `initial_image` makes the image that the
optimization starts from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.config.settings import Settings
from neural_style.images.tensors import (
    ColorStatistics,
    color_statistics,
    luminance,
    match_color,
    move_colors,
)

CHROMA_SQUARE = 8
"""Width in pixels of the squares in which `init: recolored` averages the chroma."""


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
        start: the image to start from, of the shape of `content`; None for the one that
            `settings.init` names.
        at_reference: the same problem from images that were loaded for an output of
            `REFERENCE_SIZE`, see `Settings.at_reference`. The stages up to this size use it, and so
            have the images that they have in that output: a large output continues a small one.
            None if the images of all stages are resampled from these.

    Raises:
        ValueError: a tensor has another shape, or there is no region.
    """

    settings: Settings
    content: Tensor
    regions: tuple[Region, ...]
    chroma: Tensor | None = None
    start: Tensor | None = None
    at_reference: TransferProblem | None = None

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

    def moved_problem(problem: TransferProblem) -> TransferProblem:
        return replace(
            problem,
            content=moved(problem.content),
            regions=tuple(map(moved_region, problem.regions)),
            chroma=moved_if_any(problem.chroma),
            start=moved_if_any(problem.start),
            at_reference=problem.at_reference and moved_problem(problem.at_reference),
        )

    return list(map(moved_problem, problems))


def check_batch(problems: Sequence[TransferProblem]) -> None:
    """Check that problems can be optimized together.

    Raises:
        ValueError: there are none, or they differ in size or in what `Settings.batch_key` lists.
    """
    if not problems:
        raise ValueError("a batch needs at least one problem")
    first = problems[0]
    for problem in problems[1:]:
        if _sizes(problem) != _sizes(first):
            sizes = " and ".join(map(_sizes, (first, problem)))
            raise ValueError(f"problems of a batch differ in size: {sizes} pixels")
        differing = [
            name
            for (name, value), (_, other) in zip(
                first.settings.batch_key, problem.settings.batch_key, strict=True
            )
            if value != other
        ]
        if differing:
            raise ValueError(f"problems of a batch differ in {', '.join(differing)}")


def _sizes(problem: TransferProblem) -> str:
    """Width and height of a problem, also at the reference size if it has one there."""
    size = f"{problem.content.shape[3]} × {problem.content.shape[2]}"
    if problem.at_reference is None:
        return size
    return f"{size} (at the reference size {_sizes(problem.at_reference)})"


def combined_mask(problem: TransferProblem) -> Tensor | None:
    """The sum of the masks of all regions, [1, 1, H, W] in [0, 1]; None for 1 everywhere."""
    masks = [region.mask for region in problem.regions if region.mask is not None]
    if len(masks) < len(problem.regions):
        return None
    total = torch.stack(masks).sum(dim=0)
    # A mask and its inverse sum to 1 apart from rounding.
    return torch.where(total > 1 - 1e-6, 1.0, total)


def initial_image(problem: TransferProblem) -> Tensor:
    """Blend `image_to_start_from` with uniform noise: (1 - s) · image + s · noise.

    The share s is `settings.noise_share`. The result is [1, 3, H, W] in [0, 1].
    """
    image = image_to_start_from(problem)
    share = problem.settings.noise_share
    return torch.lerp(image, noise_like(image, problem.settings.seed), share) if share else image


def image_to_start_from(problem: TransferProblem) -> Tensor:
    """The image without noise that the optimization starts from, [1, 3, H, W] in [0, 1].

    It is `start`, the content image, or, with `init: recolored` and a style weight, the content
    image in the colors of the styles of each region, with smooth chroma.
    """
    if problem.start is not None:
        return problem.start
    # Without a style weight, nothing would bring the colors of the content image back.
    if problem.settings.init != "recolored" or not problem.settings.beta:
        return problem.content
    return _recolored(problem)


def _recolored(problem: TransferProblem) -> Tensor:
    """The content image with mean and covariance of the styles' colors, and with smooth chroma.

    The network hardly sees fine chroma, so what the start has of it would stay as speckle. Noise in
    the chroma of a nearly gray image would also be amplified; so the chroma is smooth before, too.
    """
    # On MPS, sizes must be divisible for averages of squares.
    image = content = problem.content.cpu()
    calm = _with_smooth_chroma(content)
    for region in problem.regions:
        mask = None if region.mask is None else region.mask.cpu()
        own = color_statistics(calm, mask)
        moved = _with_smooth_chroma(move_colors(calm, own, _colors_of(region.styles)))
        image = image + (1 if mask is None else mask) * (moved - content)
    return image.clamp(0, 1).to(problem.content)


def _with_smooth_chroma(image: Tensor) -> Tensor:
    """The image [1, 3, H, W] with its chroma averaged over squares, which are interpolated."""
    height, width = image.shape[2:]
    squares = max(1, height // CHROMA_SQUARE), max(1, width // CHROMA_SQUARE)
    gray = luminance(image)
    coarse = functional.interpolate(image - gray, squares, mode="area")
    return gray + functional.interpolate(coarse, (height, width), mode="bicubic")


def _colors_of(styles: Sequence[StyleReference]) -> ColorStatistics:
    """Mean and covariance of the colors of a blend of styles."""
    found = [(style.weight, color_statistics(style.image, style.guide)) for style in styles]
    mean = torch.stack([weight * each.mean for weight, each in found]).sum(dim=0)
    second = torch.stack(
        [weight * (each.covariance + each.mean @ each.mean.mT) for weight, each in found]
    ).sum(dim=0)
    return ColorStatistics(mean, second - mean @ mean.mT)


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
