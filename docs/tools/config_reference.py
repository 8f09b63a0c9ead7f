"""Write config.yaml's comments, its JSON schema, and docs/configuration.md from the keys."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from neural_style.config.options import option_name
from neural_style.config.schema import complete, config_schema, resolve
from neural_style.config.settings import LISTED_KEYS, SECTIONS
from neural_style.config.sweep import format_number
from neural_style.io import write_text

Schema = Mapping[str, Any]

ROOT = Path(__file__).parents[2]
SCHEMA = "workflow/schemas/config.schema.yaml"
PAGE = "docs/configuration.md"
CONFIG = "config.yaml"

COMMAND = "python docs/tools/config_reference.py"
"""The command that writes the files."""

_CONFIG_HEAD = """\
# yaml-language-server: $schema=workflow/schemas/config.schema.yaml
# The sweep that `snakemake` makes: every content image × every style image × every setting.
# docs/configuration.md has more about each key and the values that it takes. Every key can be left
# out. In your own files you need only what differs; name them with --configfile. Layers that you
# name there are added to those below; weight 0 removes a layer."""

_COLUMN, _WIDTH = 26, 108

_INTRODUCTION = """\
# Configuration

<!-- Made by `{command}` from workflow/neural_style/config/. Do not edit. -->

After this page you can set every key of `config.yaml`. The tables give the meaning, the values, and
the default of each key. A key that you leave out has its default. (The project's own `config.yaml`
has `settings.presets: [best]`. Without a `config.yaml`, a sweep makes the original method only.)

Write keys into `config.yaml`, into a file of your own that you name with `--configfile`, or after
`--config` on the command line. The last one wins. All invalid keys and values are listed at once,
before any job starts. YAML reads `1e6` as text; here it is a number.

The command `neural-style`, which makes outputs with one setting, has options for alpha, beta, and
the learning rate, and for the keys of {sections}. The
column *option* names them. An option has the name of the key's last part, with hyphens:
`optimization.save_every: 50` is `--save-every=50`, and one value of `settings.beta` is
`--beta=1e6`. Write layers with their weights, `--content-layers=conv4_2:1,conv5_1:0.5`. Each style
image of a blend is one option, with its file and its weight, `--blend=wave.jpg:0.5`. Write `none`
where the tables say nothing or `null`, such as `--stages=none`. `neural-style --help` lists the
other options, such as `--device` and `--threads`, and `neural-style settings NAME` explains one.
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
_MANY = 12  # more names than this do not fit into a cell and get a section of their own
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
"""Keywords of a schema that the tables show in their own words or as rows."""


def configuration_reference(schema: Schema) -> str:
    """Return the page as Markdown: a section for each top-level key, a row for each key below."""
    sections = " and ".join([_listed(SECTIONS[:-1]), _code(SECTIONS[-1])])
    parts = [_INTRODUCTION.format(command=COMMAND, sections=sections)]
    for name, node in schema["properties"].items():
        parts.append(_section(name, resolve(node, schema), schema))
    for name, node in schema["$defs"].items():
        if len(node.get("enum", ())) > _MANY:
            about = _sentence(node.get("description", ""))
            parts.append(f"## Names of {name.lower()}s\n\n{about}\n\n{_listed(node['enum'])}\n")
    return "\n".join(parts)


def _section(name: str, node: Schema, schema: Schema) -> str:
    nested = "properties" in node
    rows = list(_rows_below(name, node, schema)) if nested else [_row(name, node, schema)]
    optional = any(row[-1] for row in rows)
    head = (*_HEAD, "option") if optional else _HEAD
    lines = [_table_line(head), _table_line(["---"] * len(head))]
    lines += [_table_line(row[: len(head)]) for row in rows]
    # For a key without keys below it, the row has the description.
    about = f"{_sentence(node['description'])}\n\n" if nested else ""
    return f"## {name}\n\n{about}" + "\n".join(lines) + "\n"


def _rows_below(path: str, node: Schema, schema: Schema) -> Iterator[tuple[str, ...]]:
    """Yield the rows of all keys below a key, at any depth."""
    for name, child in node.get("properties", {}).items():
        below = f"{path}.{name}"
        full = resolve(child, schema)
        section = child.get("$ref", "").removeprefix("#/$defs/").lower()
        if "properties" in full and section in schema["properties"] and section != path:
            yield (_code(below), f"the keys of [{section}](#{section})", "keys", "", "")
        elif "properties" in full:
            yield (_code(below), full.get("description", ""), "keys", "", "")
            yield from _rows_below(below, full, schema)
        else:
            yield _row(below, full, schema)
            others = full.get("additionalProperties") or {}
            yield from _rows_below(f"{below}.NAME", resolve(others, schema), schema)


def _row(path: str, node: Schema, schema: Schema) -> tuple[str, ...]:
    default = _code(_value(node["default"])) if "default" in node else ""
    return (_code(path), node.get("description", ""), _values(node, schema), default, _option(path))


def _option(path: str) -> str:
    """Return the option of `neural-style` for a key, or an empty text."""
    section, _, name = path.partition(".")
    taken = section in SECTIONS or (section == "settings" and name in LISTED_KEYS)
    return _code(option_name(name)) if taken and name and "." not in name else ""


def _values(node: Schema, schema: Schema) -> str:
    """Describe the values that a key allows."""
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
    # Keywords that this page does not know are shown as they are.
    words += [f"{key} {_code(_value(node[key]))}" for key in sorted(node.keys() - _SILENT)]
    return ", ".join(word for word in words if word)


def _mapping_words(node: Schema, schema: Schema) -> Iterator[str]:
    """Describe the keys and values of a mapping whose keys the user chooses."""
    others = node.get("additionalProperties")
    if not isinstance(others, Mapping):
        return
    names = node.get("propertyNames", {})
    target = names.get("$ref", "").removeprefix("#/$defs/").lower()
    if target:
        yield f"[names of {target}s](#names-of-{target}s)"
    below = resolve(others, schema)
    if "properties" not in below:
        yield f"each with: {_values(below, schema)}"


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
    """Write a value as YAML, on one line."""
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
    """Put text on one line and escape what would end its cell."""
    return " ".join(text.replace("|", "\\|").split())


def _code(text: str) -> str:
    return f"`{text}`"


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") or not text else ".")


def annotated_config(config: Schema) -> str:
    """Write a configuration as YAML in which each key has its default or a value, and a comment.

    Args:
        config: keys with a value; others have their default.

    Raises:
        ConfigError: a key or value is invalid.
    """
    schema = config_schema()
    lines: list[str] = []
    for name, value in complete(config).items():
        node = resolve(schema["properties"][name], schema)
        keys = node.get("properties", {})
        if not keys:
            lines += _annotated("", name, value, node)
            continue
        lines += ["", *_commented(f"{name}:" if value else f"{name}: {{}}", _summary(node))]
        for key, child in keys.items():
            below = resolve(child, schema)
            if key in value:
                lines += _annotated("  ", key, value[key], below)
            else:
                lines += _commented(f"  # {key}: …", _summary(below))
    return "\n".join([_CONFIG_HEAD, "", *lines, ""])


def _annotated(indent: str, key: str, value: object, node: Schema) -> list[str]:
    if isinstance(value, list) and len(value) == 1 and "string" in node.get("type", ()):
        (value,) = value  # one text, instead of a list of one
    names = f": {' | '.join(node['enum'])}" if "enum" in node else ""
    return _commented(f"{indent}{key}: {_one_line(value)}", _summary(node) + names)


def _commented(line: str, comment: str) -> list[str]:
    """Put a comment after a line, or above it where both are too long for one line."""
    if len(line) < _COLUMN or len(line) + len(comment) + 4 <= _WIDTH:
        return [f"{line:<{_COLUMN - 2}}  # {comment}"]
    indent = line[: len(line) - len(line.lstrip())]
    return [f"{indent}# {comment}", line]


def _summary(node: Schema) -> str:
    text, _, _ = str(node["description"]).partition(";")
    text, _, _ = text.partition(". ")
    is_word = text[1:2].islower()  # not L-BFGS or CPU
    return (text[:1].lower() if is_word else text[:1]) + text[1:].rstrip(".")


def _one_line(value: object) -> str:
    """Write a value as YAML on one line; numbers as YAML 1.1 reads them: 1.0e+6."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_one_line(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_one_line, value))}]"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e5:
        return str(int(value))
    if isinstance(value, float) and not 1e-3 <= abs(value) < 1e5:
        digits, exponent = f"{value:e}".split("e")
        plain = f"{float(digits):g}"
        return f"{plain if '.' in plain else f'{plain}.0'}e{int(exponent):+d}"
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")


def generated_files(root: Path) -> dict[str, str]:
    """Return the text of each generated file by its path within the project.

    Args:
        root: of the project; the values of its config.yaml are kept.
    """
    schema = config_schema()
    config = yaml.safe_load((root / CONFIG).read_text(encoding="utf-8"))
    note = f"# Made by `{COMMAND}` from workflow/neural_style/config/. Do not edit.\n"
    text = yaml.safe_dump(schema, sort_keys=False, allow_unicode=True, width=100)
    return {
        CONFIG: annotated_config(config),
        SCHEMA: note + text,
        PAGE: configuration_reference(schema),
    }


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, metavar="FOLDER")
    root = parser.parse_args(arguments).root
    for path, text in generated_files(root).items():
        write_text(root / path, text)


if __name__ == "__main__":
    main()
