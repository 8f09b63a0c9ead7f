"""Every combination of controls on the meta device, on which nothing can be read from a tensor."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from tests.unit.combinations import CONTROLS, Choice, label, make_problems, pairwise
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from neural_style.config.settings import Settings
from neural_style.losses.problem import move_problems
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim.loop import Optimization

META = torch.device("meta")


class OnlyMeta(TorchDispatchMode):
    """Fails if a tensor is anywhere else, such as a number of Python that became one."""

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = operation(*args, **(kwargs or {}))
        for each in tree_leaves((args, kwargs, result)):
            assert not isinstance(each, Tensor) or each.device == META, f"{operation} on the CPU"
        return result


def test_a_tensor_elsewhere_is_found():
    with OnlyMeta():
        one = torch.ones(2, device=META)
        assert (2 * one).device == META
        with pytest.raises(AssertionError, match="on the CPU"):
            one * torch.tensor(2.0)
        with pytest.raises(RuntimeError, match="meta"):
            one[0].item()
        with pytest.raises(RuntimeError, match="meta"):
            bool(one.all())


def test_each_two_values_of_two_controls_meet():
    rows = pairwise()
    for one, values in CONTROLS.items():
        for other, others in CONTROLS.items():
            if one != other:
                met = {(str(row[one]), str(row[other])) for row in rows}
                assert len(met) == len(values) * len(others)
    assert len(rows) < 30


def tensors_in(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif dataclasses.is_dataclass(value):
        for each in vars(value).values():
            yield from tensors_in(each)


@pytest.mark.usefixtures("meta_targets", "small_pyramids")
@pytest.mark.parametrize("choice", pairwise(), ids=label)
def test_an_iteration_is_on_the_device_alone(
    choice: Choice, random_convolutions: Mapping[str, Convolution], shallow: Settings
):
    problems = make_problems(choice, shallow)
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[choice["precision"]]
    network = Vgg19(
        random_convolutions, shallow.layers, choice["pooling"], choice["padding"]
    ).prepare(META, dtype)
    optimization = Optimization(network, move_problems(problems, META))
    iterations = iter(optimization)
    seen = [next(iterations)]
    stages = [stage.epochs for stage in problems[0].settings.all_stages]
    for number in range(1, sum(stages) + 1):
        if number == 1 + stages[0] and len(stages) > 1:
            seen.append(next(iterations))  # it prepares the next stage first
            continue
        with OnlyMeta():
            seen.append(next(iterations))
    for progress in seen:
        assert {each.device for each in tensors_in(progress)} == {META}
    state = list(tensors_in(optimization.state()))
    assert len(state) > 8
    assert {each.device for each in state} == {META}
