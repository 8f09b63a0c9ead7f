"""A job that is stopped, or dies, and the run that goes on from there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.unit.interrupted import CHANGES, EPOCHS, make, stopped
from tests.unit.jobs import CONTENT, CPU, STYLE, files

from neural_style.config.settings import Settings
from neural_style.engine import checkpoint as checkpoint_module
from neural_style.engine import writer as writer_module
from neural_style.engine.checkpoint import FOLDER, STATE
from neural_style.engine.job import run_job
from neural_style.engine.settling import DivergedError
from neural_style.engine.writer import StoppedError
from neural_style.errors import NeuralStyleError

pytestmark = pytest.mark.usefixtures("random_network")


@pytest.fixture
def settings(shallow: Settings) -> Settings:
    return replace(shallow, **CHANGES)


def lose_the_outputs(folder: Path) -> None:
    """As Snakemake does with the declared outputs of a job that failed."""
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_job_that_was_stopped_ends_as_if_it_had_not_been(
    tmp_path: Path, settings: Settings, optimizer: str
):
    """Its outputs may be there or not, those of an iteration that saves some and of another."""
    settings = replace(settings, optimizer=optimizer)
    make(tmp_path / "whole", settings)
    for epoch, is_lost in [(0, False), (1, True), (2, True), (3, False), (4, False), (5, True)]:
        folder = tmp_path / str(epoch)
        with pytest.raises(StoppedError, match=f"stopped after iteration {epoch} of 6; .* resumes"):
            make(folder, settings, every=None, stop_at=epoch)
        assert not (folder / "run.json").exists()
        if is_lost:
            lose_the_outputs(folder)
        assert make(folder, settings) == [f"resuming from iteration {epoch} of 6."]
        assert files(folder) == files(tmp_path / "whole"), epoch


def test_a_job_that_was_stopped_twice(tmp_path: Path, settings: Settings):
    make(tmp_path / "whole", settings)
    for stop_at, epoch in [(3, 3), (0, 3), (1, 4)]:
        with pytest.raises(StoppedError, match=f"after iteration {epoch}"):
            make(tmp_path / "stopped", settings, None, stop_at)
        lose_the_outputs(tmp_path / "stopped")
    make(tmp_path / "stopped", settings)
    assert files(tmp_path / "stopped") == files(tmp_path / "whole")


@pytest.mark.parametrize(("died_in", "expected"), [(1, None), (3, 2), (5, 4), (6, 4)])
def test_a_job_that_died_goes_on_from_its_last_checkpoint(
    tmp_path: Path, settings: Settings, died_in: int, expected: int | None
):
    make(tmp_path / "whole", settings)
    for progress in run_job(CONTENT, STYLE, tmp_path / "died", settings, CPU, 2):
        if progress.epoch == died_in:
            break
    lose_the_outputs(tmp_path / "died")
    said = make(tmp_path / "died", settings)
    assert said == ([] if expected is None else [f"resuming from iteration {expected} of 6."])
    assert files(tmp_path / "died") == files(tmp_path / "whole")


def test_a_job_that_is_finished_leaves_no_checkpoint(tmp_path: Path, settings: Settings):
    for progress in run_job(CONTENT, STYLE, tmp_path, settings, CPU, 1):
        assert (tmp_path / FOLDER / STATE).exists() == (progress.epoch > 0)
    assert not (tmp_path / FOLDER).exists()


def test_a_stop_at_the_last_epoch_is_too_late(tmp_path: Path, settings: Settings):
    make(tmp_path, settings, stop_at=EPOCHS)
    assert (tmp_path / "run.json").exists()


def test_without_checkpoints_it_stops_and_says_that_nothing_is_kept(
    tmp_path: Path, settings: Settings
):
    with pytest.raises(StoppedError, match="starts over, since checkpoint_every is 0"):
        make(tmp_path, settings, 0, stop_at=3)
    assert not (tmp_path / FOLDER).exists()
    assert make(tmp_path, settings) == []


@pytest.mark.parametrize(
    "change",
    [{"beta": 7.0}, {"epochs": 7}, {"precision": "bf16"}, {"seed": 1}],
    ids=lambda change: next(iter(change)),
)
def test_a_checkpoint_of_other_settings_is_said_once_and_replaced(
    tmp_path: Path, settings: Settings, change: dict[str, Any]
):
    other = replace(settings, **change)
    make(tmp_path / "whole", other)
    stopped(tmp_path / "other", settings)
    (said,) = make(tmp_path / "other", other)
    assert "other images, settings or another version; starting over" in said
    for name, content in files(tmp_path / "whole").items():
        assert files(tmp_path / "other")[name] == content


def test_a_checkpoint_of_another_engine_is_replaced(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    stopped(tmp_path, settings)
    monkeypatch.setattr(checkpoint_module, "ENGINE_VERSION", 999)
    (said,) = make(tmp_path, settings)
    assert "another version" in said


def test_a_damaged_checkpoint_is_said_once_and_replaced(tmp_path: Path, settings: Settings):
    make(tmp_path / "whole", settings)
    state = stopped(tmp_path / "damaged", settings)
    state.write_bytes(state.read_bytes()[:-1000])
    (said,) = make(tmp_path / "damaged", settings)
    assert "damaged; starting over" in said
    assert files(tmp_path / "damaged") == files(tmp_path / "whole")


def test_a_record_that_cannot_be_removed_is_named(tmp_path: Path, settings: Settings):
    stopped(tmp_path, settings)
    (tmp_path / "run.json").mkdir()
    with pytest.raises(NeuralStyleError, match=r"cannot remove .*run\.json': Is a directory; "):
        make(tmp_path, settings)


def test_half_files_of_a_killed_job_are_removed(tmp_path: Path, settings: Settings):
    names = (".generated_2.0a1b2c3d.jpg", ".losses.0a1b2c3d.csv", ".run.0a1b2c3d.json")
    kept = (".mine.0a1b2c3d.jpg", ".generated_2.jpg", "notes.txt")
    for name in (*names, *kept):
        (tmp_path / name).write_text("half")
    make(tmp_path, settings)
    left = {path.name for path in tmp_path.iterdir()}
    assert not left & set(names)
    assert set(kept) <= left


def test_a_job_that_diverges_keeps_no_checkpoint_to_diverge_from_again(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    stopped(tmp_path, settings)
    monkeypatch.setattr(writer_module, "divergence_sentence", lambda epoch, settings: "it diverged")
    monkeypatch.setattr("neural_style.optim.safeguard.MAX_FAILURES", 0)
    with pytest.raises(DivergedError):
        make(tmp_path, settings)
    assert not (tmp_path / FOLDER).exists()


def test_a_job_that_diverges_ends_before_its_next_checkpoint(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("neural_style.optim.safeguard.MAX_FAILURES", 0)
    seen = []
    with pytest.raises(DivergedError):
        for progress in run_job(
            CONTENT, STYLE, tmp_path, replace(settings, save_every=EPOCHS), CPU, 1
        ):
            seen.append(progress.epoch)
    assert seen == [0]
    assert not (tmp_path / FOLDER).exists()
