"""What a run writes: losses as they come, outputs by a thread, and no leftovers of other runs."""

from __future__ import annotations

import csv
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import samples
from tests.unit.jobs import facts_of, files

from neural_style.config.settings import Settings
from neural_style.engine import writer as writer_module
from neural_style.engine.job import run_job
from neural_style.engine.run_folder import files_of_run
from neural_style.engine.writer import StoppedError, copy_to_host
from neural_style.errors import NeuralStyleError
from neural_style.images.encode import save_pixels
from neural_style.io import sha256

pytestmark = pytest.mark.usefixtures("random_network")

CPU = torch.device("cpu")
CONTENT, STYLE = samples.CONTENT["chelsea"], samples.CONTENT["coffee"]
PATIENCE = 30
"""Seconds until a test that hangs fails."""


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU is written behind, too, as it were a GPU."""
    monkeypatch.setattr(writer_module, "BACKGROUND_DEVICES", ("cpu",))


@pytest.fixture
def settings(shallow: Settings) -> Settings:
    return replace(shallow, epochs=6, save_every=2)


def when_saving(monkeypatch: pytest.MonkeyPatch, before: Callable[[Path], object]) -> None:
    """Have something done before each image is written."""

    def save(levels: Any, path: Path, *rest: Any) -> str:
        before(path)
        return save_pixels(levels, path, *rest)

    monkeypatch.setattr(writer_module, "save_pixels", save)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Images are not written until it is set."""
    opened = threading.Event()
    when_saving(monkeypatch, lambda path: opened.wait(PATIENCE))
    return opened


def workers() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("write outputs")]


def test_no_output_is_read_again_for_its_checksum(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    read: list[Path] = []
    real = Path.open

    def watched(path: Path, *options: Any, **named: Any) -> Any:
        if path.name.startswith("generated_"):
            read.append(path)
        return real(path, *options, **named)

    monkeypatch.setattr(Path, "open", watched)
    list(run_job(CONTENT, STYLE, tmp_path, settings, CPU))
    assert read == []
    assert facts_of(tmp_path)["output"]["sha256"] == sha256(tmp_path / "generated_6.png")


def test_a_tensor_of_the_cpu_is_not_copied():
    tensor = torch.rand(3)
    assert copy_to_host(tensor)() is tensor


@pytest.mark.usefixtures("behind")
def test_a_job_writes_the_same_files_behind_as_in_line(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    list(run_job(CONTENT, STYLE, tmp_path / "behind", settings, CPU))
    assert workers() == []
    monkeypatch.setattr(writer_module, "BACKGROUND_DEVICES", ())
    list(run_job(CONTENT, STYLE, tmp_path / "in line", settings, CPU))
    assert len(files(tmp_path / "behind")) == 5
    assert files(tmp_path / "behind") == files(tmp_path / "in line")


@pytest.mark.usefixtures("behind")
def test_the_optimizer_does_not_wait_for_an_image(
    tmp_path: Path, settings: Settings, gate: threading.Event
):
    for state in run_job(CONTENT, STYLE, tmp_path, settings, CPU):
        assert not list(tmp_path.glob("*.png"))
        if state.epoch == settings.epochs:
            gate.set()
    assert len(list(tmp_path.glob("*.png"))) == 3
    assert (tmp_path / "run.json").exists()


@pytest.mark.usefixtures("behind")
def test_an_image_that_cannot_be_written_ends_the_job(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    def fill_the_disk(path: Path) -> None:
        if path.name == "generated_4.png":
            raise NeuralStyleError("cannot write generated_4.png: no space left on device")

    when_saving(monkeypatch, fill_the_disk)
    with pytest.raises(NeuralStyleError, match="no space left"):
        list(run_job(CONTENT, STYLE, tmp_path, settings, CPU))
    assert not (tmp_path / "run.json").exists()
    assert workers() == []


@pytest.mark.usefixtures("behind")
def test_a_checkpoint_waits_for_the_images_that_it_names(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    list(run_job(CONTENT, STYLE, tmp_path / "whole", settings, CPU))
    when_saving(monkeypatch, lambda path: time.sleep(0.2))
    calls, said, folder = itertools.count(), list[str](), tmp_path / "stopped"
    with pytest.raises(StoppedError, match="after iteration 4 of 6; the next run resumes"):
        list(run_job(CONTENT, STYLE, folder, settings, CPU, 3, lambda: next(calls) == 4))
    for path in folder.iterdir():  # as Snakemake does
        if path.is_file():
            path.unlink()
    list(run_job(CONTENT, STYLE, folder, settings, CPU, 3, log=said.append))
    assert said == ["resuming from iteration 4 of 6."]
    assert files(folder) == files(tmp_path / "whole")


@pytest.mark.usefixtures("behind")
def test_a_job_that_is_left_writes_what_it_was_given(
    tmp_path: Path, settings: Settings, gate: threading.Event
):
    states = run_job(CONTENT, STYLE, tmp_path, settings, CPU)
    assert any(state.epoch == 4 for state in states)
    threading.Timer(0.1, gate.set).start()
    states.close()  # type: ignore[attr-defined] # it is a generator
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "generated_2.png",
        "generated_4.png",
    ]
    assert workers() == []


def test_losses_have_a_row_an_iteration_and_columns_that_add_up(tmp_path: Path, settings: Settings):
    list(run_job(CONTENT, STYLE, tmp_path, replace(settings, total_variation=1.0), CPU))
    with (tmp_path / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [
        *(f"content/{layer}" for layer in settings.content_layers),
        *(f"style/{layer}" for layer in settings.style_layers),
        "smoothness/total_variation",
    ]
    assert list(rows[0]) == ["epoch", "seconds", "total", "content", "style", *names]
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(7)]
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds)
    for row in rows:
        values = {key: float(value) for key, value in row.items()}
        for kind in ("content", "style"):
            parts = [values[name] for name in names if name.startswith(f"{kind}/")]
            assert values[kind] == pytest.approx(sum(parts), rel=1e-5)
        assert values["total"] == pytest.approx(sum(values[name] for name in names), rel=1e-5)


def test_losses_are_written_whenever_an_output_is(tmp_path: Path, settings: Settings):
    for progress in run_job(CONTENT, STYLE, tmp_path, settings, CPU):
        if progress.epoch in (0, *settings.snapshots):
            lines = (tmp_path / "losses.csv").read_text().splitlines()
            assert len(lines) == progress.epoch + 2


def test_the_outputs_of_a_run_with_other_settings_are_removed(tmp_path: Path, settings: Settings):
    (tmp_path / "notes.txt").write_text("mine")
    list(run_job(CONTENT, STYLE, tmp_path, replace(settings, epochs=9, save_every=3), CPU))
    (tmp_path / "generated_x.png").write_bytes(b"mine, too")
    list(run_job(CONTENT, STYLE, tmp_path, replace(settings, epochs=4, save_every=2), CPU))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("generated_2.png", "generated_4.png", "generated_x.png"),
        *("losses.csv", "notes.txt", "run.json"),
    ]


def test_they_are_removed_without_their_records_which_snakemake_removes(
    tmp_path: Path, settings: Settings
):
    list(run_job(CONTENT, STYLE, tmp_path, replace(settings, epochs=9, save_every=3), CPU))
    for record in ("losses.csv", "run.json"):
        (tmp_path / record).unlink()
    list(run_job(CONTENT, STYLE, tmp_path, replace(settings, epochs=4, save_every=2), CPU))
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "generated_2.png",
        "generated_4.png",
    ]


def test_a_run_that_cannot_begin_removes_nothing(tmp_path: Path, settings: Settings):
    list(run_job(CONTENT, STYLE, tmp_path, settings, CPU))
    before = files(tmp_path)
    with pytest.raises(NeuralStyleError, match=r"missing\.png"):
        list(run_job(Path("missing.png"), STYLE, tmp_path, settings, CPU))
    with pytest.raises(NeuralStyleError, match="from the start"):
        hopeless = replace(settings, epochs=2, beta=float("inf"))
        list(run_job(CONTENT, STYLE, tmp_path, hopeless, CPU))
    assert files(tmp_path) == before


def test_the_table_of_losses_is_the_last_file_to_remove(tmp_path: Path):
    """Without it, `neural-style --record` would take what is left for files of the user."""
    for name in ("losses.csv", "run.json", *(f"generated_{epoch}.png" for epoch in range(50))):
        (tmp_path / name).touch()
    assert files_of_run(tmp_path)[-1].name == "losses.csv"
