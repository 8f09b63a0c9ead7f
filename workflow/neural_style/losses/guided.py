"""Style in a region: guided Gram matrices, which weigh each position by a mask.

After Gatys, Ecker, Bethge, Hertzmann and Shechtman, *Controlling Perceptual Factors in Neural Style
Transfer* (CVPR 2017). There, a guidance channel T multiplies the features, so their products have
the weight T². Here the gray value of the mask is that weight, g = T²: a mask and its inverse then
add up to 1 at every pixel, also where they overlap in a soft edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.losses.terms import (
    GradientContext,
    LossFunction,
    Term,
    at_least_float32,
    flatten_positions,
    join_terms,
    mean_squared_error,
    products_over_positions,
)
from neural_style.model.layers import stride
from neural_style.model.views import View


@dataclass(frozen=True)
class GuidedStyleTerm(Term):
    """Style loss of a region at one layer: weight · a · mean((G_g - G_style)²), with a = mean of g.

    The factor a makes the loss independent of the region's area: the gradient at position p is g(p)
    times that of `StyleTerm`, apart from the difference of the Gram matrices.

    Attributes:
        layer: the layer of the features F.
        weight: [B] or a number; beta times the weight of the layer.
        guide: g at this layer, [B, 1, H, W] in [0, 1], see `downsample_guide`.
        target: guided Gram matrices of the style images, [B, C, C].
    """

    layer: str
    weight: Tensor | float
    guide: Tensor
    target: Tensor

    @property
    def name(self) -> str:
        """`style/` and the layer."""
        return f"style/{self.layer}"

    def statistic(self, view: View) -> Tensor:
        """The view's share of the guided Gram matrix, [B, C, C]."""
        return guided_gram_statistic(view, self.layer, self.guide)

    def loss(self, statistic: Tensor) -> Tensor:
        """Weight · a · mean squared error of the guided Gram matrix, [B]."""
        area = self.guide.mean(dim=(1, 2, 3))
        return self.weight * area * mean_squared_error(statistic, self.target)


@dataclass(frozen=True)
class SumOfTerms(Term):
    """The sum of terms with one name, such as those of all regions at a layer.

    Attributes:
        terms: at least one; all statistics have one shape, and the weights are the same.
    """

    terms: Sequence[Term]

    @property
    def weight(self) -> Tensor | float:  # type: ignore[override]
        """The weight of each term."""
        return self.terms[0].weight

    @property
    def name(self) -> str:
        """The name of the terms."""
        return self.terms[0].name

    def statistic(self, view: View) -> Tensor:
        """The statistics of the terms, stacked: [B, R, ...] for R terms."""
        return torch.stack([term.statistic(view) for term in self.terms], dim=1)

    def loss(self, statistic: Tensor) -> Tensor:
        """The sum of the losses, [B]."""
        return self.join([self])([statistic])[0]

    @classmethod
    def join(cls, terms: Sequence[Self]) -> LossFunction:
        """Join the terms of all sums."""
        losses_of_parts = join_terms([each for term in terms for each in term.terms])

        def sums(statistics: Sequence[Tensor]) -> list[Tensor]:
            parts = [part for each in statistics for part in each.unbind(dim=1)]
            losses = iter(losses_of_parts(parts))
            return [torch.stack([*islice(losses, len(term.terms))]).sum(dim=0) for term in terms]

        return sums


def guided_gram_statistic(view: View, layer: str, guide: Tensor) -> Tensor:
    """The view's share of the guided Gram matrix of its whole images at a layer, [B, C, C].

    Args:
        view: the features.
        layer: at which they are summarized.
        guide: of the whole images at this layer, [B, 1, H, W] in [0, 1].
    """
    total = guide.sum(dim=(1, 2, 3))
    return guided_gram_matrix(view.features(layer), view.crop(layer, guide), total)


def guided_gram_matrix(features: Tensor, guide: Tensor, total: Tensor | None = None) -> Tensor:
    """Compute the guided Gram matrix G = Σ g(p) F(p) F(p)ᵀ / (C · Σ g(p)), summed over positions p.

    Args:
        features: F, [B, C, H, W], of any precision.
        guide: g, [B, 1, H, W] or [1, 1, H, W], not negative. If it is 0 everywhere, so is G.
        total: divide by C times this instead of C · Σ g(p), [B] or [1], if these are the features
            of a tile.

    Returns:
        [B, C, C] in float32 (float64 for float64 features). With a guide of ones this is
        `terms.gram_matrix`.
    """
    sums = guide.sum(dim=(1, 2, 3)) if total is None else total
    divisor = features.shape[1] * sums.clamp(min=torch.finfo(sums.dtype).tiny)
    gram: Tensor = _GuidedGram.apply(features, guide, divisor.view(-1, 1, 1))
    return gram


class _GuidedGram(torch.autograd.Function):
    """Its gradient in one product, g(p) · (D + Dᵀ) F(p) / (C · Σ g); see `terms._Gram`."""

    @staticmethod
    def forward(ctx: GradientContext, features: Tensor, guide: Tensor, divisor: Tensor) -> Tensor:
        ctx.save_for_backward(features, guide, divisor)
        rows = at_least_float32(flatten_positions(features))
        weighted = rows * flatten_positions(guide)
        return products_over_positions(rows, weighted) / divisor

    @staticmethod
    def backward(ctx: GradientContext, grad_gram: Tensor) -> tuple[Tensor, None, None]:
        features, guide, divisor = ctx.saved_tensors
        symmetric = ((grad_gram + grad_gram.mT) / divisor).to(features.dtype)
        weights = flatten_positions(guide).to(features.dtype)
        gradient = (flatten_positions(features) @ symmetric) * weights
        return gradient.mT.view_as(features), None, None


def downsample_guide(mask: Tensor, layer: str) -> Tensor:
    """Downsample a mask of pixels to the positions of a layer.

    A position gets the mean of the pixels it stands for. The rest of its receptive field does not
    count, because on deep layers that is a large part of the image. The poolings drop up to 15 rows
    and columns at the end of an image; these count for the last positions. Otherwise, nothing would
    be left of a mask that is white only there.

    Args:
        mask: [B, 1, H, W] in [0, 1].
        layer: a layer of VGG19.

    Returns:
        [B, 1, H', W'], with the height and width of the features of that layer.
    """
    step = stride(layer)
    guide = functional.avg_pool2d(mask, step, ceil_mode=True)
    for dim in (2, 3):
        length, rest = divmod(mask.shape[dim], step)
        if rest:
            guide = _join_end(guide, length, rest / (step + rest), dim)
    return guide


def _join_end(guide: Tensor, length: int, share: float, dim: int) -> Tensor:
    """Shorten a guide to a length: the position beyond it has a share in the last one."""
    last, beyond = guide.narrow(dim, length - 1, 1), guide.narrow(dim, length, 1)
    return torch.cat([guide.narrow(dim, 0, length - 1), last.lerp(beyond, share)], dim)
