"""From coarse to fine: what a stage starts from, what it aims at, and that epochs count on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.images.tensors import luminance
from neural_style.losses.problem import (
    Region,
    StyleReference,
    TransferProblem,
    recolor_problem,
    single_style_problem,
)
from neural_style.losses.resampling import refined_images, resample_images, resample_problem
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim import stage as stage_module
from neural_style.optim.loop import Optimization, Progress
from neural_style.optim.optimizers import Optimizer, make_optimizer

CPU = torch.device("cpu")
SIZES = [20, 20, 20, 28, 28, 40, 40, 40]
"""Of the images after each epoch, in the stages below."""


def random(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


CONTENT, STYLE = random(1, 3, 40, 40, seed=1), random(1, 3, 44, 60, seed=2)
MASK = random(1, 1, 40, 40, seed=3)


@pytest.fixture(scope="module")
def settings(shallow: Settings) -> Settings:
    stages = (Stage(20, 2), Stage(28, 2))
    return replace(shallow, size=40, stages=stages, epochs=7, beta=1e4)


@pytest.fixture(scope="module")
def network(random_convolutions: Mapping[str, Convolution], settings: Settings) -> Vgg19:
    return Vgg19(random_convolutions, settings.layers).prepare(CPU, torch.float32)


def only(settings: Settings, epochs: int) -> Settings:
    """One stage of so many epochs."""
    return replace(settings, stages=(), epochs=epochs)


def assert_same(actual: list[Progress], expected: list[Progress]) -> None:
    for one, other in zip(actual, expected, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.losses, other.losses)


@pytest.fixture(scope="module")
def states(network: Vgg19, settings: Settings) -> list[Progress]:
    return list(Optimization(network, [single_style_problem(CONTENT, STYLE, settings)]))


def test_every_epoch_is_yielded_once_in_the_size_of_its_stage(states: list[Progress]):
    assert [state.epoch for state in states] == list(range(8))
    assert [state.images.shape[2] for state in states] == SIZES
    assert len({state.term_names for state in states}) == 1


def test_only_the_last_stage_has_the_preconditioner_of_the_last_stage(
    network: Vgg19, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    made: list[tuple[int, bool]] = []

    def spy(start: Tensor, each: Sequence[Settings], is_last_stage: bool) -> Optimizer:
        made.append((start.shape[-1], is_last_stage))
        return make_optimizer(start, each, is_last_stage)

    monkeypatch.setattr(stage_module, "make_optimizer", spy)
    list(Optimization(network, [single_style_problem(CONTENT, STYLE, settings)]))
    assert made == [(20, False), (28, False), (40, True)]


def test_the_first_stage_is_the_job_of_the_smaller_problem(
    network: Vgg19, settings: Settings, states: list[Progress]
):
    small = resample_problem(single_style_problem(CONTENT, STYLE, only(settings, 2)), 0.5)
    assert small.content.shape[2:] == (20, 20)
    assert small.regions[0].styles[0].image.shape[2:] == (22, 30)
    assert_same(states[:3], list(Optimization(network, [small])))


def test_the_last_stage_aims_at_the_whole_problem_from_what_was_made_before(
    network: Vgg19, settings: Settings, states: list[Progress]
):
    problem = single_style_problem(CONTENT, STYLE, only(settings, 3))
    start = refined_images(states[4].images, [problem]).clamp(0, 1)
    problem = replace(problem, start=start)
    assert_same(states[5:], list(Optimization(network, [problem]))[1:])


@pytest.mark.parametrize(("init", "noise", "share"), [("content", 0.25, 0.75), ("noise", 0, 0)])
def test_a_stage_starts_with_the_detail_of_the_content_image_and_none_of_its_noise(
    settings: Settings, init: str, noise: float, share: float
):
    problem = single_style_problem(CONTENT, STYLE, replace(settings, init=init, init_noise=noise))
    gray = torch.full((1, 3, 20, 20), 0.5)
    detail = refined_images(gray, [problem]) - 0.5
    lost = luminance(CONTENT) - resample_images(resample_images(luminance(CONTENT), 20, 20), 40, 40)
    torch.testing.assert_close(detail, share * lost.expand(-1, 3, -1, -1))
    assert lost.abs().mean() > 0.05


def test_an_image_to_start_from_gives_its_own_detail_to_the_stages(settings: Settings):
    problem = single_style_problem(CONTENT, STYLE, settings)
    start = random(1, 3, 40, 40, seed=6)
    own, same = replace(problem, start=start), replace(problem, start=problem.content)
    small = resample_images(CONTENT, 20, 20)
    refined = [refined_images(small, [each]) for each in (problem, own, same)]
    assert torch.equal(refined[0], refined[2]) and not torch.equal(refined[0], refined[1])
    assert (refined[0] - CONTENT).abs().mean() < (
        resample_images(small, 40, 40) - CONTENT
    ).abs().mean()


def test_noise_is_drawn_at_the_size_of_the_first_stage(network: Vgg19, settings: Settings):
    noisy = replace(settings, init="noise")
    first = next(iter(Optimization(network, [single_style_problem(CONTENT, STYLE, noisy)]))).images
    assert first.shape[2:] == (20, 20)
    assert first.std() > 0.25, "noise that was made smaller is gray"


def test_a_batch_goes_through_the_stages_as_each_image_would_alone(
    network: Vgg19, settings: Settings, states: list[Progress]
):
    other = replace(settings, beta=1e2, seed=3, init="noise")
    problems = [
        single_style_problem(CONTENT, STYLE, settings),
        single_style_problem(CONTENT.flip(-1), STYLE, other),
    ]
    for together, alone in zip(Optimization(network, problems), states, strict=True):
        torch.testing.assert_close(together.images[:1], alone.images, rtol=0, atol=1e-3)


def test_masks_styles_and_colors_go_through_the_stages(network: Vgg19, settings: Settings):
    styles = StyleReference(STYLE, 0.5, random(1, 1, 44, 60, seed=4)), StyleReference(CONTENT, 0.5)
    regions = Region(styles, MASK), Region((StyleReference(STYLE),), 1 - MASK)
    painted = replace(settings, color="luminance", total_variation=1.0)
    problem = recolor_problem(TransferProblem(painted, CONTENT, regions))
    *_, last = Optimization(network, [problem])
    chroma = last.images - luminance(last.images)
    torch.testing.assert_close(chroma, CONTENT - luminance(CONTENT), rtol=0, atol=1e-5)
    assert (last.images - CONTENT).abs().mean() > 0.01


def test_a_problem_that_diverged_stays_so(network: Vgg19, settings: Settings):
    hopeless = replace(settings, beta=float("inf"))
    problems = [single_style_problem(CONTENT, STYLE, each) for each in (settings, hopeless)]
    for progress in Optimization(network, problems):
        assert progress.diverged.tolist() == [False, True]


@pytest.mark.parametrize("epoch", [1, 2, 3, 6])
def test_a_run_resumes_in_the_stage_that_it_was_in(
    network: Vgg19, settings: Settings, states: list[Progress], epoch: int
):
    problems = [single_style_problem(CONTENT, STYLE, settings)]
    first = Optimization(network, problems)
    for progress in first:
        if progress.epoch == epoch:
            break
    second = Optimization(network, problems)
    second.resume(first.state())
    again = list(second)
    assert [progress.epoch for progress in again] == list(range(epoch, 8))
    assert_same(again, states[epoch:])


def test_the_caller_can_tidy_up_between_stages(network: Vgg19, settings: Settings):
    seen: list[Progress] = []
    calls: list[int] = []
    optimization = Optimization(
        network,
        [single_style_problem(CONTENT, STYLE, settings)],
        between_stages=lambda: calls.append(len(seen)),
    )
    for progress in optimization:
        seen.append(progress)
    assert calls == [3, 5], "after the start and two iterations, and after two more"
    assert len(seen) == 8
