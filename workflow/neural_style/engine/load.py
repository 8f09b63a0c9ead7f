"""From images to transfer problems: decoded, fitted, as tensors on the device.

An image is a file, or an image in memory; both go the same way.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from neural_style.config.inputs import (
    INIT,
    MASK,
    STYLE_MASK,
    blended,
    companions_of,
    mask_of_blended,
)
from neural_style.config.settings import BESIDE, ORIGINAL, Settings
from neural_style.engine.provenance import Source
from neural_style.errors import NeuralStyleWarning
from neural_style.images.decode import load_sized
from neural_style.images.encode import Postprocessor, make_postprocessor
from neural_style.images.fit import FitError, fit_image, load_fitted
from neural_style.images.tensors import (
    AnyImage,
    fit_mask,
    fit_tensor,
    load_mask,
    mask_to_tensor,
    resize_tensor,
    to_tensor,
)
from neural_style.io import Result, read_with_checksums
from neural_style.losses.problem import Region, StyleReference, TransferProblem, recolor_problem


class LoadedProblem(NamedTuple):
    """A transfer problem from files.

    Attributes:
        problem: with `settings.color` applied.
        sources: every image file that was read by its role: `content`, `style`, and those of
            `inputs.companions_of`.
        postprocessor: turns the optimized image into the samples of its file.
    """

    problem: TransferProblem
    sources: dict[str, Source]
    postprocessor: Postprocessor


def load_problem(
    content: Path, style: Path, settings: Settings, device: torch.device
) -> LoadedProblem:
    """Read all image files of a job, as they are at one time.

    Args:
        content: file of the content image.
        style: file of the style image.
        settings: of the job; they name masks, further styles and an image to start from.
        device: of the tensors.

    Raises:
        NeuralStyleError: a file cannot be read or fitted; the sentence names it.
    """
    files = {"content": content, "style": style, **companions_of(content, style, settings)}
    (problem, postprocessor), sources = read_with_sources(
        files, partial(_read_problem, files, settings, device)
    )
    return LoadedProblem(problem, sources, postprocessor)


def read_with_sources(
    files: Mapping[str, Path], read: Callable[[], Result]
) -> tuple[Result, dict[str, Source]]:
    """Return what `read` returns, and the files by role as they were then.

    Raises:
        NeuralStyleError: see `io.read_with_checksums`.
    """
    result, checksums = read_with_checksums([*files.values()], read)
    return result, dict(zip(files, map(Source, files.values(), checksums), strict=True))


def _read_problem(
    files: Mapping[str, Path], settings: Settings, device: torch.device
) -> tuple[TransferProblem, Postprocessor]:
    """The problem and the postprocessor of a `LoadedProblem`."""
    (problem,), content_size = make_problems(files, settings, device)
    original_size = content_size if settings.dimensions == ORIGINAL else None
    return problem, make_postprocessor(files["content"], settings, original_size)


def make_problems(
    images: Mapping[str, AnyImage], settings: Settings, device: torch.device
) -> tuple[list[TransferProblem], tuple[int, int]]:
    """Make transfer problems from images; all share their styles and masks.

    Args:
        images: by role: `content`, `style`, and those of `inputs.companions_of`. A content image
            and an image to start from may be tensors [B, 3, H, W] of several images.
        settings: of all problems.
        device: of the tensors.

    Returns:
        A problem for each content image, with `settings.color` applied; and width and height of
        the content images before they are fitted, in pixels.

    Raises:
        NeuralStyleError: an image cannot be read or fitted; the sentence names its file.
    """
    problems, content_size = _problems_at_size(images, settings, device)
    if at_reference := settings.at_reference:
        with suppress(FitError):  # then there is no output of that size
            smaller, _ = _problems_at_size(images, at_reference, device)
            pairs = zip(problems, smaller, strict=True)
            problems = [replace(problem, at_reference=small) for problem, small in pairs]
    return problems, content_size


def _problems_at_size(
    images: Mapping[str, AnyImage], settings: Settings, device: torch.device
) -> tuple[list[TransferProblem], tuple[int, int]]:
    """What `make_problems` returns, at one size."""
    content, content_size = _open(images["content"], settings.size)
    regions = load_regions(images, _size_of(content), settings, device)
    contents = _fit(content, images["content"], settings.size, settings.fit).to(device)
    start = _load_start(images[INIT], contents, settings) if INIT in images else None
    problems = [
        TransferProblem(settings, contents[number : number + 1], regions)
        for number in range(len(contents))
    ]
    if start is not None:
        starts = start.expand_as(contents)
        problems = [
            replace(problem, start=starts[number : number + 1])
            for number, problem in enumerate(problems)
        ]
    return [recolor_problem(problem) for problem in problems], content_size


def _open(image: AnyImage, side: int) -> tuple[Image.Image | Tensor, tuple[int, int]]:
    """An image that will be fitted to a size, decoded; and width and height of its file."""
    return load_sized(image, side) if isinstance(image, Path) else (image, _size_of(image))


def _size_of(opened: Image.Image | Tensor) -> tuple[int, int]:
    """Width and height of an opened image as it will be fitted."""
    if isinstance(opened, Tensor):
        return opened.shape[3], opened.shape[2]
    return opened.size


def _fit(opened: Image.Image | Tensor, image: AnyImage, size: int, fit: str) -> Tensor:
    """Fit an opened image as `fit.fit_image` does: [B, 3, H, W] in [0, 1].

    Args:
        opened: the image as `_open` returns it.
        image: from which it was opened; an error names its file.
        size: pixels of the edge.
        fit: one of `settings.FITS`.
    """
    if isinstance(opened, Tensor):
        return fit_tensor(opened, size, fit)
    path = image if isinstance(image, Path) else None
    return to_tensor(fit_image(opened, size, fit, path=path))


def load_tensor(path: Path, settings: Settings, device: torch.device) -> Tensor:
    """An image file fitted to the size of the settings, as [1, 3, H, W] in [0, 1].

    Raises:
        ImageError: the file cannot be read or fitted; the sentence names it.
    """
    return to_tensor(load_fitted(path, settings.size, settings.fit)).to(device)


def load_regions(
    images: Mapping[str, AnyImage],
    content_size: tuple[int, int],
    settings: Settings,
    device: torch.device,
) -> tuple[Region, ...]:
    """Read the style images and the masks of a job.

    Without a mask all styles act everywhere, by their weights. With a mask, the pair's own style
    acts where the mask is white, and the styles of `transfer.blend`, if any, where it is black.

    Args:
        images: by role: `style`, and those of `inputs.companions_of`.
        content_size: width and height of the content image before it is fitted, in pixels. Those
            of a large JPEG file are smaller than in the file, see `load_sized`.
        settings: of the job.
        device: of the tensors.

    Raises:
        ImageError: a file cannot be read or fitted; the sentence names it.
    """
    own = _Style(images["style"], images.get(STYLE_MASK), 1.0)
    others = [
        _Style(images[blended(number)], images.get(mask_of_blended(number)), weight)
        for number, weight in enumerate(settings.blend.values(), start=1)
    ]
    if MASK not in images:
        return (Region(_load_blend([own, *others], settings, device)),)
    gray = _load_mask(images[MASK], content_size, same_aspect=settings.mask == BESIDE)
    mask = mask_to_tensor(gray, settings.size, settings.fit).to(device)
    _warn_of_even_mask(
        mask,
        images[MASK],
        black="the style acts nowhere; paint white where it should act",
        white="it changes nothing; paint black where the style should not act",
    )
    regions = [Region(_load_blend([own], settings, device), mask)]
    if others:
        regions.append(Region(_load_blend(others, settings, device), 1 - mask))
    return tuple(regions)


def load_style(
    style: AnyImage,
    sizes: Sequence[int],
    fit: str,
    device: torch.device,
    mask: AnyImage | None = None,
    *,
    same_aspect: bool = False,
) -> tuple[StyleReference, ...]:
    """A style image at several sizes, with equal weights that sum to 1.

    Args:
        style: the style image.
        sizes: long edges in pixels.
        fit: how the image comes to its size, see `fit.fit_image`.
        device: of the tensors.
        mask: its mask.
        same_aspect: whether the mask must have the proportions of the image.

    Raises:
        ImageError: a file cannot be read or fitted, or the mask is black everywhere.
    """
    opened, _ = _open(style, max(sizes))
    images = [_fit(opened, style, size, fit).to(device) for size in sizes]
    guides: Sequence[Tensor | None] = [None] * len(sizes)
    if mask is not None:
        gray = _load_mask(mask, _size_of(opened), same_aspect=same_aspect)
        guides = [_guide(gray, mask, size, fit).to(device) for size in sizes]
    weight = 1 / len(sizes)
    return tuple(
        StyleReference(each, weight, guide) for each, guide in zip(images, guides, strict=True)
    )


@dataclass(frozen=True)
class _Style:
    """A style image, its mask if it has one, and its weight."""

    image: AnyImage
    mask: AnyImage | None
    weight: float


def _load_blend(
    styles: Sequence[_Style], settings: Settings, device: torch.device
) -> tuple[StyleReference, ...]:
    """Style images with weights that sum to 1. A blend may name the pair's own style again."""
    distinct: list[_Style] = []
    for style in styles:
        same = [i for i, each in enumerate(distinct) if _is_same_file(each.image, style.image)]
        if same:
            first = distinct[same[0]]
            distinct[same[0]] = replace(first, weight=first.weight + style.weight)
        else:
            distinct.append(style)
    total = sum(style.weight for style in distinct)
    return tuple(
        replace(reference, weight=reference.weight * style.weight / total)
        for style in distinct
        for reference in load_style(
            style.image,
            settings.style_sizes,
            settings.fit,
            device,
            style.mask,
            same_aspect=settings.style_mask == BESIDE,
        )
    )


def _is_same_file(one: AnyImage, other: AnyImage) -> bool:
    return isinstance(one, Path) and one == other


def _load_mask(mask: AnyImage, size: tuple[int, int], *, same_aspect: bool) -> Image.Image:
    """A mask of the size of its image; see `tensors.load_mask`."""
    if isinstance(mask, Path):
        return load_mask(mask, size, same_aspect=same_aspect)
    assert isinstance(mask, Image.Image), "a mask in memory is an image of mode L"
    return fit_mask(mask, size)


def _name_of(image: AnyImage) -> str:
    """The name of an image for a message: its file, if it has one."""
    return f" {str(image)!r}" if isinstance(image, Path) else ""


def _guide(gray: Image.Image, mask: AnyImage, size: int, fit: str) -> Tensor:
    """The mask of a style image as a tensor, unless it is black everywhere."""
    guide = mask_to_tensor(gray, size, fit)
    if not guide.any():
        raise FitError(
            f"the mask{_name_of(mask)} is black everywhere, so that nothing of the style image is "
            "left; paint white what should be used."
        )
    _warn_of_even_mask(guide, mask, white="it changes nothing; paint black what should not be used")
    return guide


def _warn_of_even_mask(mask: Tensor, source: AnyImage, white: str, black: str = "") -> None:
    """Warn of a mask that is the same everywhere, such as white paint on a transparent layer.

    Args:
        mask: in [0, 1].
        source: from which it was made.
        white: what follows from a white mask, and what to do.
        black: the same of a black one.
    """
    if mask.min() == 1:
        text = f"white everywhere (transparent pixels count as white), so that {white}"
    elif mask.max() == 0:
        text = f"black everywhere, so that {black}"
    else:
        return
    warnings.warn(f"the mask{_name_of(source)} is {text}.", NeuralStyleWarning, stacklevel=2)


def _load_start(image: AnyImage, contents: Tensor, settings: Settings) -> Tensor:
    """Images to start from: fitted as content images are, then stretched to their size."""
    height, width = contents.shape[2:]
    opened, _ = _open(image, settings.size)
    if isinstance(opened, Tensor):
        fitted = fit_tensor(opened, settings.size, settings.fit)
        return resize_tensor(fitted, width, height).to(contents)
    path = image if isinstance(image, Path) else None
    fitted_image = fit_image(opened, settings.size, settings.fit, path=path)
    return to_tensor(fitted_image.resize((width, height), Image.Resampling.LANCZOS)).to(contents)
