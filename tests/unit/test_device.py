"""The choice of the device, and the lock on the GPU that a process gets."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import torch

from neural_style.errors import NeuralStyleWarning
from neural_style.runtime import device as device_module
from neural_style.runtime.device import (
    ALLOCATIONS,
    DEVICES,
    VISIBLE,
    DeviceError,
    choose_device,
    has_kernels,
    lock_device,
    lock_one,
    usable_gpus,
    visible_gpus,
)
from neural_style.runtime.failures import DeviceFailedError

CPU = torch.device("cpu")

HOPPER = (9, 0)
WHEELS = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
"""What the wheels of torch are compiled for, more or less."""


def pretend_gpus(
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    visible: str | None = None,
    capabilities: Sequence[tuple[int, int]] = (),
) -> list[int]:
    """Pretend GPUs of CUDA, which is not initialized to count slices.

    Returns:
        Gets the number of each GPU that becomes the current one.
    """
    monkeypatch.delenv(VISIBLE, raising=False)
    if visible is not None:
        monkeypatch.setenv(VISIBLE, visible)
    current: list[int] = []

    def device_count() -> int:
        assert not os.environ.get(VISIBLE, "").startswith("MIG-"), "this initializes CUDA"
        return count

    def is_available() -> bool:
        assert "," not in os.environ.get(VISIBLE, "") or not os.environ[VISIBLE].startswith("MIG-")
        return count > 0

    def capability(number: int) -> tuple[int, int]:
        return capabilities[number] if capabilities else HOPPER

    def select(device: torch.device) -> AbstractContextManager[None]:
        current.append(device.index)
        return nullcontext()

    monkeypatch.setattr(torch.cuda, "device_count", device_count)
    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    monkeypatch.setattr(torch.cuda, "get_device_capability", capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"Tesla {number}")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: list(WHEELS))
    monkeypatch.setattr(torch.cuda, "device", select)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    return current


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("auto", 1, "cuda"),
        ("auto", 0, "cpu"),
        ("cpu", 1, "cpu"),
        ("cpu", 0, "cpu"),
        ("cuda", 1, "cuda"),
    ],
)
def test_the_device_is_the_one_asked_for_or_the_best(
    monkeypatch: pytest.MonkeyPatch, name: str, count: int, expected: str
):
    assert name in DEVICES
    pretend_gpus(monkeypatch, count)
    assert choose_device(name).type == expected


def test_a_missing_gpu_is_an_error_and_not_replaced(monkeypatch: pytest.MonkeyPatch):
    pretend_gpus(monkeypatch, 0)
    with pytest.raises(DeviceError, match=r"cuda is not available here; use `--device cpu`\."):
        choose_device("cuda")


@pytest.mark.parametrize(
    ("capability", "architectures", "expected"),
    [
        ((9, 0), WHEELS, True),
        ((8, 9), WHEELS, True),  # sm_86 runs on it
        ((7, 0), WHEELS, False),
        ((6, 1), WHEELS, False),
        ((12, 1), WHEELS, True),
        ((11, 0), WHEELS, False),
        ((11, 0), (*WHEELS, "compute_120"), False),  # PTX of a newer one
        ((13, 0), (*WHEELS, "compute_120"), True),
        ((7, 2), ("sm_75",), False),
        ((9, 0), ("sm_90a",), True),
        ((9, 1), ("sm_90a", "compute_90a"), False),
        ((10, 3), ("sm_100f",), True),
        ((12, 0), ("sm_100f", "compute_100f"), False),
        ((9, 0), ("gfx90a", "gfx942"), True),  # ROCm's names say nothing about it
        ((9, 0), (), True),
    ],
)
def test_code_runs_on_what_it_was_compiled_for(
    capability: tuple[int, int], architectures: Sequence[str], expected: bool
):
    assert has_kernels(capability, architectures) == expected


def test_a_gpu_that_torch_has_no_kernels_for_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, locks: Path
):
    current = pretend_gpus(monkeypatch, 3, capabilities=[(3, 7), (8, 0), (5, 2)])
    assert usable_gpus("auto") == usable_gpus("cuda") == {"1": torch.device("cuda", 1)}
    with lock_device("auto", no_waiting) as device:
        assert device == torch.device("cuda", 1)
        assert current == [1]


def test_without_kernels_for_any_gpu_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch):
    pretend_gpus(monkeypatch, 1, capabilities=[(5, 2)])
    reason = r"torch \S+ has no kernels for Tesla 0 \(compute capability 5\.2\)"
    with pytest.raises(
        DeviceError, match=f"cuda is not available here: {reason}; use `--device cpu`"
    ):
        choose_device("cuda")
    with pytest.warns(NeuralStyleWarning, match=f"the GPU is not used: {reason}"):
        assert choose_device("auto") == CPU


TROUBLES = {
    "CUDA initialization: The NVIDIA driver on your system is too old (found version 11040). "
    "Please update your GPU driver by downloading and installing a new version from the URL … "
    "(Triggered internally at ../c10/cuda/CUDAFunctions.cpp:119.)": (
        "The NVIDIA driver on your system is too old (found version 11040)"
    ),
    "CUDA initialization: CUDA unknown error - this may be due to an incorrectly set up "
    "environment, e.g. changing env variable CUDA_VISIBLE_DEVICES after program start. Setting the "
    "available devices to be zero. (Triggered internally at CUDAFunctions.cpp:109.)": (
        "CUDA unknown error - this may be due to an incorrectly set up environment, e.g. changing "
        "env variable CUDA_VISIBLE_DEVICES after program start"
    ),
    "CUDA initialization: Unexpected error from cudaGetDeviceCount(). Did you run some cuda "
    "functions before calling NumCudaDevices()? Error 804: forward compatibility": (
        "Unexpected error from cudaGetDeviceCount()"
    ),
}


@pytest.mark.parametrize(("said", "reason"), TROUBLES.items(), ids=["driver", "unknown", "other"])
def test_a_warning_of_torch_becomes_a_sentence(
    monkeypatch: pytest.MonkeyPatch, said: str, reason: str
):
    pretend_gpus(monkeypatch, 1)

    def is_available() -> bool:
        warnings.warn(said, UserWarning, stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    with pytest.raises(DeviceError) as caught:
        choose_device("cuda")
    expected = f"device: cuda is not available here: {reason}; use `--device cpu`."
    assert str(caught.value) == expected
    with pytest.warns(NeuralStyleWarning) as warned:
        assert choose_device("auto") == CPU
    assert [str(each.message) for each in warned] == [f"the GPU is not used: {reason}."]


def test_a_gpu_that_is_lost_is_left_out(monkeypatch: pytest.MonkeyPatch):
    pretend_gpus(monkeypatch, 2)

    def capability(number: int) -> tuple[int, int]:
        if number == 0:
            raise torch.AcceleratorError("CUDA error: unknown error\nCUDA kernel errors might …")
        return HOPPER

    monkeypatch.setattr(torch.cuda, "get_device_capability", capability)
    assert list(usable_gpus("auto")) == ["1"]


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of locks, outside any cluster."""
    monkeypatch.setattr(device_module, "FOLDER", tmp_path)
    for name in ALLOCATIONS:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("count", "visible", "expected"),
    [
        (4, None, ["0", "1", "2", "3"]),
        (2, "3,1", ["3", "1"]),
        (2, " 3 , 1 ", ["3", "1"]),
        (1, "0,9", ["0"]),  # there is no GPU 9
        (2, "GPU-8932f937,GPU-ab", ["GPU-8932f937", "GPU-ab"]),
        (0, "MIG-a,MIG-b", ["MIG-a", "MIG-b"]),
        (0, None, []),
        (0, "", []),
        (0, "-1", []),
        (0, "0,1", []),
    ],
)
def test_the_gpus_are_those_that_cuda_shows(
    monkeypatch: pytest.MonkeyPatch, count: int, visible: str | None, expected: list[str]
):
    pretend_gpus(monkeypatch, count, visible)
    assert visible_gpus() == expected


def no_waiting() -> None:
    raise AssertionError("a GPU was free")


def test_each_lock_is_on_another_gpu(monkeypatch: pytest.MonkeyPatch, locks: Path):
    """By its number, since CUDA may have read the environment by then, to count the GPUs."""
    current = pretend_gpus(monkeypatch, 2, "5,7")
    with lock_device("auto", no_waiting) as one, lock_device("cuda", no_waiting) as two:
        assert [one, two] == [torch.device("cuda", 0), torch.device("cuda", 1)]
        assert current == [0, 1]
        assert os.environ[VISIBLE] == "5,7"
        assert {path.name[0] for path in locks.rglob("*.lock")} == {"5", "7"}


FAILURES = [
    torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors might …"),
    torch.AcceleratorError("CUDA error: out of memory"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB."),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
]


@pytest.mark.parametrize("error", FAILURES, ids=str)
def test_a_gpu_that_fails_in_any_call_gets_a_sentence(
    monkeypatch: pytest.MonkeyPatch, locks: Path, error: Exception
):
    """Such as one that reads a loss to show it, outside of what explains a shortage."""
    pretend_gpus(monkeypatch, 1)
    with (
        pytest.raises(DeviceFailedError, match=r"the GPU failed \(\w+ .*\); what was saved"),
        lock_device("auto", no_waiting),
    ):
        raise error
    with lock_device("auto", no_waiting):
        pass


def test_a_gpu_that_cannot_become_the_current_one_gets_a_sentence(
    monkeypatch: pytest.MonkeyPatch, locks: Path
):
    """CUDA allocates memory on it by then."""
    pretend_gpus(monkeypatch, 1)

    def select(device: torch.device) -> AbstractContextManager[None]:
        raise FAILURES[1]

    monkeypatch.setattr(torch.cuda, "device", select)
    with pytest.raises(DeviceFailedError), lock_device("auto", no_waiting):
        pass


def test_other_errors_beside_a_gpu_pass_as_they_are(monkeypatch: pytest.MonkeyPatch, locks: Path):
    pretend_gpus(monkeypatch, 1)
    with pytest.raises(RuntimeError, match="shape"), lock_device("auto", no_waiting):
        raise RuntimeError("shape")


def test_each_lock_is_on_another_slice_and_hides_the_rest(
    monkeypatch: pytest.MonkeyPatch, locks: Path
):
    pretend_gpus(monkeypatch, 1, "MIG-a,MIG-b")
    with lock_device("auto", no_waiting) as one:
        assert (one, os.environ[VISIBLE]) == (torch.device("cuda", 0), "MIG-a")
        monkeypatch.setenv(VISIBLE, "MIG-a,MIG-b")  # as another process has it
        with lock_device("cuda", no_waiting) as two:
            assert (two, os.environ[VISIBLE]) == (torch.device("cuda", 0), "MIG-b")
    assert os.environ[VISIBLE] == "MIG-a,MIG-b"


def test_the_next_job_of_a_process_has_the_slice_that_cuda_was_initialized_with(
    monkeypatch: pytest.MonkeyPatch, locks: Path
):
    pretend_gpus(monkeypatch, 1, "MIG-a,MIG-b")
    with lock_one(["MIG-a"], no_waiting), lock_device("auto", no_waiting):
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    with lock_device("auto", no_waiting):
        assert os.environ[VISIBLE] == "MIG-b", "CUDA knows no other one, although it is free"
        with lock_one(["MIG-a"], no_waiting):
            pass


def test_a_slice_that_cuda_cannot_use_is_not_taken(monkeypatch: pytest.MonkeyPatch, locks: Path):
    pretend_gpus(monkeypatch, 0, "MIG-a")
    with lock_device("auto", no_waiting) as device:
        assert device == CPU
    with pytest.raises(DeviceError), lock_device("cuda", no_waiting):
        pass


@pytest.mark.parametrize(
    ("name", "count", "visible"),
    [("cpu", 2, None), ("auto", 0, None), ("auto", 0, "0"), ("auto", 0, "")],
)
def test_the_cpu_is_not_locked(
    monkeypatch: pytest.MonkeyPatch, locks: Path, name: str, count: int, visible: str | None
):
    pretend_gpus(monkeypatch, count, visible)
    with lock_device(name, no_waiting) as device:
        assert device == CPU
        assert not list(locks.iterdir())


def test_gpus_that_cuda_cannot_use_are_not_waited_for(monkeypatch: pytest.MonkeyPatch, locks: Path):
    """With a driver too old for torch, every job falls back to the CPU and holds no lock."""
    pretend_gpus(monkeypatch, 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with lock_device("auto", no_waiting) as one, lock_device("auto", no_waiting) as two:
        assert one == two == CPU
    with pytest.raises(DeviceError), lock_device("cuda", no_waiting):
        pass
