"""Total variation: what a picture pays for being uneven, against grain at high style weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.loss.losses import Term
from neural_style.network.views import PIXELS, View

UNIT = 100.0
"""What a weight of 1 multiplies the total variation by.

At 256 px and 100 epochs on two pairs, the grain (mean difference of a pixel's luminance to the
median of its 3×3 neighbours, in levels) fell with a weight of 1 from 8.9 to 5.8 and from 10.0 to
4.0 at beta 1e6 (as it is, not corrected for the size), and from 9.0 to 5.7 and from 10.2 to 4.0
with a weight of 10 at beta 1e7. The style loss rose by 14 to 61 %, the content loss by 2 % at the
most.
"""

EDGE = 0.012
"""Differences of neighbours, in [0, 1], well above this are edges, whose cost grows no faster than
they do; those well below are grain, and cost their square."""


@dataclass(frozen=True)
class SmoothnessTerm(Term):
    """weight · total variation of the pixels, smooth at 0 and common to the three colours.

    With the differences of a pixel p and its lower and right neighbours in the colours c,

        TV = mean over p of √(ε² + mean over c of (Δ₁² + Δ₂²)) - ε,

    which is that of Rudin, Osher and Fatemi (1992) with the colours of Blomgren and Chan (1998).
    Where squares of differences (Mahendran and Vedaldi, 2015, with β = 2) had brought the grain of
    two pictures at beta 1e7 to a quarter, the style loss stood three times as high; for squares of
    second differences twice, and for a root of each colour by itself a quarter more.

    Attributes:
        weight: [B] or a number.
        where: how strongly each pixel is to be smooth, [B, 1, H, W] in [0, 1]; None for 1
            everywhere.
    """

    weight: Tensor | float
    where: Tensor | None = None

    @property
    def name(self) -> str:
        """`smoothness/total_variation`."""
        return "smoothness/total_variation"

    def statistic(self, view: View) -> Tensor:
        """The view's share of the total variation, [B]."""
        height, width = view.features(PIXELS).shape[2:]
        further = view.with_next(PIXELS)
        down = further.diff(dim=2)[..., :width]
        across = further.diff(dim=3)[..., :height, :]
        # There is no neighbour, and so no difference, beyond the border of the picture.
        down = functional.pad(down, (0, 0, 0, height - down.shape[2]))
        across = functional.pad(across, (0, width - across.shape[3]))
        uneven = (down.square() + across.square()).mean(dim=1)
        cost = torch.sqrt(uneven + EDGE**2) - EDGE
        if self.where is not None:
            cost = cost * view.part(PIXELS, self.where)[:, 0]
        return cost.sum(dim=(1, 2)) / math.prod(view.size(PIXELS))

    def loss(self, statistic: Tensor) -> Tensor:
        """Weight · total variation, [B]."""
        return self.weight * statistic
