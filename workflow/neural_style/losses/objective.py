"""The objective: images in, the losses of all terms and the gradient out.

`Objective` evaluates the network on whole images. `TiledObjective` computes the same function for
images that are too large for that, in the memory of one tile. `PyramidObjective` also looks at
the images at half their size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from neural_style.losses.resampling import halve
from neural_style.losses.terms import KINDS, LossFunction, Term, join_terms
from neural_style.model.layers import split_into_tiles
from neural_style.model.vgg import Vgg19, extract_features, full_precision
from neural_style.model.views import TileView, View, WholeView, iterate_views


@dataclass(frozen=True)
class Evaluation:
    """The losses of a batch of images and their gradient.

    Attributes:
        losses: weighted loss of each term and image, [T, B].
        gradient: of each image's total loss, [B, 3, H, W].
    """

    losses: Tensor
    gradient: Tensor

    @property
    def total(self) -> Tensor:
        """The loss of each image: the sum over the terms, [B]."""
        return self.losses.sum(dim=0)


class Evaluator(Protocol):
    """What an optimization needs of an objective."""

    @property
    def term_names(self) -> tuple[str, ...]:
        """The names of the terms, in the order of `Evaluation.losses`."""

    def __call__(self, images: Tensor) -> Evaluation:
        """Compute losses and gradient at images [B, 3, H, W] in [0, 1]."""


class Objective:
    """The weighted sum of terms, computed separately for each image of a batch.

    TF32 is disabled (see `vgg.full_precision`).

    Args:
        network: computes the features of at least the layers that the terms use.
        terms: the terms of the loss.
    """

    def __init__(self, network: Vgg19, terms: Sequence[Term]) -> None:
        self.network = network
        self.terms = tuple(terms)

    @property
    def term_names(self) -> tuple[str, ...]:
        """The names of the terms, in the order of the losses."""
        return tuple(term.name for term in self.terms)

    @full_precision()
    def __call__(self, images: Tensor) -> Evaluation:
        """Compute losses and gradient at images [B, 3, H, W] in [0, 1]."""
        variable = images.detach().requires_grad_()
        view = WholeView(extract_features(self.network, variable))
        losses = self._losses_of(self._statistics_of(view))
        (gradient,) = torch.autograd.grad(losses.sum(), variable)
        return Evaluation(losses.detach(), gradient.contiguous())

    @torch.no_grad()
    @full_precision()
    def losses_at(self, images: Tensor) -> Tensor:
        """Compute the weighted loss of each term, [T, B], for images [B, 3, H, W] in [0, 1]."""
        view = WholeView(extract_features(self.network, images))
        return self._losses_of(self._statistics_of(view))

    def _statistics_of(self, view: View) -> list[Tensor]:
        """The statistic of each term for a view."""
        return [term.statistic(view) for term in self.terms]

    def _losses_of(self, statistics: Sequence[Tensor]) -> Tensor:
        """The weighted loss of each term, [T, B], from the statistics of whole images."""
        return torch.stack(self._joined(statistics))

    @cached_property
    def _joined(self) -> LossFunction:
        """The losses of all terms, joined at first use. A pyramid never uses its own."""
        return join_terms(self.terms)


class TiledObjective(Objective):
    """`Objective`, computed tile by tile.

    The function is the same: statistics such as Gram matrices are summed over the tiles before
    the loss is computed, so only the order of additions differs. Peak memory is that of one tile.
    The cost: every tile passes the network with its margin (see `layers`), and twice, because the
    gradient needs the statistics of the whole image.

    Args:
        network: computes the features of at least the layers that the terms use.
        terms: the terms of the loss.
        tile: the size of the tiles, see `layers.split_into_tiles`.
    """

    def __init__(self, network: Vgg19, terms: Sequence[Term], tile: int) -> None:
        super().__init__(network, terms)
        self.tile = tile

    @full_precision()
    def __call__(self, images: Tensor) -> Evaluation:
        """Compute losses and gradient at images [B, 3, H, W] in [0, 1]."""
        with torch.no_grad():
            statistics = [each.requires_grad_() for each in self._whole_statistics(images)]
        losses = self._losses_of(statistics)
        grad_statistics = torch.autograd.grad(losses.sum(), statistics)
        gradient = torch.zeros_like(images, memory_format=torch.contiguous_format)
        height, width = images.shape[2:]
        for tile in split_into_tiles(height, width, self.tile, self.network.layers):
            pixels = images[(..., *tile.input)].detach().requires_grad_()
            view = TileView(extract_features(self.network, pixels), tile)
            (grad_pixels,) = torch.autograd.grad(self._statistics_of(view), pixels, grad_statistics)
            gradient[(..., *tile.input)] += grad_pixels
        return Evaluation(losses.detach(), gradient)

    @torch.no_grad()
    @full_precision()
    def losses_at(self, images: Tensor) -> Tensor:
        """Compute the weighted loss of each term, [T, B], for images [B, 3, H, W] in [0, 1]."""
        return self._losses_of(self._whole_statistics(images))

    def _whole_statistics(self, images: Tensor) -> list[Tensor]:
        """The statistic of each term for whole images."""
        views = iterate_views(self.network, images, self.tile)
        return sum_statistics(self._statistics_of(view) for view in views)


class PyramidObjective(Objective):
    """An objective, and another one of the same images at half their size.

    The other one may be a pyramid, too. The losses of terms of the same name are added. All are in
    the order that they have at one size, because stages of one size and pyramids share losses.csv.

    Args:
        full: the objective at the size of the images.
        half: the objective of what `resampling.halve` makes of the images.
    """

    def __init__(self, full: Objective, half: Objective) -> None:
        only_half = [term for term in half.terms if term.name not in full.term_names]
        terms = [*only_half, *full.terms]
        terms.sort(key=lambda term: KINDS.index(term.kind))
        super().__init__(full.network, terms)
        self.full = full
        self.half = half

    def __call__(self, images: Tensor) -> Evaluation:
        """Compute losses and gradient at images [B, 3, H, W] in [0, 1]."""
        variable = images.detach().requires_grad_()
        halved = halve(variable)
        at_half = self.half(halved)
        (gradient,) = torch.autograd.grad(halved, variable, at_half.gradient)
        at_full = self.full(images)
        losses = self._sum(at_full.losses, at_half.losses)
        return Evaluation(losses, gradient.add_(at_full.gradient))

    @torch.no_grad()
    def losses_at(self, images: Tensor) -> Tensor:
        """Compute the weighted loss of each term, [T, B], for images [B, 3, H, W] in [0, 1]."""
        return self._sum(self.full.losses_at(images), self.half.losses_at(halve(images)))

    def _sum(self, full: Tensor, half: Tensor) -> Tensor:
        """The losses of all terms from those of the two objectives."""
        at_full = dict(zip(self.full.term_names, full, strict=True))
        at_half = dict(zip(self.half.term_names, half, strict=True))
        nothing = torch.zeros_like(full[0])
        return torch.stack(
            [at_full.get(name, nothing) + at_half.get(name, nothing) for name in self.term_names]
        )


def sum_statistics(statistics: Iterable[Sequence[Tensor]]) -> list[Tensor]:
    """Add up the statistics of several views, term by term."""
    total: list[Tensor] = []
    for each in statistics:
        total = [one + other for one, other in zip(total, each, strict=True)] if total else [*each]
    return total
