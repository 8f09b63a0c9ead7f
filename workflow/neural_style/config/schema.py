"""Check a configuration, name every mistake, fill in the defaults, and describe every key.

All of it is made from the classes in `config.keys` and `config.sections`. A mistake is one line:
the key, its value, what is allowed, and the nearest valid name.
"""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from neural_style.config.presets import PRESETS, laid_over, stages_of, with_preset
from neural_style.config.sections import Config
from neural_style.config.settings import LISTED_KEYS, SECTIONS, Settings, make_settings
from neural_style.errors import NeuralStyleError

Json = Any
"""A value made of dictionaries, lists, strings, numbers, booleans and None."""

Path = tuple[str | int, ...]
"""The place of a value in a configuration: `("settings", "beta", 1)`."""

RENAMED: Mapping[str, str] = {"paint": "transfer", "colour": "color"}
"""Former name of a key → its present name."""


class ConfigError(NeuralStyleError):
    """The configuration is invalid; the message lists every mistake, one on each line."""


def complete(config: object) -> dict[str, Json]:
    """Check a configuration and fill in the defaults.

    Args:
        config: as read from YAML; not modified. Text is read as the type of its key: Snakemake
            passes values within a key of `--config` as text.

    Returns:
        A new configuration, as for JSON, in which every key that has a default has a value.

    Raises:
        ConfigError: a key or value is invalid.
    """
    try:
        checked = _adapter().validate_python(config)
    except ValidationError as error:
        mistakes = "\n".join(f"  {each}" for each in _explain_all(error, config))
        raise ConfigError(f"invalid configuration:\n{mistakes}") from None
    completed: dict[str, Json] = _adapter().dump_python(checked, mode="json")
    return completed


def settings_of(
    values: Mapping[str, object],
    preset: str | None = None,
    defaults: Mapping[str, object] | None = None,
) -> Settings:
    """Check the settings of one output.

    Args:
        values: name of a setting, such as `beta` or `size` → value. Others have their default.
        preset: name of a preset, which `values` override.
        defaults: values that the preset overrides, in the form of `values`.

    Raises:
        ConfigError: a name or value is invalid.
        SettingsError: settings contradict each other.
    """
    setting = own = _sections(values)
    if preset in tuple(PRESETS) or defaults:
        entry = {**own, "preset": preset} if preset in tuple(PRESETS) else own
        setting = laid_over(_sections(defaults or {}), with_preset(entry))
    lists = {name: [setting.pop(name)] for name in LISTED_KEYS if name in setting}
    presets = [] if preset is None else [preset]  # to check its name with all other values
    try:
        checked = complete({**setting, "settings": {**lists, "presets": presets}})
    except ConfigError as error:
        raise ConfigError(str(error).replace("settings.presets[0]", "preset")) from None
    listed = {name: checked["settings"][name][0] for name in LISTED_KEYS}
    optimization = checked["optimization"]
    own_optimization = {name: optimization[name] for name in own["optimization"]}
    optimization |= stages_of(preset, own_optimization, checked["image"]["size"])
    return make_settings(listed, checked)


@cache
def config_schema() -> Mapping[str, Json]:
    """Return the JSON schema of the configuration, with a description of every key."""
    schema: dict[str, Json] = _plain(_adapter().json_schema(mode="validation"))
    definitions = schema["$defs"]
    for name in [name for name in definitions if name.startswith("Some")]:
        del definitions[name]  # a part of a section: the same keys, none of which is required
    for name, value in complete({}).items():  # pydantic leaves out what a function makes
        keys = resolve(schema["properties"][name], schema).get("properties", {})
        for key in keys.keys() & (value if isinstance(value, Mapping) else {}):
            keys[key].setdefault("default", value[key])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def resolve(node: Mapping[str, Json], schema: Mapping[str, Json]) -> dict[str, Json]:
    """Return a node of the schema with the target of its `$ref` merged in; its own keys win."""
    if "$ref" not in node:
        return dict(node)
    target = schema["$defs"][node["$ref"].removeprefix("#/$defs/")]
    return {**resolve(target, schema), **{k: v for k, v in node.items() if k != "$ref"}}


@cache  # it takes 20 ms
def _adapter() -> TypeAdapter[Config]:
    return TypeAdapter(Config)


def _sections(values: Mapping[str, object]) -> dict[str, Json]:
    """Return settings by name as an unchecked entry of `settings.named`.

    Raises:
        ConfigError: there is no setting of a name.
    """
    homes = setting_homes()
    if unknown := [name for name in values if name not in homes]:
        mistakes = (f"{name}: {_unknown(name, 'setting', list(homes))}" for name in unknown)
        raise ConfigError("\n".join(mistakes))
    entry: dict[str, Json] = {section: {} for section in SECTIONS}
    for name, value in values.items():
        (entry if name in LISTED_KEYS else entry[homes[name]])[name] = value
    return entry


def setting_homes() -> dict[str, str]:
    """Return the name of each setting → the section of the configuration that it belongs to."""
    return {name: section for section, nodes in setting_nodes().items() for name in nodes}


def setting_nodes() -> dict[str, dict[str, dict[str, Json]]]:
    """Return the settings of an output: section → name → node of the schema, resolved.

    The section `settings` has `LISTED_KEYS`, with the node of one value.
    """
    schema = config_schema()
    named = schema["$defs"]["NamedSetting"]["properties"]
    sections = {
        name: resolve(schema["properties"][name], schema)["properties"] for name in SECTIONS
    }
    nodes = {"settings": {name: named[name] for name in LISTED_KEYS}, **sections}
    return {
        section: {name: resolve(node, schema) for name, node in keys.items()}
        for section, keys in nodes.items()
    }


# The schema in its plain form

_KEYWORDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "multiple_of": "multipleOf",
}
"""Names that pydantic gives to bounds of a type with a validator → names of JSON schema."""

_LENGTHS = {"array": "minItems", "object": "minProperties"}


def _plain(node: Json) -> Json:
    """Return a node of pydantic's schema without titles, and with one type list for null."""
    if isinstance(node, list):
        return [_plain(each) for each in node]
    if not isinstance(node, Mapping):
        return node
    keys = {key: value for key, value in node.items() if key != "title" or "type" not in node}
    plain = {_KEYWORDS.get(key, key): _plain(value) for key, value in keys.items()}
    if "$ref" in plain:
        plain["$ref"] = plain["$ref"].replace("/Some", "/")
    if "anyOf" in plain:
        value, _ = plain.pop("anyOf")
        kinds = value["type"] if isinstance(value["type"], list) else [value["type"]]
        plain = {**value, **plain, "type": [*kinds, "null"]}
    kind = plain.get("type")
    for name, length in _LENGTHS.items():
        if kind == name or (isinstance(kind, list) and name in kind):
            plain |= {length: plain.pop("minLength")} if "minLength" in plain else {}
    if plain.get("description") and "properties" in plain:
        plain["description"] = " ".join(plain["description"].split())
    return plain


# Mistakes


def _explain_all(error: ValidationError, config: object) -> Iterator[str]:
    schema = config_schema()
    for each in error.errors(include_url=False, include_context=False):
        yield _printable(_explain(each, config, schema))


def _explain(error: ErrorDetails, config: object, schema: Mapping[str, Json]) -> str:
    """Return the line for one error of the validator."""
    path, wrong = error["loc"], error["input"]
    if is_key := path[-1:] == ("[key]",):
        path = path[:-2]
    elif path and isinstance(_value_at(path[:-1], config), str):
        path = path[:-1]  # one text, which is read as a list of one
    elif error["type"] == "invalid_key":
        path = (*path[:-1], str(path[-1]))
    node = _node_at(path, schema)
    place, shown = f"{_dotted(path)}: ", f"{_shown(wrong)} is not allowed; "
    match error["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument" | "invalid_key":
            known = list(_node_at(path[:-1], schema).get("properties", {}))
            return place + _unknown(str(path[-1]), "key", known)
        case "literal_error":
            names = resolve(node["propertyNames"], schema) if is_key else node
            return place + shown + _nearest(wrong, names["enum"])
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return place + shown + f"give a number {_bounds(node)}."
        case "finite_number":
            return place + shown + "give a finite number."
        case "multiple_of":
            return place + shown + f"give a multiple of {node['multipleOf']}."
        case "too_short" | "string_too_short":
            return place + f"the value is empty; give at least one {_unit(wrong)}."
        case "missing":
            return place + "the key is missing; give it a value."
        case "not_distinct":
            return place + shown.replace("is not allowed", "has a value twice") + "give each once."
        case "braces":
            return place + shown + "give a name without { } < >."
        case "path":
            return place + error["msg"]
        case "string_unicode":
            return place + shown + "give text without half of a character pair."
        case "hyphen":
            return place + shown + "give a name that begins with another character than a hyphen."
        case "control" | "null":
            return place + shown + "give a name without control characters."
        case _:
            return place + shown + f"give {_kinds(node)}."


def _node_at(path: Iterable[str | int], schema: Mapping[str, Json]) -> dict[str, Json]:
    """Return the part of the schema that describes a place, as far as there is one."""
    node = dict(schema)
    for part in path:
        below = node.get("items") if isinstance(part, int) else None
        below = below or node.get("properties", {}).get(part) or node.get("additionalProperties")
        node = resolve(below, schema) if isinstance(below, Mapping) else {}
    return node


def _value_at(path: Path, config: Json) -> Json:
    """Return the value at a place; None if there is none."""
    for part in path:
        try:
            config = config[part]
        except (LookupError, TypeError):
            return None
    return config


_TYPES = {
    "array": "a list, such as [a, b]",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "null",
    "number": "a number",
    "object": "keys with values below it",
    "string": "text",
}


def _kinds(node: Mapping[str, Json]) -> str:
    """Return the allowed types, or names, in words."""
    if "enum" in node:
        return f"one of {', '.join(node['enum'])}"
    kinds = node.get("type", "object")
    return " or ".join(_TYPES[name] for name in ([kinds] if isinstance(kinds, str) else kinds))


def _unit(wrong: object) -> str:
    units = {"str": "character", "dict": "layer"}
    return units.get(type(wrong).__name__, "value")


def _unknown(key: str, kind: str, known: Sequence[str]) -> str:
    """Return what to do about a name that does not exist."""
    if RENAMED.get(key) in known:
        return f"this {kind} is now called {RENAMED[key]}; rename it."
    return f"there is no such {kind}; {_nearest(key, known)}"


def _nearest(wrong: object, allowed: Sequence[str]) -> str:
    """Return a hint with the nearest valid name, or with all names if none is near."""
    near = difflib.get_close_matches(_shown(wrong)[:100], allowed, n=1, cutoff=0.5)
    names = ", ".join(allowed)
    if near and len(allowed) <= 10:
        return f"did you mean {near[0]}? Allowed: {names}."
    return f"did you mean {near[0]}?" if near else f"allowed: {names}."


def _bounds(node: Mapping[str, Json]) -> str:
    """Return the allowed range in words."""
    low = f"from {_bound(node['minimum'])}" if "minimum" in node else ""
    above = f"above {_bound(node['exclusiveMinimum'])}" if "exclusiveMinimum" in node else ""
    high = f"up to {_bound(node['maximum'])}" if "maximum" in node else ""
    return " ".join(part for part in (low or above, high) if part)


def _bound(number: Json) -> str:
    """Return a bound; whole numbers, such as the largest seed, have all digits: 4294967295."""
    return f"{number:g}" if isinstance(number, float) else str(number)


def _dotted(path: Iterable[str | int]) -> str:
    """Return the place of a value in the configuration: `settings.beta[1]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part[:60]}"
    return text.removeprefix(".") or "the configuration"


def _shown(value: object) -> str:
    """Return a value for a message: on one line, cut to a readable length and depth."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    brief = reprlib.Repr()
    brief.maxlevel, brief.maxstring, brief.maxother, brief.maxlong = 3, 60, 60, 60
    try:
        return brief.repr(value)
    except ValueError:  # Python writes no number of so many digits
        return "a number of thousands of digits"


def _printable(text: str) -> str:
    """Return text that any terminal can print: YAML can hold half of a surrogate pair."""
    return text.encode(errors="backslashreplace").decode()
