"""The paper estimate for a data set, and the stand-in that the measurements use."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from neural_style.config.settings import Settings
from neural_style.losses.problem import single_style_problem

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_the_estimate_is_the_arithmetic_that_it_says():
    from scale import make_parser, paper_estimate

    options = make_parser().parse_args(
        ["estimate", "--images", "1000", "--seconds", "2", "--shard-size", "100"]
    )
    first, _, _, *rows = paper_estimate(options)
    assert "assumed 2 s" in first and "10 jobs" in first and "1030 files" in first
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    # 1000 images · 2 s = 2000 s; on 8 GPUs two waves of 100 images, on 64 one.
    assert [(gpus, waves, hourly) for gpus, _, waves, hourly in cells] == [
        ("1", "10", "1800"),
        ("8", "2", "9000"),
        ("64", "1", "18000"),
    ]


def test_the_stand_in_returns_its_input(shallow: Settings):
    from scale import stand_in

    contents = torch.rand(2, 3, 16, 16)
    problems = [single_style_problem(content, content, shallow) for content in contents.split(1)]
    (progress,) = stand_in(problems)
    assert torch.equal(progress.images, contents) and not progress.diverged.any()
    assert progress.losses.shape == (1, 2)
