"""Between pictures and tensors: 0 … 255 in a Pillow image, [0, 1] in a tensor, normalized."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from neural_style.images.decode import ImageError, fit_image, load_image

MEAN = (0.485, 0.456, 0.406)
"""Mean of ImageNet's red, green and blue, in units of [0, 1]."""

STD = (0.229, 0.224, 0.225)
"""Their standard deviation."""


def to_tensor(image: Image.Image) -> Tensor:
    """An RGB image as a contiguous tensor [1, 3, H, W] of float32 in [0, 1]."""
    levels = torch.from_numpy(np.array(image, dtype=np.uint8))
    return levels.permute(2, 0, 1).unsqueeze(0).contiguous().float() / 255


def to_images(pictures: Tensor) -> list[Image.Image]:
    """Tensors [B, 3, H, W] as 8-bit RGB images; values are clipped to [0, 1] and rounded."""
    levels = pictures.detach().clamp(0, 1).mul(255).round().to(torch.uint8)
    arrays = levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return [Image.fromarray(array) for array in arrays]


def normalize(pictures: Tensor) -> Tensor:
    """(x - mean) / std for each channel of pictures [B, 3, H, W] in [0, 1]."""
    mean, std = _mean_and_std(pictures.dtype, pictures.device)
    return (pictures - mean) / std


@cache
def _mean_and_std(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Both as [1, 3, 1, 1]; kept, since a copy from the host would wait for the device."""
    mean, std = (torch.tensor(each, dtype=dtype, device=device) for each in (MEAN, STD))
    return mean.view(1, 3, 1, 1), std.view(1, 3, 1, 1)


# MERGED: Masks: gray images that say where something acts, brought to what the network is to see.


TOLERANCE = 0.02
"""How much the proportions of a mask beside its image may differ: it may be rounded, or smaller."""


def load_mask(path: Path, picture: tuple[int, int], *, same_shape: bool) -> Image.Image:
    """Read a mask for an image: any image that can be read, as gray, stretched over that image.

    It is decoded like any image, so it is turned by its own EXIF orientation, its colors count as
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
