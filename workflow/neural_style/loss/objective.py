"""The function that is minimised: pictures in, losses and gradient out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from neural_style.loss.losses import Term
from neural_style.machine.device import full_precision
from neural_style.network.vgg import Vgg19
from neural_style.network.views import whole_view


@dataclass(frozen=True)
class Evaluation:
    """The losses of a batch of pictures, and where they lead.

    Attributes:
        parts: weighted loss of each term and image, [T, B].
        gradient: of each image's total loss, [B, 3, H, W].
    """

    parts: Tensor
    gradient: Tensor

    @property
    def total(self) -> Tensor:
        """Sum of the parts, [B]."""
        return self.parts.sum(dim=0)


class Evaluator(Protocol):
    """What an optimisation needs of an objective."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the terms, in the order of `Evaluation.parts`."""

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
    def names(self) -> tuple[str, ...]:
        """The names of the terms, in the order of `parts`."""
        return tuple(term.name for term in self.terms)

    @full_precision()
    def parts(self, pictures: Tensor) -> Tensor:
        """Weighted loss of each term for pictures [B, 3, H, W] in [0, 1]: [T, B]."""
        whole = whole_view(self.network, pictures)
        return self.losses([term.statistic(whole) for term in self.terms])

    def losses(self, statistics: Sequence[Tensor]) -> Tensor:
        """Weighted loss of each term from its statistic of whole pictures: [T, B]."""
        pairs = zip(self.terms, statistics, strict=True)
        return torch.stack([term.loss(statistic) for term, statistic in pairs])

    @full_precision()
    def __call__(self, pictures: Tensor) -> Evaluation:
        """Losses and gradient at pictures [B, 3, H, W] in [0, 1]."""
        variable = pictures.detach().requires_grad_()
        parts = self.parts(variable)
        (gradient,) = torch.autograd.grad(parts.sum(), variable)
        return Evaluation(parts.detach(), gradient.contiguous())
