"""Types of the values in a configuration: how they are read, and their bounds.

Snakemake passes every value within a key of `--config` as text, and YAML 1.1 takes `1e6` for text.
So text is read as the type of its key. What cannot be read stays as it is, and pydantic refuses it.
"""

from __future__ import annotations

import math
import numbers
import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from neural_style.config.presets import PRESETS, describe_presets
from neural_style.config.sizes import LARGEST_SIZE, SMALLEST_SIZE
from neural_style.errors import NeuralStyleError
from neural_style.io import expand_path

Value = Any
"""A value as YAML, Snakemake, or a Python program gives it."""


def _number(value: Value) -> Value:
    if isinstance(value, bool):
        raise PydanticCustomError("float_type", "not a number")
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    try:
        return float(value) if isinstance(value, numbers.Real) else value
    except OverflowError:  # a whole number of hundreds of digits
        return math.inf


def _whole_number(value: Value) -> Value:
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "not a whole number")
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            value = _number(value)
    if isinstance(value, numbers.Integral) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    return value


def _boolean(value: Value) -> Value:
    return {"true": True, "false": False}.get(value.lower(), value) if _is_text(value) else value


def _null(value: Value) -> Value:
    return None if _is_text(value) and value in ("null", "none", "~") else value


def _is_text(value: Value) -> bool:
    return isinstance(value, str)


def _path(value: Value) -> Value:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _texts(value: Value) -> Value:
    """Take one text for a list of one."""
    return [value] if isinstance(value, str | os.PathLike) else value


def _text_keys(value: Value) -> Value:
    """Take any key that the user chooses for text, such as that of {2024: {beta: 1}}."""
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else value


def _distinct(values: tuple[Value, ...]) -> tuple[Value, ...]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("not_distinct", "a value twice")
    return values


def _encodable(text: str) -> str:
    """Refuse half of a surrogate pair, which no file, terminal or JSON document can hold."""
    if not text.isascii():
        try:
            text.encode("utf-8", "surrogateescape")  # bytes of file names are no surrogates
        except UnicodeEncodeError:
            raise PydanticCustomError("string_unicode", "half of a character pair") from None
    if "\0" in text:
        raise PydanticCustomError("null", "a null character")
    return text


def _printable(text: str) -> str:
    """Refuse what neither Snakemake nor a command can take as the path of an output."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise PydanticCustomError("control", "control characters")
    if os.path.normpath(text).startswith("-"):  # commands would take it for an option
        raise PydanticCustomError("hyphen", "with a hyphen")
    return text


def _without_braces(text: str) -> str:
    if set(text) & set("{}<>"):
        raise PydanticCustomError("braces", "with braces")
    return text


def _whole_path(text: str) -> str:
    try:
        return expand_path(text)
    except NeuralStyleError as error:
        raise PydanticCustomError("path", "{reason}", {"reason": str(error)}) from None


def _name_of(names: Sequence[str]) -> Callable[[str], str]:
    """Return a validator for one of the names."""

    def check(text: str) -> str:
        if text not in names:
            raise PydanticCustomError("literal_error", "another name")
        return text

    return check


NULL = BeforeValidator(_null)
"""For types that allow null."""

TEXT_KEYS = BeforeValidator(_text_keys)
"""For mappings whose keys the user chooses."""

WholeNumber = Annotated[int, BeforeValidator(_whole_number)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Boolean = Annotated[bool, BeforeValidator(_boolean), Field(strict=True)]
Text = Annotated[str, BeforeValidator(_path), AfterValidator(_encodable), Field(min_length=1)]
Name = Annotated[str, AfterValidator(_encodable)]
AnyPath = Annotated[Text, AfterValidator(_whole_path)]
PathKey = Annotated[Name, AfterValidator(_whole_path)]
PathText = Annotated[
    AnyPath,
    AfterValidator(_without_braces),  # Snakemake takes braces for wildcards
    Field(json_schema_extra={"pattern": "^[^{}<>]*$"}),
]
OutputPath = Annotated[PathText, AfterValidator(_printable)]
Paths = Annotated[
    tuple[AnyPath, ...],
    BeforeValidator(_texts),
    Field(min_length=1, json_schema_extra={"type": ["string", "array"]}),
]
DISTINCT = (AfterValidator(_distinct), Field(json_schema_extra={"uniqueItems": True}))
"""For lists that have each value once."""

Edge = Annotated[WholeNumber, Field(ge=SMALLEST_SIZE, le=LARGEST_SIZE)]
"""Edge of an image in pixels."""

Iterations = Annotated[WholeNumber, Field(ge=1, le=100_000)]
Quality = Annotated[WholeNumber, Field(ge=1, le=100)]
Seed = Annotated[WholeNumber, Field(ge=0, le=2**32 - 1)]
Weight = Annotated[Number, Field(ge=0, le=1e9)]
Alpha = Annotated[Number, Field(ge=0, le=1e12)]
Beta = Annotated[Number, Field(ge=0, le=1e15)]
LearningRate = Annotated[Number, Field(gt=0, le=100)]
Factor = Annotated[Number, Field(gt=0, le=1000)]

LAYER_NAMES = tuple(
    f"{kind}{block}_{index}"
    for block, count in enumerate((2, 2, 4, 4, 4), start=1)
    for index in range(1, count + 1)
    for kind in ("conv", "relu")
)
Layer = TypeAliasType(
    "Layer",
    Annotated[
        str,
        AfterValidator(_name_of(LAYER_NAMES)),
        Field(
            description="a layer of VGG19; conv is before the ReLU, relu after it",
            json_schema_extra={"enum": list(LAYER_NAMES)},
        ),
    ],
)
Layers = Annotated[Mapping[Layer, Weight], TEXT_KEYS, Field(min_length=1)]
LayerList = Annotated[tuple[Layer, ...], *DISTINCT, Field(min_length=1)]
PresetName = TypeAliasType(
    "PresetName",
    Annotated[
        str,
        AfterValidator(_name_of(tuple(PRESETS))),
        Field(
            description=f"preset to start from: {describe_presets()}",
            json_schema_extra={"enum": list(PRESETS)},
        ),
    ],
)

Fit = Literal["stretch", "crop", "pad", "keep"]

closed = with_config(ConfigDict(extra="forbid"))
"""Makes pydantic refuse keys that a section does not have."""
