"""A job whose checkpoint holds something else starts over, and makes the same outputs."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.unit.checkpoint_files import read_file, write_file
from tests.unit.interrupted import CHANGES, make, stopped
from tests.unit.jobs import files
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.engine.checkpoint import FOLDER, STATE, Checkpoint
from neural_style.losses.objective import Evaluation
from neural_style.optim.adam import AdamState

pytestmark = pytest.mark.usefixtures("random_network")


@pytest.fixture
def settings(shallow: Settings) -> Settings:
    return replace(shallow, **CHANGES)


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
    assert said.startswith(f"'{folder / FOLDER}") and said.endswith("starting over.")
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
