"""Progress in a log and on a terminal; the clock is the test's own."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from neural_style import display
from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.display import Display, show_in_turn
from neural_style.optim.loop import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(display, "time", clock)
    return clock


def progresses(epochs: int, first: int = 0) -> Iterator[Progress]:
    for epoch in range(first, epochs + 1):
        yield Progress(
            epoch=epoch,
            images=torch.zeros(1, 3, 2, 2),
            term_names=("content/conv4_2", "style/conv1_1"),
            losses=torch.tensor([[1.0], [1234.56 / (epoch + 1)]]),
            diverged=torch.zeros(1, dtype=torch.bool),
        )


def shown(
    clock: Clock, settings: Settings, seconds: float, on_cpu: bool, stream: io.StringIO
) -> str:
    with Display("cat × wave", settings, on_cpu, stream) as shows:
        for progress in progresses(settings.epochs):
            shows.show(progress)
            clock.now += seconds
    return stream.getvalue()


def lines(clock: Clock, settings: Settings, seconds: float, on_cpu: bool = False) -> list[str]:
    text = shown(clock, settings, seconds, on_cpu, io.StringIO())
    assert "\r" not in text
    assert "\x1b" not in text
    assert text.endswith("\n")
    return text.splitlines()


def test_a_log_gets_plain_lines_now_and_then_and_at_the_end(clock: Clock, defaults: Settings):
    log = lines(clock, replace(defaults, epochs=100), seconds=0.25)
    assert log == [
        "cat × wave: iteration 40/100, total 31.11, content 1, style 30.11, 15 s left",
        "cat × wave: iteration 80/100, total 16.24, content 1, style 15.24, 5 s left",
        "cat × wave: iteration 100/100, total 13.22, content 1, style 12.22, 0 s left",
    ]


def test_a_longer_run_has_no_more_lines_and_none_is_silent_for_long(
    clock: Clock, defaults: Settings
):
    few = lines(clock, replace(defaults, epochs=1000), seconds=0.5)
    assert [line.split(",")[0].split()[-1] for line in few] == [
        f"{epoch}/1000" for epoch in (20, 270, 520, 770, 1000)
    ]
    many = lines(clock, replace(defaults, epochs=4000), seconds=1.0)
    assert len(many) == 15  # one after 10 s, then one every five minutes


def test_epochs_of_small_stages_count_by_their_work(clock: Clock, defaults: Settings):
    """After 40 of 100 epochs, 40 of 40 + 60 · 3.23 are done, in 10 s of 58.

    3.23 = (512² + 150²) / (256² + 150²): a part of the work does not depend on the size.
    """
    staged = replace(defaults, epochs=100, stages=(Stage(256, 40),))
    assert lines(clock, staged, seconds=0.25)[0].endswith(" 48 s left")


def test_with_stages_no_other_size_is_advised(clock: Clock, defaults: Settings):
    staged = replace(defaults, stages=(Stage(256, 40),))
    advice = lines(clock, staged, seconds=1.5, on_cpu=True)[0]
    assert advice.endswith("will take about 79 min on this CPU. Faster: a GPU.")
    # 79 min = 1.5 s · (40 + 960 · 3.23)


def test_a_further_part_of_the_total_is_said_too(clock: Clock, defaults: Settings):
    stream = io.StringIO()
    (last,) = progresses(1, first=1)
    last = replace(
        last,
        term_names=(*last.term_names, "smoothness/x"),
        losses=torch.tensor([[1.0], [2.0], [4.0]]),
    )
    with Display("cat × wave", replace(defaults, epochs=1), False, stream) as shows:
        shows.show(replace(last, epoch=0))
        shows.show(last)
    assert "total 7, content 1, style 2, smoothness 4, 0 s left" in stream.getvalue()


def test_a_short_run_says_its_end_at_least(clock: Clock, defaults: Settings):
    (line,) = lines(clock, replace(defaults, epochs=1), seconds=0.001)
    assert line.startswith("cat × wave: iteration 1/1, total 618.3, ")


def test_a_long_run_on_a_cpu_is_told_and_what_would_be_quicker(clock: Clock, defaults: Settings):
    first, *others = lines(clock, defaults, seconds=1.5, on_cpu=True)
    assert first == (
        "cat × wave: this will take about 25 min on this CPU (1.50 s an iteration). Faster: "
        "--size 256 (about 6 min), --epochs 250 (about 6 min), a GPU."
    )
    assert not any("Faster" in line for line in others)


def test_slow_first_iterations_do_not_count_for_much(clock: Clock, defaults: Settings):
    """Three iterations of 3 s and then 0.25 s each: 1000 of them do not take 50 min."""
    stream = io.StringIO()
    with Display("cat × wave", defaults, True, stream) as shows:
        for progress in progresses(1000, first=0):
            shows.show(progress)
            clock.now += 3 if progress.epoch < 3 else 0.25
    (advice,) = [line for line in stream.getvalue().splitlines() if "Faster" in line]
    assert "will take about 24 min" in advice


@pytest.mark.parametrize(("seconds", "on_cpu"), [(0.1, True), (1.5, False)])
def test_short_runs_and_cards_get_no_advice(
    clock: Clock, defaults: Settings, seconds: float, on_cpu: bool
):
    assert not any("Faster" in line for line in lines(clock, defaults, seconds, on_cpu))


def test_a_terminal_gets_a_bar(clock: Clock, defaults: Settings):
    text = shown(clock, replace(defaults, epochs=20), 1.0, False, Terminal())
    assert "\r" in text
    assert "20/20" in text
    assert "total " in text
    assert "iteration 20/20," not in text, "the lines of a log are on the terminal, too"


def test_advice_on_a_terminal_is_a_line_of_its_own(clock: Clock, defaults: Settings):
    text = shown(clock, replace(defaults, epochs=200), 1.5, True, Terminal())
    (advice,) = [line for line in text.split("\n") if "Faster" in line]
    assert advice.rsplit("\r", 1)[-1].startswith("cat × wave: this will take about 5 min")


def test_a_run_that_goes_on_counts_its_own_epochs_for_the_time_left(
    clock: Clock, defaults: Settings
):
    stream = io.StringIO()
    with Display("cat × wave", replace(defaults, epochs=100), on_cpu=True, stream=stream) as shows:
        shows.log("resuming from iteration 90 of 100.")
        for progress in progresses(100, first=90):
            shows.show(progress)
            clock.now += 12
    told, first, *_ = stream.getvalue().splitlines()
    assert told == "cat × wave: resuming from iteration 90 of 100."
    assert "iteration 91/100" in first
    assert first.endswith("2 min left"), "9 epochs of 12 s"


def test_images_in_turn_have_a_bar_each(monkeypatch: pytest.MonkeyPatch, shallow: Settings):
    epochs: dict[str, list[int]] = {}

    class Recorded:
        def __init__(self, title: str, settings: Settings, on_cpu: bool) -> None:
            assert (settings, on_cpu) == (shallow, False)
            self.shown = epochs.setdefault(title, [])

        def __enter__(self) -> Recorded:
            return self

        def __exit__(self, *error: object) -> None:
            self.shown.append(-1)

        def show(self, progress: Progress) -> None:
            self.shown.append(progress.epoch)

    monkeypatch.setattr(display, "Display", Recorded)
    show_in_turn((title, shallow, progress) for title in "ab" for progress in progresses(2))
    assert epochs == {"a": [0, 1, 2, -1], "b": [0, 1, 2, -1]}
