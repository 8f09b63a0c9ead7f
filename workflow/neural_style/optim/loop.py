"""The way back from a step that went wrong: every problem returns to its best iterate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from neural_style.config.settings import Stage
from neural_style.losses.gatys import StyleGrams, gatys_objective
from neural_style.losses.objective import Evaluation, Evaluator
from neural_style.losses.problem import TransferProblem, resampled, resampled_problem, start_picture
from neural_style.model.vgg import Vgg19
from neural_style.optim.cuda_graph import recorded, worth_recording
from neural_style.optim.optimizers import Optimizer, OptimizerState, optimizer_of
from neural_style.optim.parameterization import Parameterization, parameterization_of

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
        diverged: [B].
    """

    best: Tensor
    evaluation: Evaluation
    failures: Tensor
    diverged: Tensor


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
        self.diverged = ~_finite(evaluation)
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
        self.diverged = self.diverged | (self._failures >= LIMIT)
        self.best = _choose(better, x, self.best)
        self.evaluation = _merge(better, evaluation, self.evaluation)
        return (
            _choose(good, x, self.best),
            _merge(good, evaluation, self.evaluation),
            ~good,
        )

    def state(self) -> SafeguardState:
        """What it knows, to be restored."""
        return SafeguardState(self.best, self.evaluation, self._failures, self.diverged)

    def restore(self, state: SafeguardState) -> None:
        """Know what another one knew about the same problems."""
        self.best, self.evaluation = state.best, state.evaluation
        self._failures, self.diverged = state.failures, state.diverged


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
        losses=torch.where(chosen, these.losses, those.losses),
        gradient=_choose(chosen, these.gradient, those.gradient),
    )


# MERGED: One optimization: the pixels of a batch of pictures, an epoch at a time.


CAUTION = 0.1
"""Factor on the first step after a fall."""


@dataclass(frozen=True)
class Progress:
    """The state after an epoch. Tensors stay on the device: reading one waits for it.

    Attributes:
        epoch: iterations done; 0 is the start.
        pictures: [B, 3, H, W] in [0, 1].
        term_names: of the terms of the loss.
        losses: weighted loss of each term for `pictures`, [T, B].
        diverged: [B], which problems diverged for good.
    """

    epoch: int
    pictures: Tensor
    term_names: tuple[str, ...]
    losses: Tensor
    diverged: Tensor


@dataclass(frozen=True)
class State:
    """What an optimization was doing after an epoch; see `Optimization.restore`.

    Attributes:
        epoch: iterations done.
        variable: what the parameterization is painted with, [B, C, H, W].
        evaluation: the objective there.
        safeguard: the best so far.
        optimizer: the memory of the optimizer.
    """

    epoch: int
    variable: Tensor
    evaluation: Evaluation
    safeguard: SafeguardState
    optimizer: OptimizerState


class Optimization:
    """Minimizes an objective over what is painted on a parameterization, an epoch at a time.

    Pictures stay within [0, 1]. The range is part of the problem (a departure from the paper, which
    clips at the end): a saved picture is clipped anyway, and clipping undoes what an optimizer did
    outside. Steps are projected into the bounds of the variable, and a gradient that points out of
    them counts as zero.

    Iterating yields the present state, then the state after each step, up to the last epoch.

    Args:
        objective: of pictures; called once for the start and once an epoch.
        parameterization: what the pictures are made from.
        start: the first values of the variable, [B, C, H, W] within the parameterization's bounds.
        optimizer: proposes the steps.
        epochs: the last epoch.
        begun: the epoch that `start` is the state after; others may have gone before.
    """

    def __init__(
        self,
        objective: Evaluator,
        parameterization: Parameterization,
        start: Tensor,
        optimizer: Optimizer,
        epochs: int,
        begun: int = 0,
    ) -> None:
        self._objective = objective
        self._canvas = parameterization
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
        """Go on from a state of an optimization that was set up like this one, bit for bit."""
        self._epoch, self._variable = state.epoch, state.variable
        self._evaluation = state.evaluation
        self._safeguard.restore(state.safeguard)
        self._optimizer.restore(state.optimizer)

    def _advance(self) -> None:
        """Do one epoch."""
        low, high = self._canvas.low, self._canvas.high
        slope = projected_gradient(self._variable, self._evaluation.gradient, low, high)
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
            self._objective.term_names,
            self._evaluation.losses,
            self._safeguard.diverged,
        )


def projected_gradient(variable: Tensor, gradient: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The gradient without what would push a variable out of its bounds; all [B, C, H, W]."""
    outward = ((variable <= low) & (gradient > 0)) | ((variable >= high) & (gradient < 0))
    return gradient.masked_fill(outward, 0)


# MERGED: Optimizations one after another, such as from coarse to fine, as if they were one.


Begin = Callable[[Tensor | None], Optimization]
"""Sets a stage up. It starts from the pictures of the stage before, [B, 3, h, w] of whatever size;
from a start of its own where there are none, or where a state is restored next."""


class Schedule:
    """Goes through stages. Epochs count on, and what a stage has learnt is forgotten by the next.

    Iterating yields the present state, then the state after each step. Where one stage ends and
    the next begins is one epoch, and yielded once: as the picture that the former made.

    Args:
        stages: the last epoch of each stage, ascending → how it begins.
    """

    def __init__(self, stages: Mapping[int, Begin]) -> None:
        self._lasts, self._begins = tuple(stages), tuple(stages.values())
        self._number, self._now = 0, self._begins[0](None)

    def __iter__(self) -> Iterator[Progress]:
        """Yield the state now and after each epoch that is left."""
        for progress in self._now:
            yield progress
        diverged = progress.diverged
        while self._number + 1 < len(self._begins):
            self._turn_to(self._number + 1, progress.pictures)
            epochs = iter(self._now)
            next(epochs)
            for each in epochs:
                progress = replace(each, diverged=each.diverged | diverged)
                yield progress
            diverged = progress.diverged

    def state(self) -> State:
        """All that the epochs to come depend on. It holds until the next epoch changes it."""
        return self._now.state()

    def restore(self, state: State) -> None:
        """Go on from a state of a schedule that was set up like this one, bit for bit."""
        number = next(n for n, last in enumerate(self._lasts) if state.epoch <= last)
        if number != self._number:
            self._turn_to(number, None)
        self._now.restore(state)

    def _turn_to(self, number: int, pictures: Tensor | None) -> None:
        """Begin another stage, in the memory of the present one."""
        del self._now
        self._number, self._now = number, self._begins[number](pictures)


# MERGED: The optimization of pixels: a generator that yields every epoch and leaves the rest to you.


def stylize(
    network: Vgg19, problems: Sequence[TransferProblem], grams: StyleGrams | None = None
) -> Iterator[Progress]:
    """Transfer styles onto a batch of content images (Gatys, Ecker and Bethge, 2015).

    Args:
        network: features of at least the layers that the settings name; it decides device and
            precision of the features. Everything else is float32.
        problems: a picture each, of one size. Layers, tiles, optimizer and epochs are those of the
            first; weights, learning rate, start and seed are each picture's own.
        grams: keeps the Gram matrices of style images from one call to the next.

    Yields:
        The start, then the state after each epoch: one evaluation each.
    """
    yield from optimization_of(network, problems, grams)


def optimization_of(
    network: Vgg19, problems: Sequence[TransferProblem], grams: StyleGrams | None = None
) -> Schedule:
    """What `stylize` goes through, for callers that save its state; the same arguments.

    It goes from coarse to fine if the settings say so, each stage from what the one before made.
    """
    grams = grams or StyleGrams(network)
    stages: dict[int, Begin] = {}
    begun = 0
    for stage in problems[0].settings.all_stages:
        last = begun + stage.epochs
        stages[last] = partial(_begin, network, problems, grams, stage, begun)
        begun = last
    return Schedule(stages)


def _begin(
    network: Vgg19,
    problems: Sequence[TransferProblem],
    grams: StyleGrams,
    stage: Stage,
    begun: int,
    pictures: Tensor | None,
) -> Optimization:
    """The optimization of a stage.

    Args:
        network: gives the features.
        problems: in the pictures' own size.
        grams: keeps Gram matrices.
        stage: its size and epochs.
        begun: epochs before it.
        pictures: [B, 3, h, w], to start from in place of the problems' own start.
    """
    scale = stage.size / problems[0].settings.size
    problems = [resampled_problem(problem, scale, grams.resampled) for problem in problems]
    parameterization = parameterization_of(problems)
    if pictures is None:
        pictures = torch.cat([start_picture(problem) for problem in problems])
    else:
        pictures = resampled(pictures, *problems[0].content.shape[2:])
    start = parameterization.take(pictures).clamp(parameterization.low, parameterization.high)
    objective: Evaluator = gatys_objective(network, problems, grams)
    if worth_recording(start.shape, start.device, stage.epochs):
        objective = recorded(objective, parameterization.picture(start))
    optimizer = optimizer_of(start, [problem.settings for problem in problems])
    return Optimization(objective, parameterization, start, optimizer, begun + stage.epochs, begun)
