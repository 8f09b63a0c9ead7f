"""Style as a Gaussian: the squared Wasserstein-2 distance of features in place of Gram matrices.

The features of a layer at all positions are described by their mean m and covariance Σ. The style
loss is the squared Wasserstein-2 distance of the Gaussians of image and style,

    W² = |m - m'|² + tr(Σ + Σ') - 2 tr A^½ with A = RᵀΣR and R Rᵀ = Σ'

(Olkin and Pukelsheim, 1982, where R is Σ'^½), regularized: (A + εI)^½ - √ε I takes the place of
A^½. The gradient in Σ is then I - R (A + εI)^(-½) Rᵀ. It is 0 where Σ has the eigenvectors of Σ',
and an eigenvalue v - ε/v for each v of Σ', or 0 for v < √ε. So directions in which the style hardly
varies are smoothed instead of matched. Without that, an image gets all faint tints and textures of
its style everywhere; `REGULARIZATION` and benchmarks/LOOK.md have more.

R has a column for each direction in which the style varies enough to matter (`WEAKEST`), so R Rᵀ is
Σ' but for the weakest. In deep layers, a small style image has fewer positions than channels, and
no more such directions than positions.

`transport` computes loss and gradient from A.

W² is quadratic in the features, as the squared content loss is, so that the balance of the two
depends neither on the scale of the network nor, much, on the size of the image. The contraharmonic
content loss grows in proportion to the features.

Mroueh (Wasserstein Style Transfer, 2019) describes styles by these Gaussians. The style loss
`StyleLossW2` of crowsonkb/style-transfer-pytorch is this distance, too. Its square root ends after
twelve steps of a Newton-Schulz iteration, which has about the effect of ε.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from neural_style.losses.terms import (
    GradientContext,
    LossFunction,
    StyleLoss,
    Term,
    at_least_float32,
    flatten_positions,
    products_over_positions,
)
from neural_style.losses.transport import (
    Transport,
    decompose,
    transport_by_eigenvalues,
    transport_by_products,
)
from neural_style.model.views import View

WASSERSTEIN_SCALE = 1.32e-5
"""Factor on W² / C for a weight of 1. With layer weights that sum to 5, as those of the method do,
beta 1e6 weighs the mean over the layers by 66, which balances it with the content loss at alpha 1.
"""

REGULARIZATION = 3e-5
"""ε in units of the squared Frobenius norm of Σ'. A direction needs about a hundredth of the
largest variance of the style to be matched."""

WEAKEST = 0.1
"""Directions in which the variance of the style is at most so many √ε have no column in R. With a
column, the gradient there would be 0.9 to 1; without it, it is 1."""

FULL_BATCH = 5
"""From so many images on, the terms of several layers are computed apart. A product of a batch of B
images has 80·B blocks of 128 × 128 if its five layers are joined, so the 132 multiprocessors of an
H200 take ⌈80·B / 132⌉ turns. Apart, the smaller layers have fewer and shorter ones, which take the
time of about three turns for up to eight images (computed, not measured)."""


@dataclass(frozen=True)
class GaussianTarget:
    """Gaussians of the features of style images, at one layer or at several.

    Attributes:
        mean: m', [B, C].
        root: R with R Rᵀ = Σ', nearly, [B, C, K].
        shift: ε, [B].
        offset: what is to be added to tr Σ + |m|² - 2 m·m' - 2 tr ((A + εI)^½ - √ε I), so that the
            smallest loss is 0, [B].
    """

    mean: Tensor
    root: Tensor
    shift: Tensor
    offset: Tensor


@dataclass(frozen=True)
class WassersteinTerm(Term):
    """Style loss at one layer: weight · a · W², with a = mean of the guide, or 1.

    Attributes:
        layer: the layer of the features.
        weight: [B]; beta times the weight of the layer times `WASSERSTEIN_SCALE` / C.
        target: the Gaussian of the style images.
        guide: how much each position counts, [B, 1, H, W] in [0, 1], see `guided.downsample_guide`;
            None for all alike.
    """

    layer: str
    weight: Tensor
    target: GaussianTarget
    guide: Tensor | None = None

    @property
    def name(self) -> str:
        """`style/` and the layer."""
        return f"style/{self.layer}"

    def statistic(self, view: View) -> Tensor:
        """The view's share of mean and second moment of the features, [B, C, 1 + C]."""
        return moment_statistic(view, self.layer, self.guide)

    def loss(self, statistic: Tensor) -> Tensor:
        """Weight · a · W², [B]."""
        return self._strength() * squared_wasserstein(statistic, self.target)

    @classmethod
    def join(cls, terms: Sequence[Self]) -> LossFunction:
        """On a GPU, one batch holds the matrices of all terms, so it has the kernels of one layer.

        Large batches fill the GPU without that, and the zeros that fill up small layers would only
        add work, see `FULL_BATCH`.
        """
        mean = terms[0].target.mean
        if len(terms) == 1 or len(mean) >= FULL_BATCH or not _on_gpu(mean):
            return super().join(terms)
        target = cat_targets([term.target for term in terms])
        strength = torch.cat([term._strength() for term in terms])

        def losses(statistics: Sequence[Tensor]) -> list[Tensor]:
            padded: Tensor = _Padded.apply(*statistics)
            return [*(strength * squared_wasserstein(padded, target)).view(len(terms), -1)]

        return losses

    def _strength(self) -> Tensor:
        """Weight · a, [B]."""
        return self.weight if self.guide is None else self.weight * self.guide.mean(dim=(1, 2, 3))


class WassersteinLoss(StyleLoss[GaussianTarget]):
    """The style loss `transfer.style_loss: wasserstein`; targets are Gaussians."""

    def statistic(self, view: View, layer: str, guide: Tensor | None) -> Tensor:
        """The view's share of mean and second moment of the features, [B, C, 1 + C]."""
        return moment_statistic(view, layer, guide)

    def target(self, statistic: Tensor) -> GaussianTarget:
        """The Gaussian with these moments."""
        return gaussian_target(statistic)

    def term(
        self, layer: str, weight: Tensor, targets: Sequence[GaussianTarget], guide: Tensor | None
    ) -> Term:
        """A `WassersteinTerm`."""
        target = cat_targets(targets)
        scaled = weight * (WASSERSTEIN_SCALE / target.mean.shape[1])
        return WassersteinTerm(layer, scaled, target, guide)


def moment_statistic(view: View, layer: str, guide: Tensor | None) -> Tensor:
    """The view's share of the moments of its whole images at a layer, [B, C, 1 + C].

    Args:
        view: the features.
        layer: at which they are summarized.
        guide: of the whole images at this layer, [B, 1, H, W] in [0, 1]; None for 1 everywhere.
    """
    features = view.features(layer)
    if guide is None:
        return moments(features, math.prod(view.full_size(layer)))
    return guided_moments(features, view.crop(layer, guide), guide.sum(dim=(1, 2, 3)))


def moments(features: Tensor, positions: int | None = None) -> Tensor:
    """Compute mean and second moment of features over their positions.

    Args:
        features: F, [B, C, H, W]. Reduced precision is converted to float32 first.
        positions: divide by this instead of H·W, if these are the features of a tile.

    Returns:
        [B, C, 1 + C] in float32 (float64 for float64 features): E[F] as a column, then E[F Fᵀ].
    """
    statistic: Tensor = _Moments.apply(features, None, positions or features[0, 0].numel())
    return statistic


def guided_moments(features: Tensor, guide: Tensor, total: Tensor | None = None) -> Tensor:
    """Compute the same with the weight g(p) for position p, divided by Σ g(p).

    Args:
        features: [B, C, H, W].
        guide: g, [B, 1, H, W] or [1, 1, H, W], not negative; 0 everywhere gives moments of 0.
        total: divide by this instead of Σ g(p), [B] or [1], if these are the features of a tile.
    """
    sums = guide.sum(dim=(1, 2, 3)) if total is None else total
    divisor = sums.clamp(min=torch.finfo(sums.dtype).tiny).view(-1, 1, 1)
    statistic: Tensor = _Moments.apply(features, guide, divisor)
    return statistic


class _Moments(torch.autograd.Function):
    """[F g, F diag(g) Fᵀ] / n, with its gradient g · ((D + Dᵀ) F + d) / n in one product."""

    @staticmethod
    def forward(
        ctx: GradientContext, features: Tensor, guide: Tensor | None, divisor: Tensor | int
    ) -> Tensor:
        ctx.save_for_backward(features, guide)
        ctx.divisor = divisor
        rows = weighted = flatten_positions(features)
        if guide is not None:
            rows = at_least_float32(rows)
            weighted = rows * flatten_positions(guide)
        second = products_over_positions(rows, weighted)
        first = weighted.sum(dim=1, dtype=second.dtype).unsqueeze(2)
        return torch.cat([first, second], dim=2).div_(divisor)

    @staticmethod
    def backward(ctx: GradientContext, grad: Tensor) -> tuple[Tensor, None, None]:
        features, guide = ctx.saved_tensors
        grad = (grad / ctx.divisor).to(features.dtype)
        mean, second = grad[:, :, 0].unsqueeze(1), grad[:, :, 1:]
        rows = flatten_positions(features)
        gradient = torch.baddbmm(mean, rows, second + second.mT)
        if guide is not None:
            gradient = gradient * flatten_positions(guide).to(features.dtype)
        return gradient.mT.view_as(features), None, None


def gaussian_target(moments: Tensor) -> GaussianTarget:
    """Make the target from the moments [B, C, 1 + C] of style images; computed in float64."""
    # MPS lacks float64.
    exact = (moments.cpu() if moments.device.type == "mps" else moments).double()
    mean = exact[:, :, 0]
    covariance = exact[:, :, 1:] - mean.unsqueeze(2) * mean.unsqueeze(1)
    values, vectors = decompose(covariance)
    values = values.clamp(min=0)
    shift = REGULARIZATION * values.square().sum(dim=1, keepdim=True)
    smallest = shift.sqrt()
    rank = _largest_count(values > WEAKEST * smallest)
    # Eigenvalues ascend.
    root = vectors[:, :, -rank:] * values[:, -rank:].sqrt().unsqueeze(1)
    # The best eigenvalue of Σ for v of Σ' is v - ε/v, where √(λ·v + ε) is v; or 0.
    best = torch.where(values > smallest, values - shift / values, 0)
    gains = (best * values + shift).sqrt() - smallest
    offset = (2 * gains - best).sum(dim=1) + mean.square().sum(dim=1)
    parts = (mean, root, shift.squeeze(1), offset)
    return GaussianTarget(*(each.to(moments) for each in parts))


def _largest_count(chosen: Tensor) -> int:
    """How many are chosen in the row of [B, C] that has the most, and 1 at least."""
    return max(1, int(chosen.sum(dim=1).max()))


def cat_targets(targets: Sequence[GaussianTarget]) -> GaussianTarget:
    """Concatenate targets of several images or layers, with zeros for those that are smaller."""
    channels, columns = (max(each.root.shape[dim] for each in targets) for dim in (1, 2))
    missing = [channels - each.root.shape[1] for each in targets]
    return GaussianTarget(
        torch.cat([pad(each.mean, (0, rows)) for each, rows in zip(targets, missing, strict=True)]),
        torch.cat(
            [
                pad(each.root, (0, columns - each.root.shape[2], 0, rows))
                for each, rows in zip(targets, missing, strict=True)
            ]
        ),
        torch.cat([target.shift for target in targets]),
        torch.cat([target.offset for target in targets]),
    )


def squared_wasserstein(
    moments: Tensor, target: GaussianTarget, transport: Transport | None = None
) -> Tensor:
    """Compute the regularized W² of the Gaussian of moments [B, C, 1 + C] and a target, [B].

    Args:
        moments: see `moments`.
        target: of the style images.
        transport: the method; None for the one that is best on the device of the moments.
    """
    if transport is None:
        transport = transport_by_products if _on_gpu(moments) else transport_by_eigenvalues
    distance: Tensor = _SquaredWasserstein.apply(
        moments, target.mean, target.root, target.shift, target.offset, transport
    )
    return distance


def _on_gpu(values: Tensor) -> bool:
    """Whether matrix products in float32 are faster than decompositions, and exact enough."""
    return values.device.type != "cpu" and values.dtype == torch.float32


class _Padded(torch.autograd.Function):
    """Moments [B, C, 1 + C] of L terms as a batch [L·B, C', 1 + C'], with zeros for smaller C."""

    @staticmethod
    def forward(ctx: GradientContext, *moments: Tensor) -> Tensor:
        ctx.shapes = [each.shape for each in moments]
        channels = max(each.shape[1] for each in moments)
        padded = moments[0].new_zeros(sum(map(len, moments)), channels, 1 + channels)
        for own, each in zip(_Padded._parts(padded, ctx.shapes), moments, strict=True):
            own.copy_(each)
        return padded

    @staticmethod
    def backward(ctx: GradientContext, grad: Tensor) -> tuple[Tensor, ...]:
        return tuple(_Padded._parts(grad, ctx.shapes))

    @staticmethod
    def _parts(padded: Tensor, shapes: Sequence[torch.Size]) -> list[Tensor]:
        """The part of each term."""
        batches = torch.split(padded, [shape[0] for shape in shapes])
        return [own[:, : shape[1], : shape[2]] for own, shape in zip(batches, shapes, strict=True)]


class _SquaredWasserstein(torch.autograd.Function):
    """W² and its gradient in the moments, both from the transport T.

    With the second moment M = Σ + m mᵀ, W² is tr M - 2 m·m' - 2 tr ((A + εI)^½ - √ε I) and the
    offset of the target. Its gradient is I - T in M and 2 (T m - m') in m.
    """

    @staticmethod
    def forward(
        ctx: GradientContext,
        moments: Tensor,
        target_mean: Tensor,
        root: Tensor,
        shift: Tensor,
        offset: Tensor,
        find_transport: Transport,
    ) -> Tensor:
        mean, second, center = moments[:, :, :1], moments[:, :, 1:], target_mean.unsqueeze(2)
        covariance = torch.baddbmm(second, mean, mean.mT, alpha=-1)
        transport, trace = find_transport(root.mT @ covariance @ root, root, shift)
        gradient = torch.empty_like(moments)
        torch.neg(transport, out=gradient[:, :, 1:])
        gradient.diagonal(offset=1, dim1=1, dim2=2).add_(1)
        torch.baddbmm(center, transport, mean, beta=-2, alpha=2, out=gradient[:, :, :1])
        ctx.save_for_backward(gradient)
        common = torch.baddbmm(trace.view(-1, 1, 1), center.mT, mean)
        own = second.diagonal(dim1=1, dim2=2).sum(dim=1)
        return torch.add(own + offset, common.view(-1), alpha=-2)

    @staticmethod
    def backward(ctx: GradientContext, grad: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return grad.view(-1, 1, 1) * gradient, None, None, None, None, None
