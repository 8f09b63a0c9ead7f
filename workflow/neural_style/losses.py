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

Features = Mapping[str, Tensor]
"""Layer name → features [B, C, H, W]."""


def gram_matrix(features: Tensor) -> Tensor:
    """G = F Fᵀ / (C·H·W), with F the features reshaped to [B, C, H·W].

    Args:
        features: [B, C, H, W]; reduced precision is widened first, since sums of this many
            products overflow or lose their last digits in 16 bits.

    Returns:
        [B, C, C] in float32 (float64 for float64 features).
    """
    wide = features if features.dtype == torch.float64 else features.float()
    flat = wide.flatten(start_dim=2)
    _, channels, positions = flat.shape
    return flat @ flat.mT / (channels * positions)


def mean_squared_error(features: Tensor, target: Tensor) -> Tensor:
    """Mean of (features - target)² over all but the first dimension: one number an image, [B]."""
    difference = features.float() if features.dtype != torch.float64 else features
    return (difference - target).square().flatten(start_dim=1).mean(dim=1)


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
