"""L-BFGS: the steps of torch.optim.LBFGS, for many problems at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from neural_style.optim.lbfgs import Lbfgs

SIZE = 12
GENERATOR = torch.Generator().manual_seed(0)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


# Three convex problems of different shape and scale, none quadratic, with a condition near 1e3.
SCALES = torch.stack([torch.logspace(-1, 2, SIZE, dtype=torch.float64) * f for f in (1, 0.3, 2)])
MIXERS = normal(3, SIZE, SIZE)
START = 3 * normal(3, SIZE)


def losses(x: Tensor, problems: slice = slice(None)) -> Tensor:
    """Σ dᵢ·xᵢ²/2 + Σ log cosh (M·x)ᵢ for each problem, [B]."""
    mixed = (MIXERS[problems] @ x.unsqueeze(2)).squeeze(2)
    hill = torch.logaddexp(mixed, -mixed)
    return (SCALES[problems] * x.square() / 2 + hill).sum(dim=1)


def gradient(x: Tensor, loss: Callable[[Tensor], Tensor] = losses) -> Tensor:
    variable = x.detach().clone().requires_grad_()
    return torch.autograd.grad(loss(variable).sum(), variable)[0]


def walk(
    optimizer: Lbfgs, start: Tensor, steps: int, loss: Callable[[Tensor], Tensor] = losses
) -> Tensor:
    """The iterates, [steps, B, N]."""
    iterates, x = [], start
    for _ in range(steps):
        x = optimizer.step(x, gradient(x, loss))
        iterates.append(x)
    return torch.stack(iterates)


def textbook(problem: int, steps: int, rate: float, history: int) -> Tensor:
    """The iterates of torch's own L-BFGS for one problem, [steps, N]."""
    x = START[problem].clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [x],
        lr=rate,
        max_iter=1,
        history_size=history,
        tolerance_grad=0,
        tolerance_change=0,
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = losses(x.unsqueeze(0), slice(problem, problem + 1)).sum()
        loss.backward()
        return loss

    iterates = []
    for _ in range(steps):
        optimizer.step(closure)
        iterates.append(x.detach().clone())
    return torch.stack(iterates)


@pytest.mark.parametrize("history", [1, 3, 8, 100])
@pytest.mark.parametrize("rate", [1.0, 0.5])
def test_the_iterates_are_those_of_torch(history: int, rate: float):
    ours = walk(Lbfgs(START, rate, history), START, 20)
    for problem in range(3):
        theirs = textbook(problem, 20, rate, history)
        torch.testing.assert_close(ours[:, problem], theirs, rtol=1e-6, atol=1e-8)
    assert (losses(ours[-1]) < losses(START)).all()
    assert not torch.allclose(ours[-1], ours[-2], atol=1e-6), "converged: nothing was compared"


def test_a_batch_is_many_single_runs():
    rates = torch.tensor([1.0, 0.5, 0.75], dtype=torch.float64)
    together = walk(Lbfgs(START, rates, history=5), START, 20)
    for i in range(3):
        start = START[i : i + 1]
        loss = partial(losses, problems=slice(i, i + 1))
        alone = walk(Lbfgs(start, float(rates[i]), history=5), start, 20, loss)
        torch.testing.assert_close(together[:, i], alone[:, 0], rtol=1e-9, atol=1e-10)


def dense_direction(precondition: Tensor, iterates: Tensor, slopes: Tensor, history: int) -> Tensor:
    """H·g by the recursion of BFGS on the matrix itself, from γ·P and the newest pairs; [N]."""
    s, y = iterates.diff(dim=0)[-history:], slopes.diff(dim=0)[-history:]
    inverse = (s[-1] @ y[-1]) / (y[-1] @ precondition @ y[-1]) * precondition
    for ds, dy in zip(s, y, strict=True):
        left = torch.eye(SIZE, dtype=torch.float64) - torch.outer(ds, dy) / (ds @ dy)
        inverse = left @ inverse @ left.T + torch.outer(ds, ds) / (ds @ dy)
    return inverse @ slopes[-1]


def test_a_preconditioner_is_the_inverse_hessian_before_anything_is_known():
    mixers = normal(3, SIZE, SIZE)
    maps = mixers @ mixers.mT + torch.eye(SIZE, dtype=torch.float64)

    def precondition(x: Tensor) -> Tensor:
        return (maps @ x.unsqueeze(2)).squeeze(2)

    optimizer = Lbfgs(START, history=4, first_step=0.02, precondition=precondition)
    iterates = torch.stack([START, *walk(optimizer, START, 9)])
    slopes = torch.stack([gradient(x) for x in iterates])
    first = precondition(slopes[0])
    expected = 0.02 * first / first.abs().mean(dim=1, keepdim=True)
    torch.testing.assert_close(START - iterates[1], expected)
    for step in range(1, 9):
        for problem in range(3):
            torch.testing.assert_close(
                iterates[step, problem] - iterates[step + 1, problem],
                dense_direction(
                    maps[problem],
                    iterates[: step + 1, problem],
                    slopes[: step + 1, problem],
                    history=4,
                ),
                rtol=1e-7,
                atol=1e-10,
            )


def test_the_shape_of_the_iterates_does_not_matter():
    flat = walk(Lbfgs(START, 1.0, 5), START, 8)
    deep = walk(
        Lbfgs(START.view(3, 3, 2, 2), 1.0, 5),
        START.view(3, 3, 2, 2),
        8,
        lambda x: losses(x.flatten(start_dim=1)),
    )
    assert deep.shape == (8, 3, 3, 2, 2)
    assert torch.equal(deep.view(8, 3, SIZE), flat)


def test_it_finds_the_minimum():
    last = walk(Lbfgs(START, history=20), START, 80)[-1]
    assert gradient(last).abs().max() < 1e-6 * gradient(START).abs().max()


def test_the_first_step_has_the_length_asked_for():
    optimizer = Lbfgs(START, torch.tensor([1.0, 2.0, 0.5]), first_step=0.02)
    step = optimizer.step(START, gradient(START)) - START
    expected = torch.tensor([0.02, 0.04, 0.01], dtype=torch.float64)
    torch.testing.assert_close(step.abs().mean(dim=1), expected)
    directions = torch.nn.functional.cosine_similarity(step, -gradient(START))
    torch.testing.assert_close(directions, torch.ones_like(directions))


@pytest.mark.parametrize("first_step", [None, 0.02])
def test_without_a_slope_nothing_moves(first_step: float | None):
    optimizer = Lbfgs(START, first_step=first_step)
    for _ in range(3):
        assert torch.equal(optimizer.step(START, torch.zeros_like(START)), START)


def double_well(x: Tensor) -> Tensor:
    """Σ (x² - 1)²/4: curved downwards about 0."""
    return ((x.square() - 1) ** 2 / 4).sum(dim=1)


def test_pairs_of_negative_curvature_do_no_harm():
    start = torch.cat([0.05 * normal(1, SIZE).sign(), 2 + normal(1, SIZE).abs()])
    first, second = start, None
    optimizer = Lbfgs(start, first_step=0.02)
    second = optimizer.step(first, gradient(first, double_well))
    pair = (second - first) * (gradient(second, double_well) - gradient(first, double_well))
    assert pair[0].sum() < 0 < pair[1].sum()
    last = walk(optimizer, second, 60, double_well)[-1]
    assert double_well(last).max() < 1e-6


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e200])
def test_a_bad_gradient_of_one_problem_leaves_the_others_untouched(bad: float):
    healthy = walk(Lbfgs(START, history=5), START, 12)
    optimizer, x = Lbfgs(START, history=5), START
    for epoch in range(12):
        slope = gradient(x)
        if epoch == 4:
            slope[1] = bad
        x = optimizer.step(x, slope)
        x[1] = healthy[epoch, 1]
        torch.testing.assert_close(x[[0, 2]], healthy[epoch][[0, 2]], rtol=1e-9, atol=1e-10)


def test_a_problem_recovers_from_a_bad_gradient():
    optimizer, x = Lbfgs(START, history=5, first_step=0.02), START
    for epoch in range(80):
        slope = gradient(x)
        if epoch == 4:
            slope[1] = float("nan")
        proposal = optimizer.step(x, slope)
        fell = ~proposal.isfinite().all(dim=1)
        assert fell.tolist() == [False, epoch == 4, False]
        x = torch.where(fell.unsqueeze(1), x, proposal)
        optimizer.restart(fell, 0.1)
    assert gradient(x).abs().max() < 1e-3 * gradient(START).abs().max()


def test_a_restart_forgets_the_chosen_problems_only():
    optimizer = Lbfgs(START, history=5, first_step=0.02)
    x = walk(optimizer, START, 6)[-1]
    undisturbed = Lbfgs(START, history=5, first_step=0.02)
    walk(undisturbed, START, 6)

    optimizer.restart(torch.tensor([False, True, False]), 0.1)
    steps = optimizer.step(x, gradient(x)) - x
    others = undisturbed.step(x, gradient(x)) - x
    assert torch.equal(steps[[0, 2]], others[[0, 2]])

    fresh = Lbfgs(START, history=5, first_step=0.02).step(x, gradient(x)) - x
    torch.testing.assert_close(steps[1], 0.1 * fresh[1])


def test_after_a_restart_a_problem_goes_on_as_if_it_were_new():
    optimizer = Lbfgs(START, history=5)
    x = walk(optimizer, START, 6)[-1]
    optimizer.restart(torch.ones(3, dtype=torch.bool), 1.0)
    again = walk(optimizer, x, 12)
    new = walk(Lbfgs(START, history=5), x, 12)
    torch.testing.assert_close(again, new, rtol=1e-8, atol=1e-9)


def test_scale_accumulates():
    optimizer = Lbfgs(START, first_step=0.02)
    for _ in range(2):
        optimizer.restart(torch.tensor([True, False, False]), 0.1)
    step = optimizer.step(START, gradient(START)) - START
    expected = torch.tensor([0.0002, 0.02, 0.02], dtype=torch.float64)
    torch.testing.assert_close(step.abs().mean(dim=1), expected)


def test_the_curvature_is_that_of_the_points_evaluated_and_not_of_those_proposed():
    stiffness = torch.tensor([[0.1], [1.0], [50.0]], dtype=torch.float64)
    x = torch.tensor([[3.0], [-2.0], [0.5]], dtype=torch.float64)
    optimizer = Lbfgs(x, first_step=0.02)
    proposal = optimizer.step(x, stiffness * x)
    moved = 0.3 * proposal + 0.1
    # Along a line, one pair tells all about a parabola: the next step ends at its minimum.
    assert optimizer.step(moved, stiffness * moved).abs().max() < 1e-12
