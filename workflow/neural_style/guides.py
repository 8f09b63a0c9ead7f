"""Style in a region: Gram matrices that count each place as much as a mask says.

After L. A. Gatys, A. S. Ecker, M. Bethge, A. Hertzmann, E. Shechtman, *Controlling Perceptual
Factors in Neural Style Transfer*, CVPR 2017. Their guidance channel T multiplies the features, so
that T² weighs their products; here the grey value of the mask is that weight, g = T². So a mask
and its inverse share every pixel out whole, and none is forgotten where they meet in a soft edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional

from neural_style.layers import block_of
from neural_style.losses import Features, Term, mean_squared_error, positions, widen


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


def guided_gram_matrix(features: Tensor, guide: Tensor) -> Tensor:
    """G = Σ g(p) F(p) F(p)ᵀ / (C · Σ g(p)), summed over the places p.

    Args:
        features: [B, C, H, W], of any precision.
        guide: g, [B, 1, H, W] or [1, 1, H, W], not negative. Where it is zero everywhere, so is G.

    Returns:
        [B, C, C] in float32 (float64 for float64 features). With a guide of ones it is the Gram
        matrix of `losses.gram_matrix`.
    """
    gram: Tensor = _GuidedGram.apply(features, guide)
    return gram


class _GuidedGram(torch.autograd.Function):
    """Its gradient in one product, g(p) · (S + Sᵀ) F(p) / (C · Σ g) for slope S; see `_Gram`."""

    @staticmethod
    def forward(ctx: FunctionCtx, features: Tensor, guide: Tensor) -> Tensor:
        ctx.save_for_backward(features, guide)
        rows = widen(positions(features))
        return rows.mT @ (rows * positions(guide)) / _divisor(features, guide)

    @staticmethod
    def backward(ctx: FunctionCtx, slope: Tensor) -> tuple[Tensor, None]:
        # The hints name the context of the forward pass here, too.
        features, guide = ctx.saved_tensors  # type: ignore[attr-defined]
        symmetric = ((slope + slope.mT) / _divisor(features, guide)).to(features.dtype)
        gradient = (positions(features) @ symmetric) * positions(guide).to(features.dtype)
        return gradient.mT.view_as(features), None


def _divisor(features: Tensor, guide: Tensor) -> Tensor:
    """C · Σ g, [B, 1, 1], and not zero."""
    sums = guide.sum(dim=(2, 3))
    return (features.shape[1] * sums.clamp(min=torch.finfo(sums.dtype).tiny)).unsqueeze(2)


@dataclass(frozen=True)
class RegionTerm:
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

    def __call__(self, features: Features) -> Tensor:
        """The weighted loss of each image, [B]."""
        gram = guided_gram_matrix(features[self.layer], self.guide)
        share = self.guide.mean(dim=(1, 2, 3))
        return self.weight * share * mean_squared_error(gram, self.target)


@dataclass(frozen=True)
class SumOfTerms:
    """Terms of one name, such as those of a layer's regions, as one term of that name.

    Attributes:
        terms: at least one.
    """

    terms: Sequence[Term]

    @property
    def name(self) -> str:
        """That of its terms."""
        return self.terms[0].name

    def __call__(self, features: Features) -> Tensor:
        """The weighted loss of each image, [B]."""
        return torch.stack([term(features) for term in self.terms]).sum(dim=0)
