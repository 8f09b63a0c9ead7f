"""Values of settings as texts of a command line, and back; messages in the words of the user."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from neural_style.config.keys import Stage
from neural_style.config.presets import PRESETS
from neural_style.config.schema import settings_of
from neural_style.config.settings import BUILT_IN, SECTIONS, Settings
from neural_style.errors import NeuralStyleError

SHARES = frozenset({"blend"})
"""Settings that map files to weights. Each file has its own option, since a file name may contain
any character."""

NONE = "none"
"""Text of a setting without a value, null in the configuration."""

_DEFAULTS = Settings()


class OptionError(NeuralStyleError):
    """The text of an option cannot be read."""


def option_strings(settings: Settings, defaults: Settings = _DEFAULTS) -> list[str]:
    """Return the options that turn `defaults` into `settings`: `["--beta=100000"]`."""
    options: list[str] = []
    for field in fields(Settings):
        value = getattr(settings, field.name)
        if value != getattr(defaults, field.name):
            texts = write_shares(value) if field.name in SHARES else [write_value(value)]
            options += [f"{option_name(field.name)}={text}" for text in texts]
    return options


def shortest_options(settings: Settings) -> list[str]:
    """Return the fewest options that give `settings`, with a preset where that saves some."""
    candidates = [option_strings(settings)]
    for name in PRESETS:
        size = {"size": settings.size} if settings_of({}, name).size != settings.size else {}
        base = settings_of(size, name)
        own = {
            field.name: getattr(settings, field.name)
            for field in fields(Settings)
            if getattr(settings, field.name) != getattr(base, field.name)
        }
        if settings_of(size | own, name) == settings:
            sized = [f"--size={settings.size}"] if size else []
            candidates.append([f"--preset={name}", *sized, *option_strings(settings, base)])
    return min(candidates, key=len)


def option_name(key: str) -> str:
    """Return the option of a key: `save_every` → `--save-every`."""
    return f"--{key.replace('_', '-')}"


def write_value(value: object) -> str:
    """Return a value as the text of an option.

    Layers become `conv4_2:1,conv5_1:0.5`, stages `256:300,362:100`, lists `0.5,1`, Booleans `true`
    and `false`, and no value `none`.
    """
    if value is None or value == () or value == {}:
        return NONE
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
    """Return weights of files as one text for each file: `wave.jpg:0.5`."""
    return [f"{file}:{write_value(weight)}" for file, weight in weights.items()]


def read_share(text: str) -> tuple[str, float]:
    """Read `wave.jpg:0.5`: a file, whose name may contain colons, and its weight.

    Raises:
        OptionError: there is no number after the last colon, or no name before it.
    """
    file, _, weight = text.rpartition(":")
    try:
        value = float(weight)
    except ValueError:
        file, value = "", 0.0
    if not file:
        raise OptionError(f"{text!r} is not a file with a weight; write it as wave.jpg:0.5.")
    return file, value


def read_numbers(text: str) -> list[float]:
    """Read `0.5,1`.

    Raises:
        OptionError: a part is not a number.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise OptionError(f"{text!r} is not a list of numbers; write it as 0.5,1.") from error


def read_stages(text: str) -> list[dict[str, int]]:
    """Read `256:300,362:100`: sizes, each with its number of iterations. `none` is no stage.

    Raises:
        OptionError: a part is not a pair of whole numbers.
    """
    try:
        pairs = [part.split(":") for part in text.split(",")] if text != NONE else []
        return [{"size": int(size), "epochs": int(epochs)} for size, epochs in pairs]
    except ValueError as error:
        raise OptionError(
            f"{text!r} is not a list of sizes with iterations; write stages as 256:300,362:100."
        ) from error


def read_layers(text: str) -> dict[str, float]:
    """Read `conv4_2:1,conv5_1:0.5`; a layer without a number has weight 1.

    Raises:
        OptionError: a weight is not a number, or a layer is given twice.
    """
    layers: dict[str, float] = {}
    for part in text.split(","):
        layer, _, weight = part.strip().partition(":")
        try:
            value = float(weight or 1)
        except ValueError as error:
            raise OptionError(
                f"the weight of layer {layer} is {weight!r}, which is not a number; "
                "write layers as conv4_2:1,conv5_1:0.5."
            ) from error
        if layer in layers:
            raise OptionError(f"the layer {layer} is given twice; give it once.")
        layers[layer] = value
    return layers


# Commands that a page or a message shows

COMMANDS = ("init", "remake", "gallery", "status", "verify", "presets", "settings")
"""Words that are commands as the first argument of `neural-style`."""


def positional(path: Path) -> str:
    """Return a file as an argument that is neither an option nor a command nor a pattern."""
    text = str(path)
    return f"./{text}" if text.startswith("-") or text in COMMANDS else text


def shell_argument(word: str) -> str:
    r"""Quote an argument for a shell where it needs it.

    Invisible characters and bytes that are not UTF-8 are written as `$'caf\351'`, which bash and
    zsh understand, since they would be lost on a page and in a clipboard.
    """
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_escape, os.fsencode(word)))}'"


def _escape(byte: int) -> str:
    if byte in b"'\\":
        return f"\\{chr(byte)}"
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}"


# Messages about keys of the configuration

_KEY = re.compile(
    rf"(?<![\w./'\"-])(?P<section>settings|jobs|{'|'.join(SECTIONS)})\.(?P<key>\w+)(?:\[0\])?"
    r"(?:\.(?P<part>[^\s:]+)(?=: ))?(?:: (?P<value>\w+)\b)?(?: \(--[\w-]+\))?"
)
"""A key of the configuration in a message, such as `image.fit` or `image.fit: crop`."""


def in_options(message: str) -> str:
    """Return a message about keys of the configuration in the words of a command line.

    `image.fit: crop` becomes `--fit crop`, and `settings.alpha[0]` becomes `--alpha`. A single
    mistake has no heading.
    """
    return _without_heading(_KEY.sub(_in_option, message), "invalid options:\n")


def in_python(message: str) -> str:
    """Return a message about keys of the configuration in the words of Python: `fit: crop`.

    A single mistake has no heading.
    """
    return _without_heading(_KEY.sub(_in_call, message), "invalid settings:\n")


def _without_heading(message: str, heading: str) -> str:
    before, found, mistakes = message.partition("invalid configuration:\n")
    if found and "\n" in mistakes:
        return f"{before}{heading}{mistakes}"
    return before + mistakes.strip()


def _in_call(found: re.Match[str]) -> str:
    parts = filter(None, (found["key"], found["part"]))
    return ".".join(parts) + ("" if found["value"] is None else f": {found['value']}")


def _in_option(found: re.Match[str]) -> str:
    from neural_style.config.schema import config_schema, setting_nodes

    key, part, value = found["key"], found["part"], found["value"]
    nodes = {**setting_nodes(), "jobs": config_schema()["$defs"]["Jobs"]["properties"]}
    node = nodes.get(found["section"], {}).get(key)
    if node is None:
        return found[0]
    option = option_name(key) + (f" {part}" if part else "")
    names = BUILT_IN if key == "weights" else node.get("enum", ())
    return option if value is None else f"{option}{'' if value in names else ':'} {value}"
