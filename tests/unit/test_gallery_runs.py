"""What the gallery reads of a run: what `record` writes, and nothing of what is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from neural_style.config.settings import Settings
from neural_style.engine.record import Losses, LossTable, Run, Source, write_losses, write_run
from neural_style.model.weights import Weights
from neural_style.optim.loop import Progress
from neural_style.report.gallery_runs import RunFacts, read_curve, read_run

TERMS = ("content/conv4_2", "style/conv1_1", "style/conv2_1")


def test_reads_the_record_that_a_run_writes(tmp_path: Path, defaults: Settings):
    picture = tmp_path / "generated_1000.jpg"
    picture.write_bytes(b"pixels")
    run = Run(
        sources={"content": Source(Path("cat.jpg"), "0"), "style": Source(Path("sea.jpg"), "1")},
        settings=defaults,
        weights=Weights({}, "caffe", "2"),
        engine=3,
        device="CPU",
        precision=torch.bfloat16,
        seconds=12.5,
        size=(320, 213),
        picture=picture,
        picture_size=(640, 426),
        saved=Losses(3.0, 1.0, 2.0, {}),
    )
    write_run(run, tmp_path / "run.json")
    facts = read_run(tmp_path / "run.json")
    assert (facts.losses, facts.size, facts.seconds) == ((3.0, 1.0, 2.0), (640, 426), 12.5)
    assert facts.device == "CPU, bfloat16"
    assert facts.finished is not None and facts.finished.startswith("20")


def test_reads_the_table_that_a_run_writes(tmp_path: Path):
    table = LossTable()
    for epoch in range(5):
        parts = torch.tensor([0.5 * epoch, 8.0, 2.0]).view(-1, 1)
        stuck = torch.zeros(1, dtype=torch.bool)
        table.add(Progress(epoch, torch.zeros(1, 3, 2, 2), TERMS, parts, stuck))
    write_losses(table.rows(), tmp_path / "losses.csv")
    curve = read_curve(tmp_path / "losses.csv", [0, 3, 9])
    assert curve == {0: (0.0, 10.0), 3: (1.5, 10.0)}, "epoch 9 is not in the table"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '{"saved_losses": 3, "picture": [], "device": {}, "seconds": "long"}',
        '{"saved_losses": {"total": 1, "content": "x", "style": 2}}',
        '{"saved_losses": {"total": NaN, "content": 1, "style": Infinity}}',
        '{"seconds": true, "picture": {"width": 0, "height": 7}}',
        f'{{"seconds": {"9" * 400}}}',
        "[" * 100_000,
    ],
)
def test_a_strange_record_says_nothing(tmp_path: Path, text: str):
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    assert read_run(path) == RunFacts()


def test_a_record_of_an_endless_size_is_not_read(tmp_path: Path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"seconds": 1, "padding": "x" * (1 << 20)}), encoding="utf-8")
    assert read_run(path) == RunFacts()
    assert read_run(tmp_path / "none.json") == RunFacts()


def test_texts_are_bounded(tmp_path: Path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"device": "x" * 10_000}), encoding="utf-8")
    assert len(read_run(path).device or "") == 200


@pytest.mark.parametrize(
    "text",
    [
        "",
        "epoch,seconds\n0,1\n",
        "epoch,content,style\n0,1,many\n",
        "epoch,content,style\n0,1\n",
        "epoch,content,style\n0,nan,inf\n",
    ],
)
def test_a_strange_table_says_nothing(tmp_path: Path, text: str):
    path = tmp_path / "losses.csv"
    path.write_text(text, encoding="utf-8")
    assert read_curve(path, [0]) == {}


def test_a_table_that_is_cut_short_says_what_it_holds(tmp_path: Path):
    path = tmp_path / "losses.csv"
    path.write_text("epoch,content,style\n0,1,2\n1,3,4\n", encoding="utf-8")
    assert read_curve(path, [0, 1, 2]) == {0: (1.0, 2.0), 1: (3.0, 4.0)}
    smooth = tmp_path / "smooth.csv"
    smooth.write_text("epoch,total,content,style,style/conv1_1,smoothness/tv\n0,6,1,2,2,3\n")
    assert read_curve(smooth, [0]) == {0: (1.0, 2.0, 3.0)}
    assert read_curve(tmp_path / "none.csv", [0]) == {}
