"""The choice of the precision, and float32 that keeps all its digits."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.losses.build import make_objective
from neural_style.losses.problem import single_style_problem
from neural_style.model.vgg import Convolution, Vgg19, full_precision
from neural_style.runtime.device import choose_precision, describe

CPU = torch.device("cpu")
CUDA = torch.device("cuda")


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
def test_auto_depends_on_the_cpu(
    monkeypatch: pytest.MonkeyPatch, abilities: dict[str, bool], expected: torch.dtype
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: abilities, raising=False)
    assert choose_precision("auto", CPU) == expected


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((7, 5), torch.float32), ((8, 0), torch.bfloat16), ((9, 0), torch.bfloat16)],
)
def test_auto_depends_on_the_gpu(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], expected: torch.dtype
):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose_precision("auto", CUDA) == expected


def test_auto_works_on_this_machine():
    assert choose_precision("auto", CPU) in (torch.float32, torch.bfloat16)


def float32_is_full() -> bool:
    return torch.get_float32_matmul_precision() == "highest" and not torch.backends.cudnn.allow_tf32


@pytest.mark.usefixtures("as_in_nvidias_containers")
def test_full_precision_ends_with_its_block():
    assert torch.backends.cudnn.allow_tf32, "this is no longer torch's default"
    with pytest.raises(ZeroDivisionError), full_precision():
        assert float32_is_full()
        _ = 1 / 0
    assert torch.backends.cudnn.allow_tf32
    assert torch.get_float32_matmul_precision() == "high"


class Watching(Vgg19):
    """Records in the forward and the backward pass whether float32 has full precision."""

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        self.seen = [float32_is_full()]
        if image.requires_grad:
            image.register_hook(lambda _: self.seen.append(float32_is_full()))
        return super().forward(image)


@pytest.mark.usefixtures("as_in_nvidias_containers")
def test_the_objective_is_computed_in_full_precision(
    random_convolutions: Mapping[str, Convolution], shallow: Settings
):
    network = Watching(random_convolutions, shallow.layers)
    image = torch.rand(1, 3, 16, 16)
    objective = make_objective(network, [single_style_problem(image, image, shallow)])
    assert network.seen == [True]
    objective(image)
    assert network.seen == [True, True]
    objective.losses_at(image)
    assert network.seen == [True]
    assert f"CPU, {torch.get_num_threads()} thread" in describe(CPU)
