"""The terms of the loss: what they have in common, style, and total variation.

The loss of an image x is a weighted sum of terms, after Gatys, Ecker and Bethge, *A Neural
Algorithm of Artistic Style* (2015). With the features F_l(x), [C, H, W], of VGG19 at layer l:

    content at l      alpha · w_l · mean((F_l(x) - F_l(content))²)            content.ContentTerm
    style at l        beta · w_l · mean((G_l(x) - G_l(style))²),  G = F Fᵀ / (C·H·W)  StyleTerm
    color histogram   3e-4 · beta · weight · mean over directions of ∫ (F(t) - F_style(t))² dt
                                                                         histogram.HistogramTerm
    coherence         64 · weight · mean(√(δ² + λ) - δ), with the smaller eigenvalue λ of the
                                       structure tensor                  coherence.CoherenceTerm
    total variation   100 · weight · mean(√(ε² + |∇x|²) - ε)                   TotalVariationTerm

The style loss can be another one: `StyleLoss` is what makes the terms of one kind, `GramLoss` those
above. So can the content loss: `content.ContraharmonicContentTerm`. Every term gives one number per
image, [B]: a batch is B independent problems.

A term is computed in two steps, so that an image can be processed in tiles and its loss is still
that of the whole image:

1. `Term.statistic(view)` summarizes the features of a view, which is the whole image or one tile:
   a sum of squared differences, a share of the Gram matrix. The statistics of all tiles add up to
   the statistic of the whole image, S = Σ Sᵢ.
2. `Term.loss(S)` computes the loss from the statistic of the whole image.

The gradient is exact as well: d loss(S)/dx = Σ loss'(S) · dSᵢ/dx, and autograd gives both factors.

Terms of one class can share the work of the second step, see `Term.join`.

A new term must keep its statistics additive. Divide by sizes of the whole image
(`View.full_size`), not of the view; cut maps of the whole image with `View.crop`; and get neighbors
across the border of a tile from `View.features_with_next`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol, Self, TypeAlias, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.model.vgg import PIXELS
from neural_style.model.views import View

TOTAL_VARIATION_SCALE = 100.0
"""Factor on the total variation, chosen so that a weight of 1 about halves the grain at beta 1e6;
see "Total variation" in benchmarks/RESULTS.md."""

KINDS = ("content", "style", "palette", "smoothness")
"""The kinds of terms, which their names begin with, in the order of the columns of losses.csv."""

BLOCKS_AT_ONCE = 256
"""Blocks of 64 × 64 sums that keep a GPU busy, see `products_over_positions`."""

EDGE_THRESHOLD = 0.012
"""ε of the total variation, in units of [0, 1]. Differences of neighbors well above it are edges,
whose cost is proportional to them; differences well below it are grain, whose cost is quadratic."""


LossFunction: TypeAlias = Callable[[Sequence[Tensor]], list[Tensor]]
"""Takes the statistics of whole images, one for each term; returns the weighted loss of each term,
[B]."""


class Term(ABC):
    """One term of the loss, multiplied by its weight.

    Attributes:
        weight: of each image, [B], or of all, a number.
    """

    weight: Tensor | float

    @property
    @abstractmethod
    def name(self) -> str:
        """A kind and a layer, such as `style/conv1_1`."""

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        return self.name.partition("/")[0]

    @abstractmethod
    def statistic(self, view: View) -> Tensor:
        """The view's share of the statistic of its images, [B, ...]."""

    @abstractmethod
    def loss(self, statistic: Tensor) -> Tensor:
        """The weighted loss of each image, [B], from the statistic of the whole image."""

    @classmethod
    def join(cls, terms: Sequence[Self]) -> LossFunction:
        """Return a function that computes the losses of terms of this class, one after the other.

        A class whose terms have work in common overrides it.
        """
        return lambda statistics: [
            term.loss(statistic) for term, statistic in zip(terms, statistics, strict=True)
        ]


def join_terms(terms: Sequence[Term]) -> LossFunction:
    """Return a function that computes the losses of terms; neighbors of one class are joined."""
    joined = []
    for _, group in groupby(terms, key=type):
        alike = list(group)
        joined.append((alike[0].join(alike), len(alike)))

    def losses(statistics: Sequence[Tensor]) -> list[Tensor]:
        found: list[Tensor] = []
        for losses_of, count in joined:
            found += losses_of(statistics[len(found) : len(found) + count])
        return found

    return losses


Target = TypeVar("Target")


class StyleLoss(Protocol[Target]):
    """A kind of style loss: which statistic of the features it compares, and how.

    Its terms use the same `statistic` for the image that is optimized as for the style images.
    """

    def statistic(self, view: View, layer: str, guide: Tensor | None) -> Tensor:
        """The view's share of the statistic of its images at a layer, [B, ...].

        It must add up over the tiles of an image, and be an average over positions, so that the
        statistic of a blend of styles is the weighted sum of theirs.

        Args:
            view: the features.
            layer: at which they are summarized.
            guide: weight of each position of the whole image, [B, 1, H, W] in [0, 1], see
                `guided.downsample_guide`; None for 1 everywhere.
        """

    def target(self, statistic: Tensor) -> Target:
        """What a term compares with, from the statistic [1, ...] of a style image or a blend."""

    def term(
        self, layer: str, weight: Tensor, targets: Sequence[Target], guide: Tensor | None
    ) -> Term:
        """The term at one layer.

        Args:
            layer: of the features.
            weight: beta times the weight of the layer, [B].
            targets: one for each image.
            guide: where the style acts, as in `statistic`.
        """


@dataclass(frozen=True)
class StyleTerm(Term):
    """Style loss at one layer: weight · mean((G - G_style)²), the mean over C².

    This equals the loss of the paper, Σ(G' - G'_style)² / (4·C²·(H·W)²) with G' = F Fᵀ, up to a
    constant for each layer, because G is already divided by C·H·W.

    Attributes:
        layer: the layer of the features F.
        weight: [B] or a number; beta times the weight of the layer.
        target: Gram matrices G_style of the style images, [B, C, C].
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
        return gram_statistic(view, self.layer)

    def loss(self, statistic: Tensor) -> Tensor:
        """Weight · mean squared error of the Gram matrix, [B]."""
        return self.weight * mean_squared_error(statistic, self.target)


class GramLoss(StyleLoss[Tensor]):
    """The style loss of the method, `transfer.style_loss: gram`; targets are Gram matrices."""

    def statistic(self, view: View, layer: str, guide: Tensor | None) -> Tensor:
        """The view's share of the Gram matrix, [B, C, C]; guided if there is a guide."""
        if guide is None:
            return gram_statistic(view, layer)
        from neural_style.losses.guided import guided_gram_statistic  # masks only

        return guided_gram_statistic(view, layer, guide)

    def target(self, statistic: Tensor) -> Tensor:
        """The Gram matrix itself."""
        return statistic

    def term(
        self, layer: str, weight: Tensor, targets: Sequence[Tensor], guide: Tensor | None
    ) -> Term:
        """A `StyleTerm`, or a `GuidedStyleTerm` if there is a guide."""
        target = torch.cat(list(targets))
        if guide is None:
            return StyleTerm(layer, weight, target)
        from neural_style.losses.guided import GuidedStyleTerm  # masks only

        return GuidedStyleTerm(layer, weight, guide, target)


@dataclass(frozen=True)
class TotalVariationTerm(Term):
    """Total variation loss, smoothed at 0 and coupled across the color channels.

    With the differences Δ₁, Δ₂ of pixel p to its lower and right neighbors in each channel c,

        TV = mean over p of (√(ε² + mean over c of (Δ₁² + Δ₂²)) - ε),

    the total variation of Rudin, Osher and Fatemi (1992) with the color coupling of Blomgren and
    Chan (1998). benchmarks/RESULTS.md, "Total variation", compares it with other losses. With the
    exponent 2, it is the mean of Δ₁² + Δ₂² (Mahendran and Vedaldi, 2015, β = 2).

    Each Δ² is the sum of that of gray, the mean over c, and that of chroma, the rest. `chroma` is a
    factor on the latter.

    Attributes:
        weight: [B] or a number; `TOTAL_VARIATION_SCALE` times the weight of the settings.
        mask: how strongly it acts on each pixel, [B, 1, H, W] in [0, 1]; None for 1 everywhere.
        exponent: of the gradient, 1 or 2.
        chroma: how much changes of chroma count, ≥ 0; those of gray count 1.
    """

    weight: Tensor | float
    mask: Tensor | None = None
    exponent: int = 1
    chroma: float = 1.0

    @property
    def name(self) -> str:
        """`smoothness/total_variation`, its column in losses.csv."""
        return "smoothness/total_variation"

    def statistic(self, view: View) -> Tensor:
        """The view's share of the total variation, [B]."""
        height, width = view.features(PIXELS).shape[2:]
        pixels = view.features_with_next(PIXELS)
        down = pixels.diff(dim=2)[..., :width]
        right = pixels.diff(dim=3)[..., :height, :]
        # At the border of the image there is no neighbor, and the difference is 0.
        down = functional.pad(down, (0, 0, 0, height - down.shape[2]))
        right = functional.pad(right, (0, width - right.shape[3]))
        variation = (down.square() + right.square()).mean(dim=1)
        if self.chroma != 1:
            gray = down.mean(dim=1).square() + right.mean(dim=1).square()
            # Rounding may leave less than 0.
            variation = (self.chroma * variation + (1 - self.chroma) * gray).clamp(min=0)
        if self.exponent == 1:
            variation = torch.sqrt(variation + EDGE_THRESHOLD**2) - EDGE_THRESHOLD
        if self.mask is not None:
            variation = variation * view.crop(PIXELS, self.mask)[:, 0]
        return variation.sum(dim=(1, 2)) / math.prod(view.full_size(PIXELS))

    def loss(self, statistic: Tensor) -> Tensor:
        """Weight · total variation, [B]."""
        return self.weight * statistic


def gram_statistic(view: View, layer: str) -> Tensor:
    """The view's share of the Gram matrix of its whole images at a layer, [B, C, C]."""
    return gram_matrix(view.features(layer), math.prod(view.full_size(layer)))


def gram_matrix(features: Tensor, positions: int | None = None) -> Tensor:
    """Compute the Gram matrix G = F Fᵀ / (C·H·W), with F as a matrix [C, H·W] for each image.

    In memory it is [B, H·W, C], since features are channels last; no copy is needed.

    Args:
        features: [B, C, H, W]. Reduced precision is converted to float32 first, because sums of so
            many products overflow or lose digits in 16 bits.
        positions: divide by C times this instead of C·H·W, if these are the features of a tile.

    Returns:
        [B, C, C] in float32 (float64 for float64 features).
    """
    divisor = features.shape[1] * (positions or features[0, 0].numel())
    gram: Tensor = _Gram.apply(features, divisor)
    return gram


class GradientContext(Protocol):
    """What an autograd function keeps for its gradient; torch's hints declare no attributes.

    Attributes:
        saved_tensors: the arguments of `save_for_backward`.
        divisor: what a sum is divided by, in functions that have it.
        shapes: of the arguments, in functions that join them.
    """

    saved_tensors: tuple[Any, ...]
    divisor: Tensor | int
    shapes: Sequence[torch.Size]

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors, or None in the place of one."""


class _Gram(torch.autograd.Function):
    """F Fᵀ / n with its gradient in one product: (D + Dᵀ) F / n for the gradient D in G.

    Autograd would compute two products and a sum, each as large as the features and in float32.
    This gradient stays in the precision of the features.
    """

    @staticmethod
    def forward(ctx: GradientContext, features: Tensor, divisor: int) -> Tensor:
        ctx.save_for_backward(features)
        ctx.divisor = divisor
        rows = flatten_positions(features)
        return products_over_positions(rows, rows) / divisor

    @staticmethod
    def backward(ctx: GradientContext, grad_gram: Tensor) -> tuple[Tensor, None]:
        (features,) = ctx.saved_tensors
        rows = flatten_positions(features)
        symmetric = (grad_gram + grad_gram.mT) / ctx.divisor
        gradient: Tensor = (rows @ symmetric.to(features.dtype)).mT.view_as(features)
        return gradient, None


def products_over_positions(rows: Tensor, others: Tensor) -> Tensor:
    """Multiply features by features and sum over the positions, in at least float32.

    cuBLAS gives each matrix of a batch to few of the multiprocessors, however many positions it
    has: eight images of 256 pixels took 2.0 ms at conv1_1 on an H200, 0.12 ms in parts, and from
    bfloat16, which tensor cores multiply exactly and add up in float32, 0.03 ms.

    Args:
        rows: [B, N, C] for N positions.
        others: [B, N, D], of the same dtype.

    Returns:
        [B, C, D] in float32 (float64 for float64 features).
    """
    if rows.device.type != "cuda":
        return at_least_float32(rows).mT @ at_least_float32(others)
    batch, positions, channels = rows.shape
    most = BLOCKS_AT_ONCE // (batch * max(1, channels // 64) ** 2)
    parts = next((each for each in range(most, 1, -1) if positions % each == 0), 1)
    if parts > 1:
        rows, others = (each.reshape(batch * parts, -1, each.shape[2]) for each in (rows, others))
    if rows.element_size() == 2 and torch.version.hip is None:
        products = torch.bmm(rows.mT, others, out_dtype=torch.float32)
    else:
        products = at_least_float32(rows).mT @ at_least_float32(others)
    return products.view(batch, parts, *products.shape[1:]).sum(dim=1) if parts > 1 else products


def flatten_positions(features: Tensor) -> Tensor:
    """Reshape [B, C, H, W] to [B, H·W, C], without a copy if the memory format is channels last."""
    return features.permute(0, 2, 3, 1).flatten(start_dim=1, end_dim=2)


def at_least_float32(values: Tensor) -> Tensor:
    """Convert 16-bit values to float32; float32 and float64 stay."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def exact_dtype(device: torch.device) -> torch.dtype:
    """The dtype of long sums and scalar products: float64, or float32 on MPS, which lacks it."""
    return torch.float32 if device.type == "mps" else torch.float64


def mean_squared_error(values: Tensor, target: Tensor) -> Tensor:
    """Mean of (values - target)² over all dimensions but the first, [B]."""
    squares = (at_least_float32(values) - target).square().flatten(start_dim=1)
    return squares.sum(dim=1) / target[0].numel()
