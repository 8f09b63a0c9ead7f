"""The layer study that a configuration describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from neural_style.config.layer_study import (
    LayerStudyError,
    choose,
    plan_study,
    study_config,
)
from neural_style.config.schema import complete


def test_the_configuration_becomes_a_study_with_layers_by_depth():
    config = complete(
        {
            "layer_study": {
                "style": "b",
                "size": 64,
                "epochs": 7,
                "content_layers": ["relu4_2", "conv1_1"],
                "style_layers": ["conv3_1", "conv2_1"],
                "alpha": 2,
            },
            "image": {"fit": "crop", "size": 99},
            "settings": {"learning_rate": [0.5, 1], "beta": [7]},
            "optimization": {"seed": 3, "epochs": 1, "init": "noise"},
        },
    )
    study = plan_study(config)
    assert (study.content, study.style) == (None, "b")
    assert study.content_layers == ("conv1_1", "relu4_2")
    assert study.style_layers == ("conv2_1", "conv3_1")
    settings = study.settings
    assert (settings.alpha, settings.beta, settings.learning_rate) == (2, 1e6, 0.5)
    assert (settings.size, settings.fit, settings.epochs) == (64, "crop", 7)
    assert (settings.seed, settings.init) == (3, "noise")


def test_only_what_a_study_depends_on_can_make_it_again():
    def of(config: Any) -> Any:
        return study_config(complete(config))

    default = of({})
    for elsewhere in (
        {"content": "elsewhere"},
        {"image": {"size": 64, "quality": 3}},
        {"settings": {"beta": [1, 2], "learning_rate": [1.0, 0.5]}},
        {"network": {"content_layers": {"conv5_1": 1}}},
        {"optimization": {"epochs": 3}},
    ):
        assert of(elsewhere) == default, elsewhere
    for changed in (
        {"layer_study": {"size": 64}},
        {"image": {"fit": "crop"}},
        {"settings": {"learning_rate": [0.5]}},
        {"network": {"weights": "torchvision"}},
        {"optimization": {"seed": 1}},
    ):
        assert of(changed) != default, changed
    full = complete({"layer_study": {"size": 64}, "optimization": {"seed": 1}})
    assert plan_study(complete(study_config(full))) == plan_study(full)


def test_stages_of_the_sweep_are_not_those_of_the_study():
    stages = [{"size": 256, "epochs": 50}]
    sweep = {"optimization": {"epochs": 100, "stages": stages}, "layer_study": {"size": 64}}
    assert plan_study(complete(sweep)).settings.stages == ()


def test_images_are_chosen_by_id_or_the_first_is_taken():
    files = {"cat": Path("a/cat.jpg"), "dog": Path("a/dog.jpg")}
    assert choose(files, None, "content") == Path("a/cat.jpg")
    assert choose(files, "dog", "content") == Path("a/dog.jpg")
    with pytest.raises(LayerStudyError, match=r"layer_study\.style: .*'cow'; choose one of cat, d"):
        choose(files, "cow", "style")
