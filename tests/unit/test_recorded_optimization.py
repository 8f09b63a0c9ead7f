"""Recorded iterations: the same images, and the reason is told where nothing can be recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from tests.unit import jobs
from tests.unit.recordings import (
    PICTURES,
    STYLE,
    again,
    fails,
    fails_later,
    forgets,
    record_on_the_cpu,
)

from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.engine.job import run_job
from neural_style.losses.problem import TransferProblem, single_style_problem
from neural_style.model.vgg import Vgg19
from neural_style.optim import cuda_graph, loop
from neural_style.optim.cuda_graph import FEWEST_EPOCHS, WARM_UPS, Work
from neural_style.optim.loop import GraphKind, Optimization, Progress
from neural_style.optim.state import clone

CPU = torch.device("cpu")


def test_only_cuda_records(network: Vgg19, shallow: Settings, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise AssertionError("the CPU has no graphs")

    monkeypatch.setattr(cuda_graph, "recorded_iteration", fail)
    monkeypatch.setattr(cuda_graph, "recorded", fail)
    problem = single_style_problem(PICTURES[:1], STYLE, replace(shallow, epochs=FEWEST_EPOCHS))
    optimization = Optimization(network, [problem])
    next(iter(optimization))
    assert optimization.graph == "none"
    assert loop.GRAPH_DEVICES == ("cuda",)


def require_the_same(
    network: Vgg19, problems: Sequence[TransferProblem], eager: Sequence[Progress], graph: str
) -> None:
    """The results of iterations stay what they were when later ones come."""
    optimization = Optimization(network, problems)
    made = list(optimization)
    assert optimization.graph.startswith(graph)
    for one, other in zip(made, eager, strict=True):
        assert one.images.equal(other.images)
        assert one.losses.equal(other.losses)
        assert one.diverged.equal(other.diverged)
        assert one.term_names == other.term_names
    assert len({each.diverged.data_ptr() for each in made}) == len(made), "they share memory"


def warmed_up(work: Work) -> Work:
    """Does the work a few times first, as `record_on_cuda` does."""
    for _ in range(WARM_UPS + 1):
        work()
    return work


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "adam", "learning_rate": 4.0},
        {"history": 2, "stages": (Stage(16, 3),), "init": "noise"},
        {"learning_rate": 30.0},  # steps are rejected
        {"style_loss": "wasserstein"},
    ],
)
def test_a_recorded_optimization_makes_the_same_images(
    network: Vgg19, shallow: Settings, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
):
    settings = replace(shallow, epochs=8, **changes)
    problems = [single_style_problem(each[None], STYLE, settings) for each in PICTURES]
    eager = list(Optimization(network, problems))
    record_on_the_cpu(monkeypatch, warmed_up)
    require_the_same(network, problems, eager, "whole")


@pytest.mark.parametrize("graph", get_args(GraphKind))
def test_no_more_is_recorded_than_asked_for(
    network: Vgg19, shallow: Settings, monkeypatch: pytest.MonkeyPatch, graph: GraphKind
):
    record_on_the_cpu(monkeypatch)
    settings = replace(shallow, epochs=4, stages=(Stage(16, 2),))
    problems = [single_style_problem(each[None], STYLE, settings) for each in PICTURES]
    optimization = Optimization(network, problems, graph=graph)
    assert {optimization.graph for progress in optimization if progress.epoch} == {graph}


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_recorded_optimization_resumes(
    network: Vgg19, shallow: Settings, monkeypatch: pytest.MonkeyPatch, optimizer: str
):
    settings = replace(shallow, epochs=7, history=3, optimizer=optimizer)
    problems = [single_style_problem(each[None], STYLE, settings) for each in PICTURES]
    eager = list(Optimization(network, problems))
    record_on_the_cpu(monkeypatch, warmed_up)
    for epoch in (0, 2, 5):
        stopped = Optimization(network, problems)
        for progress in stopped:
            if progress.epoch == epoch:
                break
        state = clone(stopped.state())
        resumed = Optimization(network, problems)
        resumed.resume(state)
        made = list(resumed)
        assert resumed.graph == "whole"
        assert len(made) == len(eager) - epoch
        assert all(
            one.images.equal(other.images) for one, other in zip(made, eager[epoch:], strict=True)
        )


def nothing(work: Work) -> Work:
    """A capture of nothing, which a replay does."""
    return lambda: None


@pytest.mark.parametrize(
    ("record", "record_objective", "graph"),
    [
        (fails(RuntimeError("CUDA error: not permitted\nMore")), again, "objective, because"),
        (fails(torch.OutOfMemoryError("CUDA out of memory")), fails_later, "none, because"),
        (nothing, again, "objective, because"),
        (fails_later, forgets, "none, because"),
    ],
)
def test_an_iteration_that_cannot_be_recorded_is_done_and_the_reason_is_told(
    network: Vgg19,
    shallow: Settings,
    monkeypatch: pytest.MonkeyPatch,
    record: Callable[[Work], Work],
    record_objective: Callable[[Work], Work],
    graph: str,
):
    settings = replace(shallow, epochs=6)
    problems = [single_style_problem(each[None], STYLE, settings) for each in PICTURES]
    eager = list(Optimization(network, problems))
    record_on_the_cpu(monkeypatch, record, record_objective)
    require_the_same(network, problems, eager, graph)


REFUSAL = "objective, because the iteration could not be recorded (CUDA error: not permitted)"


@pytest.mark.usefixtures("random_network")
@pytest.mark.parametrize(
    ("record", "graph"),
    [(again, "whole"), (fails(RuntimeError("CUDA error: not permitted")), REFUSAL)],
)
def test_log_and_record_of_a_job_say_what_is_recorded(
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    record: Callable[[Work], Work],
    graph: str,
):
    record_on_the_cpu(monkeypatch, record)
    said: list[str] = []
    list(run_job(jobs.CONTENT, jobs.STYLE, tmp_path, settings, CPU, log=said.append))
    assert said == [f"CUDA graph: {graph}."]
    assert jobs.facts_of(tmp_path)["graph"] == graph
