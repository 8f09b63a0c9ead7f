"""The coherence loss: changes of color along strokes, which make them lumpy.

Total variation counts changes of color in every direction, so a weight that takes a mesh of pixels
away softens the edges of strokes, too. The coherence loss counts only those along the strokes: it
lets long, crisp strokes be, and takes beads, meshes, and speckle out of them. Styles of dots, such
as pointillism, have no strokes, so changes count less where the share of strokes in the style image
is below `LARGEST_STRENGTH`, see `strength_of_style`.

The direction of the strokes is that of the structure tensor (Förstner and Gülch, 1987; for colors,
Di Zenzo, *A Note on the Gradient of a Multi-Image*, 1986), whose larger eigenvalue belongs to the
changes across them, and whose smaller one to those along them. Weickert, *Coherence-Enhancing
Diffusion Filtering* (1999), smooths images along these directions; here, they are in a term of the
loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from neural_style.losses.terms import Term
from neural_style.model.layers import POOL
from neural_style.model.vgg import PIXELS
from neural_style.model.views import View

COHERENCE_SCALE = 64.0
"""Factor on the coherence loss, chosen so that a weight of 1 gives long strokes at beta 1e6; see
"Coherence" in benchmarks/LOOK.md."""

WINDOW = 5
"""Cells: the side of the squares whose mean is taken, twice. The standard deviation is two."""

FLAT = 1e-4
"""ε of the coherence loss, in units of [0, 1] squared. Where the eigenvalues differ by much less,
there are no strokes, and changes in all directions count alike."""

SMALL = 0.01
"""δ of the coherence loss, in units of [0, 1]. Changes along strokes well above it, as at corners,
cost in proportion to themselves, and smaller ones, such as a mesh, to their square. So windows
stay."""

LARGEST_STRENGTH = 0.2
"""The largest share of strokes that counts; a larger one counts as this. Without the limit, outputs
in styles with many strokes lose more thin lines that meet, such as the leads of stained glass."""


@dataclass(frozen=True)
class CoherenceTerm(Term):
    """Coherence loss: the mean of the root of the smaller eigenvalue of the structure tensor.

    With the differences ∂₁ and ∂₂ of the colors between the columns and the rows of each square of
    2 × 2 pixels, its strength s, and a weighted mean ⟨·⟩ over its neighborhood and the color
    channels,

        J₁₁ = ⟨s ∂₁²⟩,  J₁₂ = ⟨s ∂₁ ∂₂⟩,  J₂₂ = ⟨s ∂₂²⟩,
        λ = (J₁₁ + J₂₂ + ε - √(ε² + (J₁₁ - J₂₂)² + 4 J₁₂²)) / 2,
        coherence = mean over places of √(δ² + λ) - δ.

    For stripes of any color and direction, λ is at most ε / 2, and it is larger where colors change
    along them. Since s is within the root, changes well below δ count in proportion to s, and those
    well above it to its root.

    Attributes:
        weight: [B] or a number; `COHERENCE_SCALE` times the weight of the settings.
        strength: how strongly it acts on each pixel, [B, 1, H, W] in [0, 1]: the
            `strength_of_style` of the style that acts there.
        levels: of the pyramid. The neighborhood is measured in cells of 2^(levels - 1) pixels, so
            that it grows with the strokes.
    """

    weight: Tensor | float
    strength: Tensor
    levels: int = 1

    @property
    def name(self) -> str:
        """`smoothness/coherence`, its column in losses.csv."""
        return "smoothness/coherence"

    def statistic(self, view: View) -> Tensor:
        """The view's share of the products of differences in each cell, [B, 3, H', W']."""
        height, width = view.features(PIXELS).shape[2:]
        products = _products_of_differences(view.features_with_next(PIXELS))
        # At the border of the image there is no square, and the products are 0.
        rows, columns = products.shape[2:]
        products = functional.pad(products, (0, width - columns, 0, height - rows))
        products = products * view.crop(PIXELS, self.strength)
        cells = functional.avg_pool2d(products, POOL ** (self.levels - 1))
        return view.place(f"conv{self.levels}_1", cells)

    def loss(self, statistic: Tensor) -> Tensor:
        """Weight · coherence loss, [B]."""
        total, difference = _sum_and_difference(statistic, FLAT)
        along = torch.sqrt(SMALL**2 + (total + FLAT - difference) / 2) - SMALL
        return self.weight * along.mean(dim=(1, 2))


def strength_of_style(image: Tensor, guide: Tensor | None = None) -> Tensor:
    """How strongly the loss acts where a style image does: `stroke_share`, with a limit.

    Args are those of `stroke_share`.

    Returns:
        A number from 0 to `LARGEST_STRENGTH`, without dimensions.
    """
    return stroke_share(image, guide).clamp(max=LARGEST_STRENGTH)


@torch.no_grad()
def stroke_share(image: Tensor, guide: Tensor | None = None) -> Tensor:
    """How much of a style image is strokes: the square of its mean coherence.

    The coherence is the difference of the eigenvalues of the structure tensor divided by their sum,
    each a mean over the image. It is 1 for stripes, and small for dots and grain.

    Args:
        image: [1, 3, h, w] in [0, 1], as large as the output at the coarsest level of the pyramid,
            about 512 pixels or less. In larger ones, fine grain counts more.
        guide: weight of each pixel, [1, 1, h, w] in [0, 1]; None for 1 everywhere.

    Returns:
        A number in [0, 1], without dimensions; 0 for an even image.
    """
    products = _products_of_differences(image)
    if guide is not None:
        products = products * guide[..., :-1, :-1]
    total, difference = _sum_and_difference(products, 0)
    return (difference.sum() / total.sum().clamp(min=torch.finfo(total.dtype).tiny)).square()


def _products_of_differences(pixels: Tensor) -> Tensor:
    """∂₁², ∂₁ ∂₂, and ∂₂² of each square of 2 × 2 pixels, [B, 3, H - 1, W - 1]."""
    down, right = pixels.diff(dim=2), pixels.diff(dim=3)
    down = (down[..., 1:] + down[..., :-1]) / 2
    right = (right[..., 1:, :] + right[..., :-1, :]) / 2
    return torch.stack([right * right, right * down, down * down], dim=1).mean(dim=2)


def _sum_and_difference(products: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Sum and difference of the eigenvalues of the structure tensor at each place, [B, H, W]."""
    for _ in range(2):
        products = functional.avg_pool2d(
            products, WINDOW, stride=1, padding=WINDOW // 2, count_include_pad=False
        )
    right, mixed, down = products.unbind(dim=1)
    squared = (right - down).square() + 4 * mixed.square()
    return right + down, torch.sqrt(epsilon**2 + squared)
