"""Signals as a question that a loop asks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import pytest
from owner import is_alive

from neural_style.display import SIGNALS, StopRequest


@pytest.fixture(autouse=True)
def _signals_stay_as_they_were() -> Iterator[None]:
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored if the tests run under nohup
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before
    signal.signal(signal.SIGHUP, hangup)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_is_a_request_and_no_end(number: signal.Signals, code: int):
    with StopRequest() as stop:
        assert not stop()
        os.kill(os.getpid(), number)
        assert stop()
        assert stop.exit_code == code


def test_several_signals_are_one_request():
    with StopRequest() as stop:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop()
        assert stop.exit_code == 143


def test_a_second_ctrl_c_is_obeyed_at_once():
    with StopRequest():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_what_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_end_of_the_owner_is_a_request():
    program = [sys.executable, "-c", "input()"]
    with (
        subprocess.Popen(program, stdin=subprocess.PIPE) as owner,
        StopRequest() as stop,
    ):
        stop.watch(partial(is_alive, owner.pid))
        assert not stop()
        owner.kill()
        os.waitid(os.P_PID, owner.pid, os.WEXITED | os.WNOWAIT)
        assert stop(), "dead, though its parent has not noticed"
        assert stop()
        assert stop.exit_code == 143
