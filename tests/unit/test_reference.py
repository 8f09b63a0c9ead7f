"""The configuration reference: up to date, complete, and readable for any schema."""

from __future__ import annotations

import re
import shutil

from config_reference import COMMAND, CONFIG, ROOT, configuration_reference, generated_files, main

from neural_style.config.schema import resolve


def test_the_generated_files_are_current():
    for path, text in generated_files(ROOT).items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path}: run {COMMAND}"


def test_the_script_writes_them_and_keeps_the_values_of_the_configuration(tmp_path):
    for path in generated_files(ROOT):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / CONFIG, tmp_path)
    main(["--root", str(tmp_path)])
    for path, text in generated_files(ROOT).items():
        assert (tmp_path / path).read_text(encoding="utf-8") == text
    (tmp_path / CONFIG).write_text("image: {size: 96}\n", encoding="utf-8")
    main(["--root", str(tmp_path)])
    assert "  size: 96 " in (tmp_path / CONFIG).read_text(encoding="utf-8")


def test_the_command_is_the_scripts():
    assert (ROOT / COMMAND.removeprefix("python ")).is_file()


def test_every_key_has_a_row_or_a_section(schema):
    page = configuration_reference(schema)
    for path, node in keys(schema, schema, ""):
        if "properties" not in node or "." in path:
            assert f"| `{path}` |" in page, path
        assert " ".join(node.get("description", "").split())[1:] in page.replace("\\|", "|"), path


def keys(node, schema, path):
    for name, child in node.get("properties", {}).items():
        full = resolve(child, schema)
        yield f"{path}{name}", full
        yield from keys(full, schema, f"{path}{name}.")


def test_options_are_those_of_the_script(schema):
    from neural_style.cli.stylize import make_parser

    known = set(re.findall(r"--[a-z-]+", make_parser().format_help()))
    shown = set(re.findall(r"\| `(--[a-z-]+)` \|", configuration_reference(schema)))
    assert {"--save-every", "--beta", "--size", "--content-layers"} <= shown <= known


def test_every_table_is_a_rectangle(schema):
    lines = configuration_reference(hostile()).splitlines()
    lines += configuration_reference(schema).splitlines()
    widths = []
    for line in lines:
        if line.startswith("|"):
            widths.append(len(re.findall(r"(?<!\\)\|", line)))
        elif widths:
            assert len(set(widths)) == 1, line
            assert len(widths) >= 3
            widths = []


def hostile():
    return {
        "properties": {
            "a": {
                "enum": ["x|y", True, None, 1.5e-7],
                "description": "one | two",
                "default": "x|y",
            },
            "b": {
                "type": "object",
                "description": "keys\nbelow",
                "properties": {
                    "c": {"type": ["number", "null"], "exclusiveMaximum": 3, "pattern": "^a|b$"},
                    "d": {"type": "array", "items": {"type": "boolean"}, "default": [True]},
                    "e": {"type": "object", "additionalProperties": {"$ref": "#/$defs/f"}},
                },
            },
        },
        "$defs": {"f": {"type": "object", "properties": {"g": {"type": "string"}}}},
    }


def test_any_schema_is_put_into_words():
    page = configuration_reference(hostile())
    assert "| `a` | one \\| two | `x\\|y` · `true` · `null` · `1.5e-7` | `x\\|y` |" in page
    assert "| `b.c` |  | number or nothing, below 3, pattern `^a\\|b$` |  |" in page
    assert "| `b.d` |  | list of true or false | `[true]` |" in page
