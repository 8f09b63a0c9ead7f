"""The configuration: defaults at every level, and every mistake named with its remedy."""

from __future__ import annotations

import copy
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.cli import parse_config

from neural_style.config.keys import Stage
from neural_style.config.schema import (
    ConfigError,
    annotated_config,
    complete,
    config_schema,
    resolve,
    setting_nodes,
    settings_of,
)
from neural_style.config.settings import FITS, OUTPUT_FORMATS, Settings
from neural_style.config.sweep import expand_settings
from neural_style.model.layers import LAYERS

Json = Any
Schema = Mapping[str, Json]
ROOT = Path(__file__).parents[2]
NAN, INF = math.nan, math.inf


PATH_KEYS = {
    "content": lambda path: {"content": path},
    "content[1]": lambda path: {"content": ["images/content", path]},
    "style[0]": lambda path: {"style": [path]},
    "output": lambda path: {"output": path},
    "network.weights": lambda path: {"network": {"weights": path}},
    "optimization.init": lambda path: {"optimization": {"init": path}},
    "transfer.mask": lambda path: {"transfer": {"mask": path}},
    "transfer.style_mask": lambda path: {"transfer": {"style_mask": path}},
    "transfer.blend": lambda path: {"transfer": {"blend": {path: 0.5}}},
    "bulk.content": lambda path: {"bulk": {"content": path}},
    "bulk.style": lambda path: {"bulk": {"style": path}},
    "bulk.output": lambda path: {"bulk": {"output": path}},
    "settings.named.a.transfer.mask": lambda path: {
        "settings": {"named": {"a": {"transfer": {"mask": path}}}}
    },
    "settings.named.a.network.weights": lambda path: {
        "settings": {"named": {"a": {"network": {"weights": path}}}}
    },
}
"""Every key that holds a path → a configuration with a path there."""


def mistakes(config: Json) -> list[str]:
    """The lines of the error's message, without the first."""
    with pytest.raises(ConfigError) as caught:
        complete(config)
    first, *lines = str(caught.value).splitlines()
    assert first == "invalid configuration:"
    return [line.strip() for line in lines]


def test_an_empty_configuration_is_all_defaults():
    """Those of the method, and others that outputs depend on; a new key needs no line here."""
    completed = complete({})
    expected: Mapping[str, Any] = {
        "content": ["images/content"],
        "style": ["images/style"],
        "output": "results",
        "image": {
            "size": 512,
            "fit": "keep",
            "format": "jpg",
            "quality": 95,
            "dimensions": "fitted",
            "transparency": "white",
        },
        "settings": {
            "alpha": [1],
            "beta": [1e6],
            "learning_rate": [1.0],
            "presets": [],
            "named": {},
        },
        "network": {
            "weights": "caffe",
            "content_layers": {"conv4_2": 1},
            "style_layers": {f"conv{block}_1": 1 for block in range(1, 6)},
            "pooling": "max",
            "padding": "zeros",
            "tile": None,
        },
        "optimization": {
            "optimizer": "lbfgs",
            "history": None,
            "stages": [],
            "size_correction": True,
            "epochs": 1000,
            "save_every": 100,
            "init": "content",
            "init_noise": 0,
            "seed": 0,
            "precision": "auto",
        },
        "transfer": {
            "color": "style",
            "blend": {},
            "style_scales": [1],
            "mask": None,
            "style_mask": None,
            "style_loss": "gram",
            "total_variation": 0,
        },
        "jobs": {},
        "grids": {
            "format": "jpg",
            "quality": 90,
            "tile_size": 256,
            "tiles_per_page": 60,
            "pdf_size": 2000,
        },
        "layer_study": {
            "content": None,
            "style": None,
            "size": 160,
            "epochs": 200,
            "content_layers": [f"conv{block}_1" for block in range(1, 6)],
            "style_layers": [f"conv{block}_1" for block in range(1, 6)],
            "alpha": 1,
            "beta": 1e6,
        },
        "bulk": {
            "content": None,
            "style": None,
            "output": "results/bulk",
            "assign": "cross",
            "styles_per_content": 1,
            "seed": 0,
            "shard_size": 256,
            "size": "original",
            "batch": None,
            "failed_fraction": 0.1,
        },
        "cluster": {"gpu_as": "gpus", "threads": 4, "memory_factor": 1, "runtime_factor": 1},
    }
    assert completed.keys() == expected.keys()
    for section, value in expected.items():
        found = completed[section]
        wanted = {**found, **value} if isinstance(value, Mapping) else value
        assert found == wanted, section


def test_the_configuration_at_the_root_says_nothing_but_the_defaults_and_the_best_preset():
    at_root = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    more = {"settings": {"presets": ["best"]}}
    assert complete(at_root) == complete(more)
    assert annotated_config(more) == (ROOT / "config.yaml").read_text(encoding="utf-8")
    for section, keys in complete({}).items():
        assert at_root[section].keys() == keys.keys() if isinstance(keys, dict) else section


def test_defaults_fill_every_level_and_change_nothing_that_is_given():
    given = {"image": {"size": 64}, "settings": {"beta": [1, 2]}, "optimization": {"epochs": 7}}
    before = copy.deepcopy(given)
    completed = complete(given)
    assert given == before
    assert completed["image"] == {**complete({})["image"], "size": 64}
    assert completed["settings"]["beta"] == [1, 2]
    assert completed["settings"]["alpha"] == [1]
    assert completed["optimization"]["epochs"] == 7
    assert completed["optimization"]["save_every"] == 100


def test_given_layers_replace_the_default_ones():
    completed = complete({"network": {"style_layers": {"relu1_1": 0.5}}})
    assert completed["network"]["style_layers"] == {"relu1_1": 0.5}


def test_completing_twice_changes_nothing_more():
    once = complete({"settings": {"beta": ["1e5"], "named": {"a": {"alpha": 2}}}})
    assert complete(once) == once


def test_defaults_are_copies():
    complete({})["settings"]["alpha"].append(5)
    assert complete({})["settings"]["alpha"] == [1]


def test_named_settings_hold_only_what_they_override():
    named = {"deep": {"image": {"size": 64}}}
    assert complete({"settings": {"named": named}})["settings"]["named"] == named


@pytest.mark.parametrize("text", ["1e6", "1E6", "+1e6", "1.e6", "1.0e6", "1.0E+6", "10e5"])
def test_exponents_that_yaml_takes_for_a_text_are_numbers(text: str):
    assert yaml.safe_load("1e6") == "1e6", "YAML reads it by itself now"
    completed = complete({"settings": {"beta": [text], "named": {"a": {"beta": text}}}})
    assert completed["settings"]["beta"] == [1e6]
    assert completed["settings"]["named"]["a"]["beta"] == 1e6


def test_a_text_stays_a_text_where_a_text_is_wanted():
    config = {"content": "1e6", "style": ["a", "1e6"], "network": {"weights": "2e5"}}
    completed = complete(config)
    assert (completed["content"], completed["style"]) == (["1e6"], ["a", "1e6"])
    assert completed["network"]["weights"] == "2e5"


@pytest.mark.parametrize("number", ["1e3", 1000.0, "1.0e+3"])
def test_whole_numbers_are_whole_however_they_are_written(number: object):
    named = {"short": {"optimization": {"epochs": number}}}
    config = {"optimization": {"epochs": number}, "settings": {"named": named}}
    for settings in expand_settings(complete(config)).values():
        assert isinstance(settings.epochs, int)
        assert settings.snapshots[-1] == 1000


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


def test_the_names_in_the_schema_are_those_of_the_library(schema: Schema):
    definitions = schema["$defs"]
    assert tuple(definitions["Layer"]["enum"]) == LAYERS
    image = definitions["Image"]["properties"]
    assert tuple(image["fit"]["enum"]) == FITS
    assert image["format"]["enum"] == list(OUTPUT_FORMATS)


def test_settings_in_python_have_the_defaults_of_the_schema():
    assert expand_settings(complete({})) == {"1_1e6_1": Settings()}


def test_every_setting_has_one_section():
    keys = [name for nodes in setting_nodes().values() for name in nodes]
    assert len(set(keys)) == len(keys), "two sections share a key"
    assert set(keys) == {field.name for field in fields(Settings)}


def test_every_key_of_the_schema_is_described_and_every_mapping_closed(schema: Schema):
    def walk(node: Json, path: str) -> Iterator[str]:
        for key, child in node.get("properties", {}).items():
            target = schema["$defs"][child["$ref"].split("/")[-1]] if "$ref" in child else child
            if not ({"description"} & (child.keys() | target.keys())):
                yield f"{path}.{key}: no description"
            if target.get("type") == "object" and "additionalProperties" not in target:
                yield f"{path}.{key}: open"
            yield from walk(target, f"{path}.{key}")

    assert list(walk(schema, "")) == []


def test_what_the_snakefile_imports_of_data_sets_reads_no_images():
    code = (
        "import sys; import neural_style.bulk.target; print({'PIL', 'numpy'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


def test_what_the_snakefile_imports_is_free_of_torch():
    modules = (
        *("config.schema", "config.sweep", "config.options", "config.inputs", "config.settings"),
        *("config.layer_study", "report.outputs", "report.grid_compose", "report.grid_render"),
        *("bulk.target", "bulk.worker", "bulk.verify", "bulk.status"),
    )
    imports = "; ".join(f"import neural_style.{module}" for module in modules)
    code = f"import sys; {imports}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


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


HALF = "\ud800"


@pytest.mark.parametrize(
    "config",
    [
        *(make(f"a{HALF}") for make in PATH_KEYS.values()),
        {HALF: 1},
        {"image": {HALF: 1}},
        {"image": {"format": HALF}},
        {"image": {"size": HALF}},
        {"network": {"style_layers": {HALF: 1}}},
        {"layer_study": {"content": HALF}},
        {"settings": {"named": {HALF: {"beta": 1}}}},
        {"settings": {"named": {"a": {HALF: 1}}}},
        {"settings": {"presets": [HALF]}},
    ],
)
def test_half_of_a_character_pair_is_refused_wherever_text_may_be(config: Json):
    for line in mistakes(config):
        line.encode()
        assert "'" in line and line.endswith((".", "?"))


def test_bytes_of_a_file_name_are_taken_but_not_for_outputs():
    name = "caf\udce9.png"  # as os.fsdecode represents the byte E9
    assert complete({"transfer": {"mask": name}})["transfer"]["mask"] == name
    for key in ("output", "bulk.output"):
        (line,) = mistakes(PATH_KEYS[key](name))
        assert line.startswith(key) and line.endswith("give a name without control characters.")


@pytest.mark.parametrize("character", ["\0", "\n", "\x1b", "\x85"])
@pytest.mark.parametrize("key", ["output", "bulk.output"])
def test_control_characters_in_the_folder_of_outputs_are_refused(key: str, character: str):
    (line,) = mistakes(PATH_KEYS[key](f"a{character}b"))
    assert line.endswith("is not allowed; give a name without control characters.")


@pytest.mark.parametrize("key", PATH_KEYS)
def test_a_null_character_in_a_path_is_refused(key: str):
    (line,) = mistakes(PATH_KEYS[key]("a\0b"))
    assert line.endswith("is not allowed; give a name without control characters.")


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


# Paths


@pytest.mark.parametrize("key", PATH_KEYS)
def test_the_home_folder_is_found_in_every_path(key: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/ada")
    make = PATH_KEYS[key]
    assert complete(make("~/a b.png")) == complete(make("/home/ada/a b.png"))
    assert complete(make("a~/b~.png")) != complete(make("/home/ada/b~.png"))


@pytest.mark.parametrize("key", PATH_KEYS)
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("$HOME/a.png", "'$HOME/a.png' has the variable $HOME, which is not expanded here"),
        ("a/${NOBODY}/b", "'a/${NOBODY}/b' has the variable ${NOBODY}, which is not expanded"),
        ("scratch_$USER/a", "'scratch_$USER/a' has the variable $USER, which is not expanded here"),
        ("~nobody/a.png", "'~nobody/a.png' begins with the home folder of a user who does not"),
    ],
)
def test_a_variable_in_a_path_is_refused(
    key: str, path: str, reason: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setattr("pwd.getpwnam", {}.__getitem__)  # there are no users
    (line,) = mistakes(PATH_KEYS[key](path))
    assert reason in line and line.startswith(key.partition("[")[0])
    assert "; write the whole path" in line


@pytest.mark.parametrize("name", ["~cat.png", "$HOME", "cost $5.png", "a$b.png"])
def test_a_file_that_is_called_like_a_variable_is_a_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    assert complete({"transfer": {"mask": name}})["transfer"]["mask"] == name
