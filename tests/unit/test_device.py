"""The choice of processor and precision, from what the processor says of itself."""

from __future__ import annotations

import pytest
import torch

from neural_style.device import (
    DEVICES,
    DeviceError,
    choose_device,
    choose_precision,
    describe,
)

CPU = torch.device("cpu")
CUDA = torch.device("cuda")


def pretend(monkeypatch: pytest.MonkeyPatch, *, card: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: card)


@pytest.mark.parametrize(
    ("name", "card", "expected"),
    [
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_the_device_is_the_one_asked_for_or_the_best(
    monkeypatch: pytest.MonkeyPatch, name: str, card: bool, expected: str
):
    assert name in DEVICES
    pretend(monkeypatch, card=card)
    assert choose_device(name).type == expected


def test_a_card_that_is_not_there_is_told_and_not_replaced(monkeypatch: pytest.MonkeyPatch):
    pretend(monkeypatch, card=False)
    with pytest.raises(DeviceError, match="--device cpu"):
        choose_device("cuda")


@pytest.mark.parametrize("device", [CPU, CUDA])
def test_a_named_precision_is_taken_as_it_is(device: torch.device):
    assert choose_precision("fp32", device) == torch.float32
    assert choose_precision("bf16", device) == torch.bfloat16


@pytest.mark.parametrize(
    ("abilities", "expected"),
    [
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": True, "amx_bf16": False}, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": False, "avx2": True}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_auto_asks_the_cpu(
    monkeypatch: pytest.MonkeyPatch, abilities: dict[str, bool], expected: torch.dtype
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: abilities, raising=False)
    assert choose_precision("auto", CPU) == expected


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((7, 5), torch.float32), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)],
)
def test_auto_asks_the_card(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: torch.dtype
):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose_precision("auto", CUDA) == expected


def test_the_processor_of_this_machine_can_be_asked():
    assert choose_precision("auto", CPU) in (torch.float32, torch.bfloat16)
    assert f"CPU, {torch.get_num_threads()} thread" in describe(CPU)
