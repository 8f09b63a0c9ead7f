"""Stages of a setting, and settings from records."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from neural_style.config.settings import Settings, Stage, settings_from_facts


@pytest.fixture
def staged(defaults: Settings) -> Settings:
    return replace(defaults, epochs=400, stages=(Stage(128, 100), Stage(256, 50)))


def test_the_last_stage_has_the_picture_s_size_and_the_epochs_that_are_left(
    defaults: Settings, staged: Settings
):
    assert defaults.all_stages == (Stage(512, 1000),)
    assert staged.all_stages == (Stage(128, 100), Stage(256, 50), Stage(512, 250))


@pytest.mark.parametrize(
    ("epoch", "size", "stages"),
    [
        (0, 128, 0),
        (1, 128, 0),
        (100, 128, 0),
        (101, 256, 1),
        (150, 256, 1),
        (151, 512, 2),
        (400, 512, 2),
    ],
)
def test_settings_up_to_an_epoch_end_there(staged: Settings, epoch: int, size: int, stages: int):
    until = staged.up_to(epoch)
    assert until == replace(staged, epochs=epoch, size=size, stages=staged.stages[:stages])
    assert sum(stage.epochs for stage in until.all_stages) == epoch
    assert until.all_stages[-1].size == size


def test_stages_come_back_from_json(staged: Settings):
    assert settings_from_facts(json.loads(json.dumps(asdict(staged)))) == staged


def test_records_from_before_the_correction_had_none(defaults: Settings):
    facts = json.loads(json.dumps(asdict(defaults)))
    del facts["size_correction"]
    assert settings_from_facts(facts) == replace(defaults, size_correction=False)


def test_records_in_the_old_spelling_are_understood(defaults: Settings):
    facts = json.loads(json.dumps(asdict(replace(defaults, color="match"))))
    facts["colour"] = facts.pop("color")
    del facts["padding"]  # a key that is younger than the record
    assert settings_from_facts(facts) == replace(defaults, color="match")
