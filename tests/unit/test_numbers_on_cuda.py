"""The CPU and a GPU of CUDA compute the same, for each control.

`pytest -m cuda` runs all of it on a GPU. Elsewhere, the CPU plays the GPU for the defaults.

In float32, rounding turns units of the network that are at their kink, and gradients of the same
image differ by more than rounding. A network without kinks has no such units, so that the bounds of
its comparison are narrow enough for a wrong kernel to show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import NamedTuple

import pytest
import torch
from tests.unit.combinations import CONTROLS, Choice, alone, label, make_problems
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.losses.problem import TransferProblem, move_problems
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim.cuda_graph import FEWEST_EPOCHS
from neural_style.optim.loop import WHOLE_GRAPH, Optimization

CPU = torch.device("cpu")
STEPS = 10
CHOICES = [choice for choice in alone() if choice["precision"] == "fp32"]


class Comparison(NamedTuple):
    """Largest relative differences: of the total loss and the gradient at the start, and of the
    total loss after ten steps.

    Attributes:
        dtype: of the GPU.
        reference: of the CPU.
        smooth: whether the network has softplus and average pooling in place of ReLU and max
            pooling.
    """

    dtype: torch.dtype
    reference: torch.dtype
    smooth: bool
    loss: float
    gradient: float
    after: float


COMPARISONS = {
    "float64": Comparison(torch.float64, torch.float64, False, 1e-9, 1e-9, 1e-6),
    # Between float32 and float64, and between two memory formats, on one CPU: 5e-7, 7e-7, and 2e-5.
    "smooth-float32": Comparison(torch.float32, torch.float32, True, 1e-4, 1e-4, 1e-4),
    # Between two memory formats on one CPU, the gradient differed by up to 4e-3 and the last loss
    # by 4e-3.
    "float32": Comparison(torch.float32, torch.float32, False, 1e-4, 1e-2, 2e-2),
    # Between float32 and bfloat16 on one CPU: 3e-3, 0.1 and 0.22; from noise, an H200 had 0.68.
    "bfloat16": Comparison(torch.bfloat16, torch.float32, False, 1e-2, 0.2, 1.0),
}


# The Wasserstein loss is a difference of traces that are far larger, and it takes roots of
# eigenvalues that are rounding errors, because small layers have more channels than positions. In
# float32 on one CPU: 2e-4, or 4e-5 if smooth, and 3e-4 after ten steps. In float64 on an H200, 9e-9
# for the loss.
WASSERSTEIN_BOUNDS = {
    "float64": {"loss": 1e-7},
    "smooth-float32": {"after": 1e-3},
    "float32": {"loss": 1e-3},
}


def comparison_of(name: str, choice: Choice) -> Comparison:
    """The comparison of a name, with the bounds of the choice's style loss."""
    own = WASSERSTEIN_BOUNDS if choice["style_loss"] == "wasserstein" else {}
    return COMPARISONS[name]._replace(**own.get(name, {}))


class Outcome(NamedTuple):
    """Total losses [B] and gradient at the start, and the losses after some steps."""

    loss: Tensor
    gradient: Tensor
    after: Tensor


@pytest.fixture
def gpu() -> torch.device:
    if not torch.cuda.is_available():
        pytest.skip("there is no GPU of CUDA")
    return torch.device("cuda", 0)


def optimize(
    choice: Choice,
    settings: Settings,
    convolutions: Mapping[str, Convolution],
    device: torch.device,
    dtype: torch.dtype,
) -> Outcome:
    settings = replace(settings, epochs=STEPS)
    made = [in_dtype(each, dtype) for each in make_problems(choice, settings)]
    problems = move_problems(made, device)
    network = Vgg19(convolutions, settings.layers, choice["pooling"], choice["padding"])
    optimization = Optimization(network.prepare(device, dtype), problems)
    iterations = iter(optimization)
    first = next(iterations)
    gradient = optimization.state().evaluation.gradient
    *_, last = iterations
    assert last.epoch == STEPS
    assert {each.device.type for each in (first.images, gradient, last.losses)} == {device.type}
    losses = (each.losses.sum(dim=0).double().cpu() for each in (first, last))
    loss, after = losses
    return Outcome(loss, gradient.double().cpu(), after)


def in_dtype(problem: TransferProblem, dtype: torch.dtype) -> TransferProblem:
    """The problem in float64 if the network is; images are float32 otherwise."""
    if dtype != torch.float64:
        return problem

    def wide(tensor: Tensor | None) -> Tensor | None:
        return tensor if tensor is None else tensor.double()

    regions = tuple(
        replace(
            region,
            mask=wide(region.mask),
            styles=tuple(
                replace(style, image=style.image.double(), guide=wide(style.guide))
                for style in region.styles
            ),
        )
        for region in problem.regions
    )
    content, chroma, start = problem.content.double(), wide(problem.chroma), wide(problem.start)
    return replace(problem, content=content, regions=regions, chroma=chroma, start=start)


def require_agreement(
    choice: Choice,
    settings: Settings,
    convolutions: Mapping[str, Convolution],
    device: torch.device,
    comparison: Comparison,
) -> None:
    with smooth_network() if comparison.smooth else nullcontext():
        if comparison.smooth:
            choice = {**choice, "pooling": "average"}
        expected = optimize(choice, settings, convolutions, CPU, comparison.reference)
        found = optimize(choice, settings, convolutions, device, comparison.dtype)
    for name in Outcome._fields:
        one, other = getattr(found, name), getattr(expected, name)
        difference = float((one - other).norm() / other.norm())
        assert difference <= getattr(comparison, name), f"{name} differs by {difference:.2g}"


@contextmanager
def smooth_network() -> Iterator[None]:
    """Let networks have softplus in place of ReLU."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("relu", "relu_"):
            patch.setattr(torch, name, torch.nn.functional.softplus)
        yield


@pytest.mark.cuda
@pytest.mark.usefixtures("small_pyramids")
@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize("choice", CHOICES, ids=label)
def test_a_gpu_computes_what_the_cpu_computes(
    choice: Choice,
    name: str,
    gpu: torch.device,
    full_convolutions: Mapping[str, Convolution],
    shallow: Settings,
):
    require_agreement(choice, shallow, full_convolutions, gpu, comparison_of(name, choice))


@pytest.mark.parametrize("name", COMPARISONS)
def test_the_comparison_works(
    name: str, full_convolutions: Mapping[str, Convolution], shallow: Settings
):
    comparison = COMPARISONS[name]._replace(reference=torch.float64)
    require_agreement(CHOICES[0], shallow, full_convolutions, CPU, comparison)


@pytest.mark.usefixtures("small_pyramids")
@pytest.mark.parametrize("choice", CHOICES[1:], ids=label)
def test_rounding_stays_within_the_bounds_of_a_smooth_network(
    choice: Choice, full_convolutions: Mapping[str, Convolution], shallow: Settings
):
    comparison = comparison_of("smooth-float32", choice)._replace(reference=torch.float64)
    require_agreement(choice, shallow, full_convolutions, CPU, comparison)


def test_a_difference_is_found(full_convolutions: Mapping[str, Convolution], shallow: Settings):
    comparison = COMPARISONS["float64"]._replace(dtype=torch.bfloat16)
    with pytest.raises(AssertionError, match="loss differs by"):
        require_agreement(CHOICES[0], shallow, full_convolutions, CPU, comparison)


@pytest.mark.cuda
@pytest.mark.parametrize("optimizer", CONTROLS["optimizer"])
def test_an_iteration_is_recorded_whole_and_changes_nothing(
    optimizer: str,
    gpu: torch.device,
    full_convolutions: Mapping[str, Convolution],
    shallow: Settings,
):
    settings = replace(shallow, epochs=FEWEST_EPOCHS)
    choice = {**CHOICES[0], "optimizer": optimizer, "batch": 2}
    made = [in_dtype(each, torch.float64) for each in make_problems(choice, settings)]
    problems = move_problems(made, gpu)
    network = Vgg19(full_convolutions, settings.layers).prepare(gpu, torch.float64)
    recorded = Optimization(network, problems)
    *_, last = recorded
    assert recorded.graph == WHOLE_GRAPH
    *_, expected = Optimization(network, problems, graph="none")
    torch.testing.assert_close(last.images, expected.images, rtol=1e-4, atol=1e-4)
