"""The function that is minimised, for pictures too large for the network in one go.

Mathematically it is that of `objective`: the Gram matrices are those of the whole picture, summed
over its tiles, and not a matrix a tile. Only the order of additions differs, and the memory, which
is that of one tile. The price is that every tile goes through the network with its surroundings
(see `tiling`), and once more for the sums, before any gradient is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from neural_style.loss.losses import Term
from neural_style.loss.objective import Evaluation, Objective
from neural_style.machine.device import full_precision
from neural_style.network.tiling import tiles_of
from neural_style.network.vgg import Vgg19
from neural_style.network.views import View, tile_view, views_of


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
    def parts(self, pictures: Tensor) -> Tensor:
        """Weighted loss of each term for pictures [B, 3, H, W] in [0, 1], [T, B]: values alone."""
        return self.losses(self._statistics(pictures))

    @full_precision()
    def __call__(self, pictures: Tensor) -> Evaluation:
        """Losses and gradient at pictures [B, 3, H, W] in [0, 1]."""
        with torch.no_grad():
            statistics = [each.requires_grad_() for each in self._statistics(pictures)]
        parts = self.losses(statistics)
        slopes = torch.autograd.grad(parts.sum(), statistics)
        gradient = torch.zeros_like(pictures, memory_format=torch.contiguous_format)
        height, width = pictures.shape[2:]
        for tile in tiles_of(height, width, self.edge, self.network.layers):
            seen = pictures[(..., *tile.seen)].detach().requires_grad_()
            shares = self._shares(tile_view(self.network, seen, tile))
            (slope,) = torch.autograd.grad(shares, seen, slopes)
            gradient[(..., *tile.seen)] += slope
        return Evaluation(parts.detach(), gradient)

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
