"""Larger stages continue the images of the stage of the reference size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.unit.images import smooth
from tests.unit.large_outputs import (
    CONTROLS,
    CPU,
    LARGE,
    problem_of,
)
from tests.unit.random_tensors import random
from torch import Tensor
from torch.nn import functional
from torch.testing import assert_close

from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.config.sizes import REFERENCE_SIZE
from neural_style.engine.load import load_problem
from neural_style.images.tensors import luminance
from neural_style.losses.build import StyleTargets, make_objective
from neural_style.losses.objective import Objective
from neural_style.losses.problem import (
    Region,
    StyleReference,
    TransferProblem,
    single_style_problem,
)
from neural_style.losses.resampling import (
    continue_problem,
    problem_at,
    refined_images,
    resample_images,
)
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim import stage as stage_module
from neural_style.optim.loop import Optimization
from neural_style.optim.stage import continued_stage
from neural_style.optim.state import State, StateError, clone


@pytest.fixture
def network(continued: Settings, random_convolutions: Mapping[str, Convolution]) -> Vgg19:
    return Vgg19(random_convolutions, continued.layers).prepare(CPU, torch.float32)


@pytest.fixture
def continued(staged: Settings) -> Settings:
    """Settings of an output that continues its stage of the reference size."""
    stages = (Stage(64, 1), Stage(REFERENCE_SIZE, 1))
    return replace(staged, style_loss="wasserstein", size_correction=True, stages=stages, epochs=4)


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize(
    "controls", [{}, CONTROLS["luminance"], CONTROLS["masks"], CONTROLS["noise"]]
)
def test_stages_above_the_reference_size_keep_the_content_of_its_images(
    continued: Settings,
    controls: dict[str, Any],
    network: Vgg19,
    monkeypatch: pytest.MonkeyPatch,
):
    contents: list[Tensor] = []

    def spy(
        network: Vgg19, problems: Sequence[TransferProblem], targets: StyleTargets, **options: Any
    ) -> Objective:
        contents.append(problems[0].content)
        return make_objective(network, problems, targets, **options)

    monkeypatch.setattr(stage_module, "make_objective", spy)
    problem = problem_of(replace(continued, **controls))
    images = [each.images for each in Optimization(network, [problem])]
    if controls.get("color") == "luminance":
        images = [luminance(each).expand(-1, 3, -1, -1) for each in images]
    own = [problem_at(problem, stage.size / LARGE) for stage in problem.settings.all_stages]
    for content, stage in zip(contents[:2], own[:2], strict=True):
        assert torch.equal(content, stage.content)
    assert len(contents) == 3
    assert_close(contents[2], continue_problem(own[2], images[2]).content, atol=1e-6, rtol=0)
    assert (contents[2] - own[2].content).abs().max() > 0.01


@pytest.mark.usefixtures("images")
def test_only_a_pyramid_continues_the_stage_of_the_reference_size(continued: Settings):
    problem = problem_of(continued)
    assert continued_stage(problem) == Stage(REFERENCE_SIZE, 1)
    for changed in (
        problem_of(replace(continued, style_loss="gram")),
        problem_of(replace(continued, size_correction=False)),
        problem_of(replace(continued, stages=(Stage(64, 1), Stage(600, 1)))),
        replace(problem, at_reference=None),
    ):
        assert continued_stage(changed) is None


def guided_gain(content: Tensor, image: Tensor) -> Tensor:
    """The gain of the guided filter window by window, at the size of the image, [h, w]."""
    image, content = image[0, 0].double(), content[0, 0].double()
    height, width = image.shape

    def window(row: int, column: int) -> tuple[slice, slice]:
        return slice(max(0, row - 2), row + 3), slice(max(0, column - 2), column + 3)

    gains = torch.zeros(height, width, dtype=torch.float64)
    for row in range(height):
        for column in range(width):
            y, c = image[window(row, column)], content[window(row, column)]
            covariance = ((y - y.mean()) * (c - c.mean())).mean()
            gain = covariance / (c.var(correction=0) + 1e-3)
            gains[row, column] = gain.clamp(0, 1)
    return torch.stack(
        [
            torch.stack([gains[window(row, column)].mean() for column in range(width)])
            for row in range(height)
        ]
    )


def test_a_continued_content_has_the_brightness_detail_of_what_its_image_shows(staged: Settings):
    coarse, other = (
        random(1, 1, 24, 32, seed=seed).float().expand(1, 3, 24, 32) for seed in (5, 6)
    )
    noise = random(1, 3, 48, 64, seed=7).float()
    content = 0.2 + 0.4 * resample_images(coarse, 48, 64) + 0.2 * noise
    problem = single_style_problem(content, content, staged)
    detail = luminance(content)
    detail = detail - resample_images(resample_images(detail, 24, 32), 48, 64)
    assert detail.abs().max() > 0.05
    image = resample_images(content, 24, 32)
    image[..., 16:] = 0.2 + 0.6 * other[..., 16:]
    gain = guided_gain(luminance(resample_images(content, 24, 32)), luminance(image))
    gain = functional.interpolate(gain[None, None], size=(48, 64), mode="bilinear").float()
    assert gain[..., :24].mean() > 0.8 > 0.3 > gain[..., 40:].mean()
    found = continue_problem(problem, image).content
    expected = resample_images(image, 48, 64) + gain * detail
    assert_close(found, expected, atol=1e-5, rtol=0)
    later = refined_images(image, [problem], continues=True)
    assert_close(later, expected, atol=1e-5, rtol=0)


def test_a_content_image_of_one_color_or_a_single_row_of_pixels_has_a_finite_gain(staged: Settings):
    for content in (torch.full((1, 3, 48, 64), 0.5).double(), random(1, 3, 2, 64, seed=8)):
        problem = single_style_problem(content, content, staged)
        image = random(1, 3, content.shape[2] // 2, 32, seed=9)
        found = continue_problem(problem, image).content
        assert found.isfinite().all()
        if not content.diff().any():  # of one color, so it has no detail
            assert_close(found, resample_images(image, *content.shape[2:]))


def states_of(optimization: Optimization) -> dict[int, State]:
    """The state after each iteration."""
    return {each.epoch: clone(optimization.state()) for each in optimization}


def two_problems(settings: Settings) -> list[TransferProblem]:
    smooth(1300, 850).convert("L").save("gray.jpg")
    gray = load_problem(Path("gray.jpg"), Path("style.jpg"), settings, CPU).problem
    return [problem_of(settings), gray]


@pytest.mark.usefixtures("images")
def test_each_image_of_a_batch_continues_its_own(continued: Settings, network: Vgg19):
    problems = two_problems(continued)

    def after_its_first_iteration(problems: Sequence[TransferProblem]) -> Tensor:
        return next(each.images for each in Optimization(network, problems) if each.epoch == 3)

    both = after_its_first_iteration(problems)
    for image, problem in zip(both, problems, strict=True):
        difference = (image - after_its_first_iteration([problem])[0]).abs().mean()
        assert difference < 1e-5, "more than rounding"


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("color", ["style", "luminance"])
@pytest.mark.parametrize("epoch", [2, 3])
def test_a_continued_output_resumes_to_the_bit(
    continued: Settings,
    color: Any,
    epoch: int,
    network: Vgg19,
):
    problems = two_problems(replace(continued, color=color))
    whole = Optimization(network, problems)
    images = []
    for progress in whole:
        images.append(progress.images)
        if progress.epoch == epoch:
            state = clone(whole.state())
    assert (state.continued is None) == (epoch == 2)
    resumed = Optimization(network, problems)
    resumed.resume(state)
    for progress in resumed:
        assert torch.equal(progress.images, images[progress.epoch])
    assert progress.epoch == 4


@pytest.mark.usefixtures("images")
def test_images_whose_luminance_leaves_its_range_are_continued_within_it(
    continued: Settings, network: Vgg19
):
    """Rounding of the chroma does this, by less than here."""

    def moved(problem: TransferProblem | None) -> TransferProblem:
        assert problem is not None and problem.chroma is not None
        dark = 0.01 * problem.content
        regions = (Region((StyleReference(torch.zeros_like(dark)),)),)
        return replace(problem, content=dark, regions=regions, chroma=torch.full_like(dark, 1e-5))

    problem = problem_of(replace(continued, color="luminance"))
    problem = replace(moved(problem), at_reference=moved(problem.at_reference))
    states = states_of(Optimization(network, [problem]))
    assert states[2].variable.min() < 0
    Optimization(network, [problem]).resume(states[3])


@pytest.mark.usefixtures("images")
def test_a_state_with_other_images_to_continue_is_refused(continued: Settings, network: Vgg19):
    problem = problem_of(continued)
    states = states_of(Optimization(network, [problem]))
    given = states[3].continued
    assert given is not None
    for epoch, wrong, text in (
        (3, None, "NoneType, not Tensor"),
        (3, "a", "str, not Tensor"),
        (3, given[..., 1:], "has the shape"),
        (3, given.double(), "dtype"),
        (3, given * float("nan"), "not finite"),
        (3, given + 0.5, "out of range"),
        (1, given, "Tensor, not NoneType"),
    ):
        state = replace(states[epoch], continued=wrong)
        with pytest.raises(StateError, match=text):
            Optimization(network, [problem]).resume(state)


@pytest.mark.usefixtures("images")
def test_an_optimization_that_refused_a_state_starts_over(continued: Settings, network: Vgg19):
    problem = problem_of(continued)
    states = states_of(Optimization(network, [problem]))
    again = Optimization(network, [problem])
    with pytest.raises(StateError, match="out of range"):
        again.resume(replace(states[3], variable=states[3].variable + 2))
    for progress in again:
        assert torch.equal(progress.losses, states[progress.epoch].evaluation.losses)
