"""Presets: what they are, where they are named, and what wins over them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from neural_style.cli.parsing import Parser, add_settings, settings_from
from neural_style.config.keys import Stage
from neural_style.config.options import option_strings
from neural_style.config.presets import FIXED_COST, FULL_SIZE_EPOCHS, PRESETS, with_preset
from neural_style.config.schema import ConfigError, complete
from neural_style.config.settings import LISTED_KEYS, SECTIONS, Settings
from neural_style.config.sweep import SweepError, expand_settings
from neural_style.errors import NeuralStyleError
from neural_style.losses.size_correction import pyramid_at
from neural_style.report.names import setting_labels

Schema = Mapping[str, Any]
NAMES = list(PRESETS)


def expand(**config: Any) -> dict[str, Settings]:
    return expand_settings(complete(config))


def parse(*arguments: str) -> Settings:
    parser = Parser("neural-style", "neural-style", "")
    add_settings(parser)
    return settings_from(parser.read(arguments))


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
    lists = {"alpha": [3, 4], "beta": [5], "presets": ["texture"]}
    settings = expand(image={"size": 96}, settings=lists)
    assert differences(settings["texture"], settings["3_5_1"]) == {"alpha", "beta", "style_layers"}


def test_the_paper_is_the_method_s_numbers_whatever_else_is_said(defaults: Settings):
    config = {
        "image": {"size": 96, "fit": "crop"},
        "network": {"style_layers": {"relu1_1": 9}},
        "optimization": {"epochs": 5, "init": "noise"},
        "transfer": {
            "content_loss": "contraharmonic",
            "content_focus": 2,
            "style_loss": "wasserstein",
            "color_histogram": 1,
            "coherence": 1,
        },
        "settings": {"alpha": [3], "beta": [4], "learning_rate": [0.5], "presets": ["paper"]},
    }
    assert expand(**config)["paper"] == replace(defaults, fit="stretch", init="content")


def test_the_layers_of_the_best_weigh_as_much_together_as_the_method_s(defaults: Settings):
    layers = PRESETS["best"].values["network"]["style_layers"]
    assert list(layers) == [name.replace("conv", "relu") for name in defaults.style_layers]
    ratios = [weight / layers["relu5_1"] for weight in layers.values()]
    assert ratios == pytest.approx([256 / 3, 64 / 3, 16 / 3, 7 / 3, 1])
    assert sum(layers.values()) == pytest.approx(sum(defaults.style_layers.values()))


@pytest.mark.parametrize("size", [32, 128, 200, 256, 400, 512, 608, 609, 700, 1024, 1200, 4096])
def test_the_best_goes_from_about_140_pixels_to_any_size_in_bounded_time(size: int):
    best = expand(settings={"presets": ["best"]}, image={"size": size})["best"]
    sizes = [stage.size for stage in best.all_stages]
    assert sizes[-1] == size and (sizes[0] == size or 120 <= sizes[0] < 171)
    ratios = [(after / before) ** 2 for before, after in pairwise(sizes)]
    small = len([each for each in sizes[1:] if each <= 512])
    assert ratios[:small] == pytest.approx([2] * small, rel=0.02)
    assert all(1.41 <= ratio <= 2.83 for ratio in ratios)
    assert size < 170 or ratios
    costs = [
        sum(seen**2 + FIXED_COST for seen, _ in pyramid_at(best, stage.size, stage.size))
        / (size**2 + FIXED_COST)
        for stage in best.all_stages
    ]
    work = sum(stage.epochs * cost for stage, cost in zip(best.all_stages, costs, strict=True))
    assert (60 if size <= 700 else 25) < work <= FULL_SIZE_EPOCHS


def test_the_iterations_of_the_best_are_those_that_the_docs_name():
    """README.md, docs/artists.md, docs/comparison.md, and benchmarks/LOOK.md have these numbers."""
    for size, epochs in ((512, [94, 64, 44, 30, 20]), (256, [56, 38, 26])):
        best = expand(settings={"presets": ["best"]}, image={"size": size})["best"]
        assert [stage.epochs for stage in best.all_stages] == epochs


def test_the_best_begins_a_large_output_like_one_of_512_pixels():
    stages = {
        size: expand(settings={"presets": ["best"]}, image={"size": size})["best"].all_stages
        for size in (512, 513, 608, 609, 800, 1024, 2000, 4096)
    }
    for size, own in stages.items():
        assert own[:4] == stages[512][:4]
        assert size <= 608 or own[4] == stages[512][4]
    assert [stage.epochs for stage in stages[1024][5:]] == [27, 18]
    assert [stage.epochs for stage in stages[4096][5:]] == [28, 19, 13, 10, 10, 10]


def test_the_stages_of_the_best_follow_the_entry_that_uses_it():
    named = {
        "large": {"preset": "best", "image": {"size": 1024}},
        "short": {"preset": "best", "optimization": {"epochs": 52}},
        "tiny": {"preset": "best", "optimization": {"epochs": 2}},
        "flat": {"preset": "best", "optimization": {"stages": [], "epochs": 9}},
        "own": {"preset": "best", "optimization": {"stages": [{"size": 64, "epochs": 5}]}},
    }
    settings = expand(
        settings={"named": named},
        image={"size": 512},
        optimization={"epochs": 33, "stages": [{"size": 100, "epochs": 3}]},
    )
    assert [stage.size for stage in settings["large"].stages][:4] == [128, 181, 256, 362]
    assert [stage.epochs for stage in settings["short"].all_stages] == [19, 13, 9, 6, 5]
    assert settings["tiny"].stages == () and settings["tiny"].epochs == 2
    assert settings["flat"].stages == () and settings["flat"].epochs == 9
    assert settings["own"].stages == (Stage(64, 5),) and settings["own"].epochs == 33


def test_the_stages_of_the_best_follow_the_options():
    best = parse("--preset", "best", "--size", "256")
    assert [stage.size for stage in best.all_stages] == [128, 181, 256]
    for size in ("0", "-5", "9" * 400):
        with pytest.raises(NeuralStyleError, match="size"):
            parse("--preset", "best", "--size", size)


def test_an_entry_s_own_keys_win_over_its_preset_and_its_layers_replace():
    entry = {
        "preset": "texture",
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
    beta = PRESETS["texture"].values["beta"]
    assert parse("--preset", "texture", layers) == replace(defaults, beta=beta)
    chosen = parse("--preset", "paper", "--epochs", "5", "--fit", "crop")
    assert chosen == replace(defaults, epochs=5, fit="crop", init="content")


def test_reading_presets_costs_no_torch():
    code = (
        "import sys, neural_style.config.sweep;"
        "sys.exit(bool({'torch', 'numpy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
