"""Between pictures and tensors: 0 … 255 in a Pillow image, [0, 1] in a tensor, normalised."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

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


def normalise(pictures: Tensor) -> Tensor:
    """(x - mean) / std for each channel of pictures [B, 3, H, W] in [0, 1]."""
    mean, std = _mean_and_std(pictures.dtype, pictures.device)
    return (pictures - mean) / std


@cache
def _mean_and_std(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Both as [1, 3, 1, 1]; kept, since a copy from the host would wait for the device."""
    mean, std = (torch.tensor(each, dtype=dtype, device=device) for each in (MEAN, STD))
    return mean.view(1, 3, 1, 1), std.view(1, 3, 1, 1)
