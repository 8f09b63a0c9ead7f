"""Settings as the words of a command line: what rules pass and `scripts/stylize.py` reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from neural_style.config.settings import Settings, Stage
from neural_style.errors import NeuralStyleError

SHARES = frozenset({"blend"})
"""Keys that hold weights of files: an option for each, since a name may hold any character."""


class OptionError(NeuralStyleError):
    """An option's text cannot be understood."""


def words(settings: Settings, defaults: Settings) -> list[str]:
    """The options that turn `defaults` into `settings`: `["--beta=100000"]`."""
    chosen: list[str] = []
    for field in fields(Settings):
        value = getattr(settings, field.name)
        if value != getattr(defaults, field.name):
            texts = write_shares(value) if field.name in SHARES else [write_value(value)]
            chosen += [f"{flag(field.name)}={text}" for text in texts]
    return chosen


def flag(name: str) -> str:
    """The option for a key: `save_every` → `--save-every`."""
    return f"--{name.replace('_', '-')}"


def write_value(value: object) -> str:
    """A value as the text of an option.

    Layers become `conv4_2:1,conv5_1:0.5`, stages `256:300,362:100`, lists `0.5,1`, and truth values
    `true` and `false`.
    """
    if isinstance(value, Stage):
        return f"{value.size}:{value.epochs}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(write_value, value))
    if isinstance(value, Mapping):
        return ",".join(f"{layer}:{write_value(weight)}" for layer, weight in value.items())
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def write_shares(weights: Mapping[str, float]) -> list[str]:
    """Weights of files, a text each: `wave.jpg:0.5`."""
    return [f"{file}:{write_value(weight)}" for file, weight in weights.items()]


def read_share(text: str) -> tuple[str, float]:
    """Read `wave.jpg:0.5`: a file, whose name may hold colons, and its weight.

    Raises:
        OptionError: there is no number behind the last colon, or no name before it.
    """
    file, _, weight = text.rpartition(":")
    try:
        value = float(weight)
    except ValueError:
        file, value = "", 0.0
    if not file:
        raise OptionError(f"{text!r} is no file with a weight; write it as wave.jpg:0.5.")
    return file, value


def read_truth(text: str) -> bool:
    """Read `true` or `false`.

    Raises:
        OptionError: it is neither.
    """
    if text not in ("true", "false"):
        raise OptionError(f"{text!r} is neither true nor false; write one of them.")
    return text == "true"


def read_numbers(text: str) -> list[float]:
    """Read `0.5,1`.

    Raises:
        OptionError: a part is no number.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise OptionError(f"{text!r} is no list of numbers; write it as 0.5,1.") from error


def read_stages(text: str) -> list[dict[str, int]]:
    """Read `256:300,362:100`: sizes, each with its epochs. An empty text is no stage.

    Raises:
        OptionError: a part is no pair of whole numbers.
    """
    try:
        pairs = [part.split(":") for part in text.split(",")] if text else []
        return [{"size": int(size), "epochs": int(epochs)} for size, epochs in pairs]
    except ValueError as error:
        raise OptionError(
            f"{text!r} are no sizes with their epochs; write stages as 256:300,362:100."
        ) from error


def read_layers(text: str) -> dict[str, float]:
    """Read `conv4_2:1,conv5_1:0.5`; a layer without a number has the weight 1.

    Raises:
        OptionError: a weight is no number, or a layer is given twice.
    """
    layers: dict[str, float] = {}
    for part in text.split(","):
        layer, _, weight = part.strip().partition(":")
        try:
            value = float(weight or 1)
        except ValueError as error:
            raise OptionError(
                f"the weight of layer {layer} is {weight!r}, which is no number; "
                "write layers as conv4_2:1,conv5_1:0.5."
            ) from error
        if layer in layers:
            raise OptionError(f"the layer {layer} is given twice; give it once.")
        layers[layer] = value
    return layers
