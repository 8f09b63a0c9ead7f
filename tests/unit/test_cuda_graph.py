"""What is recorded says what is not recorded, and whatever fails leaves the latter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from unittest.mock import Mock, patch

import pytest
import torch
from tests.unit.recordings import (
    PICTURES,
    STYLE,
    again,
    fails,
    fails_later,
    forgets,
    record_on_the_cpu,
)
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.losses.build import make_objective
from neural_style.losses.objective import Evaluation, Objective
from neural_style.losses.problem import single_style_problem
from neural_style.model.vgg import Vgg19
from neural_style.optim import cuda_graph
from neural_style.optim.cuda_graph import FEWEST_EPOCHS, MOST_PIXELS, Work, reason_against, recorded
from neural_style.optim.loop import Optimization

OTHERS = torch.rand(2, 3, 16, 20, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def objective(network: Vgg19, shallow: Settings) -> Objective:
    return make_objective(
        network, [single_style_problem(each[None], STYLE, shallow) for each in PICTURES]
    )


def same(one: Evaluation, other: Evaluation) -> bool:
    return one.losses.equal(other.losses) and one.gradient.equal(other.gradient)


def test_a_recording_says_bit_for_bit_what_the_objective_says(objective: Objective):
    recording = recorded(objective, PICTURES, again)
    assert recording is not objective
    assert recording.term_names == objective.term_names
    for pictures in (OTHERS, PICTURES, OTHERS):
        assert same(recording(pictures), objective(pictures))


def test_an_evaluation_outlives_the_next_replay(objective: Objective):
    recording = recorded(objective, PICTURES, again)
    pictures = OTHERS.clone()
    first = recording(pictures)
    recording(PICTURES)
    assert same(first, objective(OTHERS))
    assert pictures.equal(OTHERS)


def test_the_work_is_not_recorded_before_it_was_done_once(objective: Objective):
    """What is kept from the first evaluation must not be made within a recording."""
    calls: list[int] = []

    class Counting(Objective):
        def __call__(self, images: Tensor) -> Evaluation:
            calls.append(len(calls))
            return super().__call__(images)

    def record(work: Work) -> Work:
        assert calls == [0]
        return work

    counting = Counting(objective.network, objective.terms)
    assert recorded(counting, PICTURES, record) is not counting


def spoils(work: Work) -> Work:
    """Replays, and leaves something that is not a number."""
    evaluate = Objective.__call__

    def spoiled(objective: Objective, images: Tensor) -> Evaluation:
        evaluation = evaluate(objective, images)
        evaluation.losses[0, 0] = torch.nan
        return evaluation

    def replay() -> None:
        with patch.object(Objective, "__call__", spoiled):
            work()

    return replay


@pytest.mark.parametrize(
    "record",
    [
        fails(RuntimeError("CUDA error: operation not permitted when stream is capturing")),
        fails(torch.OutOfMemoryError("CUDA out of memory")),
        fails_later,
        forgets,
        spoils,
    ],
)
def test_a_recording_that_fails_leaves_the_objective(
    objective: Objective, record: Callable[[Work], Work]
):
    assert recorded(objective, PICTURES, record) is objective


def test_a_mistake_of_ours_is_no_failure_of_the_recording(objective: Objective):
    with pytest.raises(ZeroDivisionError):
        recorded(objective, PICTURES, fails(ZeroDivisionError()))


@pytest.mark.parametrize(
    ("shape", "epochs", "reason"),
    [
        ((1, 3, 512, 512), 1000, ""),
        ((1, 3, 1024, 1024), FEWEST_EPOCHS, ""),
        ((16, 3, 256, 256), FEWEST_EPOCHS, ""),
        ((1, 3, 512, 512), FEWEST_EPOCHS - 1, f"{FEWEST_EPOCHS} iterations are needed"),
        ((64, 3, 256, 256), 1000, f"more than {MOST_PIXELS} pixels"),
        ((1, 3, 1040, 1024), 1000, f"more than {MOST_PIXELS} pixels"),
    ],
)
def test_what_is_worth_recording(shape: tuple[int, ...], epochs: int, reason: str):
    found = reason_against(torch.Size(shape), epochs)
    assert reason in found and bool(reason) == bool(found)


def test_the_gpu_of_the_images_is_the_current_one_while_it_is_recorded(
    objective: Objective, network: Vgg19, shallow: Settings, monkeypatch: pytest.MonkeyPatch
):
    """A caller may have chosen another GPU than the first."""
    current: list[Tensor] = []
    recordings: list[int] = []

    @contextmanager
    def device_of(tensor: Tensor) -> Iterator[None]:
        current.append(tensor)
        yield
        current.pop()

    def record(work: Work) -> Work:
        assert [each.shape for each in current] == [PICTURES.shape]
        recordings.append(1)
        return work

    monkeypatch.setattr(torch.cuda, "device_of", device_of)
    recorded(objective, PICTURES, record)
    record_on_the_cpu(monkeypatch, record)
    problems = [single_style_problem(each[None], STYLE, shallow) for each in PICTURES]
    next(iter(Optimization(network, problems)))
    assert len(recordings) == 2


class FakeCuda:
    """Streams and graphs in place of those of CUDA: which stream is current, and what ran where.

    Args:
        capture_ends: whether a capture ends well.
    """

    def __init__(self, capture_ends: bool) -> None:
        self.streams_of_work: list[str] = []
        self.current = "main"
        self._capture_ends = capture_ends

    def current_stream(self) -> Mock:
        return Mock()

    @contextmanager
    def stream(self, stream: object) -> Iterator[None]:
        before, self.current = self.current, "side"
        try:
            yield
        finally:
            self.current = before

    @contextmanager
    def graph(self, *_: object, **__: object) -> Iterator[None]:
        yield
        if not self._capture_ends:
            raise RuntimeError("CUDA error: operation failed due to a previous error")

    def work(self) -> None:
        self.streams_of_work.append(self.current)


@pytest.mark.parametrize("capture_ends", [True, False])
def test_work_is_recorded_on_the_side_and_the_stream_comes_back(
    monkeypatch: pytest.MonkeyPatch, capture_ends: bool
):
    """Work on the main stream before a capture would keep its memory in the graph."""
    cuda = FakeCuda(capture_ends)
    for name in ("current_stream", "stream", "graph"):
        monkeypatch.setattr(torch.cuda, name, getattr(cuda, name))
    for name in ("empty_cache", "current_device", "Stream", "CUDAGraph"):
        monkeypatch.setattr(torch.cuda, name, Mock())
    with nullcontext() if capture_ends else pytest.raises(RuntimeError):
        cuda_graph.record_on_cuda(cuda.work)
    assert len(cuda.streams_of_work) > 1, "nothing was tried before"
    assert {*cuda.streams_of_work} == {"side"}
    assert cuda.current == "main"
