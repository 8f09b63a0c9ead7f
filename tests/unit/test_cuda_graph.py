"""What is recorded says what is not recorded, and whatever fails leaves the latter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args
from unittest.mock import Mock, patch

import pytest
import torch
from tests.unit import jobs
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.engine.job import run_job
from neural_style.losses import wasserstein
from neural_style.losses.build import make_objective
from neural_style.losses.objective import Evaluation, Objective
from neural_style.losses.problem import TransferProblem, single_style_problem
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim import cuda_graph, loop
from neural_style.optim.cuda_graph import (
    FEWEST_EPOCHS,
    MOST_PIXELS,
    WARM_UPS,
    Work,
    reason_against,
    recorded,
    recorded_iteration,
)
from neural_style.optim.loop import GraphKind, Optimization, Progress
from neural_style.optim.state import clone

CPU = torch.device("cpu")
PICTURES = torch.rand(2, 3, 16, 20, generator=torch.Generator().manual_seed(1))
OTHERS = torch.rand(2, 3, 16, 20, generator=torch.Generator().manual_seed(2))
STYLE = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(3))

Convolutions = Mapping[str, Convolution]


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=str)
def network(
    request: pytest.FixtureRequest, random_convolutions: Convolutions, shallow: Settings
) -> Vgg19:
    return Vgg19(random_convolutions, shallow.layers).prepare(CPU, request.param)


@pytest.fixture
def objective(network: Vgg19, shallow: Settings) -> Objective:
    return make_objective(
        network, [single_style_problem(each[None], STYLE, shallow) for each in PICTURES]
    )


def again(work: Work) -> Work:
    """A recording that does the work again, as a replay does: on the same memory."""
    return work


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


WAITS = {
    *("lift_fresh", "_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "equal"),
    *("_linalg_eigh", "linalg_eigh", "_linalg_svd"),
}
"""What makes the host wait for a GPU: numbers of Python on the way there, or back."""


class Watch(TorchDispatchMode):
    """Notes which operations are called."""

    def __init__(self) -> None:
        super().__init__()
        self.called: set[str] = set()

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.called.add(operation.__name__.partition(".")[0])
        return operation(*args, **(kwargs or {}))


def as_it_is(problem: TransferProblem) -> TransferProblem:
    return problem


def with_adam(problem: TransferProblem) -> TransferProblem:
    return replace(problem, settings=replace(problem.settings, optimizer="adam"))


def smooth(problem: TransferProblem) -> TransferProblem:
    return replace(problem, settings=replace(problem.settings, total_variation=1.0))


def in_luminance(problem: TransferProblem) -> TransferProblem:
    return replace(problem, chroma=torch.zeros_like(problem.content))


def masked(problem: TransferProblem) -> TransferProblem:
    mask = problem.content[:, :1]
    return replace(problem, regions=tuple(replace(each, mask=mask) for each in problem.regions))


def in_gaussians(problem: TransferProblem) -> TransferProblem:
    return replace(problem, settings=replace(problem.settings, style_loss="wasserstein"))


@pytest.mark.parametrize(
    "change", [as_it_is, with_adam, smooth, in_luminance, masked, in_gaussians]
)
def test_an_epoch_never_waits_for_the_device(
    network: Vgg19,
    shallow: Settings,
    change: Callable[[TransferProblem], TransferProblem],
    monkeypatch: pytest.MonkeyPatch,
):
    """A recording may not, and a queue that is never empty is what keeps a GPU at work."""
    monkeypatch.setattr(
        wasserstein, "transport_by_eigenvalues", wasserstein.transport_by_products
    )  # as on a GPU
    problems = [change(single_style_problem(each[None], STYLE, shallow)) for each in PICTURES]
    epochs = iter(Optimization(network, problems))
    for _ in range(2):
        next(epochs)
    with Watch() as watch:
        next(epochs)
    assert {"convolution", "convolution_backward"} <= watch.called
    assert not watch.called & WAITS


NO_KERNELS = {
    *("view", "detach", "expand", "transpose", "permute", "unsqueeze", "squeeze", "slice"),
    *("select", "t", "alias", "as_strided", "diagonal", "split", "unbind", "_unsafe_view"),
    *("empty", "empty_strided", "empty_like", "new_empty", "_reshape_alias"),
}
"""Operations that only look at memory in another way, or allocate some."""

TWO_KERNELS = {"masked_fill"}
"""Operations that copy a tensor first."""

MOST_KERNELS: Sequence[tuple[dict[str, Any], int, int]] = (
    ({}, 60, 2),
    ({"style_loss": "wasserstein"}, 61, 2),  # the preconditioner mixes colors
    ({"optimizer": "adam"}, 52, 0),
)
"""Changes of settings, kernels of an iteration without the objective, and how often it reads the
whole history. There were 145 kernels before L-BFGS kept R⁻¹ and P·y."""


class Kernels(TorchDispatchMode):
    """Counts the kernels of each operation, and those that read the whole history."""

    def __init__(self, history_values: int = 0) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.history_reads = 0
        self._history_values = history_values

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = operation.__name__.partition(".")[0]
        if name not in NO_KERNELS:
            self.counts[name] += 1 + (name in TWO_KERNELS)
            sizes = [each.numel() for each in args if isinstance(each, Tensor)]
            reads = bool(self._history_values) and self._history_values in sizes
            self.history_reads += reads and name != "index_copy_"
        return operation(*args, **(kwargs or {}))


@pytest.mark.usefixtures("meta_targets")
@pytest.mark.parametrize(("changes", "kernels", "reads"), MOST_KERNELS)
def test_an_iteration_has_few_kernels_and_few_passes_over_the_history(
    random_convolutions: Convolutions,
    shallow: Settings,
    changes: dict[str, Any],
    kernels: int,
    reads: int,
):
    """A change that adds a kernel has to be worth it: then raise the numbers above."""
    meta, history = torch.device("meta"), 20
    network = Vgg19(random_convolutions, shallow.layers).prepare(meta, torch.float32)
    content, style = torch.empty(2, 1, 3, 64, 64, device=meta)
    settings = replace(shallow, epochs=40, **changes)
    problems = [single_style_problem(content, style, settings)]
    iterations = iter(Optimization(network, problems))
    for _ in range(history + 5):
        next(iterations)
    with Kernels(2 * history * content.numel()) as whole:
        next(iterations)
    evaluate = make_objective(network, problems)
    with Kernels() as objective:
        evaluate(content)
    rest = whole.counts - objective.counts
    assert sum(rest.values()) <= kernels, rest
    assert whole.history_reads <= reads
