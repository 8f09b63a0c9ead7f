"""The way back from a step that went wrong: every problem returns to its best iterate."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from neural_style.loss.objective import Evaluation

EXPLOSION = 10.0
"""A loss this many times the best one is no overshoot any more."""

LARGE = 3 * 1536 * 1536
"""Numbers of an iterate from which on it is worth a moment's wait for the device to keep no second
copy of what is the best as a rule: the present one."""

LIMIT = 3
"""So many times without a number, with no better picture in between, and a problem is given up."""


@dataclass(frozen=True)
class SafeguardState:
    """What a `Safeguard` knows.

    Attributes:
        best: the best iterates, [B, ...].
        evaluation: the objective there.
        failures: how often each problem failed since its last progress, [B].
        gave_up: [B].
    """

    best: Tensor
    evaluation: Evaluation
    failures: Tensor
    gave_up: Tensor


class Safeguard:
    """Keeps the best iterate of each problem and puts it back when a step was bad.

    A step is bad if it made the loss or the gradient infinite or NaN, or the loss larger than
    `EXPLOSION` times the best. Only the former is ever hopeless: a step that is merely too long,
    as the first one is near an optimum, is cured by shorter ones. The host waits for nothing here,
    except with iterates so large that it does not matter, which are kept and not copied: nobody may
    change them.

    Args:
        x: the first iterates, [B, ...].
        evaluation: the objective at `x`.
    """

    def __init__(self, x: Tensor, evaluation: Evaluation) -> None:
        self.best = x.clone()
        self.evaluation = evaluation
        self._failures = torch.zeros_like(evaluation.total, dtype=torch.int)
        self.gave_up = ~_finite(evaluation)
        """[B]: which problems failed too often, or started from a loss that is not finite."""

    def catch(self, x: Tensor, evaluation: Evaluation) -> tuple[Tensor, Evaluation, Tensor]:
        """Look at the iterates after a step, and replace the bad ones by the best so far.

        Args:
            x: the iterates, [B, ...].
            evaluation: the objective at `x`.

        Returns:
            Iterates to go on from, the objective there, and which problems fell, [B].
        """
        finite = _finite(evaluation)
        good = finite & (evaluation.total <= EXPLOSION * self.evaluation.total)
        better = good & (evaluation.total < self.evaluation.total)
        self._failures = torch.where(better, 0, self._failures + (~finite).int())
        self.gave_up = self.gave_up | (self._failures >= LIMIT)
        self.best = _choose(better, x, self.best)
        self.evaluation = _merge(better, evaluation, self.evaluation)
        return (
            _choose(good, x, self.best),
            _merge(good, evaluation, self.evaluation),
            ~good,
        )

    def state(self) -> SafeguardState:
        """What it knows, to be restored."""
        return SafeguardState(self.best, self.evaluation, self._failures, self.gave_up)

    def restore(self, state: SafeguardState) -> None:
        """Know what another one knew about the same problems."""
        self.best, self.evaluation = state.best, state.evaluation
        self._failures, self.gave_up = state.failures, state.gave_up


def _finite(evaluation: Evaluation) -> Tensor:
    """[B]: whether loss and gradient are numbers."""
    slopes = evaluation.gradient.flatten(start_dim=1).abs().sum(dim=1)
    return torch.isfinite(evaluation.total) & torch.isfinite(slopes)


def _choose(chosen: Tensor, these: Tensor, those: Tensor) -> Tensor:
    """For each problem, `these` where `chosen` [B] and `those` elsewhere."""
    if these[0].numel() > LARGE and bool(chosen.all()):
        return these
    return torch.where(chosen.view(-1, *[1] * (these.dim() - 1)), these, those)


def _merge(chosen: Tensor, these: Evaluation, those: Evaluation) -> Evaluation:
    """For each problem, one of two evaluations."""
    return Evaluation(
        parts=torch.where(chosen, these.parts, those.parts),
        gradient=_choose(chosen, these.gradient, those.gradient),
    )
