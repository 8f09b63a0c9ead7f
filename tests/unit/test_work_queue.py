"""The work queue: order, a limit on what waits, and no error is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from neural_style.errors import NeuralStyleError
from neural_style.io import WorkQueue

PATIENCE = 30
"""Seconds until a test that hangs fails."""


def threads_named(name: str) -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith(name)]


def fail() -> None:
    raise NeuralStyleError("cannot write")


def test_without_threads_work_is_done_at_once():
    done: list[int] = []
    with WorkQueue(0, 4, "none") as queue:
        for number in range(3):
            queue.submit(done.append, number)
            assert done[-1] == number
        assert threads_named("none") == []
        with pytest.raises(NeuralStyleError, match="cannot write"):
            queue.submit(fail)


def test_one_thread_does_all_work_in_order():
    gate, done = threading.Event(), list[int]()
    with WorkQueue(1, 4, "one") as queue:
        queue.submit(gate.wait, PATIENCE)
        queue.submit(done.append, 1)
        assert done == []
        gate.set()
        queue.finish()
        assert done == [1]
        queue.submit(done.append, 2)
    assert done == [1, 2]
    assert threads_named("one") == []


def test_several_threads_work_side_by_side():
    both = threading.Barrier(2)
    with WorkQueue(2, 4, "two") as queue:
        queue.submit(both.wait, PATIENCE)
        queue.submit(both.wait, PATIENCE)


@pytest.mark.parametrize("threads", [1, 2])
def test_more_work_than_the_depth_waits(threads: int):
    gate = threading.Event()
    with WorkQueue(threads, 4, "deep") as queue:
        for _ in range(4):
            queue.submit(gate.wait, PATIENCE)
        threading.Timer(0.1, gate.set).start()
        assert not gate.is_set()
        queue.submit(lambda: None)
        assert gate.is_set()


def submit_nothing(queue: WorkQueue) -> None:
    queue.submit(lambda: None)


@pytest.mark.parametrize("look", [WorkQueue.check, WorkQueue.finish, submit_nothing])
@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_is_raised_by_a_later_call(threads: int, look: Callable[[WorkQueue], None]):
    gate = threading.Event()

    def fail_later() -> None:
        assert gate.wait(PATIENCE)
        fail()

    with WorkQueue(threads, 4, "failing") as queue:
        queue.submit(fail_later)
        queue.check()
        gate.set()
        with pytest.raises(NeuralStyleError, match="cannot write"):
            while True:
                look(queue)


def test_an_error_is_seen_while_earlier_work_is_unfinished():
    gate = threading.Event()
    with WorkQueue(2, 4, "behind") as queue:
        queue.submit(gate.wait, PATIENCE)
        queue.submit(fail)
        with pytest.raises(NeuralStyleError, match="cannot write"):
            while True:
                queue.check()
        gate.set()


def test_an_error_is_raised_at_the_end_of_the_block():
    with pytest.raises(NeuralStyleError, match="cannot write"), WorkQueue(1, 4, "end") as queue:
        queue.submit(fail)
    assert threads_named("end") == []


def test_a_block_that_raises_does_its_work_and_keeps_its_own_error():
    gate, done = threading.Event(), list[int]()
    threading.Timer(0.1, gate.set).start()
    with pytest.raises(KeyboardInterrupt), WorkQueue(1, 4, "left") as queue:
        queue.submit(gate.wait, PATIENCE)
        queue.submit(done.append, 1)
        queue.submit(fail)
        raise KeyboardInterrupt
    assert done == [1]
    assert threads_named("left") == []
