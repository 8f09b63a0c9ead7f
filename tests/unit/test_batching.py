"""Batches by themselves: how large, and what happens when they were too large."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from neural_style.runtime import memory as batching
from neural_style.runtime.memory import MOST, automatic_batch, in_batches

CPU = torch.device("cpu")
SHORTAGES = [
    torch.OutOfMemoryError("CUDA out of memory."),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: not enough memory"),
]


class Machine:
    """Does batches up to a size, and remembers what it did."""

    def __init__(self, room: int, error: Exception = SHORTAGES[0]) -> None:
        self.room = room
        self.error = error
        self.done: list[list[int]] = []
        self.said: list[str] = []

    def work(self, batch: Sequence[int]) -> None:
        if len(batch) > self.room:
            raise self.error
        self.done.append(list(batch))


def test_items_are_done_in_order_in_batches():
    machine = Machine(room=9)
    in_batches(range(7), 3, machine.work, machine.said.append)
    assert machine.done == [[0, 1, 2], [3, 4, 5], [6]]
    assert machine.said == []


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: type(error).__name__)
def test_a_batch_that_does_not_fit_is_halved_and_it_is_said_once(error):
    machine = Machine(room=2, error=error)
    in_batches(range(11), 8, machine.work, machine.said.append)
    assert machine.done == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10]]
    assert machine.said == ["out of memory with 8 pictures at once; going on with 4 or fewer."]


def test_an_odd_batch_ends_at_single_items():
    machine = Machine(room=1)
    in_batches(range(3), 3, machine.work, machine.said.append)
    assert machine.done == [[0], [1], [2]]


def test_a_single_item_that_does_not_fit_is_the_callers_affair():
    machine = Machine(room=0)
    with pytest.raises(torch.OutOfMemoryError):
        in_batches(range(4), 4, machine.work, machine.said.append)
    assert machine.done == []


def test_other_errors_are_not_taken_for_a_shortage():
    machine = Machine(room=1, error=RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        in_batches(range(4), 4, machine.work, machine.said.append)


@pytest.mark.parametrize(
    ("gigabytes", "expected"), [(0.1, 1), (0.5, 2), (0.7, 3), (1000, MOST["cpu"])]
)
def test_the_batch_is_what_fits(monkeypatch, defaults, gigabytes, expected):
    monkeypatch.setattr(batching, "usable_bytes", lambda device: gigabytes * 1e9)
    assert automatic_batch(defaults, 256, 256, CPU, torch.bfloat16) == expected
