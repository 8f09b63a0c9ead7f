"""What the tests of recordings share: images, and ways to record, some of which fail."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import torch

from neural_style.optim import cuda_graph, loop
from neural_style.optim.cuda_graph import Work, recorded, recorded_iteration

PICTURES = torch.rand(2, 3, 16, 20, generator=torch.Generator().manual_seed(1))
STYLE = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(3))


def again(work: Work) -> Work:
    """A recording that does the work again, as a replay does: on the same memory."""
    return work


def fails(error: Exception) -> Callable[[Work], Work]:
    def record(work: Work) -> Work:
        work()
        raise error

    return record


def fails_later(work: Work) -> Work:
    def replay() -> None:
        raise RuntimeError("CUDA error: invalid resource handle")

    return replay


def forgets(work: Work) -> Work:
    """Does nothing when it is replayed."""
    work()
    return lambda: None


def record_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
    record: Callable[[Work], Work] = again,
    record_objective: Callable[[Work], Work] = again,
) -> None:
    """Record every iteration on the CPU, or else the objective."""
    monkeypatch.setattr(loop, "GRAPH_DEVICES", ("cpu",))
    monkeypatch.setattr(cuda_graph, "reason_against", lambda *_: "")
    monkeypatch.setattr(
        cuda_graph, "recorded_iteration", partial(recorded_iteration, record=record)
    )
    monkeypatch.setattr(cuda_graph, "recorded", partial(recorded, record=record_objective))
