"""The optimization loop: stages from coarse to fine, one evaluation an iteration.

`Optimization` minimizes the objective of a batch of transfer problems and yields the images after
each iteration. The caller owns everything else: saving, showing, stopping. Two departures from the
paper live here: every step is projected into the range of the image, and a safeguard undoes steps
that diverge, in place of a line search.

The calls of one iteration, from the outside in:

    run_job                 engine/job.py           writes what the iteration gives
    Optimization.__iter__   here                    goes through the stages
    prepare_stage           optim/stage.py          start, objective, and optimizer of a stage
    _StageRun.step          here                    an iteration, or the replay of its graph
    _StageRun.iterate       here                    optimizer, projection, safeguard
    _StageRun._evaluate     here                    from the variable to images and back
    Objective.__call__      losses/objective.py     losses of all terms, and their gradient
    extract_features        model/vgg.py            normalizes the images
    Vgg19.forward           model/vgg.py            the features

Before the first iteration of a stage, the network runs for the targets: `prepare_stage` calls
`make_objective` (losses/build.py). Then `_StageRun.__init__` evaluates the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, TypeAlias

from torch import Tensor

from neural_style.losses.build import StyleTargets
from neural_style.losses.objective import Evaluation, Evaluator, Objective
from neural_style.losses.problem import TransferProblem, check_batch
from neural_style.model.vgg import Vgg19, full_precision
from neural_style.optim.parameterization import projected_gradient
from neural_style.optim.safeguard import Safeguard
from neural_style.optim.stage import (
    PreparedStage,
    continued_stage,
    prepare_stage,
    require_continued,
)
from neural_style.optim.state import State, StateError

RESTART_SCALE = 0.1
"""Factor on the first step after a rejected one."""

GRAPH_DEVICES = ("cuda",)
"""Types of devices on which iterations may be recorded as a graph, see `cuda_graph`."""

GraphKind: TypeAlias = Literal["whole", "objective", "none"]
"""What is recorded as a graph: the whole iteration, the objective alone, or nothing."""

WHOLE_GRAPH: Final = "whole"
NO_GRAPH: Final = "none"


@dataclass(frozen=True)
class Progress:
    """The result of an iteration. Tensors stay on the device: reading one synchronizes with it.

    After a rejected step, `images` and `losses` are the best so far.

    Attributes:
        epoch: number of iterations done; 0 is the start.
        images: [B, 3, H, W] in [0, 1], at the size of the current stage; stages before the last
            are smaller.
        term_names: names of the loss terms, such as `style/conv1_1`.
        losses: weighted loss of each term for `images`, [T, B].
        diverged: which problems diverged for good, [B] of booleans.
        excess: last loss of a stage ÷ best loss, [B], where the best image took the place of the
            last one; else 1. None stands for 1 everywhere.
    """

    epoch: int
    images: Tensor
    term_names: tuple[str, ...]
    losses: Tensor
    diverged: Tensor
    excess: Tensor | None = None


class Optimization:
    """Transfers styles onto a batch of content images (Gatys, Ecker and Bethge, 2015).

    Nothing is computed until you iterate, which you can do once. Iterating yields the start, then
    the result of each iteration; each needs one evaluation of the objective. Stages run one after
    another: each starts from the images of the one before, at its own size and with the detail of
    the content image at that size (see `resampling.refined_images`), with a fresh optimizer. Those
    after a continued stage (see `stage.continued_stage`) are compared with its images in place of
    the content images. `epoch` keeps counting across stages.

    Args:
        network: features of at least the layers that the settings name. It decides the device and
            the precision of the features; everything else is float32.
        problems: one for each image, all of one size and with the same `Settings.batch_key`; loss
            weights, learning rate, start and seed are each problem's own.
        targets: caches the statistics of style images from one call to the next.
        graph: the most that is recorded as a CUDA graph. Results differ by rounding at most.
        between_stages: called when the memory of a stage is free, before the next one begins.

    Raises:
        ValueError: there is no problem, the problems cannot share a batch, or the network lacks a
            layer.
    """

    def __init__(
        self,
        network: Vgg19,
        problems: Sequence[TransferProblem],
        targets: StyleTargets | None = None,
        *,
        graph: GraphKind = WHOLE_GRAPH,
        between_stages: Callable[[], None] = lambda: None,
    ) -> None:
        check_batch(problems)
        if missing := sorted(problems[0].settings.layers - network.layers):
            raise ValueError(f"the network does not give the features of {', '.join(missing)}")
        self._problems = problems
        self._prepare = partial(prepare_stage, network, problems, targets or StyleTargets())
        self._most_recorded = graph
        self._between_stages = between_stages
        self._has_begun = False
        self._continued_stage = continued_stage(problems[0])
        self._continued: Tensor | None = None
        self._resumed: _StageRun | None = None
        self._stage: _StageRun | None = None

    def resume(self, state: State, term_names: Sequence[str] | None = None) -> None:
        """Resume from a state instead of the start, with identical results; it is yielded first.

        Args:
            state: after some iteration of an optimization with the same arguments. It may come from
                a damaged file: everything in it is checked.
            term_names: of the losses in that optimization; None if they are not known.

        Raises:
            StateError: the state is not one of such an optimization.
            RuntimeError: iteration has begun.
        """
        if self._has_begun:
            raise RuntimeError("an optimization resumes before its first iteration")
        if type(getattr(state, "epoch", None)) is not int:
            raise StateError("it has no epoch")
        last = 0
        for stage in self._problems[0].settings.all_stages:
            first, last = last, last + stage.epochs
            if state.epoch <= last:
                continued = getattr(state, "continued", None)
                require_continued(continued, self._problems, self._continued_stage, stage)
                prepared = self._prepare(stage, first, None, continued)
                prepared.require_own(state, term_names)
                self._resumed = _StageRun(prepared, self._most_recorded, state)
                self._continued = continued
                return
        raise StateError(f"its epoch is {state.epoch}, after the last one, {last}")

    def __iter__(self) -> Iterator[Progress]:
        """Yield the start (or the resumed iteration) and the result of each iteration.

        Raises:
            RuntimeError: this optimization was iterated before.
        """
        if self._has_begun:
            raise RuntimeError("an optimization can be iterated once; make another one")
        self._has_begun = True
        images: Tensor | None = None
        diverged: Tensor | None = None
        last = 0
        for stage in self._problems[0].settings.all_stages:
            first, last = last, last + stage.epochs
            if self._resumed is not None and self._resumed.epoch > last:
                continue
            self._stage = None  # frees the memory of the stage before
            if images is not None:
                self._between_stages()
            run = self._resumed or _StageRun(
                self._prepare(stage, first, images, self._continued), self._most_recorded
            )
            self._stage, self._resumed = run, None
            if images is None:  # otherwise the stage before has yielded this iteration
                yield run.progress(diverged)
            while run.epoch < last:
                run.step(is_last=run.epoch + 1 == last)
                yield run.progress(diverged)
            images, diverged = run.images, run.diverged(diverged)
            if stage == self._continued_stage:
                # Rounding of the bounds of a luminance may leave [0, 1].
                self._continued = run.network_input.clamp(0, 1)
            del run

    @property
    def graph(self) -> str:
        """What is recorded as a CUDA graph: `whole`, `objective` or `none`, and why not more."""
        return NO_GRAPH if self._stage is None else self._stage.graph

    def state(self) -> State:
        """The state after the iteration that was yielded last; the next iteration may change it.

        Raises:
            RuntimeError: none was yielded yet.
        """
        if self._stage is None:
            raise RuntimeError("an optimization has no state before its first iteration")
        return replace(self._stage.state(), continued=self._continued)


class _StageRun:
    """One stage: iterations at one size. Evaluates the start, unless it resumes.

    On CUDA, the whole iteration is recorded as a graph, or at least the objective, see
    `cuda_graph`. Then the results of an iteration are in memory that the next one overwrites.

    Args:
        stage: the stage, prepared.
        most_recorded: the most that is recorded as a graph.
        resumed: the state to resume from, which `stage` accepts as its own.

    Raises:
        StateError: the optimizer does not accept its part of the state.

    Attributes:
        epoch: number of iterations done, those of earlier stages included.
        graph: what is recorded: `whole`, `objective` or `none`, and why not more.
    """

    @full_precision()
    def __init__(
        self, stage: PreparedStage, most_recorded: GraphKind, resumed: State | None = None
    ) -> None:
        self._first = stage.epoch
        self._objective: Evaluator = stage.objective
        self._parameterization = stage.parameterization
        self._optimizer = stage.optimizer
        self._excess: Tensor | None = None
        if resumed is None:
            self.epoch, self._variable = stage.epoch, stage.start
            self._evaluation = self._evaluate(stage.start)
            self.safeguard = Safeguard.begin(stage.start, self._evaluation)
        else:
            self.epoch, self._variable = resumed.epoch, resumed.variable
            self._evaluation = resumed.evaluation
            self.safeguard = Safeguard(resumed.safeguard)
            try:
                self._optimizer.restore(resumed.optimizer)
            except ValueError as error:
                raise StateError(str(error)) from error
        # Not `self.iterate`, with which the memory of a stage would outlive it.
        self._replay: Callable[[], None] | None = None
        left = stage.epoch + stage.epochs - self.epoch
        self.graph = self._record(most_recorded, stage.objective, left)

    @full_precision()  # for the scalar products of the optimizer, too
    def step(self, is_last: bool) -> None:
        """Do one iteration: a projected step, one evaluation, and the safeguard.

        Args:
            is_last: whether the stage ends with it, in which case images that are much worse than
                the best ones are replaced by these.
        """
        (self._replay or self.iterate)()
        if is_last:
            self._variable, self._evaluation, self._excess = self.safeguard.settle(
                self._variable, self._evaluation
            )
        self.epoch += 1

    def iterate(self) -> None:
        """Do one iteration, apart from counting it."""
        low, high = self._parameterization.low, self._parameterization.high
        gradient = projected_gradient(self._variable, self._evaluation.gradient, low, high)
        proposal = self._optimizer.step(self._variable, gradient).clamp(low, high)
        self._variable, self._evaluation, rejected = self.safeguard.check(
            proposal, self._evaluate(proposal)
        )
        self._optimizer.restart(rejected, RESTART_SCALE)

    @property
    def memory(self) -> State:
        """Everything that `iterate` reads and writes."""
        return State(
            self.epoch,
            self._variable,
            self._evaluation,
            self.safeguard.state,
            self._optimizer.memory,
        )

    @memory.setter
    def memory(self, memory: State) -> None:
        self._variable, self._evaluation = memory.variable, memory.evaluation
        self.safeguard.state = memory.safeguard
        self._optimizer.memory = memory.optimizer

    def _record(self, most: GraphKind, objective: Objective, iterations: int) -> str:
        """Record the iteration if that pays; return what is recorded, and why not more."""
        if most == NO_GRAPH or self._variable.device.type not in GRAPH_DEVICES:
            return NO_GRAPH
        from neural_style.optim.cuda_graph import reason_against, recorded, recorded_iteration

        if reason := reason_against(self._variable.shape, iterations):
            return f"{NO_GRAPH}, because {reason}"
        if most == WHOLE_GRAPH:
            try:
                self._replay = recorded_iteration(self)
            except RuntimeError as error:  # of CUDA, which may be short of memory
                text = str(error).partition("\n")[0]
                reason = f", because the iteration could not be recorded ({text})"
            else:
                return WHOLE_GRAPH
        like = self.network_input
        self._objective = recorded(objective, like)
        kind = NO_GRAPH if self._objective is objective else "objective"
        return kind + reason

    @property
    def images(self) -> Tensor:
        """The current images, [B, 3, H, W] in [0, 1]."""
        return self._parameterization.to_images(self._variable)

    @property
    def network_input(self) -> Tensor:
        """The current images as the network sees them, [B, 3, H, W] in [0, 1]."""
        return self._parameterization.network_input(self._variable)

    def diverged(self, before: Tensor | None) -> Tensor:
        """Which problems diverged in this stage, or before it, [B]."""
        own = self.safeguard.state.diverged
        return own if before is None else own | before

    def progress(self, diverged: Tensor | None) -> Progress:
        """The result of the last iteration; problems that diverged in earlier stages stay so."""
        images, losses = self.images, self._evaluation.losses
        names, diverged = self._objective.term_names, self.diverged(diverged)
        if self.graph == WHOLE_GRAPH:
            images, losses, diverged = (each.clone() for each in (images, losses, diverged))
        return Progress(self.epoch, images, names, losses, diverged, self._excess)

    def state(self) -> State:
        """What later iterations of this stage depend on, in as little memory as possible."""
        optimizer = self._optimizer.memory.after(self.epoch - self._first)
        return replace(self.memory, optimizer=optimizer)

    def _evaluate(self, variable: Tensor) -> Evaluation:
        """The losses at a value of the variable, with the gradient in the variable."""
        evaluation = self._objective(self._parameterization.network_input(variable))
        return replace(evaluation, gradient=self._parameterization.pull_back(evaluation.gradient))
