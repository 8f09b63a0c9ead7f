"""The yardstick of the benchmarks minimises what the library minimises, and races are fair."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from neural_style.vgg import Convolution
from neural_style.weights import Weights

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def small_contest(caffe: Weights):
    from contestants import Contest

    torch.manual_seed(0)
    content, style = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 48)
    return Contest(caffe, content, style, torch.float32)


def test_the_textbook_minimises_the_same_loss(caffe: Weights, monkeypatch: pytest.MonkeyPatch):
    contest = small_contest(caffe)
    steps: list[float] = []

    def step(self: torch.optim.LBFGS, closure: Callable[[], Tensor]) -> None:
        steps.append(closure().item())

    monkeypatch.setattr(torch.optim.LBFGS, "step", step)
    pictures = contest.enter("plain", 1)
    start = next(pictures)
    next(pictures)
    ours = contest.judge().parts(start).sum()
    assert steps == pytest.approx([float(ours)], rel=1e-5)


def test_one_yardstick_leaves_the_range_and_the_other_need_not(caffe: Weights):
    contest = small_contest(caffe)
    plain = list(itertools.islice(contest.enter("plain", 8), 9))
    assert plain[0].equal(contest.content)
    assert plain[-1].min() < 0 or plain[-1].max() > 1
    ours = list(contest.enter("ours", 3))
    assert len(ours) == 4
    assert all(picture.min() >= 0 and picture.max() <= 1 for picture in ours)


def test_contestants_take_turns(monkeypatch: pytest.MonkeyPatch):
    import race

    turns: list[str] = []

    def contestant(name: str) -> Iterator[Tensor]:
        for number in itertools.count():
            turns.append(name)
            yield torch.full((1, 3, 1, 1), number / 100)

    monkeypatch.setattr(race, "ROUND", 2)
    tracks = race.race({"a": (contestant("a"), 5), "b": (contestant("b"), 3)})
    assert "".join(turns) == "aabbaabbaa"
    assert [len(track.pictures) for track in tracks.values()] == [6, 4]
    assert tracks["a"].seconds == sorted(tracks["a"].seconds)


def test_the_judge_sees_eight_bits_and_finds_the_first_picture_good_enough():
    import race

    class Brightness:
        def parts(self, pictures: Tensor) -> Tensor:
            return 1 - pictures.mean().reshape(1, 1)

    track = race.Track()
    pictures = iter([torch.full((1, 3, 2, 2), level) for level in (-3.0, 0.5, 7.0)])
    for _ in range(3):
        race.advance(track, pictures)
    judge = race.Judge(cast(Any, Brightness()), torch.device("cpu"))
    assert [judge.loss(picture) for picture in track.pictures] == pytest.approx([1, 127 / 255, 0])
    assert judge.first_reach(track, 0.6) == 1
    assert judge.first_reach(track, 0.0) == 2
    assert judge.first_reach(track, -1.0) is None


def test_convolutions_are_shared(caffe: Weights):
    first = small_contest(caffe).network().get_buffer("conv1_1_weight")
    assert isinstance(caffe.convolutions["conv1_1"], Convolution)
    assert first.equal(caffe.convolutions["conv1_1"].weight)
