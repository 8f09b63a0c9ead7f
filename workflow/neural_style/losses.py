"""What is minimised: a sum of named terms, each a function of the network's features.

Every term gives one number an image, so that a batch is many problems solved side by side and
not one problem about their mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

PIXELS = "pixels"
"""The name under which terms find the pictures themselves, [B, 3, H, W] in [0, 1]."""

Features = Mapping[str, Tensor]
"""Layer name, or `PIXELS` → features [B, C, H, W]."""


def gram_matrix(features: Tensor) -> Tensor:
    """G = F Fᵀ / (C·H·W), with F the features reshaped to [B, C, H·W].

    Args:
        features: [B, C, H, W]. Reduced precision is widened first, since sums of this many
            products overflow or lose their last digits in 16 bits.

    Returns:
        [B, C, C] in float32 (float64 for float64 features).
    """
    gram: Tensor = _Gram.apply(features)
    return gram


class _Gram(torch.autograd.Function):
    """The Gram matrix with its gradient in one product, (S + Sᵀ)·F / (C·H·W) for slope S.

    Autograd would make two products and a sum, each as large as the features and widened. The
    gradient stays in the precision of the features, which it is added to next.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, features: Tensor) -> Tensor:
        ctx.save_for_backward(features)
        rows = widen(positions(features))
        return rows.mT @ rows / rows[0].numel()

    @staticmethod
    def backward(ctx: FunctionCtx, slope: Tensor) -> Tensor:
        # The hints name the context of the forward pass here, too.
        (features,) = ctx.saved_tensors  # type: ignore[attr-defined]
        rows = positions(features)
        symmetric = ((slope + slope.mT) / rows[0].numel()).to(features.dtype)
        gradient: Tensor = (rows @ symmetric).mT.view_as(features)
        return gradient


def positions(features: Tensor) -> Tensor:
    """Features as [B, H·W, C]: without a copy if they lie channels last."""
    return features.flatten(start_dim=2).mT


def widen(values: Tensor) -> Tensor:
    """At least float32."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def mean_squared_error(features: Tensor, target: Tensor) -> Tensor:
    """Mean of (features - target)² over all but the first dimension: one number an image, [B]."""
    return (widen(features) - target).square().flatten(start_dim=1).mean(dim=1)


class Term(Protocol):
    """One summand of the loss, already multiplied by its weight."""

    @property
    def name(self) -> str:
        """A kind and a layer, such as `style/conv1_1`."""

    def __call__(self, features: Features) -> Tensor:
        """The weighted loss of each image, [B]."""


@dataclass(frozen=True)
class ContentTerm:
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

    def __call__(self, features: Features) -> Tensor:
        """The weighted loss of each image, [B]."""
        return self.weight * mean_squared_error(features[self.layer], self.target)


@dataclass(frozen=True)
class StyleTerm:
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

    def __call__(self, features: Features) -> Tensor:
        """The weighted loss of each image, [B]."""
        return self.weight * mean_squared_error(gram_matrix(features[self.layer]), self.target)
