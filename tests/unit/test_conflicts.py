"""Settings that make no sense together: each rule's sentence, and that it names its keys."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from neural_style.conflicts import find_conflicts
from neural_style.settings import Settings


def test_the_defaults_have_no_conflict(defaults: Settings):
    assert find_conflicts(defaults) == []


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
    ],
)
def test_a_conflict_is_one_sentence_with_both_keys_and_a_way_out(
    defaults: Settings, change: dict[str, Any], keys: list[str]
):
    (sentence,) = find_conflicts(replace(defaults, **change))
    assert sentence.endswith(".")
    for key in keys:
        assert key in sentence


@pytest.mark.parametrize("name", ["png", "webp", "png16", "tiff"])
def test_every_other_format_has_room_for_opacity(defaults: Settings, name: str):
    assert find_conflicts(replace(defaults, transparency="keep", format=name)) == []


@pytest.mark.parametrize("fit", ["stretch", "pad", "keep"])
def test_every_other_fit_can_be_undone(defaults: Settings, fit: str):
    assert find_conflicts(replace(defaults, dimensions="original", fit=fit)) == []
