"""Memory of an image, batches that fit, and the message when a single image does not."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import psutil
import pytest
import torch

from neural_style.config.settings import Settings
from neural_style.runtime import memory
from neural_style.runtime.failures import DeviceFailedError, is_shortage
from neural_style.runtime.memory import (
    LARGEST_BATCH,
    MemoryShortageError,
    automatic_batch,
    available_bytes,
    explaining_shortage,
    in_batches,
    needed_bytes,
)

CPU = torch.device("cpu")
SHORTAGES = [
    torch.OutOfMemoryError("CUDA out of memory."),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: not enough memory"),
    torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be asynchronous"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.05 GB, other allocations: 8 KB)"),
]
FAILURES = [
    torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nCUDA kernel …"),
    torch.AcceleratorError("CUDA error: unspecified launch failure"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(…)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
]

REUSE = """
import resource, sys
import psutil, torch
from neural_style.runtime import memory

for _ in range(3 if "keep" in sys.argv else 0):  # each job of a shared process does so
    memory.keep_freed_memory()
torch.ones(25_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(25_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
kept = psutil.Process().memory_info().rss
memory.available_bytes(torch.device("cpu"))
print(kept - psutil.Process().memory_info().rss)
"""
"""Prints how many pages the system had to clear for 20 tensors of 100 MB, one after another, and
the bytes that are given back when it is asked how many are available."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="for malloc of glibc")
def test_a_tensor_gets_the_memory_that_the_one_before_it_left():
    (cleared, _), (kept, returned) = (
        map(int, subprocess.check_output([sys.executable, "-c", REUSE, *words]).split())
        for words in ([], ["keep"])
    )
    # A page has 4 KB, or 2 MB where huge ones are on.
    assert cleared >= 20 * 100e6 / 2**21
    assert kept < cleared / 10
    assert returned > 90e6


def test_memory_grows_with_the_area_and_is_less_in_half_precision(defaults: Settings):
    single = needed_bytes(defaults, 256, 256, torch.float32)
    assert needed_bytes(defaults, 512, 512, torch.float32) == 4 * single
    assert needed_bytes(defaults, 256, 256, torch.bfloat16) < single


def test_tiles_and_a_smaller_history_need_less(defaults: Settings):
    whole = needed_bytes(defaults, 1024, 1024, torch.bfloat16)
    tiled = needed_bytes(replace(defaults, tile=256), 1024, 1024, torch.bfloat16)
    padded = needed_bytes(replace(defaults, padding="reflect"), 1024, 1024, torch.bfloat16)
    assert whole < padded < 1.2 * whole
    few = needed_bytes(replace(defaults, tile=256, history=5), 1024, 1024, torch.bfloat16)
    assert tiled - few == 15 * 24 * 1024**2
    assert whole > 2 * tiled


def test_most_of_the_free_memory_is_available():
    free = psutil.virtual_memory().available
    assert 0.5 * free < available_bytes(CPU) < free


def test_less_than_what_the_shell_allows_is_available():
    code = (
        "import resource, torch\n"
        "from neural_style.runtime.memory import limit_bytes, usable_bytes\n"
        "from neural_style.runtime.memory import available_bytes\n"
        "used = limit_bytes()\n"
        "assert used == {}, used\n"
        "import psutil\n"
        "used = psutil.Process().memory_info().vms\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 10**9, resource.RLIM_INFINITY))\n"
        "assert 0.8e9 < usable_bytes() <= 0.9e9, usable_bytes()\n"
        # 0.72e9, and what the libraries have freed
        "assert 0.6e9 < available_bytes(torch.device('cpu')) <= 0.8e9\n"
        "resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (10**6, resource.RLIM_INFINITY))\n"
        "assert usable_bytes() == 0, usable_bytes()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_an_image_that_would_exceed_the_limit_of_the_shell_is_refused_at_once(
    monkeypatch, defaults: Settings
):
    """Without memory for a thread of torch, the process would end with code 134."""
    monkeypatch.setattr(memory, "limit_bytes", lambda: {"ulimit -v": 400_000_000})
    with (
        pytest.raises(MemoryShortageError, match=r"512 × 512 pixels need about 0\.9 GB of memory"),
        explaining_shortage(defaults, 512, 512, CPU, torch.bfloat16),
    ):
        pytest.fail("the work began")
    with explaining_shortage(defaults, 256, 256, CPU, torch.bfloat16):
        pass


def message_of(settings: Settings, height: int, width: int, error: Exception) -> str:
    with (
        pytest.raises(MemoryShortageError) as caught,
        explaining_shortage(settings, height, width, CPU, torch.bfloat16),
    ):
        raise error
    return str(caught.value)


@pytest.mark.parametrize("error", SHORTAGES, ids=str)
def test_the_message_for_an_image_that_does_not_fit_says_what_would_fit(
    monkeypatch, error, defaults: Settings
):
    monkeypatch.setattr(memory, "available_bytes", lambda device: 3_300_000_000)
    assert message_of(defaults, 1400, 1400, error) == (
        "1400 × 1400 pixels need about 6.9 GB of memory, and 3.3 GB are available on this CPU; "
        "a size of 960 or this size with network.tile 512 should fit."
    )
    assert needed_bytes(defaults, 960, 960, torch.bfloat16) <= 3_300_000_000
    assert needed_bytes(defaults, 976, 976, torch.bfloat16) > 3_300_000_000


def test_what_has_just_failed_is_never_advised(monkeypatch, defaults: Settings):
    monkeypatch.setattr(memory, "available_bytes", lambda device: 10**12)
    assert "a size of 448 or this size with" in message_of(defaults, 512, 512, SHORTAGES[0])
    tiled = replace(defaults, tile=256, history=5)
    assert message_of(tiled, 512, 512, SHORTAGES[0]).endswith("; a size of 416 should fit.")


def test_other_errors_pass_as_they_are(defaults: Settings):
    with (
        pytest.raises(ValueError, match="shape"),
        explaining_shortage(defaults, 8, 8, CPU, torch.bfloat16),
    ):
        raise ValueError("shape")


def test_a_real_shortage_on_the_cpu_is_recognized():
    """torch requests more memory than the process may have."""
    code = (
        "import torch, resource\n"
        "from neural_style.runtime.failures import is_shortage\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 * 10**10, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    torch.empty(10**11)\n"
        "except RuntimeError as error:\n"
        "    print(is_shortage(error))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout == "True\n", ended.stderr


@pytest.mark.parametrize("error", FAILURES, ids=str)
def test_a_failure_of_the_gpu_is_a_sentence_and_no_shortage(error: Exception, defaults: Settings):
    worker = Worker(limit=1, error=error)
    reason = str(error).splitlines()[0]
    with (
        pytest.raises(DeviceFailedError) as caught,
        explaining_shortage(defaults, 64, 64, CPU, torch.float32),
    ):
        in_batches(range(4), 4, worker.work, worker.said.append)
    assert str(caught.value) == (
        f"the GPU failed ({reason}); what was saved is kept, so start this again, and use another "
        "GPU if it fails again."
    )
    assert worker.calls == 1, "what has failed is not tried again in this process"


def test_where_nothing_fits_other_programs_have_the_memory(monkeypatch, defaults: Settings):
    def available_bytes(device: torch.device) -> int:
        raise torch.AcceleratorError("CUDA error: out of memory")

    monkeypatch.setattr(memory, "available_bytes", available_bytes)
    message = message_of(defaults, 512, 512, AssertionError("the work began"))
    assert message.endswith("0.0 GB are available on this CPU; end other programs that use it.")


@pytest.mark.parametrize("error", [RuntimeError("shape"), ValueError("DefaultCPUAllocator")])
def test_other_errors_are_no_shortage(error):
    assert not is_shortage(error)


class Worker:
    """Works on batches up to a size, and records them."""

    def __init__(self, limit: int, error: Exception = SHORTAGES[0]) -> None:
        self.limit = limit
        self.error = error
        self.calls = 0
        self.done: list[list[int]] = []
        self.said: list[str] = []

    def work(self, batch: Sequence[int]) -> None:
        self.calls += 1
        if len(batch) > self.limit:
            raise self.error
        self.done.append(list(batch))


def test_batches_keep_the_order():
    worker = Worker(limit=9)
    in_batches(range(7), 3, worker.work, worker.said.append)
    assert worker.done == [[0, 1, 2], [3, 4, 5], [6]]
    assert worker.said == []


@pytest.mark.parametrize("error", SHORTAGES, ids=str)
def test_a_batch_that_does_not_fit_is_halved_and_it_is_said_once(error):
    worker = Worker(limit=2, error=error)
    in_batches(range(11), 8, worker.work, worker.said.append)
    assert worker.done == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10]]
    assert worker.said == ["out of memory with 8 images at once; continuing with 4 or fewer."]


def test_an_odd_batch_ends_at_single_items():
    worker = Worker(limit=1)
    in_batches(range(3), 3, worker.work, worker.said.append)
    assert worker.done == [[0], [1], [2]]


def test_the_error_of_a_single_item_that_does_not_fit_is_raised():
    worker = Worker(limit=0)
    with pytest.raises(torch.OutOfMemoryError):
        in_batches(range(4), 4, worker.work, worker.said.append)
    assert worker.done == []


def test_other_errors_are_not_taken_for_a_shortage():
    worker = Worker(limit=1, error=RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        in_batches(range(4), 4, worker.work, worker.said.append)


@pytest.mark.parametrize(
    ("gigabytes", "expected"), [(0.1, 1), (0.5, 2), (0.7, 3), (1000, LARGEST_BATCH["cpu"])]
)
def test_the_batch_is_what_fits(monkeypatch, defaults, gigabytes, expected):
    monkeypatch.setattr(memory, "available_bytes", lambda device: gigabytes * 1e9)
    assert automatic_batch(defaults, 256, 256, CPU, torch.bfloat16) == expected
