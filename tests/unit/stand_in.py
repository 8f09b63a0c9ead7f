"""A device that this machine lacks: tensors that say they are on it and compute on the CPU.

Within `stand_in(name)`, `torch.device(name)` can be used as if it were there. A tensor on it is a
`DeviceTensor`. Real data are behind it, so whole runs work; but an operation between the device and
the CPU fails as it does on a GPU, and so does what `forbid` refuses.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

META = torch.device("meta")

Forbid = Callable[[Any, list[Tensor], list[Tensor]], None]
"""Raises an error for an operation, its results and the tensors given to it, if the device cannot
do it."""

FROM_NUMBERS = (torch.tensor, torch.as_tensor, Tensor.new_tensor)

TRANSFERS = ("aten::_to_copy", "aten::copy_", "aten::set_")


class DeviceTensor(Tensor):
    """A tensor on the pretended device. For torch it is on `meta`, which autograd accepts."""

    data_behind: Tensor
    pretended: StandIn

    @staticmethod
    def __new__(cls, inner: Tensor, stand_in: StandIn) -> DeviceTensor:
        made: DeviceTensor = Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=META,
            layout=inner.layout,
        )
        made.data_behind, made.pretended = inner, stand_in
        return made

    def __init__(self, *_: object) -> None:
        """All is done by `__new__`."""

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return torch.device(self.pretended.name, 0)

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]
        return self.pretended.name == "cuda"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        (stand_in,) = {each.pretended for each in tensors_of((args, kwargs), DeviceTensor)}
        return stand_in.run(operation, args, kwargs or {})


class StandIn:
    """Runs operations of the pretended device on the CPU.

    Attributes:
        name: the type of the device.
        calls: names of all operations on the device so far, such as `aten::add.Tensor`.
        downloads: number of copies from the device to the CPU so far.
    """

    def __init__(self, name: str, forbid: Forbid) -> None:
        self.name = name
        self.calls: list[str] = []
        self.downloads = 0
        self._forbid = forbid

    def run(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        kwargs = {name: each for name, each in kwargs.items() if name != "pin_memory"}
        given = tensors_of((args, kwargs), Tensor)
        ours = [each for each in given if isinstance(each, DeviceTensor)]
        named = kwargs.get("device")
        on_device = bool(ours) if named is None else torch.device(named).type == "meta"
        name = operation._schema.name
        if not ours and not on_device:
            return operation(*args, **kwargs)
        if name not in TRANSFERS and ours:
            for each in given:
                on_cpu = not isinstance(each, DeviceTensor)
                assert not (on_cpu and each.dim()), f"{operation} mixes the device and the CPU"
        if name == "aten::_local_scalar_dense" or (ours and not on_device):
            self.downloads += 1
        if name == "aten::copy_":
            on_device = isinstance(args[0], DeviceTensor)
        if named is not None:
            kwargs = {**kwargs, "device": torch.device("cpu")}
        inner_args, inner_kwargs = tree_map(unwrap, (args, kwargs))
        result = operation(*inner_args, **inner_kwargs)
        if not on_device:
            return result
        self.calls.append(operation.name())
        known = {id(each.data_behind): each for each in ours}  # what an operation in place returns

        def wrap(each: Any) -> Any:
            if not is_plain(each):
                return each
            return known[id(each)] if id(each) in known else DeviceTensor(each, self)

        wrapped = tree_map(wrap, result)
        self._forbid(operation, tensors_of(wrapped, DeviceTensor), given)
        return wrapped


def is_plain(value: object) -> bool:
    return isinstance(value, Tensor) and not isinstance(value, DeviceTensor)


def unwrap(value: Any) -> Any:
    return value.data_behind if isinstance(value, DeviceTensor) else value


def tensors_of(values: object, kind: type[Tensor]) -> list[Any]:
    found: list[Any] = []
    tree_map(lambda each: found.append(each) if isinstance(each, kind) else None, values)
    return found


class _Factories(TorchDispatchMode):
    """Operations that make a tensor on the device, or move one there, name no other there."""

    def __init__(self, stand_in: StandIn) -> None:
        super().__init__()
        self._stand_in = stand_in

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return self._stand_in.run(operation, args, kwargs or {})


class _Names(TorchFunctionMode):
    """Says `meta` to torch where the device is named, because torch refuses devices it lacks."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is torch.device:
            return function(*args, **kwargs)
        if function is Tensor.tolist and isinstance(args[0], DeviceTensor):
            return args[0].cpu().tolist()
        if function in FROM_NUMBERS and not isinstance(args[-1], Tensor):
            # torch makes no such tensor on `meta`: it would have no numbers.
            there = kwargs.pop("device", None)
            if function is Tensor.new_tensor:
                like, args = args[0], args[1:]
                there = there or like.device
                kwargs = {"dtype": like.dtype, **kwargs}
            made = torch.tensor(*args, **kwargs)
            return made if there is None else made.to(self._said(there))
        return function(*tree_map(self._said, args), **tree_map(self._said, kwargs))

    def _said(self, value: Any) -> Any:
        ours = isinstance(value, torch.device) and value.type == self._name
        return META if ours or value == self._name else value


def map_tensors(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A value with every tensor in it changed, in dataclasses, too."""
    if isinstance(value, Tensor):
        return change(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {name: map_tensors(each, change) for name, each in vars(value).items()}
        return dataclasses.replace(value, **fields)
    if isinstance(value, dict):
        return {name: map_tensors(each, change) for name, each in value.items()}
    return value


@contextmanager
def stand_in(name: str, forbid: Forbid = lambda *_: None) -> Iterator[StandIn]:
    """Pretend a device within the block; `torch.save` and `torch.load` know it, too."""
    pretended = StandIn(name, forbid)
    save, load = torch.save, torch.load

    def save_inner(content: Any, file: Any) -> None:
        save(map_tensors(content, unwrap), file)

    def load_there(file: Any, map_location: Any, **options: Any) -> Any:
        content = load(file, map_location="cpu", **options)
        if torch.device(map_location).type != name:
            return content
        return map_tensors(content, lambda each: each.to(torch.device(name)))

    with (
        mock.patch("torch.save", save_inner),
        mock.patch("torch.load", load_there),
        _Names(name),
        _Factories(pretended),
    ):
        yield pretended
