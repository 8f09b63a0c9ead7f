"""Optimizing the luminance alone: bounds, gradient, and the chroma that stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.images.tensors import luminance, match_color
from neural_style.losses.build import make_objective
from neural_style.losses.problem import (
    TransferProblem,
    single_style_problem,
)
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim.loop import Optimization, Progress
from neural_style.optim.parameterization import (
    LuminanceParameterization,
    Parameterization,
    PixelParameterization,
    choose_parameterization,
)

CPU = torch.device("cpu")
CORNERS = torch.tensor(
    [[r, g, b] for r in (0.0, 1.0) for g in (0.0, 1.0) for b in (0.0, 1.0)]
).T.reshape(1, 3, 2, 4)
"""Black, white and the six pure colors: none of those may become darker or brighter."""


def picture(seed: int, side: int = 32, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, 3, 5, 5, generator=generator)
    return torch.nn.functional.interpolate(coarse, (side, side), mode="bilinear")


CONTENT, STYLE = picture(1), picture(2, 40)


@pytest.fixture(scope="module")
def network(random_convolutions: Mapping[str, Convolution], shallow: Settings) -> Vgg19:
    return Vgg19(random_convolutions, shallow.layers).prepare(CPU, torch.float32)


def problem(
    settings: Settings, content: Tensor = CONTENT, style: Tensor = STYLE
) -> TransferProblem:
    return single_style_problem(content, style, settings)


def run(network: Vgg19, settings: Settings, content: Tensor = CONTENT) -> list[Progress]:
    return list(Optimization(network, [problem(settings, content)]))


def chroma(pictures: Tensor) -> Tensor:
    return pictures - luminance(pictures)


@pytest.fixture
def gray(shallow: Settings) -> Settings:
    return replace(shallow, color="luminance", epochs=8)


def test_the_variable_of_all_pixels_is_the_image_itself():
    parameterization = PixelParameterization(CONTENT)
    for made in (
        parameterization.from_images,
        parameterization.network_input,
        parameterization.pull_back,
        parameterization.to_images,
    ):
        assert made(CONTENT) is CONTENT
    assert (float(parameterization.low), float(parameterization.high)) == (0, 1)


@pytest.mark.parametrize("photograph", [CONTENT, CORNERS])
@pytest.mark.parametrize("bound", ["low", "high"])
def test_at_both_bounds_the_image_is_in_range_and_keeps_its_chroma(photograph: Tensor, bound: str):
    parameterization = LuminanceParameterization(chroma(photograph))
    assert (parameterization.low <= parameterization.high).all()
    made = parameterization.to_images(getattr(parameterization, bound))
    torch.testing.assert_close(chroma(made), chroma(photograph), rtol=0, atol=1e-6)
    extreme = made.amin(dim=1) if bound == "low" else 1 - made.amax(dim=1)
    torch.testing.assert_close(extreme, torch.zeros_like(extreme), rtol=0, atol=1e-6)


def test_a_content_image_lies_within_its_bounds_and_comes_back():
    parameterization = LuminanceParameterization(chroma(CONTENT))
    x = parameterization.from_images(CONTENT)
    assert ((parameterization.low - 1e-6 <= x) & (x <= parameterization.high + 1e-6)).all()
    torch.testing.assert_close(parameterization.to_images(x), CONTENT, rtol=0, atol=1e-6)
    torch.testing.assert_close(
        parameterization.from_images(parameterization.network_input(x)), x, rtol=0, atol=1e-6
    )


def test_the_slope_is_the_derivative(random_convolutions, shallow: Settings):
    settings = replace(shallow, color="luminance")
    network = Vgg19(random_convolutions, settings.layers).prepare(CPU, torch.float64)
    whole = problem(settings, picture(3, 16).double(), STYLE.double())
    parameterization, objective = (
        choose_parameterization([whole]),
        make_objective(network, [whole]),
    )
    x = parameterization.from_images(picture(4, 16).double())

    def loss(variable: Tensor) -> float:
        return float(objective.losses_at(parameterization.network_input(variable)).sum())

    slope = parameterization.pull_back(objective(parameterization.network_input(x)).gradient)
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(5)).double()
    step = 1e-6
    measured = (loss(x + step * direction) - loss(x - step * direction)) / (2 * step)
    assert measured == pytest.approx(float((slope * direction).sum()), rel=1e-5)


@pytest.mark.parametrize("init", ["content", "noise"])
def test_every_image_keeps_the_chroma_of_the_content_image(
    network: Vgg19, gray: Settings, init: str
):
    content = CONTENT.clone()
    content[..., :4] = CORNERS.repeat(1, 1, 16, 1)
    states = run(network, replace(gray, init=init), content)
    for state in states:
        assert state.images.min() >= 0
        assert state.images.max() <= 1
        torch.testing.assert_close(chroma(state.images), chroma(content), rtol=0, atol=1e-5)
    assert states[-1].losses.sum() < 0.7 * states[0].losses.sum()
    assert (states[-1].images - states[0].images).abs().max() > 0.05


def test_losses_are_those_of_the_gray_image(network: Vgg19, gray: Settings):
    whole = problem(gray)
    objective = make_objective(network, [whole])
    for state in Optimization(network, [whole]):
        shown = luminance(state.images).expand(-1, 3, -1, -1)
        torch.testing.assert_close(objective.losses_at(shown), state.losses, rtol=1e-4, atol=1e-6)


def test_a_gray_content_image_stays_gray(network: Vgg19, gray: Settings):
    content = luminance(CONTENT).expand(-1, 3, -1, -1)
    last = run(network, gray, content)[-1].images
    assert (last - content).abs().max() > 0.05
    assert (last - last.mean(dim=1, keepdim=True)).abs().max() < 1e-5


def test_styles_are_shown_in_the_content_image_s_colors(shallow: Settings):
    def style_of(color: str) -> Tensor:
        return problem(replace(shallow, color=color)).regions[0].styles[0].image

    assert style_of("style") is STYLE
    assert torch.equal(style_of("match"), match_color(STYLE, CONTENT))
    gray = style_of("luminance")
    assert torch.equal(gray[:, 0], gray[:, 1]) and torch.equal(gray[:, 1], gray[:, 2])
    assert float(gray.mean()) == pytest.approx(float(luminance(CONTENT).mean()), abs=0.01)
    assert float(gray.std()) == pytest.approx(float(luminance(CONTENT).std()), rel=0.05)


def test_a_state_is_gone_on_from_bit_for_bit(network: Vgg19, gray: Settings):
    first = Optimization(network, [problem(gray)])
    states = iter(first)
    for _ in range(4):
        next(states)
    resumed = Optimization(network, [problem(gray)])
    resumed.resume(first.state())
    second = list(resumed)
    for one, other in zip(states, second[1:], strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.losses, other.losses)


def test_a_batch_of_luminances_is_many_single_runs(
    random_convolutions: Mapping[str, Convolution], gray: Settings
):
    network = Vgg19(random_convolutions, gray.layers).prepare(CPU, torch.float64)
    contents = picture(6, batch=2).double()
    problems = [problem(gray, content, STYLE.double()) for content in contents.split(1)]
    together = list(Optimization(network, problems))[-1]
    for place, each in enumerate(problems):
        alone = list(Optimization(network, [each]))[-1]
        torch.testing.assert_close(together.images[place], alone.images[0], rtol=0, atol=1e-8)


def test_one_batch_has_one_kind_of_parameterization(shallow: Settings, gray: Settings):
    with pytest.raises(ValueError, match="share a batch"):
        choose_parameterization([problem(shallow), problem(gray)])
    kinds: list[Parameterization] = [
        choose_parameterization([problem(shallow)] * 2),
        choose_parameterization([problem(gray)] * 2),
    ]
    assert [type(kind) for kind in kinds] == [PixelParameterization, LuminanceParameterization]
