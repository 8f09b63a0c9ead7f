"""What a picture needs, and the sentence for one that does not fit."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest
import torch

from neural_style import memory
from neural_style.memory import (
    MemoryShortageError,
    explaining_shortage,
    is_shortage,
    needed_bytes,
    usable_bytes,
)

CPU = torch.device("cpu")
SHORTAGES = [
    torch.OutOfMemoryError("CUDA out of memory."),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: not enough memory"),
]


def test_memory_grows_with_the_area_and_is_less_in_half_precision():
    single = needed_bytes(256, 256, torch.float32)
    assert needed_bytes(512, 512, torch.float32) == 4 * single
    assert needed_bytes(256, 256, torch.bfloat16) < single


def test_usable_is_most_of_what_is_free():
    free = psutil.virtual_memory().available
    assert 0.5 * free < usable_bytes(CPU) < free


def message_of(height: int, width: int, error: Exception) -> str:
    with (
        pytest.raises(MemoryShortageError) as caught,
        explaining_shortage(height, width, CPU, torch.bfloat16),
    ):
        raise error
    return str(caught.value)


@pytest.mark.parametrize("error", SHORTAGES, ids=lambda error: type(error).__name__)
def test_a_picture_that_does_not_fit_is_told_what_would(monkeypatch, error):
    monkeypatch.setattr(memory, "usable_bytes", lambda device: 3_300_000_000)
    assert message_of(2048, 1024, error) == (
        "1024 × 2048 pixels need about 6.5 GB of memory, and 3.3 GB could be had on this CPU; "
        "a size of 1456 should fit."
    )
    assert needed_bytes(1456, 728, torch.bfloat16) <= 3_300_000_000


def test_the_size_that_has_just_failed_is_never_advised(monkeypatch):
    monkeypatch.setattr(memory, "usable_bytes", lambda device: 10**12)
    assert "a size of 448 should fit" in message_of(512, 512, SHORTAGES[0])


def test_other_errors_pass_as_they_are():
    with pytest.raises(ValueError, match="shape"), explaining_shortage(8, 8, CPU, torch.bfloat16):
        raise ValueError("shape")


def test_a_real_shortage_on_the_cpu_is_known_for_what_it_is():
    """torch is made to ask for more than the process may have."""
    code = (
        "import torch, resource\n"
        "from neural_style.memory import is_shortage\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 * 10**10, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    torch.empty(10**11)\n"
        "except RuntimeError as error:\n"
        "    print(is_shortage(error))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout == "True\n", ended.stderr


@pytest.mark.parametrize("error", [RuntimeError("shape"), ValueError("DefaultCPUAllocator")])
def test_other_errors_are_no_shortage(error):
    assert not is_shortage(error)
