"""A safeguard against bad steps, in place of a line search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from neural_style.losses.objective import Evaluation

MAX_LOSS_RATIO = 10.0
"""A step is rejected if it makes the loss more than this many times the best loss."""

MAX_FAILURES = 3
"""A problem has diverged after so many non-finite losses without an improvement in between."""

MAX_END_RATIO = 1.5
"""The best image takes the place of the last one of a stage whose loss is more than this many times
the best loss."""

SHARE_MEMORY_ABOVE = 3 * 1536 * 1536
"""Values per problem. Above this size, the best and the current iterate share memory when they are
equal; that check synchronizes with the GPU."""


@dataclass(frozen=True)
class SafeguardState:
    """The memory of a `Safeguard`.

    Attributes:
        best: the best iterates, [B, ...].
        evaluation: the objective at `best`.
        lowest: the losses at `best`, [B]; a number above all losses for a start without a finite
            loss.
        failures: non-finite losses of each problem since its last improvement, [B].
        diverged: which problems failed too often, or started from a non-finite loss, [B] of
            booleans.
    """

    best: Tensor
    evaluation: Evaluation
    lowest: Tensor
    failures: Tensor
    diverged: Tensor


class Safeguard:
    """Keeps the best iterate of each problem and returns to it when a step is rejected.

    A step is rejected if it makes the loss or the gradient infinite or NaN, or the loss larger than
    `MAX_LOSS_RATIO` times the best one. Only non-finite losses count towards `MAX_FAILURES`: a step
    that is merely too long is cured by shorter ones. Nothing here synchronizes with the GPU, except
    for problems of more than `SHARE_MEMORY_ABOVE` values; those iterates are kept without a copy:
    do not modify them in place.

    Args:
        state: the memory to begin with; see `begin`.

    Attributes:
        state: the memory.
    """

    def __init__(self, state: SafeguardState) -> None:
        self.state = state

    @classmethod
    def begin(cls, x: Tensor, evaluation: Evaluation) -> Self:
        """The safeguard of problems at their first iterates.

        Args:
            x: the iterates, [B, ...].
            evaluation: the objective at `x`.
        """
        losses = _finite_or_infinite(evaluation)
        lowest = losses.clamp(max=torch.finfo(losses.dtype).max / (2 * MAX_LOSS_RATIO))
        failures = torch.zeros_like(losses, dtype=torch.int)
        diverged = losses == torch.inf
        return cls(SafeguardState(x.clone(), evaluation, lowest, failures, diverged))

    def check(self, x: Tensor, evaluation: Evaluation) -> tuple[Tensor, Evaluation, Tensor]:
        """Accept or reject a step of each problem; a rejected one is replaced by the best so far.

        Args:
            x: the iterates, [B, ...].
            evaluation: the objective at `x`.

        Returns:
            The iterates to continue from, the objective there, and which steps were rejected, [B].
        """
        before, losses = self.state, _finite_or_infinite(evaluation)
        worse = losses >= before.lowest
        rejected = losses > MAX_LOSS_RATIO * before.lowest
        failures = (before.failures + (losses == torch.inf)) * worse
        self.state = after = SafeguardState(
            best=_select(worse, before.best, x),
            evaluation=_select_evaluation(worse, before.evaluation, evaluation),
            lowest=torch.minimum(before.lowest, losses),
            failures=failures,
            diverged=before.diverged | (failures >= MAX_FAILURES),
        )
        return (
            _select(rejected, after.best, x),
            _select_evaluation(rejected, after.evaluation, evaluation),
            rejected,
        )

    def settle(self, x: Tensor, evaluation: Evaluation) -> tuple[Tensor, Evaluation, Tensor]:
        """Replace the last iterates by the best ones where they are much worse.

        Steps that are too long for a problem, such as those of Adam with a high learning rate, are
        not rejected as long as the loss stays below `MAX_LOSS_RATIO` times the best one.

        Args:
            x: the iterates, [B, ...].
            evaluation: the objective at `x`.

        Returns:
            The iterates and the objective there, and `Progress.excess`.
        """
        best = self.state.evaluation.total
        worse = (best > 0) & (evaluation.total > MAX_END_RATIO * best)
        return (
            _select(worse, self.state.best, x),
            _select_evaluation(worse, self.state.evaluation, evaluation),
            torch.where(worse, evaluation.total / best, 1.0),
        )


def _finite_or_infinite(evaluation: Evaluation) -> Tensor:
    """The loss of each problem, [B]; infinite if it or the gradient is not finite."""
    total, gradient = evaluation.total, evaluation.gradient.flatten(start_dim=1)
    size = torch.linalg.vector_norm(gradient, ord=1, dim=1) + total
    # 0 times what is not finite is NaN.
    return torch.add(total, size, alpha=0).nan_to_num(nan=torch.inf)


def _select(chosen: Tensor, these: Tensor, those: Tensor) -> Tensor:
    """For each problem, `these` where `chosen` [B] is true and `those` elsewhere."""
    if those[0].numel() > SHARE_MEMORY_ABOVE and not bool(chosen.any()):
        return those
    return torch.where(chosen.view(-1, *[1] * (these.dim() - 1)), these, those)


def _select_evaluation(chosen: Tensor, these: Evaluation, those: Evaluation) -> Evaluation:
    """For each problem, one of two evaluations."""
    return Evaluation(
        losses=torch.where(chosen, these.losses, those.losses),
        gradient=_select(chosen, these.gradient, those.gradient),
    )
