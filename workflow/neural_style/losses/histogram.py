"""The color histogram loss: how often each color occurs in the output and in the style images.

The style loss constrains the mean of the colors and how much they vary, but not how often each
occurs. Histograms say it, as those of the features do in Risser, Wilmot and Barnes, *Stable and
Controllable Neural Texture Synthesis and Style Transfer Using Histogram Losses* (2017). Here they
are those of the pixels along some directions in RGB, as in the sliced distances of Rabin, Peyré,
Delon and Bernot (*Wasserstein Barycenter and its Application to Texture Mixing*, 2011), and their
distance is that of Cramér, as in Bellemare et al., *The Cramer Distance as a Solution to Biased
Wasserstein Gradients* (2017): its gradient is proportional to how much too many or too few colors
are below a value.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.losses.problem import StyleReference
from neural_style.losses.terms import GradientContext, Term, exact_dtype, flatten_positions
from neural_style.model.vgg import PIXELS
from neural_style.model.views import View

HISTOGRAM_SCALE = 3e-4
"""Factor on beta, chosen so that a weight of 1 brings the palette of the preset `best` 1.7 to 2.4
times as close to the style's; see "The color histogram" in benchmarks/LOOK.md."""

DIRECTIONS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1), (1, -1, 0), (0, 1, -1), (1, 0, -1))
"""Along which colors are compared: red, green, blue, gray, and the differences of two of them."""

BINS = 96
"""Of a histogram. A color counts in two bins, by its distance to their centers."""

PIXELS_AT_ONCE, PIXELS_AT_ONCE_ON_CPU = 2**20, 2**14
"""Pixels whose bins are in memory, about 200 bytes each; on a CPU, in the cache."""


@dataclass(frozen=True)
class ColorAxes:
    """The directions in RGB, as tensors that stay on the device of the images.

    Attributes:
        directions: `DIRECTIONS` as unit vectors, [K, 3].
        starts: the smallest value that a color in [0, 1]³ has along each of them, [K].
        ranges: the largest value less the smallest, [K].
    """

    directions: Tensor
    starts: Tensor
    ranges: Tensor

    @classmethod
    def like(cls, images: Tensor) -> ColorAxes:
        """Make them in the dtype and on the device of images."""
        directions = functional.normalize(images.new_tensor(DIRECTIONS), dim=1)
        starts = directions.clamp(max=0).sum(dim=1)
        return cls(directions, starts, directions.clamp(min=0).sum(dim=1) - starts)


@dataclass(frozen=True)
class HistogramTerm(Term):
    """Color histogram loss: weight · a · mean over directions of ∫ (F(t) - F'(t))² dt.

    F and F' are the cumulative distributions of the colors of output and style along a direction,
    and t goes over all values that a color in [0, 1]³ can have there. This is the sliced Cramér
    distance, of F and F' averaged over each of the BINS - 1 intervals between centers of bins. The
    factor a is the mean of the guide, or 1, as in `guided.GuidedStyleTerm`.

    Attributes:
        weight: [B] or a number; beta times the weight of the settings times `HISTOGRAM_SCALE`.
        target: histograms of the style images, [B, K, BINS], see `color_histograms`.
        axes: the directions.
        guide: how much each pixel counts, [B, 1, H, W] in [0, 1]; None for all alike.
    """

    weight: Tensor | float
    target: Tensor
    axes: ColorAxes
    guide: Tensor | None = None

    @property
    def name(self) -> str:
        """`palette/color_histogram`, its column in losses.csv."""
        return "palette/color_histogram"

    def statistic(self, view: View) -> Tensor:
        """The view's share of the histograms, [B, K, BINS]."""
        pixels = view.features(PIXELS)
        if self.guide is None:
            total = math.prod(view.full_size(PIXELS))
            return color_histograms(pixels, self.axes, total=total)
        guide = view.crop(PIXELS, self.guide)
        return color_histograms(pixels, self.axes, guide, self.guide.sum(dim=(1, 2, 3)))

    def loss(self, statistic: Tensor) -> Tensor:
        """Weight · a · the mean of the distances, [B]."""
        differences = (statistic - self.target).cumsum(dim=2)
        distances = differences.square().sum(dim=2) * self.axes.ranges / (BINS - 1)
        area = 1.0 if self.guide is None else self.guide.mean(dim=(1, 2, 3))
        return self.weight * area * distances.mean(dim=1)


def blended_histograms(styles: Sequence[StyleReference]) -> Tensor:
    """The histograms of a blend of styles, [1, K, BINS]: the weighted sum of theirs."""
    axes = ColorAxes.like(styles[0].image)
    weighted = [style.weight * color_histograms(style.image, axes, style.guide) for style in styles]
    return torch.stack(weighted).sum(dim=0)


def color_histograms(
    pixels: Tensor,
    axes: ColorAxes,
    guide: Tensor | None = None,
    total: Tensor | float | None = None,
) -> Tensor:
    """The histograms of colors along directions.

    Args:
        pixels: [B, 3, H, W] in [0, 1].
        axes: the directions.
        guide: how much each pixel counts, [B, 1, H, W], not negative; None for 1 everywhere.
        total: sum of the guide of the whole image, [B] or a number, if these are pixels of a tile.

    Returns:
        [B, K, BINS], each of sum 1, or 0 if the guide is 0 everywhere. A color outside of the range
        counts in the bin at its end, with the gradient that it has just inside.
    """
    colors = flatten_positions(pixels)
    counts = colors.new_ones(1, 1) if guide is None else flatten_positions(guide)[..., 0]
    if total is None:
        total = float(colors.shape[1]) if guide is None else counts.sum(dim=1)
    if isinstance(total, Tensor):
        total = total.clamp(min=torch.finfo(total.dtype).tiny).unsqueeze(1)
    histograms: Tensor = _Histograms.apply(colors, (counts / total).unsqueeze(1), axes)
    return histograms


class _Histograms(torch.autograd.Function):
    """Sums of shares [B or 1, 1, N or 1] of colors [B, N, 3] in the bins of each direction.

    It keeps the colors for the gradient and not their bins, which are larger.
    """

    @staticmethod
    def forward(ctx: GradientContext, colors: Tensor, shares: Tensor, axes: ColorAxes) -> Tensor:
        ctx.save_for_backward(colors, shares, axes.directions, axes.starts, axes.ranges)
        # In float32, the sum of millions of small shares would lose digits.
        exact = exact_dtype(colors.device)
        histograms = shares.new_zeros(len(colors), len(axes.directions), BINS, dtype=exact)
        for part, part_shares in _parts_of(colors, shares):
            bins, fractions = _bins_of(part, axes)
            upper = fractions.mul_(part_shares).to(exact)
            histograms.scatter_add_(2, bins, part_shares.to(exact) - upper)
            histograms.scatter_add_(2, bins + 1, upper)
        return histograms.to(colors.dtype)

    @staticmethod
    def backward(ctx: GradientContext, grad_histograms: Tensor) -> tuple[Tensor, None, None]:
        colors, shares, *directions = ctx.saved_tensors
        axes = ColorAxes(*directions)
        slopes = grad_histograms.diff(dim=2) * ((BINS - 1) / axes.ranges.unsqueeze(1))
        gradients = []
        for part, part_shares in _parts_of(colors, shares):
            along = slopes.gather(2, _bins_of(part, axes)[0]) * part_shares
            gradients.append(along.mT @ axes.directions)
        return torch.cat(gradients, dim=1), None, None


def _parts_of(colors: Tensor, shares: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Some colors [B, n, 3] at once, with their shares, [B or 1, 1, n or 1]."""
    on_cpu = colors.device.type == "cpu"
    pixels = PIXELS_AT_ONCE_ON_CPU if on_cpu else PIXELS_AT_ONCE
    number = math.ceil(colors.shape[1] / pixels)
    for place, part in enumerate(colors.tensor_split(number, dim=1)):
        alike = shares.shape[2] == 1
        yield part, shares if alike else shares.tensor_split(number, dim=2)[place]


def _bins_of(colors: Tensor, axes: ColorAxes) -> tuple[Tensor, Tensor]:
    """The lower of the two bins of each color [B, N, 3] along each direction, and the upper's part.

    Returns:
        bins: [B, K, N], from 0 to BINS - 2.
        fractions: how much of a color counts in the bin after it, [B, K, N] in [0, 1].
    """
    scales = (BINS - 1) / axes.ranges
    scaled = (axes.directions * scales.unsqueeze(1)).expand(len(colors), -1, -1)
    positions = torch.baddbmm(-(axes.starts * scales).unsqueeze(1), scaled, colors.mT)
    # NaN, which no clamping changes, becomes a bin as well: the loss is NaN, and its step rejected.
    bins = positions.clamp(0, BINS - 2).long().clamp_(0, BINS - 2)
    return bins, positions.sub_(bins).clamp_(0, 1)
