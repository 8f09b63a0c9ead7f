"""Masks: grey images that say where something acts, brought to what the network is to see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from neural_style.pictures.images import ImageError, fit_image, load_image

TOLERANCE = 0.02
"""How much the proportions of a mask beside its image may differ: it may be rounded, or smaller."""


def load_mask(path: Path, picture: tuple[int, int], *, same_shape: bool) -> Image.Image:
    """Read a mask for an image: any image that can be read, as grey, stretched over that image.

    It is decoded like any image, so it is turned by its own EXIF orientation, its colours count as
    their brightness, and what is transparent counts as white.

    Args:
        path: the file.
        picture: width and height of the image it is for, upright.
        same_shape: whether it must have the proportions of that image.

    Returns:
        An image of mode L, of the size `picture`.

    Raises:
        ImageError: the file cannot be read, or has other proportions; the sentence names it.
    """
    mask = load_image(path).convert("L")
    if same_shape and not _alike(mask.size, picture):
        raise ImageError(
            "the mask {!r} has {} × {} px, but its image, turned upright, has {} × {} px; "
            "save it with the same proportions.".format(str(path), *mask.size, *picture)
        )
    return mask.resize(picture, Image.Resampling.BILINEAR)


def mask_tensor(mask: Image.Image, size: int, fit: str) -> Tensor:
    """A mask fitted like its image (see `images.fit_image`), as [1, 1, H, W] in [0, 1].

    The filter is one that does not swing over: what is black stays black, close to an edge, too.

    Raises:
        ImageError: it cannot be fitted.
    """
    fitted = fit_image(mask, size, fit, Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(fitted, dtype=np.float32))[None, None] / 255


def _alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes have the same proportions, nearly."""
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) <= TOLERANCE
