"""Work behind an optimizer: the same pictures as in line, and nothing is lost or kept quiet."""

from __future__ import annotations

import csv
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import samples

from neural_style.config.settings import Settings
from neural_style.engine import writer as backlog_module
from neural_style.engine import writer as snapshots_module
from neural_style.engine.job import run_job
from neural_style.engine.writer import MOST_WAITING, Backlog, Continuity, StoppedError, fetch
from neural_style.errors import NeuralStyleError
from neural_style.images.encode import save_levels

pytestmark = pytest.mark.usefixtures("random_network")

CPU = torch.device("cpu")
CONTENT, STYLE = samples.CONTENT["chelsea"], samples.CONTENT["coffee"]
PATIENCE = 30
"""Seconds until a test that hangs fails."""


@pytest.fixture
def behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU is written behind, too, as it were a GPU."""
    monkeypatch.setattr(backlog_module, "BEHIND", ("cpu",))


@pytest.fixture
def settings(shallow: Settings) -> Settings:
    return replace(shallow, epochs=6, save_every=2)


def when_saving(monkeypatch: pytest.MonkeyPatch, before: Callable[[Path], object]) -> None:
    """Have something done before each picture is written."""

    def save(levels: Any, path: Path, *rest: Any) -> None:
        before(path)
        save_levels(levels, path, *rest)

    monkeypatch.setattr(snapshots_module, "save_levels", save)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Pictures are not written until it is set."""
    opened = threading.Event()
    when_saving(monkeypatch, lambda path: opened.wait(PATIENCE))
    return opened


def files(folder: Path) -> dict[str, object]:
    """What a job wrote, without what the clock says."""
    found: dict[str, object] = {}
    for path in folder.iterdir():
        if path.suffix == ".csv":
            rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
            found[path.name] = [row[:1] + row[2:] for row in rows]
        else:
            found[path.name] = path.suffix == ".json" or path.read_bytes()
    return found


def workers() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("backlog")]


def test_on_the_cpu_work_is_done_at_once():
    done: list[int] = []
    with Backlog(CPU) as backlog:
        for number in range(3):
            backlog.do(partial(done.append, number))
            assert done[-1] == number
        assert workers() == []


@pytest.mark.usefixtures("behind")
def test_behind_it_is_done_in_order_and_all_of_it():
    gate, done = threading.Event(), list[int]()
    with Backlog(CPU) as backlog:
        backlog.do(partial(gate.wait, PATIENCE))
        backlog.do(partial(done.append, 1))
        assert done == []
        gate.set()
        backlog.finish()
        assert done == [1]
        backlog.do(partial(done.append, 2))
    assert done == [1, 2]
    assert workers() == []


@pytest.mark.usefixtures("behind")
def test_who_brings_too_much_waits():
    gate = threading.Event()
    with Backlog(CPU) as backlog:
        for _ in range(MOST_WAITING):
            backlog.do(partial(gate.wait, PATIENCE))
        threading.Timer(0.1, gate.set).start()
        assert not gate.is_set()
        backlog.do(lambda: None)
        assert gate.is_set()


@pytest.mark.usefixtures("behind")
@pytest.mark.parametrize("look", [Backlog.check, Backlog.finish])
def test_what_fails_behind_is_the_error_of_a_later_look(look: Callable[[Backlog], None]):
    gate = threading.Event()

    def fail() -> None:
        assert gate.wait(PATIENCE)
        raise NeuralStyleError("cannot write")

    with Backlog(CPU) as backlog:
        backlog.do(fail)
        backlog.check()
        gate.set()
        with pytest.raises(NeuralStyleError, match="cannot write"):
            while True:
                look(backlog)


def test_a_tensor_of_the_cpu_needs_no_fetching():
    tensor = torch.rand(3)
    assert fetch(tensor)() is tensor


@pytest.mark.usefixtures("behind")
def test_a_job_writes_the_same_files_behind_as_in_line(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    list(run_job(CONTENT, STYLE, tmp_path / "behind", settings, CPU))
    assert workers() == []
    monkeypatch.setattr(backlog_module, "BEHIND", ())
    list(run_job(CONTENT, STYLE, tmp_path / "in line", settings, CPU))
    assert len(files(tmp_path / "behind")) == 5
    assert files(tmp_path / "behind") == files(tmp_path / "in line")


@pytest.mark.usefixtures("behind")
def test_the_optimizer_does_not_wait_for_a_picture(
    tmp_path: Path, settings: Settings, gate: threading.Event
):
    for state in run_job(CONTENT, STYLE, tmp_path, settings, CPU):
        assert not list(tmp_path.glob("*.png"))
        if state.epoch == settings.epochs:
            gate.set()
    assert len(list(tmp_path.glob("*.png"))) == 3
    assert (tmp_path / "run.json").exists()


@pytest.mark.usefixtures("behind")
def test_a_picture_that_cannot_be_written_ends_the_job(
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
def test_a_checkpoint_waits_for_the_pictures_that_it_names(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    list(run_job(CONTENT, STYLE, tmp_path / "whole", settings, CPU))
    when_saving(monkeypatch, lambda path: time.sleep(0.2))
    calls, said, folder = itertools.count(), list[str](), tmp_path / "stopped"
    stops = Continuity(3, lambda: next(calls) == 4)
    with pytest.raises(StoppedError, match="after epoch 4 of 6; the next run goes on"):
        list(run_job(CONTENT, STYLE, folder, settings, CPU, stops))
    for path in folder.iterdir():  # as Snakemake does
        if path.is_file():
            path.unlink()
    list(run_job(CONTENT, STYLE, folder, settings, CPU, Continuity(3, say=said.append)))
    assert said == ["going on from epoch 4 of 6."]
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
