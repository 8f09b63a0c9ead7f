"""Settings that make no sense together: each rule's sentence, and that it names its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from neural_style.bulk.plan import BulkError, make_bulk_plan
from neural_style.config.keys import Stage
from neural_style.config.schema import complete
from neural_style.config.settings import Settings, SettingsError, find_conflicts
from neural_style.config.sweep import expand_settings

Schema = Mapping[str, Any]


def test_the_defaults_have_no_conflict(defaults: Settings):
    assert find_conflicts(defaults) == []


def test_a_sum_of_nothing_is_refused_and_smoothing_alone_is_not(defaults: Settings):
    nothing = replace(defaults, alpha=0.0, beta=0.0)
    (sentence,) = find_conflicts(nothing)
    assert sentence.startswith("settings.alpha: 0 and settings.beta: 0 leave no loss to minimize;")
    assert find_conflicts(replace(nothing, total_variation=1.0)) == []


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        (
            {"transparency": "keep", "format": "jpg"},
            ["image.transparency: keep", "image.format: jpg", "use image.format: png"],
        ),
        (
            {"dimensions": "original", "fit": "crop"},
            ["image.dimensions: original", "image.fit: crop", "use image.fit: stretch"],
        ),
        (
            {"stages": (Stage(256, 10), Stage(128, 10))},
            ["optimization.stages", "256, 128", "image.size 512", "sort them"],
        ),
        (
            {"stages": (Stage(512, 10),)},
            ["optimization.stages", "the sizes 512", "stay below image.size 512"],
        ),
        (
            {"stages": (Stage(128, 900), Stage(256, 100))},
            [
                "optimization.stages",
                "1000 iterations",
                "optimization.epochs 1000",
                "raise optimization.epochs",
            ],
        ),
        (
            {"stages": (Stage(64, 10),), "style_scales": (0.25, 1.0)},
            ["transfer.style_scales: 0.25", "optimization.stages", "16 px", "begin with a larger"],
        ),
    ],
)
def test_a_conflict_is_one_sentence_with_both_keys_and_a_way_out(
    defaults: Settings, change: dict[str, Any], keys: list[str]
):
    (sentence,) = find_conflicts(replace(defaults, **change))
    assert sentence.endswith(".")
    for key in keys:
        assert key in sentence


@pytest.mark.parametrize("name", ["png", "webp", "avif", "png16", "tiff"])
def test_every_other_format_has_room_for_opacity(defaults: Settings, name: str):
    assert find_conflicts(replace(defaults, transparency="keep", format=name)) == []


@pytest.mark.parametrize("fit", ["stretch", "pad", "keep"])
def test_every_other_fit_can_be_undone(defaults: Settings, fit: str):
    assert find_conflicts(replace(defaults, dimensions="original", fit=fit)) == []


@pytest.mark.parametrize(("scale", "edge"), [(0.05, 26), (9, 4608)])
def test_a_style_image_too_small_or_too_large(scale: float, edge: int):
    with pytest.raises(
        SettingsError, match=rf"transfer\.style_scales: {scale} of .* 512 is {edge} px"
    ):
        expand_settings(complete({"transfer": {"style_scales": [1, scale]}}))
    allowed = {
        "transfer": {"style_scales": [1, scale]},
        "image": {"size": 448 if scale > 1 else 640},
    }
    assert expand_settings(complete(allowed))


@pytest.mark.parametrize(
    ("key", "value"), [("blend", {"wave": 1}), ("mask", "beside"), ("style_mask", "m.png")]
)
def test_a_data_set_takes_no_further_images(key: str, value: object):
    config = {"bulk": {"content": "photographs"}, "settings": {"beta": [1, 2]}}
    assert len(make_bulk_plan(complete(config)).settings) == 2
    with pytest.raises(BulkError) as caught:
        make_bulk_plan(complete({**config, "transfer": {key: value}}))
    assert str(caught.value).startswith(f"transfer.{key}: a data set (bulk.content)")
    assert len(str(caught.value).splitlines()) == 1
