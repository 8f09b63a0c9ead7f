"""One optimisation: the pixels of a batch of pictures, an epoch at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from torch import Tensor

from neural_style.loss.objective import Evaluation, Evaluator
from neural_style.optimiser.canvas import Canvas
from neural_style.optimiser.optimizers import Optimizer, OptimizerState
from neural_style.optimiser.safeguard import Safeguard, SafeguardState

CAUTION = 0.1
"""Factor on the first step after a fall."""


@dataclass(frozen=True)
class Progress:
    """The state after an epoch. Tensors stay on the device: reading one waits for it.

    Attributes:
        epoch: iterations done; 0 is the start.
        pictures: [B, 3, H, W] in [0, 1].
        names: of the terms of the loss.
        parts: weighted loss of each term for `pictures`, [T, B].
        gave_up: [B], which problems diverged for good.
    """

    epoch: int
    pictures: Tensor
    names: tuple[str, ...]
    parts: Tensor
    gave_up: Tensor


@dataclass(frozen=True)
class State:
    """What an optimisation was doing after an epoch; see `Optimisation.restore`.

    Attributes:
        epoch: iterations done.
        variable: what the canvas is painted with, [B, C, H, W].
        evaluation: the objective there.
        safeguard: the best so far.
        optimizer: the memory of the optimiser.
    """

    epoch: int
    variable: Tensor
    evaluation: Evaluation
    safeguard: SafeguardState
    optimizer: OptimizerState


class Optimisation:
    """Minimises an objective over what is painted on a canvas, an epoch at a time.

    Pictures stay within [0, 1]. The range is part of the problem (a departure from the paper, which
    clips at the end): a saved picture is clipped anyway, and clipping undoes what an optimiser did
    outside. Steps are projected into the bounds of the variable, and a gradient that points out of
    them counts as zero.

    Iterating yields the present state, then the state after each step, up to the last epoch.

    Args:
        objective: of pictures; called once for the start and once an epoch.
        canvas: what the pictures are made from.
        start: the first values of the variable, [B, C, H, W] within the canvas's bounds.
        optimizer: proposes the steps.
        epochs: the last epoch.
        begun: the epoch that `start` is the state after; others may have gone before.
    """

    def __init__(
        self,
        objective: Evaluator,
        canvas: Canvas,
        start: Tensor,
        optimizer: Optimizer,
        epochs: int,
        begun: int = 0,
    ) -> None:
        self._objective = objective
        self._canvas = canvas
        self._optimizer = optimizer
        self._epochs = epochs
        self._epoch = begun
        self._variable, self._evaluation = start, self._evaluate(start)
        self._safeguard = Safeguard(start, self._evaluation)

    def __iter__(self) -> Iterator[Progress]:
        """Yield the state now and after each epoch that is left."""
        yield self._progress()
        while self._epoch < self._epochs:
            self._advance()
            yield self._progress()

    def state(self) -> State:
        """All that the epochs to come depend on. It holds until the next epoch changes it."""
        return State(
            self._epoch,
            self._variable,
            self._evaluation,
            self._safeguard.state(),
            self._optimizer.state(),
        )

    def restore(self, state: State) -> None:
        """Go on from a state of an optimisation that was set up like this one, bit for bit."""
        self._epoch, self._variable = state.epoch, state.variable
        self._evaluation = state.evaluation
        self._safeguard.restore(state.safeguard)
        self._optimizer.restore(state.optimizer)

    def _advance(self) -> None:
        """Do one epoch."""
        low, high = self._canvas.low, self._canvas.high
        slope = inward(self._variable, self._evaluation.gradient, low, high)
        proposal = self._optimizer.step(self._variable, slope).clamp(low, high)
        self._variable, self._evaluation, fell = self._safeguard.catch(
            proposal, self._evaluate(proposal)
        )
        self._optimizer.restart(fell, CAUTION)
        self._epoch += 1

    def _evaluate(self, variable: Tensor) -> Evaluation:
        """The objective at a value of the variable, with the gradient in the variable."""
        seen = self._objective(self._canvas.picture(variable))
        return replace(seen, gradient=self._canvas.slope(seen.gradient))

    def _progress(self) -> Progress:
        return Progress(
            self._epoch,
            self._canvas.finished(self._variable),
            self._objective.names,
            self._evaluation.parts,
            self._safeguard.gave_up,
        )


def inward(variable: Tensor, gradient: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The gradient without what would push a variable out of its bounds; all [B, C, H, W]."""
    outward = ((variable <= low) & (gradient > 0)) | ((variable >= high) & (gradient < 0))
    return gradient.masked_fill(outward, 0)
