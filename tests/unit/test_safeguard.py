"""The way back: bad steps are undone, problem by problem, and hopeless ones are given up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from neural_style.losses.objective import Evaluation
from neural_style.optim import safeguard
from neural_style.optim.safeguard import MAX_END_RATIO, MAX_FAILURES, MAX_LOSS_RATIO, Safeguard

NAN, INF = float("nan"), float("inf")


def evaluation(totals: Sequence[float], slopes: Sequence[float] | None = None) -> Evaluation:
    """Two terms that sum to the totals, and constant gradients."""
    total = torch.tensor(totals)
    slope = torch.tensor(slopes if slopes is not None else [1.0] * len(totals))
    return Evaluation(
        losses=torch.stack([total / 4, 3 * total / 4]),
        gradient=slope.view(-1, 1, 1, 1).expand(-1, 3, 2, 2).clone(),
    )


def pictures(*levels: float) -> Tensor:
    return torch.tensor(levels).view(-1, 1, 1, 1).expand(-1, 3, 2, 2).clone()


def levels(batch: Tensor) -> list[float]:
    return [float(each) for each in batch[:, 0, 0, 0]]


def test_a_good_step_passes_unchanged():
    guard = Safeguard.begin(pictures(0.0, 0.0), evaluation([8.0, 8.0]))
    x, found, rejected = guard.check(pictures(1.0, 2.0), evaluation([4.0, 9.0], [2.0, 3.0]))
    assert levels(x) == [1.0, 2.0]
    assert found.total.tolist() == [4.0, 9.0]
    assert levels(found.gradient) == [2.0, 3.0]
    assert rejected.tolist() == [False, False]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(evaluation([4.0, NAN]), id="NaN"),
        pytest.param(evaluation([4.0, INF]), id="infinite"),
        pytest.param(evaluation([4.0, -INF]), id="minus infinite"),
        pytest.param(evaluation([4.0, 8.1 * MAX_LOSS_RATIO]), id="exploded"),
        pytest.param(evaluation([4.0, 4.0], [1.0, NAN]), id="NaN gradient"),
        pytest.param(evaluation([4.0, 4.0], [1.0, INF]), id="infinite gradient"),
    ],
)
def test_a_bad_step_of_one_problem_is_undone_and_the_other_untouched(bad: Evaluation):
    guard = Safeguard.begin(pictures(0.1, 0.2), evaluation([8.0, 8.0], [5.0, 6.0]))
    x, found, rejected = guard.check(pictures(0.3, 0.4), bad)
    assert rejected.tolist() == [False, True]
    assert levels(x) == pytest.approx([0.3, 0.2])
    assert found.losses.tolist() == [[1.0, 2.0], [3.0, 6.0]]
    assert levels(found.gradient) == [1.0, 6.0]
    assert not guard.state.diverged.any()


def test_one_bad_pixel_of_the_gradient_is_enough():
    bad = evaluation([4.0])
    bad.gradient[0, 2, 1, 1] = NAN
    guard = Safeguard.begin(pictures(0.1), evaluation([8.0]))
    assert guard.check(pictures(0.3), bad)[2].tolist() == [True]


def test_the_way_back_leads_to_the_best_and_not_to_the_last():
    guard = Safeguard.begin(pictures(0.1), evaluation([8.0]))
    guard.check(pictures(0.2), evaluation([2.0]))
    guard.check(pictures(0.3), evaluation([5.0]))
    x, found, _ = guard.check(pictures(0.4), evaluation([NAN]))
    assert levels(x) == pytest.approx([0.2])
    assert found.total.tolist() == [2.0]


def test_an_overshoot_is_no_fall():
    guard = Safeguard.begin(pictures(0.1), evaluation([8.0]))
    x, found, rejected = guard.check(pictures(0.2), evaluation([7.9 * MAX_LOSS_RATIO]))
    assert not rejected.any()
    assert levels(x) == pytest.approx([0.2])
    assert found.total.item() == pytest.approx(7.9 * MAX_LOSS_RATIO)


def test_a_problem_that_only_falls_is_given_up_and_keeps_its_best():
    guard = Safeguard.begin(pictures(0.1, 0.5), evaluation([8.0, 8.0]))
    for fall in range(1, MAX_FAILURES + 1):
        x, _, _ = guard.check(pictures(0.9, 0.5 + fall / 100), evaluation([NAN, 8.0 - fall]))
        assert guard.state.diverged.tolist() == [fall == MAX_FAILURES, False]
    assert levels(x) == pytest.approx([0.1, 0.5 + MAX_FAILURES / 100])


def test_a_better_image_in_between_resets_the_failures():
    guard = Safeguard.begin(pictures(0.1), evaluation([1e6]))
    for round_ in range(3):
        for _ in range(MAX_FAILURES - 1):
            guard.check(pictures(0.9), evaluation([INF]))
        guard.check(pictures(0.2), evaluation([1e5 / (round_ + 1)]))
    assert not guard.state.diverged.any()


@pytest.mark.parametrize("loss", [8.0, 9.0])
def test_a_step_without_progress_forgives_nothing(loss: float):
    guard = Safeguard.begin(pictures(0.1), evaluation([8.0]))
    for _ in range(MAX_FAILURES):
        guard.check(pictures(0.9), evaluation([INF]))
        guard.check(pictures(0.2), evaluation([loss]))
    assert guard.state.diverged.all()


@pytest.mark.parametrize("slope", [1.0, NAN])
def test_a_start_that_is_not_finite_is_hopeless(slope: float):
    start = evaluation([8.0, 8.0], [1.0, slope]) if slope != slope else evaluation([8.0, NAN])
    assert Safeguard.begin(pictures(0.1, 0.1), start).state.diverged.tolist() == [False, True]


def test_a_loss_of_zero_is_no_reason_to_fall():
    guard = Safeguard.begin(pictures(0.1), evaluation([0.0], [0.0]))
    _, _, rejected = guard.check(pictures(0.1), evaluation([0.0], [0.0]))
    assert not rejected.any()


def test_what_the_caller_does_to_its_images_does_not_reach_the_best():
    start = pictures(0.1)
    guard = Safeguard.begin(start, evaluation([8.0]))
    start.fill_(0.7)
    x, _, _ = guard.check(pictures(0.4), evaluation([NAN]))
    assert levels(x) == pytest.approx([0.1])


def test_large_images_are_kept_without_a_copy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(safeguard, "SHARE_MEMORY_ABOVE", 1)
    guard = Safeguard.begin(pictures(0.1), evaluation([8.0]))
    better, worse = (pictures(0.2), evaluation([4.0])), (pictures(0.3), evaluation([5.0]))
    x, found, _ = guard.check(*better)
    assert x is better[0] is guard.state.best
    assert found.gradient is better[1].gradient is guard.state.evaluation.gradient
    x, found, _ = guard.check(*worse)
    assert x is worse[0] and found.gradient is worse[1].gradient
    assert guard.state.best.equal(better[0])
    x, found, _ = guard.check(pictures(0.4), evaluation([INF]))
    assert x.equal(better[0]) and found.total.equal(better[1].total)


def test_the_best_takes_the_place_of_a_much_worse_end():
    guard = Safeguard.begin(pictures(0.1, 0.2, 0.3), evaluation([8.0, 8.0, 0.0], [5.0, 6.0, 7.0]))
    guard.check(pictures(0.4, 0.5, 0.6), evaluation([4.0, 4.0, 1.0]))
    end = evaluation([4.1 * MAX_END_RATIO, 3.9 * MAX_END_RATIO, 1.0], [1.0, 2.0, 3.0])
    x, found, excess = guard.settle(pictures(0.7, 0.8, 0.9), end)
    # A best loss of 0 is that of an image that was not to change: no loss is few times as much.
    assert levels(x) == pytest.approx([0.4, 0.8, 0.9])
    assert found.total.tolist() == pytest.approx([4.0, 3.9 * MAX_END_RATIO, 1.0])
    assert levels(found.gradient) == [1.0, 2.0, 3.0]
    assert excess.tolist() == pytest.approx([4.1 * MAX_END_RATIO / 4, 1, 1])
