"""A stage before its first evaluation: its start, objective, and optimizer.

`prepare_stage` brings the problems to the size of the stage. `PreparedStage.require_own` and
`require_continued` check that a state from a file is one of this stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from neural_style.config.keys import Stage
from neural_style.config.sizes import REFERENCE_SIZE
from neural_style.losses.build import StyleTargets, make_objective
from neural_style.losses.objective import Evaluation, Objective
from neural_style.losses.problem import TransferProblem, initial_image
from neural_style.losses.resampling import continue_problem, problem_at, refined_images, size_at
from neural_style.losses.size_correction import has_pyramid
from neural_style.model.vgg import Vgg19
from neural_style.optim.optimizers import Optimizer, make_optimizer
from neural_style.optim.parameterization import Parameterization, choose_parameterization
from neural_style.optim.safeguard import Safeguard
from neural_style.optim.state import State, StateError, require_alike


@dataclass(frozen=True)
class PreparedStage:
    """A stage before its first evaluation.

    Attributes:
        objective: evaluated once for the start and once an iteration.
        parameterization: maps the variable to images.
        optimizer: proposes steps.
        start: first value of the variable, [B, C, H, W] within its bounds.
        continued: see `prepare_stage`.
        epoch: number of iterations that came before.
        epochs: number of its iterations.
    """

    objective: Objective
    parameterization: Parameterization
    optimizer: Optimizer
    start: Tensor
    continued: Tensor | None
    epoch: int
    epochs: int

    def require_own(self, state: State, term_names: Sequence[str] | None) -> None:
        """Check that a state is one of this stage; see `Optimization.resume`.

        Raises:
            StateError: it is not.
        """
        if term_names is not None and tuple(term_names) != self.objective.term_names:
            raise StateError("its losses are those of other terms")
        if state.epoch < self.epoch:
            raise StateError(f"its epoch is {state.epoch}, before the first one of its stage")
        require_alike(state, self._blank_state(state.epoch), "state")
        low, high = self.parameterization.low, self.parameterization.high
        if bool(((state.variable < low) | (state.variable > high)).any()):
            raise StateError("its variable is out of range")

    def _blank_state(self, epoch: int) -> State:
        """A state after an iteration with the right types and shapes; its numbers mean nothing."""
        losses = self.start.new_zeros(len(self.objective.term_names), len(self.start))
        evaluation = Evaluation(losses, self.start)
        safeguard = Safeguard.begin(self.start, evaluation).state
        optimizer = self.optimizer.memory.after(epoch - self.epoch)
        # `require_continued` has checked the last field, from which this stage was prepared.
        return State(epoch, self.start, evaluation, safeguard, optimizer, self.continued)


def prepare_stage(
    network: Vgg19,
    problems: Sequence[TransferProblem],
    targets: StyleTargets,
    stage: Stage,
    epoch: int,
    images: Tensor | None,
    continued: Tensor | None,
) -> PreparedStage:
    """Compute what a stage needs.

    Args:
        network: see `Optimization`.
        problems: of the whole output, see `Optimization`.
        targets: caches the statistics of style images.
        stage: its size and its number of iterations.
        epoch: iterations done before it.
        images: [B, 3, h, w] of the stage before; None for the first.
        continued: the images of the continued stage as the network sees them, [B, 3, h, w] in
            [0, 1]. The content terms compare with them (see `resampling.continue_problem`) in place
            of the content images. None if there was no such stage, see `continued_stage`.
    """
    scale = stage.size / problems[0].settings.size
    output_size = max(problems[0].content.shape[2:])
    problems = [problem_at(each, scale, targets.resample_style) for each in problems]
    parameterization = choose_parameterization(problems)
    if images is None:
        images = torch.cat([initial_image(problem) for problem in problems])
    else:
        images = refined_images(images, problems, continues=continued is not None)
    start = parameterization.from_images(images).clamp(parameterization.low, parameterization.high)
    if continued is not None:
        problems = [
            continue_problem(problem, image)
            for problem, image in zip(problems, torch.split(continued, 1), strict=True)
        ]
    objective = make_objective(network, problems, targets, output_size=output_size)
    settings = [problem.settings for problem in problems]
    optimizer = make_optimizer(start, settings, is_last_stage=scale == 1)
    return PreparedStage(
        objective, parameterization, optimizer, start, continued, epoch, stage.epochs
    )


def continued_stage(problem: TransferProblem) -> Stage | None:
    """Return the stage whose images larger ones continue; None if there is none.

    It is the stage of `REFERENCE_SIZE` with the size correction and the Wasserstein style loss. It
    makes what a small output shows, and a large one should add detail to it. Compared with the
    content image, larger stages take back some of what this one has made of it, such as the colors
    of houses (benchmarks/LOOK.md).

    Args:
        problem: of the whole output. Without `at_reference`, it continues no small output.
    """
    if problem.at_reference is None or not has_pyramid(problem.settings):
        return None
    stages = problem.settings.stages
    return next((stage for stage in stages if stage.size == REFERENCE_SIZE), None)


def require_continued(
    images: object, problems: Sequence[TransferProblem], continued: Stage | None, stage: Stage
) -> None:
    """Check the images of a state that its stage continues, see `State.continued`.

    Args:
        images: from a file.
        problems: of the whole output.
        continued: see `continued_stage`.
        stage: the one of the state.

    Raises:
        StateError: they are not images of the continued stage, or this stage continues none.
    """
    like: Tensor | None = None
    if continued is not None and stage.size > continued.size:
        width, height = size_at(problems[0], continued.size / problems[0].settings.size)
        like = problems[0].content.new_zeros(len(problems), 3, height, width)
    require_alike(images, like, "state.continued")
    if isinstance(images, Tensor) and bool(((images < 0) | (images > 1)).any()):
        raise StateError("the images that it continues are out of range")
