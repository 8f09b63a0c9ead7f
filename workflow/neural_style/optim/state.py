"""The state of an optimization after an iteration, and a check of states that come from files."""

from __future__ import annotations

from dataclasses import dataclass, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from neural_style.losses.objective import Evaluation
from neural_style.optim.optimizers import OptimizerState
from neural_style.optim.safeguard import SafeguardState


@dataclass(frozen=True)
class State:
    """Everything that the following iterations depend on, for a checkpoint.

    Attributes:
        epoch: number of iterations done.
        variable: x, [B, C, H, W], see `parameterization.Parameterization`.
        evaluation: the objective at `variable`.
        safeguard: the best iterates so far.
        optimizer: the memory of the optimizer.
        continued: the images of a smaller stage that this one continues, as the network sees them,
            [B, 3, h, w] in [0, 1]; None if there is none. See `stage.continued_stage`.
    """

    epoch: int
    variable: Tensor
    evaluation: Evaluation
    safeguard: SafeguardState
    optimizer: OptimizerState
    continued: Tensor | None = None


def tensors_of(value: object) -> list[Tensor]:
    """Every tensor in a dataclass, field by field."""
    if isinstance(value, Tensor):
        return [value]
    if not is_dataclass(value):
        return []
    return [each for field in vars(value).values() for each in tensors_of(field)]


def clone(value: Any) -> Any:  # noqa: ANN401 - a dataclass, a tensor or a number
    """A dataclass with a copy of every tensor in it."""
    if isinstance(value, Tensor):
        return value.clone()
    if not is_dataclass(value) or isinstance(value, type):
        return value
    return replace(value, **{name: clone(each) for name, each in vars(value).items()})


class StateError(ValueError):
    """A state that is not one of this optimization; the text says what is wrong with it."""


def require_alike(given: object, like: object, name: str) -> None:
    """Check that a value read from a file has the types and shapes of another one.

    Dataclasses are compared field by field. A tensor must have the dtype, device and shape of the
    other, finite values, and memory of its own for each of them.

    Args:
        given: the value to check.
        like: a value of the right form: a dataclass, a tensor or a number.
        name: of the value, for the message.

    Raises:
        StateError: something differs.
    """
    if type(given) is not type(like):
        raise StateError(f"{name} is of type {type(given).__name__}, not {type(like).__name__}")
    if isinstance(like, Tensor):
        assert isinstance(given, Tensor), "it has the same type"
        _require_alike_tensor(given, like, name)
    elif is_dataclass(like):
        if vars(given).keys() != vars(like).keys():
            raise StateError(f"{name} has other fields: {', '.join(map(str, vars(given)))}")
        for field, value in vars(like).items():
            require_alike(getattr(given, field), value, f"{name}.{field}")


def _require_alike_tensor(given: Tensor, like: Tensor, name: str) -> None:
    for fact in ("layout", "dtype", "device", "requires_grad"):
        if getattr(given, fact) != getattr(like, fact):
            raise StateError(
                f"{name} has the {fact} {getattr(given, fact)}, not {getattr(like, fact)}"
            )
    if given.shape != like.shape:
        raise StateError(f"{name} has the shape {list(given.shape)}, not {list(like.shape)}")
    if _overlaps(given):
        raise StateError(f"{name} has values that share their memory")
    if not bool(torch.isfinite(given).all()):
        raise StateError(f"{name} has values that are not finite")


def _overlaps(tensor: Tensor) -> bool:
    """Whether two values of a tensor may have the same place, so that it cannot be changed."""
    step = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1 and stride < step:
            return True
        step = max(step, stride * size)
    return False
