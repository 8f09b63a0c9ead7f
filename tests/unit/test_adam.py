"""Adam: the steps of torch.optim.Adam, for many problems at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from neural_style.optim.adam import DECAY, RECOVERY, Adam

SIZE = 12
GENERATOR = torch.Generator().manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


SCALES = torch.stack([torch.logspace(-1, 2, SIZE, dtype=torch.float64) * f for f in (1, 0.3, 2)])
CENTERS = normal(3, SIZE)
START = 3 * normal(3, SIZE)
RATES = torch.tensor([0.1, 0.02, 0.3], dtype=torch.float64)


def slope_of(x: Tensor, problems: slice = slice(None)) -> Tensor:
    """The gradient of Σ dᵢ·(xᵢ - cᵢ)²/2 for each problem."""
    return SCALES[problems] * (x - CENTERS[problems])


def walk(
    optimizer: Adam, start: Tensor, steps: int, slope: Callable[[Tensor], Tensor] = slope_of
) -> Tensor:
    """The iterates, [steps, B, N]."""
    iterates, x = [], start
    for _ in range(steps):
        x = optimizer.step(x, slope(x))
        iterates.append(x)
    return torch.stack(iterates)


def textbook(problem: int, steps: int) -> Tensor:
    """The iterates of torch's own Adam for one problem, [steps, N]."""
    x = START[problem].clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=float(RATES[problem]), betas=DECAY, eps=0)
    iterates = []
    for _ in range(steps):
        x.grad = slope_of(x.detach(), slice(problem, problem + 1))[0]
        optimizer.step()
        iterates.append(x.detach().clone())
    return torch.stack(iterates)


def test_the_iterates_are_those_of_torch_each_problem_at_its_own_rate():
    ours = walk(Adam(START, 2 * RATES, unit=0.5), START, 30)
    for problem in range(3):
        torch.testing.assert_close(ours[:, problem], textbook(problem, 30), rtol=1e-9, atol=1e-12)


def test_a_change_of_variables_is_the_same_as_solving_for_them():
    mixer = normal(SIZE, SIZE)
    matrix = mixer @ mixer.mT / SIZE + torch.eye(SIZE, dtype=torch.float64)
    inside = torch.linalg.solve(matrix, START.mT).mT  # z, with x = M·z

    def in_z(z: Tensor) -> Tensor:
        return slope_of(z @ matrix) @ matrix

    ours = walk(Adam(START, RATES, change=lambda x: x @ matrix), START, 20)
    theirs = walk(Adam(inside, RATES), inside, 20, in_z) @ matrix
    torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_scale_of_the_loss_does_not_matter(scale: float):
    ours = walk(Adam(START, RATES), START, 20, lambda x: scale * slope_of(x))
    torch.testing.assert_close(ours, walk(Adam(START, RATES), START, 20))


@pytest.mark.parametrize("scale", [0.0, 1e-30])
def test_a_slope_too_small_to_be_squared_is_no_leap(scale: float):
    start = START.float()
    walked = walk(Adam(start, RATES), start, 5, lambda x: scale * slope_of(x).float())
    assert (walked - start).abs().max() < 1e-6


def test_the_first_step_has_the_length_asked_for():
    step = walk(Adam(START, torch.tensor([1.0, 2.0, 0.5]), unit=0.02), START, 1)[0] - START
    expected = torch.tensor([[0.02], [0.04], [0.01]], dtype=torch.float64)
    torch.testing.assert_close(step, -expected * slope_of(START).sign())


def test_it_finds_the_minimum():
    walked = walk(Adam(START, 0.05), START, 2000)
    assert (walked[-1] - CENTERS).abs().max() < 0.05 * (START - CENTERS).abs().max()


def test_the_shape_of_the_iterates_does_not_matter():
    deep = START.view(3, 3, 2, 2)
    walked = walk(Adam(deep, RATES), deep, 5, lambda x: slope_of(x.flatten(1)).view_as(x))
    assert torch.equal(walked.flatten(2), walk(Adam(START, RATES), START, 5))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e200])
def test_a_problem_recovers_from_a_bad_gradient_and_the_others_never_notice(bad: float):
    sound, optimizer, x = walk(Adam(START, RATES), START, 12), Adam(START, RATES), START
    for epoch in range(12):
        slope = slope_of(x)
        if epoch == 4:
            slope[1] = bad
        proposal = optimizer.step(x, slope)
        assert torch.equal(proposal[[0, 2]], sound[epoch][[0, 2]])
        fell = torch.tensor([False, epoch == 4, False])
        x = torch.where(fell.unsqueeze(1), x, proposal)
        optimizer.restart(fell, 0.1)
    assert x.isfinite().all()
    assert not torch.equal(x[1], sound[4, 1])


def test_a_restart_forgets_the_chosen_problems_and_makes_their_steps_smaller():
    optimizer, undisturbed = Adam(START, RATES), Adam(START, RATES)
    x = walk(optimizer, START, 6)[-1]
    walk(undisturbed, START, 6)
    chosen = torch.tensor([False, True, False])
    optimizer.restart(chosen, 0.5)
    optimizer.restart(chosen, 0.5)
    ours, others = (walk(each, x, 5) for each in (optimizer, undisturbed))
    assert torch.equal(ours[:, [0, 2]], others[:, [0, 2]])
    full = Adam(START, RATES)
    for epoch in range(5):
        before = ours[epoch - 1] if epoch else x
        whole = full.step(before, slope_of(before)) - before
        share = min(1, 0.25 * RECOVERY**epoch)
        torch.testing.assert_close((ours[epoch] - before)[1], share * whole[1])


def test_steps_that_were_made_smaller_recover():
    optimizer = Adam(START, RATES)
    optimizer.restart(torch.tensor([False, True, False]), 1e-3)
    walk(optimizer, START, 17)
    assert (optimizer.memory.scale < 1).tolist() == [[False], [True], [False]]
    walk(optimizer, START, 1)
    assert torch.equal(optimizer.memory.scale, torch.ones(3, 1, dtype=torch.float64))


def test_a_state_goes_on_bit_for_bit():
    optimizer = Adam(START, RATES)
    x = walk(optimizer, START, 6)[-1]
    optimizer.restart(torch.tensor([True, False, False]), 0.1)
    x = walk(optimizer, x, 2)[-1]
    state = optimizer.memory
    expected = walk(optimizer, x, 6)
    other = Adam(START, RATES)
    other.restore(state)
    assert torch.equal(walk(other, x, 6), expected)
