"""From image files to a transfer problem: decoded, fitted, as tensors on the device."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from neural_style.config.inputs import INIT, MASK, STYLE_MASK, companions_of, mask_of_blended
from neural_style.config.settings import BESIDE, Settings
from neural_style.engine.record import Source
from neural_style.errors import NeuralStyleWarning
from neural_style.images.decode import ImageError, fit_image, load_fitted, load_image, load_sized
from neural_style.images.tensors import load_mask, mask_to_tensor, to_tensor
from neural_style.io import sha256
from neural_style.losses.problem import Region, StyleReference, TransferProblem, recolor_problem


class LoadedProblem(NamedTuple):
    """A transfer problem from files.

    Attributes:
        problem: with `settings.color` applied.
        sources: every image file that was read by its role: `content`, `style`, and those of
            `inputs.companions_of`.
        content_size: width and height of the content image in its file, upright, in pixels.
    """

    problem: TransferProblem
    sources: dict[str, Source]
    content_size: tuple[int, int]


def load_problem(
    content: Path, style: Path, settings: Settings, device: torch.device
) -> LoadedProblem:
    """Read all image files of a job.

    Args:
        content: file of the content image.
        style: file of the style image.
        settings: of the job; they name masks, further styles and an image to start from.
        device: of the tensors.

    Raises:
        NeuralStyleError: a file cannot be read or fitted; the sentence names it.
    """
    files = {"content": content, "style": style, **companions_of(content, style, settings)}
    image, content_size = load_sized(content, settings.size)
    fitted = fit_image(image, settings.size, settings.fit, path=content)
    problem = TransferProblem(
        settings,
        to_tensor(fitted).to(device),
        load_regions(files, content_size, settings, device),
    )
    if INIT in files:
        problem = replace(problem, start=_load_start(files[INIT], problem.content, settings))
    sources = {role: Source(path, sha256(path)) for role, path in files.items()}
    return LoadedProblem(recolor_problem(problem), sources, content_size)


def load_tensor(path: Path, settings: Settings, device: torch.device) -> Tensor:
    """An image file fitted to the size of the settings, as [1, 3, H, W] in [0, 1].

    Raises:
        ImageError: the file cannot be read or fitted; the sentence names it.
    """
    return to_tensor(load_fitted(path, settings.size, settings.fit)).to(device)


def load_regions(
    files: Mapping[str, Path],
    content_size: tuple[int, int],
    settings: Settings,
    device: torch.device,
) -> tuple[Region, ...]:
    """Read the style images and the masks of a job.

    Without a mask all styles act everywhere, by their weights. With a mask, the pair's own style
    acts where the mask is white, and the styles of `transfer.blend`, if any, where it is black.

    Args:
        files: of the job: `style`, and those of `inputs.companions_of`.
        content_size: width and height of the content image in its file, upright, in pixels.
        settings: of the job.
        device: of the tensors.

    Raises:
        ImageError: a file cannot be read or fitted; the sentence names it.
    """
    own = _Style(files["style"], files.get(STYLE_MASK), 1.0)
    others = [
        _Style(Path(name), files.get(mask_of_blended(number)), weight)
        for number, (name, weight) in enumerate(settings.blend.items(), start=1)
    ]
    if MASK not in files:
        return (Region(_load_blend([own, *others], settings, device)),)
    gray = load_mask(files[MASK], content_size, same_aspect=settings.mask == BESIDE)
    mask = mask_to_tensor(gray, settings.size, settings.fit).to(device)
    _warn_of_even_mask(
        mask,
        files[MASK],
        black="the style acts nowhere; paint white where it should act",
        white="it changes nothing; paint black where the style should not act",
    )
    regions = [Region(_load_blend([own], settings, device), mask)]
    if others:
        regions.append(Region(_load_blend(others, settings, device), 1 - mask))
    return tuple(regions)


def load_style(
    path: Path,
    sizes: Sequence[int],
    fit: str,
    device: torch.device,
    mask: Path | None = None,
    *,
    same_aspect: bool = False,
) -> tuple[StyleReference, ...]:
    """A style image at several sizes, with equal weights that sum to 1.

    Args:
        path: file of the style image.
        sizes: long edges in pixels.
        fit: how the image comes to its size, see `decode.fit_image`.
        device: of the tensors.
        mask: file of its mask.
        same_aspect: whether the mask must have the proportions of the image.

    Raises:
        ImageError: a file cannot be read or fitted, or the mask is black everywhere.
    """
    image = load_image(path, side=max(sizes))
    images = [to_tensor(fit_image(image, size, fit, path=path)).to(device) for size in sizes]
    guides: Sequence[Tensor | None] = [None] * len(sizes)
    if mask is not None:
        gray = load_mask(mask, image.size, same_aspect=same_aspect)
        guides = [_guide(gray, mask, size, fit).to(device) for size in sizes]
    weight = 1 / len(sizes)
    return tuple(
        StyleReference(each, weight, guide) for each, guide in zip(images, guides, strict=True)
    )


@dataclass(frozen=True)
class _Style:
    """A style image, its mask if it has one, and its weight."""

    path: Path
    mask: Path | None
    weight: float


def _load_blend(
    styles: Sequence[_Style], settings: Settings, device: torch.device
) -> tuple[StyleReference, ...]:
    """Style images with weights that sum to 1. A blend may name the pair's own style again."""
    weights: dict[Path, float] = {}
    for style in styles:
        weights[style.path] = weights.get(style.path, 0.0) + style.weight
    masks = {style.path: style.mask for style in reversed(styles)}
    total = sum(weights.values())
    return tuple(
        replace(reference, weight=reference.weight * weight / total)
        for path, weight in weights.items()
        for reference in load_style(
            path,
            settings.style_sizes,
            settings.fit,
            device,
            masks[path],
            same_aspect=settings.style_mask == BESIDE,
        )
    )


def _guide(gray: Image.Image, mask: Path, size: int, fit: str) -> Tensor:
    """The mask of a style image as a tensor, unless it is black everywhere."""
    guide = mask_to_tensor(gray, size, fit)
    if not guide.any():
        raise ImageError(
            f"the mask {str(mask)!r} is black everywhere, so that nothing of the style image is "
            "left; paint white what should be used."
        )
    _warn_of_even_mask(guide, mask, white="it changes nothing; paint black what should not be used")
    return guide


def _warn_of_even_mask(mask: Tensor, path: Path, white: str, black: str = "") -> None:
    """Warn of a mask that is the same everywhere, such as white paint on a transparent layer.

    Args:
        mask: in [0, 1].
        path: its file.
        white: what follows from a white mask, and what to do.
        black: the same of a black one.
    """
    if mask.min() == 1:
        text = f"white everywhere (transparent pixels count as white), so that {white}"
    elif mask.max() == 0:
        text = f"black everywhere, so that {black}"
    else:
        return
    warnings.warn(f"the mask {str(path)!r} is {text}.", NeuralStyleWarning, stacklevel=2)


def _load_start(path: Path, content: Tensor, settings: Settings) -> Tensor:
    """An image to start from: fitted as the content image is, then stretched to its size."""
    height, width = content.shape[2:]
    fitted = load_fitted(path, settings.size, settings.fit)
    return to_tensor(fitted.resize((width, height), Image.Resampling.LANCZOS)).to(content)
