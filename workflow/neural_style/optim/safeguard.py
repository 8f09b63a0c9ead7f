"""A safeguard against bad steps, in place of a line search."""

from __future__ import annotations

from collections.abc import Sequence
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
        # A loss of at least lowest · factor + offset is worse, is rejected, or is not finite. The
        # second offset is for a lowest loss of 0.
        offsets = [0, torch.finfo(state.lowest.dtype).tiny, torch.inf]
        constants = state.lowest.new_tensor([[1, MAX_LOSS_RATIO, 0], offsets])
        self._factors, self._offsets = constants.unsqueeze(2)

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
        limits = torch.addcmul(self._offsets, self._factors, before.lowest)
        flags = losses >= limits
        worse, rejected, infinite = flags
        # Two tensors, because who keeps an image should not have to keep the best one, too.
        best, x = (_select(flag[None], before.best, x)[0] for flag in (worse, rejected))
        best_evaluation, evaluation = _select_evaluation(flags[:2], before.evaluation, evaluation)
        failures = torch.addcmul(infinite, before.failures, worse)
        self.state = SafeguardState(
            best=best,
            evaluation=best_evaluation,
            lowest=torch.minimum(before.lowest, losses),
            failures=failures,
            diverged=before.diverged | (failures >= MAX_FAILURES),
        )
        return x, evaluation, rejected

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
        excess = torch.where(worse, evaluation.total / best, 1.0)
        (x,) = _select(worse[None], self.state.best, x)
        (evaluation,) = _select_evaluation(worse[None], self.state.evaluation, evaluation)
        return x, evaluation, excess


def _finite_or_infinite(evaluation: Evaluation) -> Tensor:
    """The loss of each problem, [B]; infinite if it or the gradient is not finite."""
    total, gradient = evaluation.total, evaluation.gradient.flatten(start_dim=1)
    size = torch.linalg.vector_norm(gradient, ord=1, dim=1)
    # 0 times what is not finite is NaN.
    total = torch.add(total, size, alpha=0)
    return total.nan_to_num(nan=torch.inf, posinf=torch.inf, neginf=torch.inf)


def _select(flags: Tensor, these: Tensor, those: Tensor) -> Sequence[Tensor]:
    """For each row of flags [F, B], `these` of each problem where it is set, and else `those`."""
    rows = flags.view(*flags.shape, *[1] * (these.dim() - 1))
    if those[0].numel() > SHARE_MEMORY_ABOVE:
        return [torch.where(row, these, those) if bool(row.any()) else those for row in rows]
    return torch.where(rows, these, those).unbind()


def _select_evaluation(flags: Tensor, these: Evaluation, those: Evaluation) -> list[Evaluation]:
    """For each row of flags [F, B], one of two evaluations of each problem."""
    losses = torch.where(flags.unsqueeze(1), these.losses, those.losses)
    gradients = _select(flags, these.gradient, those.gradient)
    return [Evaluation(*each) for each in zip(losses, gradients, strict=True)]
