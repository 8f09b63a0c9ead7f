"""What the optimisation of a picture starts from."""

from __future__ import annotations

import torch
from torch import Tensor

from neural_style.briefs.brief import Brief


def start_picture(brief: Brief) -> Tensor:
    """The first picture of a brief, [1, 3, H, W] in [0, 1].

    That is (1 - share) · picture + share · noise, with the picture that is given, or else the
    content, and the share of noise that the settings name.
    """
    given = brief.content if brief.start is None else brief.start
    share = brief.settings.noise_share
    return torch.lerp(given, noise_like(given, brief.settings.seed), share) if share else given


def noise_like(picture: Tensor, seed: int) -> Tensor:
    """Noise of the shape of a picture [1, C, H, W], uniform in [0, 1].

    It is drawn on the CPU, so that it depends on the seed alone and on no device.
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(picture.shape[1:], generator=generator).to(picture).unsqueeze(0)
