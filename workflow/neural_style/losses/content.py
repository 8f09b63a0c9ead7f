"""The content loss: features of the content image that the output keeps, and where.

The method compares features F at all positions alike, `ContentTerm`. Two departures from it keep
faces, windows and outlines, and leave sky and walls to the style:

- `ContraharmonicContentTerm`, another mean of the differences;
- `importance`, a weight for each position. Where the content image has much to see, its features
  change from one position to the next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.losses.terms import Term, at_least_float32
from neural_style.model.views import View

REACH = 1 / 64
"""How far a window of `importance` reaches to each side, in units of the long edge; one position at
least."""

CHANNELS_AT_ONCE = 64
"""Channels whose means `importance` has in memory."""

SMALLEST_CONTRAST = 1e-3
"""Lower bound of the contrast in `importance`, in units of the norm of the features at a
position. An image of one color has only rounding errors of the features, which are smaller."""

SMALLEST_SQUARE = 1e-6
"""Lower bound of the square of that norm, for features that are all 0."""

SMALLEST_DIFFERENCE = 1e-18
"""Lower bound of a sum of differences; the squares of smaller ones would be 0 in float32."""


@dataclass(frozen=True)
class ContentTerm(Term):
    """Content loss at one layer: weight · mean(a · (F - F_content)²), the mean over C·H·W.

    Attributes:
        layer: the layer of the features F.
        weight: [B] or a number; alpha times the weight of the layer.
        target: features F_content of the content images, [B, C, H, W].
        importance: a, [B, 1, H, W] with a mean of 1; None for 1 everywhere.
    """

    layer: str
    weight: Tensor | float
    target: Tensor
    importance: Tensor | None = None

    @property
    def name(self) -> str:
        """`content/` and the layer."""
        return f"content/{self.layer}"

    def statistic(self, view: View) -> Tensor:
        """Sum of the squared differences, [B]."""
        return self._weighted(view, self._differences(view).square())

    def loss(self, statistic: Tensor) -> Tensor:
        """Weight · statistic / (C·H·W), [B]."""
        return self.weight * (statistic / self.target[0].numel())

    def _differences(self, view: View) -> Tensor:
        """F - F_content, [B, C, h, w]."""
        features = at_least_float32(view.features(self.layer))
        return features - view.crop(self.layer, self.target)

    def _weighted(self, view: View, values: Tensor) -> Tensor:
        """The sum of values [B, C, h, w] times their importance, [B]."""
        if self.importance is None:
            return values.flatten(start_dim=1).sum(dim=1)
        importance = view.crop(self.layer, self.importance)
        return (values.sum(dim=1, keepdim=True) * importance).sum(dim=(1, 2, 3))


@dataclass(frozen=True)
class ContraharmonicContentTerm(ContentTerm):
    """Content loss at one layer: weight · Σ(a·d²) / Σ(a·|d|) with d = F - F_content.

    This is the contraharmonic mean of the differences |d|, weighted by a; for a = 1, it is
    `ScaledMSELoss` of crowsonkb/style-transfer-pytorch. Its gradient, for a mean of v, is
    a · (2·d - v·sign d) / Σ(a·|d|): it makes differences of more than v / 2 smaller and others
    larger. So the strongest features of the content image stay, such as outlines and eyes, and the
    style is free in all others. The gradient is as large close to the content image as far from it.
    """

    def statistic(self, view: View) -> Tensor:
        """Sums of the squared and of the absolute differences, [B, 2]."""
        differences = self._differences(view)
        squares = self._weighted(view, differences.square())
        return torch.stack([squares, self._weighted(view, differences.abs())], dim=1)

    def loss(self, statistic: Tensor) -> Tensor:
        """Weight · the ratio of the sums, [B]; 0 where the features are those of the content."""
        squares, sums = statistic.unbind(dim=1)
        return self.weight * squares / sums.clamp(min=SMALLEST_DIFFERENCE)


CONTENT_TERMS: Mapping[str, type[ContentTerm]] = MappingProxyType(
    {"squared": ContentTerm, "contraharmonic": ContraharmonicContentTerm}
)
"""Value of `transfer.content_loss` → its term."""


def importance(features: Tensor, focus: float) -> Tensor | None:
    """How much each position of the content image counts: its contrast to the power of `focus`.

    The contrast is the standard deviation of the features in a window around the position, of all
    channels together, averaged over the same window.

    Args:
        features: of the content images, [B, C, H, W].
        focus: 0 for all positions alike.

    Returns:
        [B, 1, H, W] in float32 or float64 with a mean of 1 for each image; None for a focus of 0.
    """
    if not focus:
        return None
    reach = max(1, round(REACH * max(features.shape[2:])))
    squares = features.new_zeros(len(features), 1, *features.shape[2:], dtype=torch.float32)
    squared_means = squares.clone()
    parts = features.tensor_split(math.ceil(features.shape[1] / CHANNELS_AT_ONCE), dim=1)
    for part in map(at_least_float32, parts):
        squares = squares + part.square().sum(dim=1, keepdim=True)
        means = _mean_around(part, reach)
        squared_means = squared_means + means.square().sum(dim=1, keepdim=True)
    smallest = SMALLEST_CONTRAST**2 * squares.mean(dim=(1, 2, 3), keepdim=True).clamp(
        min=SMALLEST_SQUARE
    )
    variance = torch.maximum(_mean_around(squares, reach) - squared_means, smallest)
    powers = _mean_around(variance.sqrt(), reach).pow(focus)
    return powers / powers.mean(dim=(1, 2, 3), keepdim=True)


def _mean_around(maps: Tensor, reach: int) -> Tensor:
    """The mean of maps [B, C, H, W] in the window around each position, as far as the map goes."""
    size = 2 * reach + 1
    # Along columns, then along rows: that costs 2 · size in place of size².
    maps = functional.avg_pool2d(maps, (size, 1), 1, (reach, 0), count_include_pad=False)
    return functional.avg_pool2d(maps, (1, size), 1, (0, reach), count_include_pad=False)
