"""CUDA, by stand-ins: what it says when it fails, what it refuses, and how its time is taken."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.unit.jobs import CONTENT, CPU, STYLE, files
from tests.unit.stand_in import stand_in
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.engine import engine as engine_module
from neural_style.engine import session as session_module
from neural_style.engine.checkpoint import FOLDER, STATE
from neural_style.engine.job import run_job
from neural_style.engine.session import Session
from neural_style.engine.writer import StoppedError, start_clock
from neural_style.losses.problem import single_style_problem
from neural_style.losses.resampling import LARGEST_RATIO_ON_CUDA, resample_images
from neural_style.losses.terms import products_over_positions
from neural_style.model.vgg import Vgg19, full_precision, replicate_border
from neural_style.optim.loop import Optimization
from neural_style.runtime.failures import DeviceFailedError
from neural_style.runtime.memory import MemoryShortageError

CUDA = torch.device("cuda", 0)
GB = 10**9
SHARED_MEMORY = 48 * 1024
"""Bytes for each block of threads."""


class Event:
    """An event on a GPU that needs 0.25 s for everything."""

    now = 0.0

    def __init__(self, enable_timing: bool = False, blocking: bool = False) -> None:
        self._timed = enable_timing
        self._at: float | None = None
        self._waited = False

    def record(self) -> None:
        Event.now += 250.0
        self._at = Event.now

    def synchronize(self) -> None:
        self._waited = True

    def elapsed_time(self, end: Event) -> float:
        assert self._timed and end._timed and end._waited
        assert self._at is not None and end._at is not None
        return end._at - self._at


@pytest.fixture
def _cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions of torch.cuda, for a GPU with plenty of memory."""
    for name, answer in {
        "get_device_name": "Tesla",
        "get_device_capability": (9, 0),
        "mem_get_info": (70 * GB, 80 * GB),
        "get_per_process_memory_fraction": 1.0,
        "memory_reserved": 0,
        "memory_allocated": 0,
    }.items():
        monkeypatch.setattr(torch.cuda, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(torch.cuda, "Event", Event)


def is_antialiased(operation: Any) -> bool:
    return "_aa" in operation.name()


def limited_shared_memory(operation: Any, results: list[Tensor], given: list[Tensor]) -> None:
    """Fail as torch's antialiased filters do, which keep their weights in shared memory."""
    if not is_antialiased(operation):
        return
    (image,), (result,) = given, results
    reach = 2 if "bicubic" in operation.name() else 1
    taps = [
        2 * int(-(-reach * max(1.0, before / after) // 1)) + 1
        for before, after in zip(image.shape[2:], result.shape[2:], strict=True)
    ]
    needed = 4 * (taps[1] * 32 + taps[0] * 33)
    if needed > SHARED_MEMORY:
        raise RuntimeError(f"Too much shared memory required: {needed} vs {SHARED_MEMORY}")


@pytest.mark.parametrize("ratio", [LARGEST_RATIO_ON_CUDA, 47, 48, 128])
@pytest.mark.parametrize("shape", [(16, 1), (1, 16)])
def test_stages_of_any_ratio_can_be_resampled(ratio: int, shape: tuple[int, int]):
    height, width = (ratio * 2 if each == 16 else 2 for each in shape)
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    with stand_in("cuda", limited_shared_memory):
        there = resample_images(image.to(CUDA), 2, 2)
        assert there.device == CUDA
    assert there.data_behind.equal(resample_images(image, 2, 2))  # type: ignore[attr-defined]


def test_the_stand_in_has_the_limit_of_a_gpu():
    with (
        stand_in("cuda", limited_shared_memory),
        pytest.raises(RuntimeError, match="Too much shared memory"),
    ):
        torch.nn.functional.interpolate(
            torch.rand(1, 3, 96, 96).to(CUDA), size=(2, 2), mode="bicubic", antialias=True
        )


def last_losses(folder: Path) -> list[float]:
    """The last row of a job's table of losses, without the column of the seconds."""
    *_, row = csv.reader((folder / "losses.csv").read_text(encoding="utf-8").splitlines())
    return [float(value) for value in row[:1] + row[2:]]


@pytest.mark.usefixtures("random_network", "_cuda")
def test_a_job_on_cuda_makes_the_files_of_one_on_the_cpu(tmp_path: Path, settings: Settings):
    settings = replace(settings, stages=(Stage(16, 2),))
    with stand_in("cuda", limited_shared_memory) as cuda:
        list(run_job(CONTENT, STYLE, tmp_path / "cuda", settings, CUDA))
    list(run_job(CONTENT, STYLE, tmp_path / "cpu", settings, CPU))
    assert len(cuda.calls) > 1000
    found, expected = files(tmp_path / "cuda"), files(tmp_path / "cpu")
    assert found.keys() == expected.keys()
    # Sums are added up in another order.
    last, wanted = (last_losses(tmp_path / device) for device in ("cuda", "cpu"))
    assert last == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("shape", [(2, 60, 64), (1, 77, 128), (1, 4096, 64), (2, 13, 512)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_over_positions_are_those_of_the_cpu(shape: tuple[int, ...], dtype: torch.dtype):
    rows = torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(0))
    others = rows[..., :40].sin()
    with stand_in("cuda"):
        there = products_over_positions(rows.to(CUDA), others.to(CUDA))
    expected = rows.double().mT @ others.double()
    torch.testing.assert_close(there.data_behind.double(), expected, rtol=1e-4, atol=1e-4)  # type: ignore[attr-defined]


@pytest.mark.parametrize("shape", [(1, 4, 5, 7), (2, 3, 1, 6), (2, 3, 4, 1), (1, 2, 1, 1)])
def test_a_replicated_border_is_that_of_torch(shape: tuple[int, ...]):
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(shape, dtype=torch.float64, generator=generator)
    features = features.to(memory_format=torch.channels_last).requires_grad_()
    found = replicate_border(features)
    expected = torch.nn.functional.pad(features, (1, 1, 1, 1), mode="replicate")
    assert found.equal(expected)
    assert found.is_contiguous(memory_format=torch.channels_last)
    weights = torch.randn(expected.shape, dtype=torch.float64, generator=generator)
    gradients = [torch.autograd.grad(each, features, weights)[0] for each in (found, expected)]
    torch.testing.assert_close(*gradients)


def refuse(error: Exception, wanted: Callable[[Any], bool]) -> Callable[..., None]:
    """Raise an error at the first operation that is wanted."""

    def forbid(operation: Any, *_: object) -> None:
        if wanted(operation):
            raise error

    return forbid


@pytest.mark.usefixtures("random_network", "_cuda")
@pytest.mark.parametrize("first", ["aten::_to_copy", "aten::convolution"])
def test_images_and_network_that_do_not_fit_are_explained(
    tmp_path: Path, settings: Settings, first: str
):
    """The first tensor that is moved to a GPU may find no memory there."""
    error = torch.AcceleratorError("CUDA error: out of memory")
    with (
        stand_in("cuda", refuse(error, lambda operation: operation.name() == first)),
        pytest.raises(MemoryShortageError, match=r"32 × 32 pixels need .* on this GPU"),
    ):
        list(run_job(CONTENT, STYLE, tmp_path, settings, CUDA))


@pytest.mark.usefixtures("random_network", "_cuda")
@pytest.mark.parametrize("first", ["aten::_to_copy", "aten::convolution"])
def test_python_and_the_command_explain_it_too(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, first: str
):
    monkeypatch.setattr(session_module, "choose_device", lambda name: CUDA)
    error = torch.AcceleratorError("CUDA error: out of memory")
    with (
        stand_in("cuda", refuse(error, lambda operation: operation.name() == first)),
        pytest.raises(MemoryShortageError, match=r"32 × 32 pixels need .* on this GPU"),
    ):
        list(Session(CUDA).outputs(CONTENT, STYLE, settings, companions={}))


def failing_after(calls: int) -> type[Vgg19]:
    """A network whose GPU fails after so many calls, and stays so."""
    made = itertools.count(1)

    class Failing(Vgg19):
        def forward(self, image: Tensor) -> dict[str, Tensor]:
            if next(made) > calls:
                raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
            return super().forward(image)

    return Failing


def make(folder: Path, settings: Settings, said: list[str] | None = None) -> None:
    said = [] if said is None else said
    list(run_job(CONTENT, STYLE, folder, settings, CPU, 1, lambda: False, said.append))


@pytest.mark.usefixtures("random_network")
def test_a_job_resumes_after_its_gpu_has_failed(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    make(tmp_path / "whole", settings)
    with monkeypatch.context() as patch:
        patch.setattr(engine_module, "Vgg19", failing_after(2 + 1 + 3))
        with pytest.raises(DeviceFailedError, match=r"the GPU failed .*illegal memory"):
            make(tmp_path / "failed", settings)
    said: list[str] = []
    make(tmp_path / "failed", settings, said)
    assert said == ["resuming from iteration 3 of 5."]
    assert files(tmp_path / "failed") == files(tmp_path / "whole")


@pytest.mark.usefixtures("random_network")
@pytest.mark.parametrize("call", ["load", "save"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CUDA error: out of memory", MemoryShortageError),
        ("CUDA error: unspecified launch failure", DeviceFailedError),
    ],
)
def test_a_gpu_that_fails_does_not_cost_the_checkpoint(
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    text: str,
    expected: type[Exception],
):
    asked = itertools.count()
    with pytest.raises(StoppedError):
        list(run_job(CONTENT, STYLE, tmp_path, settings, CPU, 1, lambda: next(asked) == 3))
    checkpoint = tmp_path / FOLDER / STATE
    before = checkpoint.read_bytes()

    def fail(*arguments: Any, **_: object) -> None:
        if call == "save":
            arguments[1].write(b"half")
        raise torch.AcceleratorError(text)

    with monkeypatch.context() as patch, pytest.raises(expected):
        patch.setattr(torch, call, fail)
        make(tmp_path, settings)
    assert checkpoint.read_bytes() == before
    said: list[str] = []
    make(tmp_path, settings, said)
    assert said == ["resuming from iteration 3 of 5."]


def test_the_precision_of_float32_is_all_that_is_changed(monkeypatch: pytest.MonkeyPatch):
    flags = torch.backends.cudnn
    monkeypatch.setattr(flags, "deterministic", True)
    monkeypatch.setattr(flags, "benchmark", True)
    with full_precision():
        assert [flags.deterministic, flags.benchmark, flags.allow_tf32] == [True, True, False]
    assert [flags.deterministic, flags.benchmark, flags.allow_tf32] == [True, True, True]


class Products(TorchDispatchMode):
    """Notes with which precision products of matrices are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.precisions: list[str] = []

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if operation.name().partition(".")[0] in ("aten::bmm", "aten::baddbmm", "aten::mm"):
            self.precisions.append(torch.get_float32_matmul_precision())
        return operation(*args, **(kwargs or {}))


@pytest.mark.usefixtures("as_in_nvidias_containers")
def test_all_products_of_an_iteration_have_full_precision(random_convolutions, shallow: Settings):
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    network = Vgg19(random_convolutions, shallow.layers).prepare(CPU, torch.float32)
    iterations = iter(Optimization(network, [single_style_problem(image, image.flip(3), shallow)]))
    for _ in range(2):
        next(iterations)
    with Products() as products:
        next(iterations)
    assert len(products.precisions) > 6
    assert set(products.precisions) == {"highest"}


@pytest.mark.usefixtures("_cuda")
def test_seconds_are_those_of_the_gpu():
    mark = start_clock(CUDA)
    marks = [mark() for _ in range(3)]
    assert [each() for each in marks] == [0.25, 0.5, 0.75]


@pytest.mark.usefixtures("random_network", "_cuda")
def test_the_table_has_the_seconds_of_the_gpu(tmp_path: Path, settings: Settings):
    with stand_in("cuda", limited_shared_memory):
        list(run_job(CONTENT, STYLE, tmp_path, settings, CUDA))
    rows = (tmp_path / "losses.csv").read_text(encoding="utf-8").splitlines()[1:]
    seconds = [float(row.split(",")[1]) for row in rows]
    assert all(after - before >= 0.25 for before, after in itertools.pairwise(seconds))
    assert all(each % 0.25 == 0 for each in seconds)
