"""Style in a region: Gram matrices that count each place as much as a mask says.

After L. A. Gatys, A. S. Ecker, M. Bethge, A. Hertzmann, E. Shechtman, *Controlling Perceptual
Factors in Neural Style Transfer*, CVPR 2017. Their guidance channel T multiplies the features, so
that T² weighs their products; here the gray value of the mask is that weight, g = T². So a mask
and its inverse share every pixel out whole, and none is forgotten where they meet in a soft edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional

from neural_style.losses.terms import Term, mean_squared_error, positions, widen
from neural_style.model.layers import block_of
from neural_style.model.vgg import View


def guide_at(mask: Tensor, layer: str) -> Tensor:
    """A mask of pixels as the weights of the places of a layer.

    It goes through the poolings that the picture goes through, but averaged: a place that stands
    for many pixels weighs as much as they do on average. What a feature sees beyond those pixels
    does not count, since on deep layers that is a good part of the picture.

    Args:
        mask: [B, 1, H, W] in [0, 1].
        layer: of the network.

    Returns:
        [B, 1, H', W'], as large as the features of that layer.
    """
    for _ in range(block_of(layer) - 1):
        mask = functional.avg_pool2d(mask, kernel_size=2)
    return mask


def guided_gram_matrix(features: Tensor, guide: Tensor, places: Tensor | None = None) -> Tensor:
    """G = Σ g(p) F(p) F(p)ᵀ / (C · Σ g(p)), summed over the places p.

    Args:
        features: [B, C, H, W], of any precision.
        guide: g, [B, 1, H, W] or [1, 1, H, W], not negative. Where it is zero everywhere, so is G.
        places: what to divide by instead of Σ g(p), [B] or [1], where these are features of a part
            of a picture.

    Returns:
        [B, C, C] in float32 (float64 for float64 features). With a guide of ones it is the Gram
        matrix of `losses.gram_matrix`.
    """
    sums = guide.sum(dim=(1, 2, 3)) if places is None else places
    divisor = features.shape[1] * sums.clamp(min=torch.finfo(sums.dtype).tiny)
    gram: Tensor = _GuidedGram.apply(features, guide, divisor.view(-1, 1, 1))
    return gram


class _GuidedGram(torch.autograd.Function):
    """Its gradient in one product, g(p) · (S + Sᵀ) F(p) / (C · Σ g) for slope S; see `_Gram`."""

    @staticmethod
    def forward(ctx: FunctionCtx, features: Tensor, guide: Tensor, divisor: Tensor) -> Tensor:
        ctx.save_for_backward(features, guide, divisor)
        rows = widen(positions(features))
        return rows.mT @ (rows * positions(guide)) / divisor

    @staticmethod
    def backward(ctx: FunctionCtx, slope: Tensor) -> tuple[Tensor, None, None]:
        # The hints name the context of the forward pass here, too.
        features, guide, divisor = ctx.saved_tensors  # type: ignore[attr-defined]
        symmetric = ((slope + slope.mT) / divisor).to(features.dtype)
        gradient = (positions(features) @ symmetric) * positions(guide).to(features.dtype)
        return gradient.mT.view_as(features), None, None


@dataclass(frozen=True)
class RegionTerm(Term):
    """weight · a · MSE(guided Gram matrix, that of the style) at one layer, with a = mean of g.

    The share a of the region makes a pixel in it feel what it would feel without any mask, however
    small the region is: the gradient at p is g(p) times that of `losses.StyleTerm`, but for the
    Gram matrices in it.

    Attributes:
        layer: where the features are taken.
        weight: [B] or a number; beta times the layer's own weight.
        guide: g at this layer, [B, 1, H, W] in [0, 1], see `guide_at`.
        target: guided Gram matrices [B, C, C] of the style.
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
        features, guide = view.features(self.layer), view.part(self.layer, self.guide)
        return guided_gram_matrix(features, guide, self.guide.sum(dim=(1, 2, 3)))

    def loss(self, statistic: Tensor) -> Tensor:
        """Weight · a · MSE(guided Gram matrix, target), [B]."""
        share = self.guide.mean(dim=(1, 2, 3))
        return self.weight * share * mean_squared_error(statistic, self.target)


@dataclass(frozen=True)
class SumOfTerms(Term):
    """Terms of one name, such as those of a layer's regions, as one term of that name.

    Attributes:
        terms: at least one; the statistics of all are of one shape.
    """

    terms: Sequence[Term]

    @property
    def name(self) -> str:
        """That of its terms."""
        return self.terms[0].name

    def statistic(self, view: View) -> Tensor:
        """Those of the terms, [B, R, ...]."""
        return torch.stack([term.statistic(view) for term in self.terms], dim=1)

    def loss(self, statistic: Tensor) -> Tensor:
        """The sum of the losses, [B]."""
        pairs = zip(self.terms, statistic.unbind(dim=1), strict=True)
        return torch.stack([term.loss(each) for term, each in pairs]).sum(dim=0)
