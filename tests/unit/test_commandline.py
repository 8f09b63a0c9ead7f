"""Settings as options and back: what a rule passes is what the script reads."""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import pytest
from options import checked_settings

from neural_style.cli.parsing import Parser, UsageError, add_settings, settings_from
from neural_style.config.keys import Stage
from neural_style.config.options import (
    OptionError,
    in_options,
    option_name,
    option_strings,
    read_layers,
    read_share,
    shortest_options,
    write_shares,
    write_value,
)
from neural_style.config.schema import setting_nodes, settings_of
from neural_style.config.settings import Settings, find_conflicts
from neural_style.model.layers import LAYERS


def parse(arguments: list[str]) -> Settings:
    return settings_from(parser().read(arguments))


def parser() -> Parser:
    parser = Parser("neural-style", "neural-style", "")
    add_settings(parser)
    return parser


def random_settings(dice: random.Random) -> Settings:
    """Any settings that the configuration allows and that do not contradict each other."""

    def value(node: Mapping[str, Any]) -> Any:
        if "enum" in node:
            return dice.choice(node["enum"])
        match node["type"]:
            case "integer" | ["integer", "null"] as kind:
                step = node.get("multipleOf", 1)
                number = dice.randrange(node["minimum"], node["maximum"] + 1, step)
                return dice.choice([None, number]) if "null" in kind else number
            case "boolean":
                return dice.choice([True, False])
            case "array":
                return tuple(sorted(dice.sample([0.25, 0.5, 1.0, 1 / 3, 2.0], dice.randint(1, 4))))
            case "object":
                files = dice.sample(["b:1.jpg", "-c, d.png", "/a/ü=.gif"], dice.randint(0, 3))
                return {file: dice.choice([2.0, 1 / 3, 1e-7]) for file in sorted(files)}
            case ["string", "null"]:
                return dice.choice([None, "beside", "my mask:1.png"])
            case _:
                return min(10 ** dice.uniform(-6, 2), node["maximum"])

    def layers() -> dict[str, float]:
        chosen = dice.sample(LAYERS, dice.randint(1, 5))
        return {layer: dice.choice([2, 1, 0.1, 1 / 3, 1e9, 1e-7]) for layer in chosen}

    def stages(chosen: Mapping[str, Any]) -> tuple[Stage, ...]:
        smaller = range(32, chosen["size"])
        sizes = dice.sample(smaller, min(len(smaller), dice.randint(0, 3)))
        return tuple(Stage(size, dice.randint(1, 300)) for size in sorted(sizes))

    chosen: dict[str, Any] = {}
    for nodes in setting_nodes().values():
        for name, node in nodes.items():
            special = {"weights": "my weights/vgg,19:x.pth", "init": "start, 2:x.png"}
            if name == "stages":
                chosen[name] = stages(chosen)
                continue
            is_layers = name.endswith("layers")
            chosen[name] = layers() if is_layers else special.get(name) or value(node)
    settings = Settings(**chosen)
    return random_settings(dice) if find_conflicts(settings) else settings


def test_settings_of_the_snakefile_come_back_as_they_were():
    dice = random.Random(1)
    for _ in range(25):
        settings = random_settings(dice)
        assert checked_settings(json.dumps(asdict(settings))) == settings


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", '{"sise": 3}', '{"stages": [{"edge": 3}]}'])
def test_what_is_no_record_of_settings_ends_with_the_usage(text: str):
    with pytest.raises(argparse.ArgumentTypeError, match="not settings of a run"):
        checked_settings(text)


@pytest.mark.parametrize("key", ["tile", "history", "stages", "blend", "mask", "style_mask"])
def test_no_value_can_be_typed_where_it_is_the_default(defaults: Settings, key: str):
    assert write_value(getattr(defaults, key)) == "none"
    options = parser().read([option_name(key), "none"])
    recalled = {"tile": 64, "history": 3, "mask": "m.png", "style_mask": "s.png"}
    recalled |= {"stages": [{"size": 64, "epochs": 1}], "blend": {"a.jpg": 1.0}}
    assert getattr(settings_from(options, recalled), key) == getattr(defaults, key)


def test_every_default_of_the_help_can_be_typed(defaults: Settings):
    for name, value in vars(defaults).items():
        assert parse([f"{option_name(name)}={write_value(value)}"]) == defaults


def test_nothing_is_said_of_the_defaults(defaults: Settings):
    assert option_strings(defaults, defaults) == []
    assert parse([]) == defaults


def test_only_what_differs_is_said(defaults: Settings):
    changed = replace(
        defaults, beta=1e5, save_every=7, content_layers={"conv5_1": 1, "relu1_1": 0.5}
    )
    assert option_strings(changed, defaults) == [
        "--beta=100000",
        "--content-layers=conv5_1:1,relu1_1:0.5",
        "--save-every=7",
    ]


def test_any_settings_come_back_through_the_options(defaults: Settings):
    dice = random.Random(0)
    for _ in range(25):
        settings = random_settings(dice)
        assert parse(option_strings(settings, defaults)) == settings


@pytest.mark.parametrize("number", [0.0, 1.0, 0.1, 1 / 3, 1e6, 1e15, 5e-324, 123456789.123])
def test_numbers_lose_nothing(number: float):
    assert float(write_value(number)) == number


def test_keys_become_flags():
    assert option_name("save_every") == "--save-every"
    assert option_name("alpha") == "--alpha"


def test_every_field_has_an_option_with_its_default_in_the_help(defaults: Settings):
    text = parser().format_help()
    for name in vars(defaults):
        assert option_name(name) in text
    assert "default: 1000000)" in " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("conv4_2:1", {"conv4_2": 1.0}),
        ("conv4_2", {"conv4_2": 1.0}),
        ("conv4_2:0.5,relu1_1", {"conv4_2": 0.5, "relu1_1": 1.0}),
        (" conv4_2:2 , conv5_1:1e-3 ", {"conv4_2": 2.0, "conv5_1": 0.001}),
        ("conv4_2:0", {"conv4_2": 0.0}),
    ],
)
def test_layers_are_read(text: str, layers: dict[str, float]):
    assert read_layers(text) == layers


@pytest.mark.parametrize("file", ["a.jpg", "a:1", "C:\\a.jpg", "-x, y.png", ":", "'\"", "ü=", " "])
@pytest.mark.parametrize("weight", [1.0, 0.0, 1 / 3, 1e9, 1e-7])
def test_a_file_with_a_weight_comes_back_whatever_its_name(file: str, weight: float):
    assert [read_share(text) for text in write_shares({file: weight})] == [(file, weight)]


@pytest.mark.parametrize("text", ["a.jpg", "a.jpg:", ":0.5", "0.5", "a.jpg:half", "a:0.5:"])
def test_a_file_without_a_weight_is_refused(text: str):
    with pytest.raises(OptionError, match=r"not a file with a weight; write it as wave\.jpg:0\.5"):
        read_share(text)


def test_a_blend_is_an_option_for_each_of_its_styles(defaults: Settings):
    blend = {"b.jpg": 0.5, "a, b:c.jpg": 2.0}
    assert option_strings(replace(defaults, blend=blend), defaults) == [
        "--blend=b.jpg:0.5",
        "--blend=a, b:c.jpg:2",
    ]
    assert parse(["--blend", "b.jpg:0.5", "--blend=a, b:c.jpg:2"]).blend == blend
    assert parse(["--blend=b.jpg:0"]).blend == {}
    with pytest.raises(UsageError, match=r"--blend names 'b\.jpg' twice"):
        parse(["--blend=b.jpg:0.5", "--blend=b.jpg:1"])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("conv4_2:one", "conv4_2 is 'one', which is not a number"),
        ("conv4_2:1:2", "conv4_2 is '1:2', which is not a number"),
        ("conv4_2:1,conv4_2:2", "conv4_2 is given twice"),
    ],
)
def test_layers_that_cannot_be_read_are_named(text: str, complaint: str):
    with pytest.raises(OptionError, match=complaint):
        read_layers(text)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--size", "8"], "--size: '8' is not allowed; give a number from 32 up to 4096"),
        (["--fit", "strech"], "--fit: 'strech' is not allowed; did you mean stretch"),
        (["--beta", "nan"], r"--beta: 'nan' is not allowed; give a finite number"),
        (["--learning-rate", "0"], r"--learning-rate: '0' is not allowed"),
        (["--content-layers", "conv9_9"], "--content-layers: 'conv9_9' is not allowed"),
        (["--style-layers", ""], "--style-layers: '' is not allowed"),
        (["--style-layers", "conv1_1:-1"], "--style-layers conv1_1: -1"),
        (["--seed", "-1"], "--seed: '-1' is not allowed"),
    ],
)
def test_values_that_are_not_allowed_are_named_by_their_option(
    arguments: list[str], complaint: str
):
    with pytest.raises(UsageError, match=complaint):
        parse(arguments)


@pytest.mark.parametrize("arguments", [["--epochs", "many"], ["--epochs", "1.5"], ["--alpha", "x"]])
def test_values_that_are_no_numbers_are_named(arguments: list[str]):
    with pytest.raises(
        UsageError, match=rf"{arguments[0]}: '?{arguments[1]}'? is not allowed; give"
    ):
        parse(arguments)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(UsageError, match=r"(?s)^invalid options:\n  --size.*\n  --fit.*\n  --beta"):
        parse(["--size=3", "--fit=krop", "--beta=x"])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--sise", "3"], "there is no option --sise; did you mean --size?"),
        (["--sise=3"], "there is no option --sise; did you mean --size?"),
        (["--colour=match"], "there is no option --colour; did you mean --color?"),
        (["--tile-size", "64"], "there is no option --tile-size; did you mean --tile?"),
        (["-x"], "there is no option -x; see"),
        (["--siz", "64"], "there is no option --siz; did you mean --size?"),
        (["--preset=stong"], "--preset: 'stong' is not allowed; did you mean strong?"),
        (["--style-layers=conv1_1,conf2_1"], "did you mean conv2_1?"),
        (["--size"], "--size: expected one argument; see `neural-style --help`"),
    ],
)
def test_what_is_misspelt_gets_the_nearest_name(arguments: list[str], complaint: str):
    with pytest.raises(UsageError, match=re.escape(complaint)):
        parse(arguments)


def test_a_negative_number_is_no_option():
    with pytest.raises(UsageError, match="--beta: '-1' is not allowed"):
        parse(["--beta", "-1"])


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "invalid configuration:\n  settings.alpha[0]: -1 is not allowed.",
            "--alpha: -1 is not allowed.",
        ),
        (
            "invalid configuration:\n  image.size: 5 is wrong.\n  jobs.checkpoint_every: x.",
            "invalid options:\n  --size: 5 is wrong.\n  --checkpoint-every: x.",
        ),
        (
            "image.dimensions: original cannot bring back what image.fit: crop cuts off.",
            "--dimensions original cannot bring back what --fit crop cuts off.",
        ),
        (
            "install it or use `network.weights: caffe`.",
            "install it or use `--weights caffe`.",
        ),
        ("network.weights: there is no file a.pth.", "--weights: there is no file a.pth."),
        ("network.style_layers.conv1_1: -1 is wrong.", "--style-layers conv1_1: -1 is wrong."),
        ("raise jobs.max_pixels (--max-pixels).", "raise --max-pixels."),
        ("'image.size.jpg' and image.jpg are files.", "'image.size.jpg' and image.jpg are files."),
        ("layer_study.beta and bulk.size stay.", "layer_study.beta and bulk.size stay."),
    ],
)
def test_messages_speak_of_the_options_that_were_typed(message: str, expected: str):
    assert in_options(message) == expected


def test_a_value_that_cannot_be_read_names_its_option():
    with pytest.raises(UsageError, match=r"--stages: 'x' is not a list of sizes"):
        parse(["--stages", "x"])


def test_the_help_gives_the_range_of_each_number():
    text = " ".join(parser().format_help().split())
    assert "(1 to 100; default: 95)" in text
    assert "(above 0, up to 100; default: 1)" in text
    assert "(64 to 4096 in steps of 16, or none; default: none)" in text
    assert "(0 to 1e9; default: conv4_2:1)" in text


@pytest.mark.parametrize(
    ("values", "preset", "options"),
    [
        ({}, None, []),
        ({"beta": 3e5}, None, ["--beta=300000"]),
        ({}, "best", ["--preset=best"]),
        ({"size": 256}, "best", ["--preset=best", "--size=256"]),
        ({"size": 256, "color": "luminance"}, "best", None),
        ({"beta": 1e7}, None, ["--beta=10000000"]),
        ({"fit": "stretch"}, "paper", ["--preset=paper"]),
    ],
)
def test_a_preset_shortens_the_options(values: dict, preset: str | None, options: list | None):
    settings = settings_of(values, preset)
    shortest = shortest_options(settings)
    assert options is None or len(shortest) <= len(options)
    assert len(shortest) <= 3
    given = dict(each.removeprefix("--").split("=") for each in shortest)
    assert (
        settings_of({k: v for k, v in given.items() if k != "preset"}, given.get("preset"))
        == settings
    )
