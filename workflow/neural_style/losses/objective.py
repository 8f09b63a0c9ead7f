"""The function that is minimized: pictures in, losses and gradient out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from neural_style.losses.terms import Term
from neural_style.model.tiles import tiles_of
from neural_style.model.vgg import Vgg19, View, full_precision, tile_view, views_of, whole_view


@dataclass(frozen=True)
class Evaluation:
    """The losses of a batch of pictures, and where they lead.

    Attributes:
        losses: weighted loss of each term and image, [T, B].
        gradient: of each image's total loss, [B, 3, H, W].
    """

    losses: Tensor
    gradient: Tensor

    @property
    def total(self) -> Tensor:
        """Sum over the terms, [B]."""
        return self.losses.sum(dim=0)


class Evaluator(Protocol):
    """What an optimization needs of an objective."""

    @property
    def term_names(self) -> tuple[str, ...]:
        """The names of the terms, in the order of `Evaluation.losses`."""

    def __call__(self, pictures: Tensor) -> Evaluation:
        """Losses and gradient at pictures [B, 3, H, W] in [0, 1]."""


class Objective:
    """The sum of terms, for each picture of a batch on its own.

    What is in float32 is computed in float32, whatever CUDA would do by itself.

    Args:
        network: gives the features that the terms ask for.
        terms: the summands.
    """

    def __init__(self, network: Vgg19, terms: Sequence[Term]) -> None:
        self.network = network
        self.terms = tuple(terms)

    @property
    def term_names(self) -> tuple[str, ...]:
        """The names of the terms, in the order of `losses`."""
        return tuple(term.name for term in self.terms)

    @full_precision()
    def losses(self, pictures: Tensor) -> Tensor:
        """Weighted loss of each term for pictures [B, 3, H, W] in [0, 1]: [T, B]."""
        whole = whole_view(self.network, pictures)
        return self.weighted_losses([term.statistic(whole) for term in self.terms])

    def weighted_losses(self, statistics: Sequence[Tensor]) -> Tensor:
        """Weighted loss of each term from its statistic of whole pictures: [T, B]."""
        pairs = zip(self.terms, statistics, strict=True)
        return torch.stack([term.loss(statistic) for term, statistic in pairs])

    @full_precision()
    def __call__(self, pictures: Tensor) -> Evaluation:
        """Losses and gradient at pictures [B, 3, H, W] in [0, 1]."""
        variable = pictures.detach().requires_grad_()
        losses = self.losses(variable)
        (gradient,) = torch.autograd.grad(losses.sum(), variable)
        return Evaluation(losses.detach(), gradient.contiguous())


# MERGED: The function that is minimized, for pictures too large for the network in one go.
#
# Mathematically it is that of `objective`: the Gram matrices are those of the whole picture, summed
# over its tiles, and not a matrix a tile. Only the order of additions differs, and the memory, which
# is that of one tile. The price is that every tile goes through the network with its surroundings
# (see `tiling`), and once more for the sums, before any gradient is known.


class TiledObjective(Objective):
    """The sum of terms for each picture of a batch on its own, looked at tile by tile.

    Args:
        network: gives the features that the terms ask for.
        terms: the summands.
        edge: of the tiles, see `tiling.tiles_of`.
    """

    def __init__(self, network: Vgg19, terms: Sequence[Term], edge: int) -> None:
        super().__init__(network, terms)
        self.edge = edge

    @torch.no_grad()
    @full_precision()
    def losses(self, pictures: Tensor) -> Tensor:
        """Weighted loss of each term for pictures [B, 3, H, W] in [0, 1], [T, B]: values alone."""
        return self.weighted_losses(self._statistics(pictures))

    @full_precision()
    def __call__(self, pictures: Tensor) -> Evaluation:
        """Losses and gradient at pictures [B, 3, H, W] in [0, 1]."""
        with torch.no_grad():
            statistics = [each.requires_grad_() for each in self._statistics(pictures)]
        losses = self.weighted_losses(statistics)
        slopes = torch.autograd.grad(losses.sum(), statistics)
        gradient = torch.zeros_like(pictures, memory_format=torch.contiguous_format)
        height, width = pictures.shape[2:]
        for tile in tiles_of(height, width, self.edge, self.network.layers):
            seen = pictures[(..., *tile.seen)].detach().requires_grad_()
            shares = self._shares(tile_view(self.network, seen, tile))
            (slope,) = torch.autograd.grad(shares, seen, slopes)
            gradient[(..., *tile.seen)] += slope
        return Evaluation(losses.detach(), gradient)

    def _statistics(self, pictures: Tensor) -> list[Tensor]:
        """What each term has to know of whole pictures."""
        views = views_of(self.network, pictures, self.edge)
        return sums(self._shares(view) for view in views)

    def _shares(self, view: View) -> list[Tensor]:
        """What a view adds to that."""
        return [term.statistic(view) for term in self.terms]


def sums(shares: Iterable[Sequence[Tensor]]) -> list[Tensor]:
    """The sum of the first tensors of all, of the second of all, and so on."""
    total: list[Tensor] = []
    for each in shares:
        total = [one + other for one, other in zip(total, each, strict=True)] if total else [*each]
    return total
