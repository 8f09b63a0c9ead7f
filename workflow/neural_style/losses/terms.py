"""What is minimized: a sum of named terms, each a function of the network's features.

Every term gives one number an image, so that a batch is many problems solved side by side and
not one problem about their mean.

A term works in two steps. `Term.statistic` looks at a view of a picture and tells what the loss has
to know of it, such as a Gram matrix or a sum of squares. Statistics add up: those of the tiles of a
picture sum to that of the picture. `Term.loss` makes the loss of the sum. So a picture can be
looked at in tiles, and the loss is that of the whole all the same; and so is its gradient, since
with S = Σ Sᵢ over the tiles, d loss(S)/dx = Σ loss'(S) · dSᵢ/dx, of which autograd knows both
factors. Who adds a term says what adds up; divides by what belongs to the whole picture, such as
`View.size`, and not by what the view happens to hold; takes its part of maps of the whole picture
by `View.part`; and finds neighbors beyond the view's own features by `View.with_next`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional

from neural_style.model.vgg import PIXELS, Features, View, Whole


def gram_matrix(features: Tensor, places: int | None = None) -> Tensor:
    """G = F Fᵀ / (C·H·W), with F the features reshaped to [B, C, H·W].

    Args:
        features: [B, C, H, W]. Reduced precision is widened first, since sums of this many
            products overflow or lose their last digits in 16 bits.
        places: what to divide by instead of H·W, where these are features of a part of a picture.

    Returns:
        [B, C, C] in float32 (float64 for float64 features).
    """
    count = features.shape[1] * (places or features[0, 0].numel())
    gram: Tensor = _Gram.apply(features, count)
    return gram


class _Gram(torch.autograd.Function):
    """F Fᵀ / n with its gradient in one product, (S + Sᵀ)·F / n for slope S.

    Autograd would make two products and a sum, each as large as the features and widened. The
    gradient stays in the precision of the features, which it is added to next.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, features: Tensor, count: int) -> Tensor:
        ctx.save_for_backward(features)
        ctx.count = count  # type: ignore[attr-defined]  # the hints allow nothing of one's own
        rows = widen(positions(features))
        return rows.mT @ rows / count

    @staticmethod
    def backward(ctx: FunctionCtx, slope: Tensor) -> tuple[Tensor, None]:
        # The hints name the context of the forward pass here, too.
        (features,) = ctx.saved_tensors  # type: ignore[attr-defined]
        rows = positions(features)
        symmetric = (slope + slope.mT) / ctx.count  # type: ignore[attr-defined]
        gradient: Tensor = (rows @ symmetric.to(features.dtype)).mT.view_as(features)
        return gradient, None


def positions(features: Tensor) -> Tensor:
    """Features as [B, H·W, C]: without a copy if they lie channels last."""
    return features.permute(0, 2, 3, 1).flatten(start_dim=1, end_dim=2)


def widen(values: Tensor) -> Tensor:
    """At least float32."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def mean_squared_error(features: Tensor, target: Tensor) -> Tensor:
    """Mean of (features - target)² over all but the first dimension: one number an image, [B]."""
    return sum_of_squares(features, target) / target[0].numel()


def sum_of_squares(features: Tensor, target: Tensor) -> Tensor:
    """Sum of (features - target)² over all but the first dimension: one number an image, [B]."""
    return (widen(features) - target).square().flatten(start_dim=1).sum(dim=1)


class Term(ABC):
    """One summand of the loss, already multiplied by its weight."""

    @property
    @abstractmethod
    def name(self) -> str:
        """A kind and a layer, such as `style/conv1_1`."""

    @abstractmethod
    def statistic(self, view: View) -> Tensor:
        """What a view adds to the statistic of its picture, [B, ...]."""

    @abstractmethod
    def loss(self, statistic: Tensor) -> Tensor:
        """The weighted loss of each image, [B], from the statistic of the whole of it."""

    def __call__(self, features: Features) -> Tensor:
        """The weighted loss of each image, [B], from the features of the whole of it."""
        return self.loss(self.statistic(Whole(features)))


@dataclass(frozen=True)
class ContentTerm(Term):
    """weight · MSE(features, features of the content image) at one layer.

    Attributes:
        layer: where the features are taken.
        weight: [B] or a number; alpha times the layer's own weight.
        target: features [B, C, H, W] of the content images.
    """

    layer: str
    weight: Tensor | float
    target: Tensor

    @property
    def name(self) -> str:
        """`content/` and the layer."""
        return f"content/{self.layer}"

    def statistic(self, view: View) -> Tensor:
        """The sum of the squared differences, [B]."""
        return sum_of_squares(view.features(self.layer), view.part(self.layer, self.target))

    def loss(self, statistic: Tensor) -> Tensor:
        """Weight · statistic / (C·H·W), [B]."""
        return self.weight * (statistic / self.target[0].numel())


@dataclass(frozen=True)
class StyleTerm(Term):
    """weight · MSE(Gram matrix, Gram matrix of the style image) at one layer.

    The mean over C² entries replaces the paper's 1/(4·C²·(H·W)²): up to a constant of each layer
    the same, since the Gram matrix is divided by C·H·W already.

    Attributes:
        layer: where the features are taken.
        weight: [B] or a number; beta times the layer's own weight.
        target: Gram matrices [B, C, C] of the style images.
    """

    layer: str
    weight: Tensor | float
    target: Tensor

    @property
    def name(self) -> str:
        """`style/` and the layer."""
        return f"style/{self.layer}"

    def statistic(self, view: View) -> Tensor:
        """The view's share of the Gram matrix, [B, C, C]."""
        return gram_matrix(view.features(self.layer), math.prod(view.size(self.layer)))

    def loss(self, statistic: Tensor) -> Tensor:
        """Weight · MSE(Gram matrix, target), [B]."""
        return self.weight * mean_squared_error(statistic, self.target)


# MERGED: Total variation: what a picture pays for being uneven, against grain at high style weights.


UNIT = 100.0
"""What a weight of 1 multiplies the total variation by.

At 256 px and 100 epochs on two pairs, the grain (mean difference of a pixel's luminance to the
median of its 3×3 neighbors, in levels) fell with a weight of 1 from 8.9 to 5.8 and from 10.0 to
4.0 at beta 1e6 (as it is, not corrected for the size), and from 9.0 to 5.7 and from 10.2 to 4.0
with a weight of 10 at beta 1e7. The style loss rose by 14 to 61 %, the content loss by 2 % at the
most.
"""

EDGE = 0.012
"""Differences of neighbors, in [0, 1], well above this are edges, whose cost grows no faster than
they do; those well below are grain, and cost their square."""


@dataclass(frozen=True)
class SmoothnessTerm(Term):
    """weight · total variation of the pixels, smooth at 0 and common to the three colors.

    With the differences of a pixel p and its lower and right neighbors in the colors c,

        TV = mean over p of √(ε² + mean over c of (Δ₁² + Δ₂²)) - ε,

    which is that of Rudin, Osher and Fatemi (1992) with the colors of Blomgren and Chan (1998).
    Where squares of differences (Mahendran and Vedaldi, 2015, with β = 2) had brought the grain of
    two pictures at beta 1e7 to a quarter, the style loss stood three times as high; for squares of
    second differences twice, and for a root of each color by itself a quarter more.

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
        # There is no neighbor, and so no difference, beyond the border of the picture.
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
