"""Mistakes in the configuration: each is named with its value and its remedy, for every key."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from snakemake.cli import parse_config
from tests.unit.configurations import Json, Schema, mistakes

from neural_style.config.keys import Stage
from neural_style.config.schema import ConfigError, complete, config_schema, resolve, settings_of
from neural_style.config.settings import Settings

NAN, INF = math.nan, math.inf

# Configuration, and for each line expected: its key, and what else it must say.
MISTAKES: list[tuple[Json, list[tuple[str, ...]]]] = [
    ({"setings": {}}, [("setings", "no such key", "did you mean settings?")]),
    ({"image": {"szie": 4}}, [("image.szie", "no such key", "did you mean size?", "quality")]),
    ({"overall": 1}, [("overall", "no such key", "allowed: content, style")]),
    ({"bulk": {"content": 5}}, [("bulk.content", "5", "text or null")]),
    ({"bulk": {"batch": 0}}, [("bulk.batch", "0", "from 1 up to 4096")]),
    ({"bulk": {"assign": "rand"}}, [("bulk.assign", "'rand'", "did you mean random?", "cross")]),
    ({"bulk": {"failed_fraction": 2}}, [("bulk.failed_fraction", "2", "from 0 up to 1")]),
    ({"bulk": {"output": "a{b}"}}, [("bulk.output", "'a{b}'", "without { } < >")]),
    ({3: 4}, [("3", "no such key")]),
    ({"paint": {"colour": "match"}}, [("paint", "this key is now called transfer; rename it.")]),
    ({"transfer": {"colour": "match"}}, [("transfer.colour", "is now called color; rename it.")]),
    ({"colour": "match"}, [("colour", "no such key")]),
    (
        {"settings": {"named": {"a": {"paint": {}}}}},
        [("settings.named.a.paint", "this key is now called transfer; rename it.")],
    ),
    ({"output": ""}, [("output", "empty", "at least one character")]),
    ({"output": "a{b}"}, [("output", "'a{b}'", "without { } < >")]),
    ({"output": "a<b>"}, [("output", "'a<b>'", "without { } < >")]),
    ({"output": ["a"]}, [("output", "['a']", "give text")]),
    ({"content": 5}, [("content", "5", "text")]),
    ({"content": ""}, [("content", "empty", "at least one character")]),
    ({"style": None}, [("style", "None", "text or a list")]),
    ({"style": []}, [("style", "empty", "at least one value")]),
    ({"style": ["a", 5, ""]}, [("style[1]", "5", "give text"), ("style[2]", "empty")]),
    ({"image": None}, [("image", "None", "keys with values")]),
    ({"image": ["size"]}, [("image", "['size']", "keys with values")]),
    ({"image": {"size": 31}}, [("image.size", "31", "from 32 up to 4096")]),
    ({"image": {"size": 4097}}, [("image.size", "4097", "from 32 up to 4096")]),
    ({"image": {"size": 64.5}}, [("image.size", "64.5", "a whole number")]),
    ({"image": {"size": "big"}}, [("image.size", "'big'", "a whole number")]),
    ({"image": {"size": True}}, [("image.size", "True", "a whole number")]),
    ({"image": {"fit": "strech"}}, [("image.fit", "'strech'", "did you mean stretch?", "crop")]),
    ({"image": {"fit": 3}}, [("image.fit", "3", "allowed: stretch, crop, pad, keep")]),
    ({"image": {"format": "JPG"}}, [("image.format", "'JPG'", "jpg, png, webp")]),
    ({"image": {"quality": 0}}, [("image.quality", "0", "from 1 up to 100")]),
    (
        {"optimization": {"stages": [{"size": 9, "epochs": 1}, {"size": 64}]}},
        [
            ("optimization.stages[0].size", "9", "from 32 up to 4096"),
            ("optimization.stages[1].epochs", "missing"),
        ],
    ),
    ({"network": {"tile": 100}}, [("network.tile", "100", "a multiple of 16")]),
    ({"settings": {"alpha": 1}}, [("settings.alpha", "1", "a list, such as")]),
    ({"settings": {"alpha": True}}, [("settings.alpha", "True", "a list")]),
    ({"settings": {"alpha": [True]}}, [("settings.alpha[0]", "True", "a number")]),
    ({"settings": {"alpha": [1, "x"]}}, [("settings.alpha[1]", "'x'", "a number")]),
    ({"settings": {"alpha": []}}, [("settings.alpha", "empty", "at least one value")]),
    ({"settings": {"alpha": [2, 1, 2]}}, [("settings.alpha", "[2, 1, 2]", "twice")]),
    ({"settings": {"alpha": [1, 1.0]}}, [("settings.alpha", "twice")]),
    ({"settings": {"beta": ["1e6", 1e6]}}, [("settings.beta", "twice")]),
    ({"settings": {"beta": [-1]}}, [("settings.beta[0]", "-1", "from 0 up to 1e+15")]),
    ({"settings": {"beta": [2, NAN]}}, [("settings.beta[1]", "nan", "a finite number")]),
    ({"settings": {"learning_rate": [0]}}, [("settings.learning_rate[0]", "0", "above 0 up to")]),
    ({"settings": {"named": []}}, [("settings.named", "[]", "keys with values")]),
    ({"settings": {"named": {"a": 1}}}, [("settings.named.a", "1", "keys with values")]),
    ({"settings": {"named": {"a": {"alpha": True}}}}, [("settings.named.a.alpha", "True")]),
    ({"settings": {"named": {"a": {"alhpa": 1}}}}, [("settings.named.a.alhpa", "mean alpha?")]),
    ({"settings": {"named": {2.5: {"alpha": -1}}}}, [("settings.named.2.5.alpha", "-1")]),
    ({"settings": {"named": {None: {"alpha": -1}}}}, [("settings.named.None.alpha", "-1")]),
    (
        {"settings": {"named": {"a": {"network": {"style_layers": {"conv9_1": 1}}}}}},
        [("settings.named.a.network.style_layers", "'conv9_1'", "did you mean conv")],
    ),
    ({"network": {"weights": ""}}, [("network.weights", "empty", "character")]),
    ({"network": {"content_layers": {}}}, [("network.content_layers", "empty", "one layer")]),
    ({"network": {"content_layers": ["conv4_2"]}}, [("network.content_layers", "keys with")]),
    ({"network": {"content_layers": {"conv4_2": True}}}, [("network.content_layers.conv4_2",)]),
    ({"network": {"content_layers": {"conv4_2": -1}}}, [("network.content_layers.conv4_2", "-1")]),
    ({"network": {"content_layers": {"conv42": 1}}}, [("network.content_layers", "conv4_2?")]),
    ({"network": {"content_layers": {None: 1}}}, [("network.content_layers", "'None'")]),
    ({"optimization": {"optimizer": "sgd"}}, [("optimization.optimizer", "'sgd'", "lbfgs, adam")]),
    ({"optimization": {"epochs": 0}}, [("optimization.epochs", "0", "from 1 up to 100000")]),
    ({"optimization": {"epochs": "many"}}, [("optimization.epochs", "'many'", "whole number")]),
    ({"optimization": {"seed": -1}}, [("optimization.seed", "-1", "from 0 up to")]),
    ({"output": "a{b}"}, [("output", "'a{b}'", "name without {")]),
    ({"optimization": {"init_noise": 1.5}}, [("optimization.init_noise", "1.5", "from 0 up to 1")]),
    ({"optimization": {"precision": "fp16"}}, [("optimization.precision", "'fp16'", "bf16")]),
    ({"layer_study": {"content": 5}}, [("layer_study.content", "5", "text or null")]),
    ({"layer_study": {"size": 2048}}, [("layer_study.size", "2048", "from 32 up to 1024")]),
    ({"layer_study": {"beta": 0}}, [("layer_study.beta", "0", "above 0 up to 1e+15")]),
    ({"layer_study": {"style_layers": []}}, [("layer_study.style_layers", "empty", "one value")]),
    (
        {"layer_study": {"content_layers": ["conv1_1", "conv42"]}},
        [("layer_study.content_layers[1]", "'conv42'", "did you mean conv4_2?")],
    ),
    ([], [("the configuration", "[]", "keys with values")]),
    (None, [("the configuration", "None", "keys with values")]),
    ("content", [("the configuration", "'content'", "keys with values")]),
]


@pytest.mark.parametrize(("config", "expected"), MISTAKES, ids=lambda value: str(value)[:60])
def test_each_mistake_is_named_with_its_value_and_its_remedy(
    config: Json, expected: list[tuple[str, ...]]
):
    lines = mistakes(config)
    assert len(lines) == len(expected), lines
    for line, (key, *said) in zip(lines, expected, strict=True):
        assert line.startswith(f"{key}: "), line
        assert all(part in line for part in said), line
        assert line.endswith((".", "?")), line


@pytest.mark.parametrize("number", [INF, -INF, NAN, "1e400", "-1e400"])
@pytest.mark.parametrize("place", ["list", "named", "layer"])
def test_numbers_that_are_not_finite_are_refused(number: object, place: str):
    config = {
        "list": {"settings": {"alpha": [number]}},
        "named": {"settings": {"named": {"a": {"alpha": number}}}},
        "layer": {"network": {"style_layers": {"conv1_1": number}}},
    }[place]
    key = {"list": "alpha[0]", "named": "named.a.alpha", "layer": "style_layers.conv1_1"}[place]
    assert all(f"{key}: " in line for line in mistakes(config))


def test_all_mistakes_are_told_at_once():
    config = {
        "contents": "x",
        "image": {"size": 5, "fit": "square"},
        "settings": {"beta": [NAN], "named": {"a": {"gamma": 1, "delta": 2}}},
        "optimization": {"epochs": 0},
    }
    keys = {line.split(": ")[0] for line in mistakes(config)}
    assert keys == {
        "contents",
        "image.size",
        "image.fit",
        "settings.beta[0]",
        "settings.named.a.gamma",
        "settings.named.a.delta",
        "optimization.epochs",
    }


def test_a_long_value_does_not_flood_the_message():
    (line,) = mistakes({"settings": {"alpha": ["x" * 10_000]}})
    assert len(line) < 200
    (line,) = mistakes({"image": {"fit": "two\nlines"}})
    assert "two\\nlines" in line


# Every key, right and wrong, as YAML and as Snakemake's --config give it


def leaves(
    node: Json, schema: Schema, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Json]]:
    """Each key that has a value and not further keys: its path and its node of the schema."""
    for name, child in resolve(node, schema).get("properties", {}).items():
        below = resolve(child, schema)
        if "properties" in below:
            yield from leaves(below, schema, (*path, name))
        else:
            yield (*path, name), below
            named = below.get("additionalProperties") or {}
            yield from leaves(named, schema, (*path, name, "own"))


LEAVES = list(leaves(config_schema(), config_schema()))


def values_of(node: Json) -> tuple[list[Json], list[Json]]:
    """Values that a key takes, and values that it refuses."""
    schema = config_schema()
    node = resolve(node, schema)
    kinds = node.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "enum" in node:
        return list(node["enum"]), ["nothing of the kind", 7, None, True, []]
    right: list[Json] = []
    wrong: list[Json] = [{"a": {"b": 1}}]
    if "integer" in kinds or "number" in kinds:
        low, high = node.get("minimum", node.get("exclusiveMinimum")), node["maximum"]
        right += [high, *([low] if "minimum" in node else [])]
        wrong += ["many", True, False, [1], NAN, INF, "nan", "1e999", "", "0x10", high * 2 + 1]
        wrong += [low - 1, *([] if "minimum" in node else [low])]
        if "integer" in kinds:
            right += [float(high)]
            wrong += [low + 0.5]
    elif "boolean" in kinds:
        right += [True, False]
        wrong += [1, 0, 1.0, "1", "maybe", [True]]
    elif "array" in kinds and not node["items"].get("$ref", "").endswith("Stage"):
        each, bad = values_of(node["items"])
        right += [[each[0]], each] if "string" not in kinds else [[each[0]], each[0]]
        wrong += [[item] for item in bad] + [5, True]
        if node.get("minItems"):
            wrong += [[]]
        if node.get("uniqueItems"):
            wrong += [[each[0], each[0]]]
    elif "array" in kinds:
        right += [[], [{"size": 64, "epochs": 3}], [[64, 3], (96, 4)]]
        wrong += [5, "64", [64], [{"size": 64}], [{"size": 5, "epochs": 1}], [[64, 3, 1]]]
    elif "string" in kinds:
        right += ["a name", "1e6", "true"]
        wrong += [5, 1.5, True, [], ""]
        wrong += ["a{b}", "<a>"] if "pattern" in node else []
    if "object" in kinds:
        layers = "propertyNames" in node
        right += [{"conv1_1": 2, "relu5_4": 0.5}] if layers else [{}]
        wrong = [5, "x", [], True, *([{"conv1": 1}, {}] if layers else [])]
        if (node.get("additionalProperties") or {}).get("type") == "number":
            wrong += [{"conv1_1": bad} for bad in ("many", -1, True, NAN, None, [1])]
    if "null" in kinds:
        right.append(None)
    else:
        wrong.append(None)
    return right, wrong


def nested(path: tuple[str, ...], value: Json) -> Json:
    for name in reversed(path):
        value = {name: value}
    return value


def at(config: Json, path: tuple[str, ...]) -> Json:
    for name in path:
        config = config[name]
    return config


def on_command_line(path: tuple[str, ...], value: Json) -> dict[str, Json]:
    """What Snakemake makes of `--config` with a value: within a key, every scalar is text."""
    text = yaml.safe_dump(nested(path[1:], value), default_flow_style=True, width=10**6)
    return parse_config([f"{path[0]}={text.split('...')[0].strip()}"])


@pytest.mark.parametrize(("path", "node"), LEAVES, ids=lambda each: ".".join(map(str, each))[:60])
def test_each_key_takes_what_it_allows_and_names_what_it_refuses(path: tuple[str, ...], node: Json):
    right, wrong = values_of(node)
    assert right, node
    for value in right:
        taken = at(complete(nested(path, value)), path)
        assert complete(nested(path, taken)) == complete(nested(path, value))
        if len(path) > 1:  # a top-level value may be a number for Snakemake
            assert at(complete(on_command_line(path, value)), path) == taken, value
    for value in wrong:
        lines = mistakes(nested(path, value))
        assert all(line.startswith(".".join(path)) for line in lines), (value, lines)
        assert all(line.endswith((".", "?")) for line in lines), (value, lines)


@pytest.mark.parametrize(
    ("path", "value", "allowed"),
    [
        (("image", "size"), "big", "a whole number"),
        (("image", "size"), 31, "from 32 up to 4096"),
        (("optimization", "size_correction"), "maybe", "true or false"),
        (("optimization", "size_correction"), 1, "true or false"),
        (("optimization", "history"), "many", "a whole number or null"),
        (("image", "fit"), "strech", "did you mean stretch?"),
        (("settings", "beta"), ["1e6", "x"], "a number"),
        (("settings", "named", "a", "alpha"), "-1", "from 0"),
    ],
)
def test_mistakes_on_the_command_line_of_snakemake_are_explained(
    path: tuple[str, ...], value: Json, allowed: str
):
    (line,) = mistakes(on_command_line(path, value))
    assert line.startswith(".".join(path)) and allowed in line


def test_a_configuration_within_itself_or_with_half_a_character_ends_in_a_sentence():
    endless: dict[str, Json] = {"image": {}}
    endless["image"]["size"] = endless
    endless["settings"] = {"named": {"a": endless, "\ud800": {"\udfff": endless}}}
    deep: Json = []
    for _ in range(100_000):
        deep = [deep]
    for config in (endless, {"image": {"size": deep}}, {"\ud800": "\ud800"}):
        for line in mistakes(config):
            line.encode()
            assert len(line) < 500


@pytest.mark.parametrize("number", [10**400, -(10**400), 10**5000, 16**9000], ids="abcd")
@pytest.mark.parametrize(
    "make",
    [
        lambda number: {"image": {"size": number}},
        lambda number: {"settings": {"beta": [number]}},
        lambda number: {"network": {"style_layers": {"conv1_1": number}}},
        lambda number: {"output": number},
        lambda number: {"optimization": {"stages": [[number, number]]}},
        lambda number: {"settings": {"named": {"a": [number]}}},
    ],
)
def test_a_number_of_thousands_of_digits_is_refused(make: Callable[[int], Json], number: int):
    for line in mistakes(make(number)):
        assert len(line) < 300


def test_settings_in_python_are_checked_by_their_names():
    settings = settings_of({"beta": "1e5", "stages": [(64, 10)], "mask": Path("a.png"), "size": 96})
    assert settings == replace(Settings(), beta=1e5, stages=(Stage(64, 10),), mask="a.png", size=96)
    assert settings_of({"beta": 3}, preset="paper").fit == "stretch"
    assert settings_of({}, preset="paper", defaults={"beta": 3, "quality": 7}).quality == 7
    for values, preset, said in [
        ({"betta": 1}, None, "betta: there is no such setting; did you mean beta?"),
        ({"beta": "x"}, None, "settings.beta[0]: 'x' is not allowed; give a number"),
        ({"fit": "crp"}, None, "image.fit: 'crp' is not allowed; did you mean crop?"),
        ({}, "papper", "preset: 'papper' is not allowed; did you mean paper?"),
    ]:
        with pytest.raises(ConfigError, match=re.escape(said)):
            settings_of(values, preset)
