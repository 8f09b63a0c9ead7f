"""A job that is stopped, or dies, and the run that goes on from there."""

from __future__ import annotations

import copy
import itertools
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import samples
from tests.unit.checkpoint_files import read_file, write_file
from tests.unit.jobs import files
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.engine import checkpoint as checkpoint_module
from neural_style.engine import writer as writer_module
from neural_style.engine.checkpoint import FOLDER, STATE, Checkpoint
from neural_style.engine.job import run_job
from neural_style.engine.writer import DivergedError, StoppedError
from neural_style.losses.objective import Evaluation
from neural_style.optim.adam import AdamState

pytestmark = pytest.mark.usefixtures("random_network")

CPU = torch.device("cpu")
CONTENT, STYLE = samples.CONTENT["chelsea"], samples.CONTENT["coffee"]
EPOCHS = 6


@pytest.fixture
def settings(shallow: Settings) -> Settings:
    return replace(shallow, epochs=EPOCHS, save_every=2, format="jpg")


class Listener:
    """Stops a job when it has been asked so often, and notes what is said."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.said: list[str] = []
        self._calls = itertools.count()
        self._stop_at = stop_at

    def stop(self) -> bool:
        return next(self._calls) == self._stop_at


def make(
    folder: Path, settings: Settings, every: int | None = 1, stop_at: int | None = None
) -> list[str]:
    """Run a job; the sentences that it says."""
    listener = Listener(stop_at)
    list(run_job(CONTENT, STYLE, folder, settings, CPU, every, listener.stop, listener.said.append))
    return listener.said


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


def stopped(folder: Path, settings: Settings) -> Path:
    """The checkpoint of a job that was stopped after iteration 3."""
    with pytest.raises(StoppedError):
        make(folder, settings, stop_at=3)
    return folder / FOLDER / STATE


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


def saved_with(**changes: Any) -> Callable[[Checkpoint], Any]:
    return lambda saved: replace(saved, **changes)


def state_with(**changes: Any) -> Callable[[Checkpoint], Any]:
    return lambda saved: replace(saved, state=replace(saved.state, **changes))


def memory_with(**changes: Any) -> Callable[[Checkpoint], Any]:
    """Another memory of the optimizer."""
    return lambda saved: replace(
        saved, state=replace(saved.state, optimizer=replace(saved.state.optimizer, **changes))
    )


def with_tensor(name: str, change: Callable[[Tensor], Any]) -> Callable[[Checkpoint], Any]:
    """A changed tensor: `variable`, `evaluation.losses`, `optimizer.entries` …"""

    def apply(part: Any, path: list[str]) -> Any:
        if not path:
            return change(part)
        return replace(part, **{path[0]: apply(getattr(part, path[0]), path[1:])})

    return lambda saved: apply(saved, ["state", *name.split(".")])


def with_slots_moved(*steps: int) -> Callable[[Checkpoint], Any]:
    """Other columns of the newest entry, which is in slot 2 of 20."""

    def move(slots: Tensor) -> Tensor:
        moved = slots.clone()
        moved[: len(steps)] += torch.tensor(steps)
        return moved

    return with_tensor("optimizer.slots", move)


def without(field: str) -> Callable[[Checkpoint], Any]:
    def apply(saved: Checkpoint) -> Checkpoint:
        state = copy.copy(saved.state)
        del vars(state)[field]
        return replace(saved, state=state)

    return apply


def one_nan(tensor: Tensor) -> Tensor:
    changed = tensor.clone()
    changed.view(-1)[-1] = torch.nan
    return changed


TENSORS = [
    *("variable", "evaluation.losses", "evaluation.gradient", "safeguard.best"),
    *("safeguard.failures", "safeguard.diverged", "safeguard.evaluation.losses"),
    *("safeguard.lowest", "optimizer.products", "optimizer.scale"),
    *(f"optimizer.{name}" for name in ("entries", "previous", "slots")),
]
TENSOR_CHANGES: dict[str, Callable[[Tensor], Any]] = {
    "shape": lambda tensor: tensor.unsqueeze(0),
    "larger": lambda tensor: torch.cat([tensor, tensor]),
    "shorter": lambda tensor: tensor[..., :-1].clone(),
    "dtype": lambda tensor: tensor.to(torch.int16 if tensor.dtype == torch.bool else torch.half),
    "complex": lambda tensor: tensor.to(torch.complex64),
    "sparse": lambda tensor: tensor.to_sparse(),
    "learning": lambda tensor: tensor.float().requires_grad_(),
    "overlapping": lambda tensor: tensor.flatten()[0].expand_as(tensor),
    "number": lambda tensor: 1.0,
    "none": lambda tensor: None,
}
CHECKPOINTS: dict[str, Callable[[Checkpoint], Any]] = {
    "nothing": lambda saved: None,
    "a list": lambda saved: [1],
    "a state": lambda saved: saved.state,
    "a dictionary": lambda saved: {"state": saved.state},
    "no state": saved_with(state=None),
    "a tensor": saved_with(state=torch.ones(3)),
    "without variable": without("variable"),
    "without optimizer": without("optimizer"),
    "without epoch": without("epoch"),
    "epoch as text": state_with(epoch="3"),
    "epoch as bool": state_with(epoch=True),
    "epoch below 0": state_with(epoch=-3),
    "epoch 6": state_with(epoch=6),
    "epoch 10^30": state_with(epoch=10**30),
    "another epoch": state_with(epoch=4),
    "evaluation as safeguard": state_with(safeguard=Evaluation(torch.ones(4, 1), torch.ones(1))),
    "Adam": lambda saved: replace(
        saved, state=replace(saved.state, optimizer=AdamState(*[saved.state.variable] * 4))
    ),
    "newest 7": with_slots_moved(5, 5),
    "newest beyond the history": with_slots_moved(10**9, 10**9),
    "newest twice": with_slots_moved(0, -20),
    "other numbers": with_slots_moved(0, 0, -1),
    "newest as text": memory_with(slots="1"),
    "more entries than the history": memory_with(entries=torch.zeros(1, 40, 2, 3072)),
    "entries that were not filled": memory_with(entries=torch.zeros(1, 20, 2, 3072)),
    "out of range": with_tensor("variable", lambda tensor: tensor + 2),
    "NaN in the variable": with_tensor("variable", one_nan),
    "NaN in the history": with_tensor("optimizer.entries", one_nan),
    "rows as text": saved_with(rows="rows"),
    "no rows": saved_with(rows=[]),
    "rows of numbers": saved_with(rows=[[1.0, 2.0]] * 5),
    "a row too few": lambda saved: replace(saved, rows=saved.rows[:-1]),
    "a short row": lambda saved: replace(saved, rows=[*saved.rows[:-1], ["3", "1"]]),
    "rows of another table": lambda saved: replace(saved, rows=[["a"], *saved.rows[1:]]),
    "rows of other losses": lambda saved: replace(
        saved, rows=[[*saved.rows[0][:-1], "style/conv5_1"], *saved.rows[1:]]
    ),
    "words in a row": lambda saved: replace(
        saved, rows=[*saved.rows[:-1], ["3", *["many"] * (len(saved.rows[0]) - 1)]]
    ),
    "seconds as text": saved_with(seconds="1"),
    "seconds NaN": saved_with(seconds=float("nan")),
    "seconds below 0": saved_with(seconds=-1.0),
    "no outputs": saved_with(outputs={}),
    "outputs as a list": saved_with(outputs=["generated_2.jpg"]),
    "an output elsewhere": lambda saved: replace(
        saved, outputs={f"../{name}": checksum for name, checksum in saved.outputs.items()}
    ),
    "numbers for outputs": saved_with(outputs={1: 2}),
}
CHECKPOINTS |= {
    f"{name} {kind}": with_tensor(name, change)
    for place, name in enumerate(TENSORS)
    for number, (kind, change) in enumerate(TENSOR_CHANGES.items())
    if (place + number) % 5 == 0  # each tensor twice, each change several times
}


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Filled by the first test that needs them: a whole run, and one with a checkpoint."""
    return {name: tmp_path_factory.mktemp("runs") / name for name in ("whole", "stopped")}


@pytest.fixture
def begun(tmp_path: Path, settings: Settings, two_runs: dict[str, Path]) -> Path:
    """The folder of a job that was stopped."""
    if not two_runs["whole"].exists():
        make(two_runs["whole"], settings)
        stopped(two_runs["stopped"], settings)
    return shutil.copytree(two_runs["stopped"], tmp_path / "run")


def assert_made_from_the_start(folder: Path, settings: Settings, two_runs: dict[str, Path]) -> None:
    (said,) = make(folder, settings, every=None)
    assert said.startswith(str(folder / FOLDER)) and said.endswith("starting over.")
    assert "\n" not in said
    assert files(folder) == files(two_runs["whole"])
    assert sorted(path.name for path in folder.parent.iterdir()) == ["run"]


@pytest.mark.parametrize("change", CHECKPOINTS.values(), ids=CHECKPOINTS)
def test_a_checkpoint_that_holds_something_else_starts_the_job_over(
    begun: Path, settings: Settings, two_runs, change: Callable[[Checkpoint], Any]
):
    path = begun / FOLDER / STATE
    content = read_file(path)
    content["checkpoint"] = change(content["checkpoint"])
    write_file(content, path)
    assert_made_from_the_start(begun, settings, two_runs)


@pytest.mark.parametrize("content", [None, [], {}, {"key": 1}, {"checkpoint": 1}, "text", 1.5])
def test_a_file_that_is_no_checkpoint_starts_the_job_over(
    begun: Path, settings: Settings, two_runs, content: object
):
    write_file(content, begun / FOLDER / STATE)
    assert_made_from_the_start(begun, settings, two_runs)


def folder_as_state(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe_as_state(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def file_as_folder(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_text("a file")


@pytest.mark.parametrize("change", [folder_as_state, pipe_as_state, file_as_folder])
def test_something_else_in_the_place_of_a_checkpoint_starts_the_job_over(
    begun: Path, settings: Settings, two_runs, change: Callable[[Path], None]
):
    change(begun / FOLDER / STATE)
    assert_made_from_the_start(begun, settings, two_runs)
    assert not (begun / FOLDER).exists()
