"""Style as a Gaussian: the squared Wasserstein-2 distance of features in place of Gram matrices.

The features of a layer at all positions are described by their mean m and covariance Σ. The style
loss is the squared Wasserstein-2 distance of the Gaussians of image and style,

    W² = |m - m'|² + tr(Σ + Σ' - 2 (Σ'^½ Σ Σ'^½)^½),

whose gradient in Σ is I - Σ'^½ (Σ'^½ Σ Σ'^½)^(-½) Σ'^½ (Olkin and Pukelsheim, 1982). One symmetric
eigendecomposition gives both. W² is quadratic in the features, as the content loss is, so that the
balance of the two depends neither on the scale of the network nor, much, on the size of the image.

Mroueh (Wasserstein Style Transfer, 2019) describes styles by these Gaussians; the style loss
`StyleLossW2` of crowsonkb/style-transfer-pytorch is this distance. On CUDA, `torch.linalg.eigh`
synchronizes with the GPU, so an iteration with this loss does, and no CUDA graph is recorded; see
`Term.synchronizes`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.linalg import LinAlgError  # type: ignore[attr-defined]  # not in its __all__

from neural_style.losses.terms import StyleLoss, Term, at_least_float32, flatten_positions
from neural_style.model.vgg import View

WASSERSTEIN_SCALE = 1.32e-5
"""Factor on W² / C for a weight of 1. With layer weights that sum to 5, as those of the method do,
beta 1e6 weighs the mean over the layers by 66, which balances it with the content loss at alpha 1.
"""

EIGENVALUE_FLOOR = 8.0
"""ε = 8 × machine epsilon, relative to the largest eigenvalue of Σ'^½ Σ Σ'^½. An eigenvalue λ below
λ_max·ε gets the inverse root 1 / √(λ_max·ε), and λ times that as its root. Where the image lacks a
direction that the style has, the exact gradient is infinite, and the rounding errors of eigenvalues
near 0 would add up."""


@dataclass(frozen=True)
class GaussianTarget:
    """The Gaussian of the features of style images at one layer.

    Attributes:
        mean: m', [B, C].
        root: Σ'^½, [B, C, C].
        energy: E|F'|² = tr Σ' + |m'|², [B].
    """

    mean: Tensor
    root: Tensor
    energy: Tensor


@dataclass(frozen=True)
class WassersteinTerm(Term):
    """Style loss at one layer: weight · a · W², with a = mean of the guide, or 1.

    Attributes:
        layer: the layer of the features.
        weight: [B] or a number; beta times the weight of the layer times `WASSERSTEIN_SCALE` / C.
        target: the Gaussian of the style images.
        guide: how much each position counts, [B, 1, H, W] in [0, 1], see `guided.downsample_guide`;
            None for all alike.
    """

    layer: str
    weight: Tensor | float
    target: GaussianTarget
    guide: Tensor | None = None

    @property
    def name(self) -> str:
        """`style/` and the layer."""
        return f"style/{self.layer}"

    @property
    def synchronizes(self) -> bool:
        """Yes: `torch.linalg.eigh` does."""
        return True

    def statistic(self, view: View) -> Tensor:
        """The view's share of second moment and mean of the features, [B, C, C + 1]."""
        return moment_statistic(view, self.layer, self.guide)

    def loss(self, statistic: Tensor) -> Tensor:
        """Weight · a · W², [B]."""
        distance = squared_wasserstein(statistic, self.target)
        if self.guide is None:
            return self.weight * distance
        return self.weight * self.guide.mean(dim=(1, 2, 3)) * distance


class WassersteinLoss(StyleLoss[GaussianTarget]):
    """The style loss `transfer.style_loss: wasserstein`; targets are Gaussians."""

    def statistic(self, view: View, layer: str, guide: Tensor | None) -> Tensor:
        """The view's share of second moment and mean of the features, [B, C, C + 1]."""
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
    """The view's share of the moments of its whole images at a layer, [B, C, C + 1].

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
    """Compute second moment and mean of features over their positions.

    Args:
        features: F, [B, C, H, W]. Reduced precision is converted to float32 first.
        positions: divide by this instead of H·W, if these are the features of a tile.

    Returns:
        [B, C, C + 1] in float32 (float64 for float64 features): E[F Fᵀ], then E[F] as a column.
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
    """[F diag(g) Fᵀ, F g] / n, with its gradient g · ((D + Dᵀ) F + d) / n in one product."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, features: Tensor, guide: Tensor | None, divisor: Tensor | int
    ) -> Tensor:
        ctx.save_for_backward(features, guide)  # type: ignore[arg-type]  # it takes None, too
        ctx.divisor = divisor  # type: ignore[attr-defined]  # torch's hints declare no attributes
        rows = at_least_float32(flatten_positions(features))
        weighted = rows if guide is None else rows * flatten_positions(guide)
        channels = rows.shape[2]
        statistic = rows.new_empty(rows.shape[0], channels, channels + 1)
        torch.matmul(rows.mT, weighted, out=statistic[:, :, :channels])
        torch.sum(weighted, dim=1, out=statistic[:, :, channels])
        return statistic.div_(divisor)

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None, None]:
        # torch's hints declare the context of the forward pass here, too.
        features, guide = ctx.saved_tensors  # type: ignore[attr-defined]
        grad = (grad / ctx.divisor).to(features.dtype)  # type: ignore[attr-defined]
        second, mean = grad[:, :, :-1], grad[:, :, -1].unsqueeze(1)
        rows = flatten_positions(features)
        gradient = torch.baddbmm(mean, rows, second + second.mT)
        if guide is not None:
            gradient = gradient * flatten_positions(guide).to(features.dtype)
        return gradient.mT.view_as(features), None, None


def gaussian_target(moments: Tensor) -> GaussianTarget:
    """Make the target from the moments [B, C, C + 1] of style images; computed in float64."""
    exact = _off_mps(moments).double()
    mean = exact[:, :, -1]
    covariance = exact[:, :, :-1] - mean.unsqueeze(2) * mean.unsqueeze(1)
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp(min=0)
    root = vectors * values.sqrt().unsqueeze(1) @ vectors.mT
    energy = exact[:, :, :-1].diagonal(dim1=1, dim2=2).sum(dim=1)
    return GaussianTarget(mean.to(moments), root.to(moments), energy.to(moments))


def cat_targets(targets: Sequence[GaussianTarget]) -> GaussianTarget:
    """Concatenate the targets of several images to those of a batch."""
    return GaussianTarget(
        torch.cat([target.mean for target in targets]),
        torch.cat([target.root for target in targets]),
        torch.cat([target.energy for target in targets]),
    )


def squared_wasserstein(moments: Tensor, target: GaussianTarget) -> Tensor:
    """Compute W² between the Gaussian of moments [B, C, C + 1] and a target, [B]."""
    distance: Tensor = _SquaredWasserstein.apply(moments, target.mean, target.root, target.energy)
    return distance


def _eigh(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of symmetric matrices [B, C, C]; reads one triangle only.

    In float32 the algorithm may not converge where most eigenvalues are 0, as those of small images
    are; then it runs in float64. Both are NaN where there are none, such as after a bad step.
    """
    given = _off_mps(matrices)
    try:
        values, vectors = torch.linalg.eigh(given)
    except LinAlgError:
        try:
            values, vectors = torch.linalg.eigh(given.double())
        except LinAlgError:
            values, vectors = given.new_full(given.shape[:2], math.nan), given * math.nan
    return values.to(matrices), vectors.to(matrices)


def _off_mps(tensor: Tensor) -> Tensor:
    """The tensor; on the CPU instead of MPS, which lacks float64, and `eigh` in older torch."""
    return tensor.cpu() if tensor.device.type == "mps" else tensor


class _SquaredWasserstein(torch.autograd.Function):
    """W² and its gradient in the moments, both from one eigendecomposition.

    With the second moment M = Σ + m mᵀ, W² = tr M + tr M' - 2 m·m' - 2 tr (Σ'^½ Σ Σ'^½)^½. Its
    gradient is I - T in M and 2 (T m - m') in m, where T = Σ'^½ (Σ'^½ Σ Σ'^½)^(-½) Σ'^½.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, moments: Tensor, target_mean: Tensor, root: Tensor, energy: Tensor
    ) -> Tensor:
        second, mean, offset = moments[:, :, :-1], moments[:, :, -1:], target_mean.unsqueeze(2)
        covariance = torch.baddbmm(second, mean, mean.mT, alpha=-1)
        values, vectors = _eigh(root @ covariance @ root)
        info = torch.finfo(values.dtype)
        smallest = values[:, -1:] * (EIGENVALUE_FLOOR * info.eps)
        inverse = values.maximum(smallest).clamp(min=info.tiny).rsqrt()
        mapped = root @ vectors
        transport = mapped * inverse.unsqueeze(1) @ mapped.mT
        gradient = torch.empty_like(moments)
        torch.neg(transport, out=gradient[:, :, :-1])
        gradient.diagonal(dim1=1, dim2=2).add_(1)
        torch.baddbmm(offset, transport, mean, beta=-2, alpha=2, out=gradient[:, :, -1:])
        ctx.save_for_backward(gradient)
        common = torch.baddbmm((values * inverse).sum(dim=1).view(-1, 1, 1), offset.mT, mean)
        own = second.diagonal(dim1=1, dim2=2).sum(dim=1)
        return torch.add(own + energy, common.view(-1), alpha=-2)

    @staticmethod
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None, None, None]:
        # torch's hints declare the context of the forward pass here, too.
        (gradient,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return grad.view(-1, 1, 1) * gradient, None, None, None
