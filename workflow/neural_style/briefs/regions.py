"""Which styles act where: the regions of a picture, read from the files of its job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from neural_style.briefs.brief import Region, StyleReference
from neural_style.pictures.images import ImageError, fit_named, load_image
from neural_style.pictures.masks import load_mask, mask_tensor
from neural_style.pictures.tensors import to_tensor
from neural_style.plan.companions import MASK, STYLE_MASK, mask_of_blended
from neural_style.plan.settings import BESIDE, Settings


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
        grey = load_mask(mask, image.size, same_shape=same_shape)
        guides = [_guide(grey, mask, size, fit).to(device) for size in sizes]
    share = 1 / len(sizes)
    return tuple(
        StyleReference(each, share, guide) for each, guide in zip(images, guides, strict=True)
    )


def _guide(grey: Image.Image, mask: Path, size: int, fit: str) -> Tensor:
    """The mask of a style image as a tensor, unless it leaves nothing of it."""
    guide = mask_tensor(grey, size, fit)
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
