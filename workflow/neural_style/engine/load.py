"""Which styles act where: the regions of a picture, read from the files of its job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from neural_style.config.inputs import INIT, MASK, STYLE_MASK, companions_of, mask_of_blended
from neural_style.config.settings import BESIDE, Settings
from neural_style.engine.record import Source
from neural_style.images.decode import ImageError, fit_named, load_fitted, load_image
from neural_style.images.tensors import load_mask, mask_tensor, to_tensor
from neural_style.io import sha256
from neural_style.losses.problem import Region, StyleReference, TransferProblem, recolored


def read_regions(
    files: Mapping[str, Path],
    photograph: tuple[int, int],
    settings: Settings,
    device: torch.device,
) -> tuple[Region, ...]:
    """Read the style images and the masks of a job.

    Without a mask all styles share the picture by their weights. With one, the pair's own style
    acts where it is white; where it is black, those of `settings.blend` do, if there are any.

    Args:
        files: of the job: `style`, and those of `companions.companions_of`.
        photograph: its width and height in its file, upright.
        settings: of the job.
        device: where the tensors go.

    Raises:
        ImageError: a file cannot be read or fitted; the sentence names it.
    """
    own = _Style(files["style"], files.get(STYLE_MASK), 1.0)
    others = [
        _Style(Path(name), files.get(mask_of_blended(number)), weight)
        for number, (name, weight) in enumerate(settings.blend.items(), start=1)
    ]
    if MASK not in files:
        return (Region(_shared([own, *others], settings, device)),)
    mask = load_mask(files[MASK], photograph, same_shape=settings.mask == BESIDE)
    where = mask_tensor(mask, settings.size, settings.fit).to(device)
    regions = [Region(_shared([own], settings, device), where)]
    if others:
        regions.append(Region(_shared(others, settings, device), 1 - where))
    return tuple(regions)


def read_style(
    path: Path,
    sizes: Sequence[int],
    fit: str,
    device: torch.device,
    mask: Path | None = None,
    *,
    same_shape: bool = False,
) -> tuple[StyleReference, ...]:
    """A style image in several sizes, with equal shares that sum to 1.

    Args:
        path: its file.
        sizes: edges in pixels.
        fit: how it comes to them, see `images.fit_image`.
        device: where the tensors go.
        mask: the file of its mask.
        same_shape: whether the mask must have the proportions of the image.

    Raises:
        ImageError: a file cannot be read or fitted, or nothing of the image is left by its mask.
    """
    image = load_image(path)
    images = [to_tensor(fit_named(image, path, size, fit)).to(device) for size in sizes]
    guides: Sequence[Tensor | None] = [None] * len(sizes)
    if mask is not None:
        gray = load_mask(mask, image.size, same_shape=same_shape)
        guides = [_guide(gray, mask, size, fit).to(device) for size in sizes]
    share = 1 / len(sizes)
    return tuple(
        StyleReference(each, share, guide) for each, guide in zip(images, guides, strict=True)
    )


def _guide(gray: Image.Image, mask: Path, size: int, fit: str) -> Tensor:
    """The mask of a style image as a tensor, unless it leaves nothing of it."""
    guide = mask_tensor(gray, size, fit)
    if not guide.any():
        raise ImageError(
            f"the mask {str(mask)!r} is black all over the style image, so that nothing is left of "
            "it; paint white what is to be looked at."
        )
    return guide


@dataclass(frozen=True)
class _Style:
    """A style image, its mask if it has one, and its weight."""

    path: Path
    mask: Path | None
    weight: float


def _shared(
    styles: Sequence[_Style], settings: Settings, device: torch.device
) -> tuple[StyleReference, ...]:
    """Style images with shares that sum to 1. A blend may hold the pair's own style again."""
    weights: dict[Path, float] = {}
    for style in styles:
        weights[style.path] = weights.get(style.path, 0.0) + style.weight
    masks = {style.path: style.mask for style in reversed(styles)}
    total = sum(weights.values())
    return tuple(
        replace(reference, weight=reference.weight * weight / total)
        for path, weight in weights.items()
        for reference in read_style(
            path,
            settings.style_sizes,
            settings.fit,
            device,
            masks[path],
            same_shape=settings.style_mask == BESIDE,
        )
    )


# MERGED: From the files of a job to its problem: decoded, fitted, as tensors on the device.


@dataclass(frozen=True)
class Prepared:
    """A job, ready to begin.

    Attributes:
        problem: what to make.
        sources: every image file that was read, by what it is to the job: `content`, `style`,
            and those of `companions.companions_of`.
    """

    problem: TransferProblem
    sources: Mapping[str, Source]


def prepare(content: Path, style: Path, settings: Settings, device: torch.device) -> Prepared:
    """Read all image files of a job.

    Args:
        content: the photograph.
        style: the painting.
        settings: of the job.
        device: where the tensors go.

    Raises:
        NeuralStyleError: a file cannot be read or fitted; the sentence names it.
    """
    files = {"content": content, "style": style, **companions_of(content, style, settings)}
    photograph = load_image(content)
    fitted = fit_named(photograph, content, settings.size, settings.fit)
    problem = TransferProblem(
        settings,
        to_tensor(fitted).to(device),
        read_regions(files, photograph.size, settings, device),
    )
    if INIT in files:
        problem = replace(problem, start=_load_start(files[INIT], problem.content, settings))
    return Prepared(
        recolored(problem), {role: Source(path, sha256(path)) for role, path in files.items()}
    )


def _load_start(path: Path, content: Tensor, settings: Settings) -> Tensor:
    """A picture to start from: fitted as the content is, and stretched by what is then left."""
    height, width = content.shape[2:]
    fitted = load_fitted(path, settings.size, settings.fit)
    return to_tensor(fitted.resize((width, height), Image.Resampling.LANCZOS)).to(content)


def load_tensor(path: Path, settings: Settings, device: torch.device) -> Tensor:
    """An image file fitted to the size of the settings, as [1, 3, H, W] in [0, 1].

    Raises:
        ImageError: the file cannot be read or fitted; the sentence names it.
    """
    return to_tensor(load_fitted(path, settings.size, settings.fit)).to(device)
