"""Which processor runs the network, and in which precision."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from neural_style.errors import NeuralStyleError
from neural_style.machine.device_lock import lock_one

DEVICES = ("auto", "cpu", "cuda")
VISIBLE = "CUDA_VISIBLE_DEVICES"

AMPERE = (8, 0)
"""The first compute capability of CUDA with fast bfloat16. It is the first with TF32, too: what is
not fast at the one has no use for the other."""


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


@contextmanager
def claim_device(
    name: str, on_wait: Callable[[], None], on_look: Callable[[], None] = lambda: None
) -> Iterator[torch.device]:
    """The device for one of `DEVICES`; a card belongs to this process alone until the end.

    Of several cards it takes one that is free, and CUDA sees no other: it has to be called
    before anything wakes CUDA, which reads the environment once.

    Args:
        name: see `choose_device`.
        on_wait: called once, if every card is taken by another process.
        on_look: called again and again while that is so; it ends the wait by raising an error.

    Yields:
        `cpu`, or `cuda`, which is the one card.

    Raises:
        DeviceError: CUDA is asked for and not there.
        DeviceLockError: the locks cannot be kept.
    """
    cards = [] if name == "cpu" else visible_cards()
    if cards:
        with lock_one(cards, on_wait, on_look) as card, _only(card):
            device = choose_device(name)
            if device.type == "cuda":
                yield device
                return
    yield choose_device(name)


def visible_cards() -> list[str]:
    """The ids of the cards that CUDA shows to this process, found without waking CUDA."""
    listed = os.environ.get(VISIBLE)
    ids = [text.strip() for text in (listed or "").split(",")]
    if ids[0].startswith("MIG-"):
        return ids  # slices of a card; torch would wake CUDA to count them
    count = torch.cuda.device_count()
    return [str(number) for number in range(count)] if listed is None else ids[:count]


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The network's dtype for `auto`, `fp32` or `bf16`.

    `auto` asks what the processor says of itself and times nothing: the same machine must take
    the same choice every time.
    """
    if name == "auto":
        return torch.bfloat16 if _has_fast_bf16(device) else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[name]


@contextmanager
def full_precision() -> Iterator[None]:
    """Within it, float32 means float32 on CUDA, too.

    There, convolutions round to TF32 otherwise, and so do matrix products in NVIDIA's containers,
    which ask for it by an environment variable.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def describe(device: torch.device) -> str:
    """The device in words, for the record of a run."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


@contextmanager
def _only(card: str) -> Iterator[None]:
    """Within it, this is the only card to a CUDA that is not awake yet."""
    before = os.environ.get(VISIBLE)
    os.environ[VISIBLE] = card
    try:
        yield
    finally:
        os.environ.pop(VISIBLE)
        if before is not None:
            os.environ[VISIBLE] = before


def _has_fast_bf16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are made by the hardware."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= AMPERE
    # Older releases of torch cannot tell, and get float32.
    abilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(abilities.get("amx_bf16") or abilities.get("avx512_bf16"))
