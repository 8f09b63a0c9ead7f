"""Presets: what they are, where they are named, and what wins over them."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from options import add_settings_options, settings_from

from neural_style.config.options import option_strings
from neural_style.config.presets import PRESETS, with_preset
from neural_style.config.schema import ConfigError, complete
from neural_style.config.settings import LISTED_KEYS, SECTIONS, Settings
from neural_style.config.sweep import SweepError, expand_settings
from neural_style.report.names import setting_labels

Schema = Mapping[str, Any]
NAMES = list(PRESETS)


def expand(**config: Any) -> dict[str, Settings]:
    return expand_settings(complete(config))


def parse(*arguments: str) -> Settings:
    parser = argparse.ArgumentParser()
    add_settings_options(parser)
    return settings_from(parser.parse_args(arguments))


def differences(one: Settings, other: Settings) -> set[str]:
    return {key for key, value in vars(one).items() if value != getattr(other, key)}


def test_the_schema_allows_the_names_that_there_are(schema: Schema):
    assert schema["$defs"]["PresetName"]["enum"] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_an_entry_that_the_schema_allows_and_describes(schema: Schema, name: str):
    assert set(PRESETS[name].values) <= {*LISTED_KEYS, *SECTIONS}
    expand(settings={"named": {"it": PRESETS[name].values}})
    assert f" {name} (" in schema["$defs"]["PresetName"]["description"]


def test_presets_differ_from_one_another():
    settings = expand(settings={"presets": NAMES}, image={"size": 64})
    assert len({repr(settings[name]) for name in NAMES}) == len(NAMES)


def test_each_preset_that_is_listed_is_a_setting_under_its_name():
    config = {"settings": {"presets": ["strong", "subtle"], "named": {"mine": {}}}}
    settings = expand(**config, optimization={"epochs": 7})
    assert list(settings) == ["1_1e6_1", "strong", "subtle", "mine"]
    assert settings["strong"].epochs == settings["subtle"].epochs == 7
    assert setting_labels(settings)[0]["strong"] == "strong"


def test_the_rest_of_the_configuration_fills_what_a_preset_leaves_open():
    lists = {"alpha": [3, 4], "beta": [5], "presets": ["front_loaded"]}
    settings = expand(image={"size": 96}, settings=lists)
    assert differences(settings["front_loaded"], settings["3_5_1"]) == {"style_layers"}


def test_the_paper_is_the_method_s_numbers_whatever_else_is_said(defaults: Settings):
    config = {
        "image": {"size": 96, "fit": "crop"},
        "network": {"style_layers": {"relu1_1": 9}},
        "optimization": {"epochs": 5, "init": "noise"},
        "settings": {"alpha": [3], "beta": [4], "learning_rate": [0.5], "presets": ["paper"]},
    }
    assert expand(**config)["paper"] == replace(defaults, fit="stretch")


def test_front_loaded_layers_weigh_as_much_together_as_the_method_s(defaults: Settings):
    layers = PRESETS["front_loaded"].values["network"]["style_layers"]
    assert list(layers) == list(defaults.style_layers)
    ratios = [weight / layers["conv5_1"] for weight in layers.values()]
    assert ratios == pytest.approx([256, 64, 16, 4, 1])
    assert sum(layers.values()) == pytest.approx(sum(defaults.style_layers.values()))


def test_an_entry_s_own_keys_win_over_its_preset_and_its_layers_replace():
    entry = {
        "preset": "front_loaded",
        "beta": 7,
        "network": {"style_layers": {"relu3_1": 2}},
        "optimization": {"epochs": 5},
    }
    config = {"settings": {"named": {"mine": entry}}, "optimization": {"seed": 3}}
    mine = expand(**config)["mine"]
    assert (mine.beta, mine.style_layers, mine.epochs, mine.seed) == (7, {"relu3_1": 2}, 5, 3)


def test_keys_beside_those_that_an_entry_names_stay_the_preset_s():
    entry = {"preset": "paper", "image": {"fit": "crop"}, "optimization": {"epochs": 5}}
    config = {"settings": {"named": {"mine": entry}}, "image": {"size": 64, "fit": "pad"}}
    mine = expand(**config)["mine"]
    assert (mine.size, mine.fit, mine.epochs) == (512, "crop", 5)


def test_an_entry_without_a_preset_is_as_it_was():
    entry = {"beta": 2, "image": {"size": 64}}
    assert with_preset(entry) == entry


def test_a_preset_is_not_changed_by_what_is_laid_over_it():
    before = repr(PRESETS)
    with_preset({"preset": "paper", "image": {"size": 64}, "network": {"weights": "w"}})
    assert repr(PRESETS) == before


def test_a_name_that_a_preset_has_already_is_refused():
    with pytest.raises(SweepError, match=r"settings\.named\.Subtle: .* id subtle already; rename"):
        expand(settings={"presets": ["subtle"], "named": {"Subtle": {}}})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"presets": ["sutble"]}, r"settings.presets\[0\]: 'sutble' is not .* mean subtle\?"),
        ({"named": {"a": {"preset": "stong"}}}, r"settings.named.a.preset: .* did you mean strong"),
        ({"presets": ["strong", "strong"]}, "has a value twice"),
    ],
)
def test_a_name_that_there_is_not_is_refused(settings: dict[str, Any], sentence: str):
    with pytest.raises(ConfigError, match=sentence):
        complete({"settings": settings})


@pytest.mark.parametrize("name", NAMES)
def test_the_option_is_the_preset_and_a_rule_can_pass_it_on(defaults: Settings, name: str):
    wanted = expand(settings={"presets": [name]})[name]
    assert parse("--preset", name) == wanted
    assert parse(*option_strings(wanted, defaults)) == wanted


def test_options_that_are_given_win_even_where_they_say_the_default(defaults: Settings):
    layers = "--style-layers=" + ",".join(defaults.style_layers)
    assert parse("--preset", "front_loaded", layers) == defaults
    chosen = parse("--preset", "paper", "--epochs", "5", "--fit", "crop")
    assert chosen == replace(defaults, epochs=5, fit="crop")


def test_reading_presets_costs_no_torch():
    code = (
        "import sys, neural_style.config.sweep;"
        "sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
