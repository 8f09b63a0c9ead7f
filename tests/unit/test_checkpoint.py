"""Checkpoints: what is put back is what was there, bit for bit, or nothing at all."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from tests.unit.checkpoint_files import write_file
from torch import Tensor

from neural_style.config.keys import Stage
from neural_style.config.settings import Settings
from neural_style.engine import checkpoint as checkpoint_module
from neural_style.engine.checkpoint import (
    FOLDER,
    LARGEST_SHARE,
    SECONDS_BETWEEN,
    STATE,
    Checkpoint,
    CheckpointError,
    CheckpointStore,
    checkpoint_key,
)
from neural_style.errors import NeuralStyleError
from neural_style.io import sha256
from neural_style.losses.problem import single_style_problem
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.optim.loop import Optimization, Progress
from neural_style.optim.state import State

CPU = torch.device("cpu")
HISTORY = 4
EPOCHS = 8  # more than the optimizer's memory of 4 pairs holds
RESUMED = (0, 1, 3, 4, 5, 6, EPOCHS)
"""With no pair, few and all of them, and at both sides of the ends of stages of 3 and 2 epochs."""
GENERATOR = torch.Generator().manual_seed(1)
CONTENTS = torch.rand(2, 3, 32, 32, generator=GENERATOR)
STYLES = [torch.rand(1, 3, 32, 32, generator=GENERATOR), torch.rand(1, 3, 24, 40)]

Convolutions = Mapping[str, Convolution]


def optimization(
    convolutions: Convolutions,
    settings: list[Settings],
    dtype: torch.dtype = torch.float32,
    resume: State | None = None,
) -> Optimization:
    network = Vgg19(convolutions, settings[0].layers).prepare(CPU, dtype)
    problems = list(map(single_style_problem, CONTENTS.split(1), STYLES, settings))
    run = Optimization(network, problems)
    if resume is not None:
        run.resume(resume)
    return run


def through_a_file(run: Optimization, folder: Path) -> Checkpoint:
    store = CheckpointStore(folder, "key")
    store.save(Checkpoint(run.state(), [["epoch"]], 1.5, {}))
    loaded = store.load(CPU)
    assert loaded is not None
    return loaded


def assert_same(one: Progress, other: Progress) -> None:
    assert one.epoch == other.epoch
    assert one.term_names == other.term_names
    for name in ("images", "losses", "diverged"):
        assert torch.equal(getattr(one, name), getattr(other, name)), (one.epoch, name)


@pytest.mark.parametrize(
    ("dtype", "batch", "change"),
    [
        (torch.float32, 1, {}),
        (torch.bfloat16, 1, {}),
        (torch.float32, 2, {}),
        (torch.bfloat16, 2, {"init": "noise"}),
        (torch.float32, 2, {"learning_rate": 30.0}),
        (torch.bfloat16, 2, {"optimizer": "adam"}),
        (torch.float32, 1, {"optimizer": "adam", "learning_rate": 30.0, "beta": 1.0}),
        (torch.float32, 2, {"size": 64, "stages": (Stage(32, 3), Stage(45, 2))}),
    ],
    ids=["fp32", "bf16", "fp32-batch", "bf16-batch", "falls", "adam", "adam-falls", "stages"],
)
def test_going_on_is_the_same_run(
    random_convolutions: Convolutions,
    shallow: Settings,
    tmp_path: Path,
    dtype: torch.dtype,
    batch: int,
    change: dict[str, Any],
):
    first = replace(shallow, **{"epochs": EPOCHS, "history": HISTORY, "beta": 1e4, **change})
    settings = [first, replace(first, alpha=3.0, learning_rate=first.learning_rate / 2)][:batch]
    whole = optimization(random_convolutions, settings, dtype)
    states, checkpoints = [], []
    for state in whole:
        states.append(state)
        checkpoints.append(through_a_file(whole, tmp_path))
    for epoch in RESUMED:
        run = optimization(random_convolutions, settings, dtype, checkpoints[epoch].state)
        resumed = list(run)
        assert len(resumed) == EPOCHS + 1 - epoch
        for one, other in zip(resumed, states[epoch:], strict=True):
            assert_same(one, other)


@pytest.mark.parametrize("change", [{"beta": 1e4}, {"optimizer": "adam", "beta": 1.0}])
def test_the_run_with_falls_has_falls(
    random_convolutions: Convolutions, shallow: Settings, change: dict[str, Any]
):
    settings = replace(shallow, epochs=EPOCHS, history=HISTORY, learning_rate=30.0, **change)
    run = optimization(random_convolutions, [settings])
    scale = [float(run.state().optimizer.scale.min()) for _ in run][-1]
    assert scale < 1, "no step was rejected: the case of the test above is an ordinary one"


def test_only_the_pairs_there_are_take_space(
    random_convolutions: Convolutions, shallow: Settings, tmp_path: Path
):
    run = optimization(random_convolutions, [replace(shallow, epochs=EPOCHS, history=HISTORY)])
    picture = CONTENTS[:1].numel() * 4
    for progress in run:
        through_a_file(run, tmp_path)
        pairs = min(progress.epoch, HISTORY)
        size = (tmp_path / FOLDER / STATE).stat().st_size
        assert size < (2 * pairs + 6) * picture + 60_000, progress.epoch


@pytest.fixture
def saved(random_convolutions: Convolutions, shallow: Settings, tmp_path: Path) -> Checkpoint:
    """A checkpoint of epoch 1, saved for the job of `tmp_path`, with an image."""
    run = optimization(random_convolutions, [shallow])
    states = iter(run)
    next(states), next(states)
    picture = tmp_path / "generated_1.jpg"
    picture.write_bytes(b"a picture")
    checkpoint = Checkpoint(run.state(), [["epoch"], ["0"]], 2.5, {picture.name: sha256(picture)})
    CheckpointStore(tmp_path, "key").save(checkpoint)
    return checkpoint


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_loaded_is_what_was_saved(saved: Checkpoint, tmp_path: Path):
    loaded = CheckpointStore(tmp_path, "key").load(CPU)
    assert loaded is not None
    assert (loaded.rows, loaded.seconds, loaded.outputs) == (
        saved.rows,
        saved.seconds,
        saved.outputs,
    )
    assert loaded.state.epoch == 1
    assert torch.equal(loaded.state.variable, saved.state.variable)


def test_without_a_checkpoint_there_is_none(tmp_path: Path):
    assert CheckpointStore(tmp_path, "key").load(CPU) is None
    assert CheckpointStore(tmp_path / "nowhere", "key").load(CPU) is None
    CheckpointStore(tmp_path, "key").remove()
    assert names(tmp_path) == []


@pytest.mark.parametrize("links", [True, False], ids=["links", "copies"])
def test_images_that_snakemake_removed_come_back(
    saved: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
):
    store = CheckpointStore(tmp_path, "key")
    if not links:

        def refuse(*_: object) -> NoReturn:
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
        (tmp_path / FOLDER / "generated_1.jpg").unlink()
        store.save(saved)
    (tmp_path / "generated_1.jpg").unlink()
    store.load(CPU)
    assert (tmp_path / "generated_1.jpg").read_bytes() == b"a picture"
    store.remove()
    assert names(tmp_path) == ["generated_1.jpg"]
    assert (tmp_path / "generated_1.jpg").read_bytes() == b"a picture"


def test_an_image_that_was_written_again_is_kept_again(saved: Checkpoint, tmp_path: Path):
    picture = tmp_path / "generated_1.jpg"
    picture.unlink()
    picture.write_bytes(b"another")
    store = CheckpointStore(tmp_path, "key")
    store.save(replace(saved, outputs={picture.name: sha256(picture)}))
    picture.unlink()
    store.load(CPU)
    assert picture.read_bytes() == b"another"


def test_the_next_checkpoint_is_whole_after_its_folder_was_deleted(
    saved: Checkpoint, tmp_path: Path
):
    store = CheckpointStore(tmp_path, "key")
    store.save(saved)
    shutil.rmtree(tmp_path / FOLDER)
    store.save(saved)
    assert {path.name for path in (tmp_path / FOLDER).iterdir()} > set(saved.outputs)


def test_an_image_is_hashed_once_however_many_checkpoints_name_it(
    saved: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    hashed: list[str] = []

    def hash_noted(path: Path) -> str:
        hashed.append(path.name)
        return sha256(path)

    monkeypatch.setattr(checkpoint_module, "sha256", hash_noted)
    store, outputs = CheckpointStore(tmp_path, "key"), dict(saved.outputs)
    for number in range(2, 5):
        picture = tmp_path / f"generated_{number}.jpg"
        picture.write_bytes(str(number).encode())
        outputs[picture.name] = sha256(picture)
        store.save(replace(saved, outputs=outputs))
    assert sorted(hashed) == sorted(outputs)
    for name, checksum in outputs.items():
        assert sha256(tmp_path / FOLDER / name) == checksum
    resumed = CheckpointStore(tmp_path, "key")
    resumed.load(CPU)
    hashed.clear()
    resumed.save(replace(saved, outputs=outputs))
    assert hashed == []


def test_a_checkpoint_of_something_else_is_refused(saved: Checkpoint, tmp_path: Path):
    with pytest.raises(CheckpointError, match="other images, settings or another version"):
        CheckpointStore(tmp_path, "other").load(CPU)


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "text", "pickle"])
def test_a_damaged_checkpoint_is_refused(saved: Checkpoint, tmp_path: Path, damage: str):
    path = tmp_path / FOLDER / STATE
    data = bytearray(path.read_bytes())
    if damage == "flipped":  # in the middle of the pixels, where torch sees nothing wrong
        data[len(data) // 2] ^= 1
    damaged = {"cut": bytes(data[: len(data) // 2]), "empty": b"", "text": b"no checkpoint"}
    path.write_bytes(damaged.get(damage, bytes(data)))
    if damage == "pickle":
        write_file({"key": "key", "checkpoint": Clock()}, path)
    with pytest.raises(CheckpointError, match="starting over"):
        CheckpointStore(tmp_path, "key").load(CPU)


@pytest.mark.parametrize("harm", ["lost", "changed"])
def test_a_checkpoint_whose_image_is_not_there_any_more_is_refused(
    saved: Checkpoint, tmp_path: Path, harm: str
):
    kept = tmp_path / FOLDER / "generated_1.jpg"
    kept.unlink() if harm == "lost" else kept.write_bytes(b"something else")
    with pytest.raises(CheckpointError, match=r"generated_1\.jpg' is missing or damaged"):
        CheckpointStore(tmp_path, "key").load(CPU)


@contextmanager
def small_disk() -> Iterator[None]:
    """No file may grow over 20 kB, the log that pytest writes to included: hence no fixture."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_checkpoint_that_finds_no_space_is_one_sentence_and_leaves_the_older_one(
    saved: Checkpoint, tmp_path: Path
):
    before = (tmp_path / FOLDER / STATE).read_bytes()
    store = CheckpointStore(tmp_path, "key")
    with small_disk(), pytest.raises(NeuralStyleError) as caught:
        store.save(replace(saved, seconds=99.0))
    message = str(caught.value)
    assert f"cannot write {str(tmp_path / FOLDER / STATE)!r}: {os.strerror(errno.EFBIG)}" in message
    assert "\n" not in message
    assert names(tmp_path / FOLDER) == ["generated_1.jpg", STATE]
    assert (tmp_path / FOLDER / STATE).read_bytes() == before


def test_what_a_killed_writer_left_is_removed(saved: Checkpoint, tmp_path: Path):
    left = tmp_path / FOLDER / ".state.0123abcd.pt"
    left.write_bytes(b"half")
    CheckpointStore(tmp_path, "key").load(CPU)
    assert names(tmp_path / FOLDER) == ["generated_1.jpg", STATE]


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_a_number_of_iterations_is_kept_to(tmp_path: Path):
    def store(every: int | None) -> CheckpointStore:
        return CheckpointStore(tmp_path, "key", every)

    assert [epoch for epoch in range(8) if store(3).is_due(epoch)] == [0, 3, 6]
    assert not any(store(0).is_due(epoch) for epoch in range(8))
    assert [store(every).is_enabled for every in (0, 1, None)] == [False, True, True]


def test_otherwise_it_is_once_a_minute_or_as_often_as_it_is_cheap(
    saved: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clock = Clock()
    monkeypatch.setattr(checkpoint_module, "time", clock)
    store, costs = CheckpointStore(tmp_path, "key"), [0.1, 10.0]

    def write(content: object, file: object) -> None:
        clock.now += costs.pop(0)

    monkeypatch.setattr(torch, "save", write)
    for pause in (SECONDS_BETWEEN, 10.0 / LARGEST_SHARE):
        store.save(saved)
        clock.now += pause - 1
        assert not store.is_due(1)
        clock.now += 1.001
        assert store.is_due(2)


def test_every_fact_counts_for_the_key(monkeypatch: pytest.MonkeyPatch, shallow: Settings):
    facts = ("content", "style", shallow, torch.float32)
    others = [
        ("other", *facts[1:]),
        (*facts[:2], replace(shallow, beta=2.0), facts[3]),
        (*facts[:3], torch.bfloat16),
    ]
    keys = {checkpoint_key(*each) for each in (facts, *others)}
    monkeypatch.setattr(torch, "__version__", "0.1")
    assert len(keys | {checkpoint_key(*facts)}) == 5


def test_tensors_of_the_state_are_on_their_own_storage(
    random_convolutions: Convolutions, shallow: Settings
):
    """A view would take the whole storage to the file."""
    run = optimization(random_convolutions, [shallow])
    list(run)
    tensors: dict[str, Tensor] = vars(run.state().optimizer)
    for name, each in tensors.items():
        if isinstance(each, Tensor):
            assert each.untyped_storage().nbytes() <= each.nbytes, name
