"""Images that Python code gives: checked and converted, and outputs of the same kind.

A kind is a file, a Pillow image, a NumPy array or a tensor. Every check ends in one sentence that
says what was given and what to give.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from neural_style.config.inputs import INIT, MASK, STYLE_MASK, blended, companions_of
from neural_style.config.settings import BESIDE, STARTS, Settings
from neural_style.errors import NeuralStyleError
from neural_style.images.decode import ImageError, convert_image
from neural_style.images.encode import Postprocessor
from neural_style.images.tensors import AnyImage
from neural_style.io import expand_path

KINDS = "a path, a Pillow image, a NumPy array, or a torch tensor"

IN_MEMORY = "(in memory)"
"""Stands for an image without a file in the settings of an output."""

_NAMES = {MASK: "mask", STYLE_MASK: "style mask", INIT: "image to start from"}

ROUNDING = 1e-3
"""How far values may lie outside [0, 1]: rounding, in half precision, of an image that is in it."""


@dataclass(frozen=True)
class OutputKind:
    """The kind of an output: that of its content image.

    Attributes:
        name: `image` (Pillow), `array` or `tensor`.
        dtype: of an array or tensor.
        device: of a tensor.
        batched: whether a tensor has a dimension for several images.
    """

    name: str
    dtype: Any = None
    device: torch.device | None = None
    batched: bool = False

    def convert(self, images: Tensor, postprocessor: Postprocessor) -> Any:  # noqa: ANN401
        """Convert optimized images [B, 3, H, W] in [0, 1]; B is 1 unless the kind is batched.

        Args:
            images: after some iteration.
            postprocessor: brings them to the size of the output, with a format of 8 bits.

        Returns:
            A Pillow image; an array [H, W, 3], uint8 or floating-point numbers in [0, 1]; or a
            tensor [3, H, W] or [B, 3, H, W] in [0, 1]. It shares no memory with `images`.
        """
        if self.name == "tensor":
            return self._to_tensor(images, postprocessor)
        image = images[0].cpu().numpy()
        if self.dtype is not None and self.dtype != np.uint8:
            return postprocessor.to_floats(image).transpose(1, 2, 0).astype(self.dtype)
        pixels = postprocessor.to_pixels(image)
        return Image.fromarray(pixels) if self.name == "image" else np.array(pixels)

    def _to_tensor(self, images: Tensor, postprocessor: Postprocessor) -> Tensor:
        resized = images
        if postprocessor.original_size is not None:
            arrays = [postprocessor.to_floats(image) for image in images.cpu().numpy()]
            resized = torch.from_numpy(np.stack(arrays))
        converted = resized.detach().to(device=self.device, dtype=self.dtype, copy=True)
        return converted if self.batched else converted[0]


def kind_of(content: object) -> OutputKind:
    """The kind of the output for a content image that `read_image` accepts."""
    if isinstance(content, Tensor):
        return OutputKind("tensor", content.dtype, content.device, content.dim() == 4)
    if isinstance(content, np.ndarray):
        return OutputKind("array", content.dtype)
    return OutputKind("image")


# All images of a call


@dataclass(frozen=True)
class GivenImages:
    """The images of a call.

    Attributes:
        images: by role, see `load.make_problems`.
        settings: of the run; they name those images, or `IN_MEMORY`.
    """

    images: Mapping[str, AnyImage]
    settings: Settings


def read_images(
    content: object,
    style: object,
    weights: Sequence[float] | None,
    companions: Mapping[str, object],
    settings: Settings,
) -> GivenImages:
    """Check all images of a call, and convert those in memory.

    Args:
        content: the content image.
        style: a style image, or a list of them.
        weights: of the style images; None for equal ones.
        companions: masks and start by role, as they were given; None for those of the settings.
        settings: of the run, without those images.

    Raises:
        ImageError: an image, or a weight, is not as it must be.
    """
    styles = style if isinstance(style, list | tuple) else [style]
    if not styles:
        raise ImageError("there is no style image; give at least one.")
    own, *others = styles
    images: dict[str, AnyImage] = {
        "content": read_image(content, "the content image"),
        "style": _read_style(own, "the style image"),
    }
    in_memory: dict[str, AnyImage] = {}
    blend = dict(settings.blend)
    for number, (other, weight) in enumerate(
        zip(others, _shares(weights, 1 + len(others)), strict=True), start=2
    ):
        image = _read_style(other, f"style image {number}")
        name = str(image) if isinstance(image, Path) else f"{number} {IN_MEMORY}"
        blend[name] = blend.get(name, 0.0) + weight
        in_memory[name] = image
    names: dict[str, Any] = {"blend": dict(sorted(blend.items()))}
    for role, given in companions.items():
        words = STARTS if role == INIT else (BESIDE,)
        if given is None or (isinstance(given, str) and given in words):
            names |= {} if given is None else {role: given}
            continue
        what = f"the {_NAMES[role]}"
        image = read_image(given, what) if role == INIT else read_mask(given, what)
        names[role] = str(image) if isinstance(image, Path) else IN_MEMORY
        in_memory[role] = image
    named = replace(settings, **names)
    images |= _companions(images, named, in_memory)
    start, contents = images.get(INIT), images["content"]
    if isinstance(start, Tensor) and len(start) not in (1, _count(contents)):
        raise ImageError(
            f"the image to start from is {len(start)} images, but there are {_count(contents)} "
            "content images; give one for each, or one for all."
        )
    return GivenImages(images, named)


def _companions(
    images: Mapping[str, AnyImage], settings: Settings, in_memory: Mapping[str, AnyImage]
) -> dict[str, AnyImage]:
    """The companions of a call by role: files by their names, and those in memory."""
    for key, role in ((MASK, "content"), (STYLE_MASK, "style")):
        if getattr(settings, key) == BESIDE and not isinstance(images[role], Path):
            raise ImageError(
                f"{key}: beside means the file beside the {role} image, which is not a file; give "
                "the mask itself."
            )
    pair = (images["content"], images["style"])
    content, style = (each if isinstance(each, Path) else Path() for each in pair)
    roles = {blended(number): name for number, name in enumerate(settings.blend, start=1)}
    return {
        role: in_memory.get(roles.get(role, role), path)
        for role, path in companions_of(content, style, settings).items()
    }


def _read_style(given: object, what: str) -> AnyImage:
    image = read_image(given, what)
    if _count(image) > 1:
        raise ImageError(f"{what} is {_count(image)} images; give a list of images instead.")
    return image


def _count(image: AnyImage) -> int:
    """The number of images of a tensor, else 1."""
    return len(image) if isinstance(image, Tensor) else 1


def _shares(weights: Sequence[float] | None, count: int) -> list[float]:
    """The weights of the style images after the first, in units of the weight of the first."""
    if weights is None:
        return [1.0] * (count - 1)
    try:
        numbers = [float(weight) for weight in weights]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != count or not all(0 < number < math.inf for number in numbers):
        raise ImageError(
            f"style_weights: {weights!r} is not allowed; give a number above 0 for each of the "
            f"{count} style images."
        )
    return [number / numbers[0] for number in numbers[1:]]


# An image


def read_image(given: object, what: str) -> AnyImage:
    """Check an image and convert it.

    Args:
        given: a path; a Pillow image of any mode; an array [H, W, 3] or [H, W] of uint8, or of
            floating-point numbers in [0, 1]; or a tensor [3, H, W] or [B, 3, H, W] of
            floating-point numbers in [0, 1]. It is not changed.
        what: names it in messages, such as `the content image`.

    Returns:
        The path, an upright image of mode RGB, or a tensor [B, 3, H, W] of float32 in [0, 1].

    Raises:
        ImageError: it is something else, or cannot be read.
    """
    match given:
        case str() | os.PathLike():
            return read_path(given, what)
        case Image.Image():
            try:
                return convert_image(given)
            except ImageError as error:
                raise ImageError(f"{what}: {error}") from error
        case np.ndarray():
            return _read_array(given, what)
        case Tensor():
            return _read_tensor(given, what)
        case _:
            raise ImageError(f"{what} is of type {_type_name(given)}; give {KINDS}.")


def read_mask(given: object, what: str) -> Path | Image.Image:
    """Check a mask and convert it.

    Args:
        given: a path or a Pillow image; or an array or tensor [H, W] (a tensor also [1, H, W]) of
            Booleans, uint8, or floating-point numbers in [0, 1].
        what: names it in messages, such as `the mask`.

    Returns:
        The path, or an image of mode L.

    Raises:
        ImageError: it is something else, or cannot be read.
    """
    if isinstance(given, Tensor):
        _require_data(given, what)
        plane = given[0] if given.dim() == 3 and given.shape[0] == 1 else given
        given = plane.detach().cpu()
        given = (given.float() if given.is_floating_point() else given).numpy()
    if not isinstance(given, np.ndarray):
        image = read_image(given, what)
        assert not isinstance(image, Tensor), "tensors and arrays were converted above"
        return image if isinstance(image, Path) else image.convert("L")
    if given.ndim != 2:
        raise ImageError(f"{what} has the shape {list(given.shape)}; give [H, W].")
    if given.dtype == bool:
        given = given.astype(np.uint8) * np.uint8(255)
    levels = given if given.dtype == np.uint8 else _eight_bits(_floats(given, what))
    if not levels.size:
        raise ImageError(f"{what} has no pixels; give another one.")
    return Image.fromarray(levels)


def read_path(given: object, what: str) -> Path:
    """Read a path; a leading `~` is the home folder.

    Raises:
        ImageError: it is something else, or has a variable.
    """
    path = os.fspath(given) if isinstance(given, os.PathLike) else given
    if not isinstance(path, str) or not path:
        raise ImageError(f"{what} is {path!r}, which is not a path; give another one.")
    try:
        return Path(expand_path(path))
    except NeuralStyleError as error:
        raise ImageError(f"{what}: {error}") from error


def _read_array(given: NDArray[Any], what: str) -> Image.Image | Tensor:
    shape = list(given.shape)
    if given.ndim not in (2, 3) or (given.ndim == 3 and shape[2] != 3):
        raise ImageError(f"{what} is an array of shape {shape}; {_array_advice(shape)}")
    if not given.size:
        raise ImageError(f"{what} has no pixels: its shape is {shape}; give another one.")
    if given.dtype == np.uint8:
        return Image.fromarray(np.ascontiguousarray(given)).convert("RGB")
    floats = _floats(given, what)
    planes = np.broadcast_to(floats, (3, *shape)) if given.ndim == 2 else floats.transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(planes)[None])


def _array_advice(shape: list[int]) -> str:
    """What to do about an array of a wrong shape."""
    match shape:
        case [3, _, _]:
            return "move the channels to the end: image.transpose(1, 2, 0)."
        case [_, _, 4]:
            return "leave out the opacity: image[..., :3]; or give it as a Pillow image."
        case [_, _, 1]:
            return "leave out the last dimension: image[..., 0]."
        case [_, _, _, 3]:
            return "give one image [H, W, 3] at a time, or several as a tensor [B, 3, H, W]."
        case _:
            return "give [H, W, 3], or [H, W] for a gray image."


def _floats(given: NDArray[Any], what: str) -> NDArray[np.float32]:
    """The numbers of an array in [0, 1]."""
    if not np.issubdtype(given.dtype, np.floating):
        raise ImageError(
            f"{what} has the dtype {given.dtype}; give uint8, or floating-point numbers in [0, 1]."
        )
    floats: NDArray[np.float32] = given.astype(np.float32)
    if floats.size:
        _require_range(float(floats.min()), float(floats.max()), what)
    return np.clip(floats, 0, 1)


def _eight_bits(floats: NDArray[np.float32]) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.rint(floats * 255).astype(np.uint8)
    return levels


def _read_tensor(given: Tensor, what: str) -> Tensor:
    _require_data(given, what)
    shape = list(given.shape)
    if given.dim() not in (3, 4) or shape[-3] != 3:
        raise ImageError(f"{what} is a tensor of shape {shape}; {_tensor_advice(shape)}")
    if not given.numel():
        raise ImageError(f"{what} has no pixels: its shape is {shape}; give another one.")
    if not given.is_floating_point():
        advice = "image / 255" if given.dtype == torch.uint8 else "floating-point numbers in [0, 1]"
        raise ImageError(f"{what} has the dtype {_dtype_name(given.dtype)}; give {advice}.")
    # A clone is no tensor of an inference mode of the caller, and shares no memory with its image.
    images = given.detach().to(torch.float32).clone(memory_format=torch.contiguous_format)
    _require_range(images.min().item(), images.max().item(), what)
    images = images.clamp(0, 1)
    return images if images.dim() == 4 else images.unsqueeze(0)


def _tensor_advice(shape: list[int]) -> str:
    """What to do about a tensor of a wrong shape."""
    match shape:
        case [_, _, 3]:
            return "move the channels to the front: image.permute(2, 0, 1)."
        case [_, _, _, 3]:
            return "move the channels to the front: images.permute(0, 3, 1, 2)."
        case [_, _] | [1, _, _]:
            return "repeat a gray image in three channels: image.expand(3, -1, -1)."
        case [_, 1, _, _]:
            return "repeat gray images in three channels: images.expand(-1, 3, -1, -1)."
        case _:
            return "give [3, H, W], or [B, 3, H, W] for several images."


def _require_data(tensor: Tensor, what: str) -> None:
    if tensor.is_meta or tensor.layout != torch.strided or tensor.is_quantized:
        raise ImageError(f"{what} is not a dense tensor with data; give one.")


def _require_range(low: float, high: float, what: str) -> None:
    """Refuse numbers that are not in [0, 1]; NaN is the lowest and the highest of its image."""
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ImageError(f"{what} has values that are infinite or NaN; give values in [0, 1].")
    if low < -ROUNDING or high > 1 + ROUNDING:
        if low >= 0:
            advice = "divide it by 255" if high <= 255 else "scale it"
        else:
            advice = "use (image + 1) / 2" if low >= -1 and high <= 1 else "undo its normalization"
        raise ImageError(
            f"{what} has values from {low:.4g} to {high:.4g}, not in [0, 1]; {advice}."
        )


def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _type_name(given: object) -> str:
    kind = type(given)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
