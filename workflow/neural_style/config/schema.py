"""Check a configuration against the schema, name every mistake, and fill in the defaults."""

from __future__ import annotations

import copy
import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from neural_style.errors import NeuralStyleError

Json = Any
"""A value made of dictionaries, lists, strings, numbers, booleans and None."""

EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")

RENAMED: Mapping[str, str] = {"paint": "transfer", "colour": "color"}
"""Former name of a key → its present name."""


class ConfigError(NeuralStyleError):
    """The configuration is invalid; the message lists every mistake, one on each line."""


def read_schema(path: Path) -> Mapping[str, Json]:
    """Read `config.schema.yaml`."""
    # The loader in C takes an eighth of the time, which each command and run of Snakemake pays.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    schema: Mapping[str, Json] = yaml.load(path.read_text(encoding="utf-8"), loader)
    return schema


def complete(config: Mapping[str, Json], schema: Mapping[str, Json]) -> dict[str, Json]:
    """Check a configuration and fill in the defaults.

    Args:
        config: as read from YAML; not modified.
        schema: see `read_schema`.

    Returns:
        A new configuration in which every key of the schema has a value.

    Raises:
        ConfigError: a key or value is invalid.
    """
    with_numbers = _numbers(config, schema, schema)
    mistakes = list(find_mistakes(with_numbers, schema))
    if mistakes:
        raise ConfigError("\n".join(["invalid configuration:", *mistakes]))
    completed: dict[str, Json] = _with_defaults(with_numbers, schema, schema)
    return completed


def find_mistakes(config: Mapping[str, Json], schema: Mapping[str, Json]) -> Iterator[str]:
    """Yield one line for each mistake: the key, its value, and what is allowed."""
    validator = jsonschema.Draft202012Validator(schema)
    for error in sorted(validator.iter_errors(config), key=lambda each: each.json_path):
        yield from (f"  {line}" for line in _explain(error))
    for path, number in _walk_numbers(config, ()):
        if not math.isfinite(number):
            yield f"  {_dotted(path)}: {number} is not allowed; give a finite number."


def resolve(node: Mapping[str, Json], schema: Mapping[str, Json]) -> dict[str, Json]:
    """Return a node of the schema with the target of its `$ref` merged in; its own keys win."""
    if "$ref" not in node:
        return dict(node)
    target = schema["$defs"][node["$ref"].removeprefix("#/$defs/")]
    return {**resolve(target, schema), **{k: v for k, v in node.items() if k != "$ref"}}


def _with_defaults(value: Json, node: Mapping[str, Json], schema: Mapping[str, Json]) -> Json:
    """Fill in the defaults of all properties, recursively."""
    if not isinstance(value, Mapping):
        return value
    completed = dict(value)
    for key, child in node.get("properties", {}).items():
        full = resolve(child, schema)
        if key not in completed and "default" in full:
            completed[key] = copy.deepcopy(full["default"])
        if key in completed:
            completed[key] = _with_defaults(completed[key], full, schema)
    return completed


def _numbers(value: Json, node: Mapping[str, Json], schema: Mapping[str, Json]) -> Json:
    """Return a copy with numbers where the schema wants numbers, and text for every key.

    YAML 1.1 reads `1e6` as text, because it wants 1.0e+6, and the validator accepts 1000.0 as a
    whole number.
    """
    node = resolve(node, schema)
    kind = node.get("type")
    if isinstance(value, Mapping):
        known, others = node.get("properties", {}), node.get("additionalProperties") or {}
        return {
            str(key): _numbers(item, known.get(key, others), schema) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_numbers(item, node.get("items", {}), schema) for item in value]
    if kind in ("integer", "number") and isinstance(value, str) and EXPONENT.fullmatch(value):
        value = float(value)
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _walk_numbers(value: Json, path: tuple[str | int, ...]) -> Iterator[tuple[Json, float]]:
    items: Iterable[tuple[str | int, Json]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    elif isinstance(value, float):
        yield path, value
    for key, item in items:
        yield from _walk_numbers(item, (*path, key))


def _explain(error: jsonschema.ValidationError) -> Iterator[str]:
    """Yield the lines for one error of the validator."""
    path = tuple(error.absolute_path)
    # The type hints of jsonschema allow for schemas that are Booleans; ours is not.
    schema: Mapping[str, Json] = error.schema  # type: ignore[assignment]
    rule: Json = error.validator_value
    instance: Json = error.instance
    shown = _shown(instance)
    match error.validator:
        case "additionalProperties":
            known = list(schema.get("properties", {}))
            for key in sorted({str(key) for key in instance} - set(known)):
                yield f"{_dotted((*path, key))}: {_unknown(key, known)}"
        case "enum":
            yield f"{_dotted(path)}: {shown} is not allowed; {_nearest(instance, rule)}"
        case "type":
            yield f"{_dotted(path)}: {shown} is not allowed; give {_kinds(rule)}."
        case "minimum" | "exclusiveMinimum" | "maximum":
            yield f"{_dotted(path)}: {shown} is not allowed; give a number {_bounds(schema)}."
        case "required":
            for key in sorted(set(rule) - set(instance)):
                yield f"{_dotted((*path, key))}: the key is missing; give it a value."
        case "multipleOf":
            yield f"{_dotted(path)}: {shown} is not allowed; give a multiple of {rule}."
        case "minItems" | "minProperties" | "minLength":
            unit = _UNITS[str(error.validator)]
            yield f"{_dotted(path)}: the value is empty; give at least one {unit}."
        case "pattern":
            yield f"{_dotted(path)}: {shown} is not allowed; give a name without {{ }} < >."
        case "uniqueItems":
            yield f"{_dotted(path)}: {shown} has a value twice; give each once."
        case _:
            yield f"{_dotted(path)}: {error.message}."


_TYPES = {
    "array": "a list, such as [a, b]",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "keys with values below it",
    "string": "text",
}
_UNITS = {"minItems": "value", "minProperties": "layer", "minLength": "character"}


def _unknown(key: str, known: list[str]) -> str:
    """Return what to do about a key that does not exist."""
    if RENAMED.get(key) in known:
        return f"this key is now called {RENAMED[key]}; rename it."
    return f"there is no such key; {_nearest(key, known)}"


def _kinds(rule: str | list[str]) -> str:
    """Return the allowed types in words."""
    return " or ".join(_TYPES[name] for name in ([rule] if isinstance(rule, str) else rule))


def _bounds(schema: Mapping[str, Json]) -> str:
    """Return the allowed range in words."""
    low = f"from {_bound(schema['minimum'])}" if "minimum" in schema else ""
    above = f"above {_bound(schema['exclusiveMinimum'])}" if "exclusiveMinimum" in schema else ""
    high = f"up to {_bound(schema['maximum'])}" if "maximum" in schema else ""
    return " ".join(part for part in (low or above, high) if part)


def _bound(number: Json) -> str:
    """Return a bound; whole numbers, such as the largest seed, have all digits: 4294967295."""
    return f"{number:g}" if isinstance(number, float) else str(number)


def _nearest(wrong: Json, allowed: list[str]) -> str:
    """Return a hint with the nearest valid name, or with all names if none is near."""
    near = difflib.get_close_matches(str(wrong), allowed, n=1, cutoff=0.5)
    names = ", ".join(allowed)
    if near and len(allowed) <= 10:
        return f"did you mean {near[0]}? Allowed: {names}."
    return f"did you mean {near[0]}?" if near else f"allowed: {names}."


def _dotted(path: Iterable[str | int]) -> str:
    """Return the place of a value in the configuration: `settings.beta[1]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".") or "the configuration"


def _shown(value: Json) -> str:
    """Return a value for a message: on one line, cut to a readable length."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    text = repr(int(value) if whole else value)
    return text if len(text) <= 60 else f"{text[:57]}…"
