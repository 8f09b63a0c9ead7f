"""Which processor runs the network, and in which precision."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager

import torch

from neural_style.errors import NeuralStyleError

DEVICES = ("auto", "cpu", "cuda")

AMPERE = (8, 0)
"""The first compute capability of CUDA with fast bfloat16."""


class DeviceError(NeuralStyleError):
    """The device asked for is not there."""


def choose_device(name: str) -> torch.device:
    """The device for one of `DEVICES`; `auto` is CUDA where there is a card, else the CPU.

    Raises:
        DeviceError: CUDA is asked for and not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError("device: cuda is not available here; use `--device cpu`.")
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The network's dtype for `auto`, `fp32` or `bf16`.

    `auto` asks what the processor says of itself and times nothing: the same machine must take
    the same choice every time.
    """
    if name == "auto":
        return torch.bfloat16 if _has_fast_bf16(device) else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[name]


def full_precision() -> AbstractContextManager[None]:
    """Within it, float32 means float32 on CUDA, too, whose convolutions round to TF32 otherwise."""
    manager: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, allow_tf32=False
    )
    return manager


def describe(device: torch.device) -> str:
    """The device in words, for the record of a run."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def _has_fast_bf16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are made by the hardware."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= AMPERE
    # Older releases of torch cannot tell, and get float32.
    abilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(abilities.get("amx_bf16") or abilities.get("avx512_bf16"))
