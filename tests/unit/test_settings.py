"""Stages of a setting, settings from records, and the L-BFGS history size."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from neural_style.config.keys import Stage
from neural_style.config.settings import Settings, settings_from_record
from neural_style.config.sizes import (
    BYTES_PER_HISTORY_ENTRY,
    HISTORY_BYTES,
    HISTORY_SIZE,
    history_size,
)


@pytest.fixture
def staged(defaults: Settings) -> Settings:
    return replace(defaults, epochs=400, stages=(Stage(128, 100), Stage(256, 50)))


def test_the_last_stage_has_the_image_s_size_and_the_epochs_that_are_left(
    defaults: Settings, staged: Settings
):
    assert defaults.all_stages == (Stage(512, 1000),)
    assert staged.all_stages == (Stage(128, 100), Stage(256, 50), Stage(512, 250))


def test_stages_come_back_from_json(staged: Settings):
    assert settings_from_record(json.loads(json.dumps(asdict(staged)))) == staged


def test_records_from_before_the_correction_had_none(defaults: Settings):
    facts = json.loads(json.dumps(asdict(defaults)))
    del facts["size_correction"]
    assert settings_from_record(facts) == replace(defaults, size_correction=False)


def test_records_in_the_old_spelling_are_understood(defaults: Settings):
    facts = json.loads(json.dumps(asdict(replace(defaults, color="match"))))
    facts["colour"] = facts.pop("color")
    del facts["padding"]  # a key that is younger than the record
    assert settings_from_record(facts) == replace(defaults, color="match")


def test_the_history_has_its_usual_size_until_it_takes_too_much_memory():
    assert history_size(None, 512, 512) == history_size(None, 2048, 2048) == HISTORY_SIZE == 20
    assert history_size(None, 4096, 4096) == 8
    for edge in range(2048, 4097, 16):
        size = history_size(None, edge, edge)
        entry = BYTES_PER_HISTORY_ENTRY * edge**2
        assert size * entry <= HISTORY_BYTES
        assert size == HISTORY_SIZE or (size + 1) * entry > HISTORY_BYTES


def test_a_history_size_that_is_asked_for_is_used():
    assert history_size(3, 4096, 4096) == history_size(3, 64, 64) == 3
