"""The records of a run: losses.csv and run.json."""

from __future__ import annotations

import csv
import json
import platform
from dataclasses import asdict, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from neural_style.config.settings import Settings, beta_at
from neural_style.engine.record import (
    Losses,
    LossTable,
    Run,
    Source,
    losses_of,
    write_losses,
    write_run,
)
from neural_style.io import sha256
from neural_style.model.weights import Weights
from neural_style.optim.loop import Progress

NAMES = ("content/conv4_2", "content/relu5_1", "style/conv1_1", "style/conv2_1")


def progress(epoch: int, parts: list[float]) -> Progress:
    return Progress(
        epoch=epoch,
        pictures=torch.zeros(1, 3, 2, 2),
        term_names=NAMES,
        losses=torch.tensor(parts).view(-1, 1),
        diverged=torch.zeros(1, dtype=torch.bool),
    )


def strict_json(text: str) -> Any:
    """Refuses NaN and Infinity, as other readers of JSON do."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_losses_are_summed_by_kind():
    losses = losses_of(NAMES, torch.tensor([1.0, 2.0, 4.0, 8.0]))
    assert losses == Losses(
        total=15.0,
        content=3.0,
        style=12.0,
        parts=dict(zip(NAMES, (1.0, 2.0, 4.0, 8.0), strict=True)),
    )


def test_a_term_of_another_kind_counts_in_the_total_alone():
    names = (*NAMES, "smoothness/total_variation")
    losses = losses_of(names, torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0]))
    assert (losses.total, losses.content, losses.style) == (31.0, 3.0, 12.0)
    assert losses.further == {"smoothness": 16.0}
    assert losses_of(NAMES, torch.tensor([1.0, 2.0, 4.0, 8.0])).further == {}


def test_the_table_has_a_row_an_epoch_and_its_columns_sum(tmp_path: Path):
    table = LossTable()
    for epoch in range(5):
        table.add(progress(epoch, [0.1 * epoch, 1e-7, 1234.5678 / (epoch + 1), 2e8]))
    path = tmp_path / "losses.csv"
    write_losses(table.rows(), path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "seconds", "total", "content", "style", *NAMES]
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3", "4"]
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds)
    assert table.seconds == pytest.approx(seconds[-1], abs=1e-3)
    for row in rows:
        values = {key: float(value) for key, value in row.items()}
        assert values["content"] == pytest.approx(sum(values[name] for name in NAMES[:2]), rel=1e-5)
        assert values["style"] == pytest.approx(sum(values[name] for name in NAMES[2:]), rel=1e-5)
        assert values["total"] == pytest.approx(values["content"] + values["style"], rel=1e-5)


def test_the_table_is_written_as_far_as_it_is_and_again(tmp_path: Path):
    table, path = LossTable(), tmp_path / "losses.csv"
    for epoch in range(3):
        table.add(progress(epoch, [1.0, 2.0, 3.0, 4.0]))
        write_losses(table.rows(), path)
        assert len(path.read_text().splitlines()) == epoch + 2


@pytest.fixture
def run(tmp_path: Path, defaults: Settings) -> Run:
    for name in ("cat.jpg", "wave.jpg", "generated_4.png"):
        (tmp_path / name).write_bytes(name.encode())
    return Run(
        sources={
            "content": Source(tmp_path / "cat.jpg", "c0ffee"),
            "style": Source(tmp_path / "wave.jpg", "5ea"),
        },
        settings=replace(defaults, epochs=4),
        weights=Weights({}, "caffe", "abc123"),
        engine=1,
        device="a processor",
        precision=torch.bfloat16,
        seconds=2.0,
        size=(48, 32),
        picture=tmp_path / "generated_4.png",
        picture_size=(96, 64),
        saved=losses_of(NAMES, torch.tensor([1.0, 2.0, 4.0, 8.0])),
    )


def test_the_record_holds_every_fact(run: Run, tmp_path: Path):
    path = tmp_path / "run.json"
    write_run(run, path)
    facts = strict_json(path.read_text(encoding="utf-8"))
    finished = datetime.fromisoformat(facts.pop("finished"))
    assert finished.utcoffset() is not None
    assert facts == {
        "content": {"path": str(tmp_path / "cat.jpg"), "sha256": "c0ffee"},
        "style": {"path": str(tmp_path / "wave.jpg"), "sha256": "5ea"},
        "settings": {**asdict(run.settings), "style_scales": [1.0], "stages": []},
        "weights": {"source": "caffe", "sha256": "abc123"},
        "picture": {
            "file": "generated_4.png",
            "sha256": sha256(run.picture),
            "width": 96,
            "height": 64,
        },
        "optimized": {"width": 48, "height": 32},
        "stages": [
            {"width": 48, "height": 32, "epochs": 4, "beta": beta_at(run.settings, 32, 48)}
        ],
        "saved_losses": {
            "total": 15.0,
            "content": 3.0,
            "style": 12.0,
            "parts": dict(zip(NAMES, (1.0, 2.0, 4.0, 8.0), strict=True)),
        },
        "device": "a processor",
        "precision": "bfloat16",
        "seconds": 2.0,
        "seconds_per_epoch": 0.5,
        "engine": 1,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "pillow")},
        },
    }


@pytest.mark.parametrize("name", ["神奈川.jpg", 'quote".jpg', "back\\slash\n.jpg", "caf\udce9.jpg"])
def test_any_file_name_comes_back_from_the_record(run: Run, tmp_path: Path, name: str):
    content = tmp_path / name
    path = tmp_path / "run.json"
    write_run(replace(run, sources={"content": Source(content, "c0ffee")}), path)
    text = path.read_bytes().decode("utf-8")
    assert strict_json(text)["content"]["path"] == str(content)
    assert ("神奈川" in text) == ("神奈川" in name), "a readable name was escaped"


def test_a_record_that_would_be_no_json_is_not_written(run: Run, tmp_path: Path):
    path = tmp_path / "run.json"
    with pytest.raises(ValueError):
        write_run(replace(run, seconds=float("nan")), path)
    assert not path.exists()
