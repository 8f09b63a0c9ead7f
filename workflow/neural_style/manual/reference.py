"""The configuration reference, `docs/configuration.md`: the schema as tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from neural_style.config.options import flag
from neural_style.config.schema import resolve
from neural_style.config.sweep import SECTIONS, WEIGHTS, format_number

Schema = Mapping[str, Any]

COMMAND = "python workflow/scripts/config_reference.py"
"""What makes the file again."""

_INTRODUCTION = """\
# Configuration

<!-- Made by `{command}` from workflow/schemas/config.schema.yaml. Do not edit. -->

Every key of `config.yaml` with its meaning, bounds and default, as the schema has them. A key that
is left out has its default. Write keys into `config.yaml`, into a file of your own that
is named with `--configfile`, or behind `--config`, where the last one wins. Everything that is not
allowed is listed, all at once, before any job starts. YAML takes `1e6` for a text; here it is the
number that it looks like.

`workflow/scripts/stylize.py`, which makes a single picture, has the three weights and the keys of
{sections} as options. An option is named like the last part of its key, with hyphens:
`optimization.save_every: 50` becomes `--save-every=50`, an entry of `settings.beta` becomes
`--beta=1e6`, and layers are written with their weights, `--content-layers=conv4_2:1,conv5_1:0.5`.
Each style of a blend is an option of its own, by its file, `--blend=wave.jpg:0.5`.
The column *option* says so for each.
"""
_HEAD = ("key", "meaning", "values", "default")
_TYPES = {
    "array": "list",
    "boolean": "true or false",
    "integer": "whole number",
    "null": "nothing",
    "number": "number",
    "object": "keys",
    "string": "text",
}
_MANY = 12  # names that a cell still lists; longer lists get a section
_SILENT = frozenset(
    {
        "$ref",
        "additionalProperties",
        "default",
        "description",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "items",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "properties",
        "propertyNames",
        "title",
        "type",
        "uniqueItems",
    }
)
"""Words of a schema that the tables put into words of their own, or into rows."""


def configuration_reference(schema: Schema) -> str:
    """The reference as Markdown: a section a key of the top level, a table row a key below it."""
    sections = " and ".join([_listed(SECTIONS[:-1]), _code(SECTIONS[-1])])
    parts = [_INTRODUCTION.format(command=COMMAND, sections=sections)]
    for name, node in schema["properties"].items():
        parts.append(_section(name, resolve(node, schema), schema))
    for name, node in schema["$defs"].items():
        if len(node.get("enum", ())) > _MANY:
            about = _sentence(node.get("description", ""))
            parts.append(f"## Names of {name}s\n\n{about}\n\n{_listed(node['enum'])}\n")
    return "\n".join(parts)


def _section(name: str, node: Schema, schema: Schema) -> str:
    nested = "properties" in node
    rows = list(_rows_below(name, node, schema)) if nested else [_row(name, node, schema)]
    optional = any(row[-1] for row in rows)
    head = (*_HEAD, "option") if optional else _HEAD
    lines = [_table_line(head), _table_line(["---"] * len(head))]
    lines += [_table_line(row[: len(head)]) for row in rows]
    # Of a key without keys below it the row says everything.
    about = f"{_sentence(node['description'])}\n\n" if nested else ""
    return f"## {name}\n\n{about}" + "\n".join(lines) + "\n"


def _rows_below(path: str, node: Schema, schema: Schema) -> Iterator[tuple[str, ...]]:
    """The rows of the keys below a key, and of theirs in turn."""
    for name, child in node.get("properties", {}).items():
        below = f"{path}.{name}"
        full = resolve(child, schema)
        section = child.get("$ref", "").removeprefix("#/$defs/")
        if "properties" in full and section in schema["properties"] and section != path:
            yield (_code(below), f"the keys of [{section}](#{section})", "keys", "", "")
        elif "properties" in full:
            yield (_code(below), full.get("description", ""), "keys", "", "")
            yield from _rows_below(below, full, schema)
        else:
            yield _row(below, full, schema)
            others = full.get("additionalProperties")
            if isinstance(others, Mapping) and "properties" in others:
                yield from _rows_below(f"{below}.NAME", others, schema)


def _row(path: str, node: Schema, schema: Schema) -> tuple[str, ...]:
    default = _code(_value(node["default"])) if "default" in node else ""
    return (_code(path), node.get("description", ""), _values(node, schema), default, _option(path))


def _option(path: str) -> str:
    """The option of `scripts/stylize.py` for a key, or nothing."""
    section, _, name = path.partition(".")
    taken = section in SECTIONS or (section == "settings" and name in WEIGHTS)
    return _code(flag(name)) if taken and name and "." not in name else ""


def _values(node: Schema, schema: Schema) -> str:
    """What a key may hold, in words."""
    if "enum" in node:
        names = node["enum"]
        return " · ".join(map(_code, map(_value, names))) if len(names) <= _MANY else "a name"
    kinds = [node["type"]] if isinstance(node.get("type"), str) else list(node.get("type", ()))
    words = [" or ".join(_TYPES[kind] for kind in kinds), _bounds(node)]
    if "items" in node:
        items = resolve(node["items"], schema)
        keys = ", ".join(items.get("properties", ()))
        named = _code(f"{{{keys}}}") if keys else _values({**items, "minLength": 0}, schema)
        words[0] += f" of {named}"
    if node.get("uniqueItems"):
        words.append("each once")
    if any(node.get(name) for name in ("minItems", "minLength", "minProperties")):
        words.append("not empty")
    words += list(_mapping_words(node, schema))
    # What this page has no words for is shown as it stands, rather than kept back.
    words += [f"{key} {_code(_value(node[key]))}" for key in sorted(node.keys() - _SILENT)]
    return ", ".join(word for word in words if word)


def _mapping_words(node: Schema, schema: Schema) -> Iterator[str]:
    """What the keys and values of a mapping with keys of the user's choice may be."""
    others = node.get("additionalProperties")
    if not isinstance(others, Mapping):
        return
    names = node.get("propertyNames", {})
    target = names.get("$ref", "").removeprefix("#/$defs/")
    if target:
        yield f"[names of {target}s](#names-of-{target}s)"
    if "properties" not in others:
        yield f"each with: {_values(resolve(others, schema), schema)}"


def _bounds(node: Schema) -> str:
    parts = [
        f"{word} {_value(node[key])}"
        for key, word in (
            ("minimum", "from"),
            ("exclusiveMinimum", "above"),
            ("maximum", "up to"),
            ("exclusiveMaximum", "below"),
            ("multipleOf", "in steps of"),
        )
        if key in node
    ]
    return " ".join(parts)


def _value(value: object) -> str:
    """A value as it is written in YAML, on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return format_number(value) if isinstance(value, float) else str(value)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(_code, names))


def _table_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Text on one line that does not end its cell."""
    return " ".join(text.replace("|", "\\|").split())


def _code(text: str) -> str:
    return f"`{text}`"


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") or not text else ".")
