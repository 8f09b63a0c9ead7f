"""The records of a run: losses.csv and run.json."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from neural_style.config.keys import Stage
from neural_style.config.settings import ENGINE_VERSION, Settings
from neural_style.engine.measures import Measures
from neural_style.engine.provenance import Source
from neural_style.engine.record import Losses, RunRecord, summarize_losses, write_run
from neural_style.losses.size_correction import beta_at
from neural_style.model.weights import Weights

NAMES = ("content/conv4_2", "content/relu5_1", "style/conv1_1", "style/conv2_1")


def strict_json(text: str) -> Any:
    """Refuses NaN and Infinity, as other readers of JSON do."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_losses_are_summed_by_kind():
    losses = summarize_losses(NAMES, torch.tensor([1.0, 2.0, 4.0, 8.0]))
    assert losses == Losses(
        total=15.0,
        content=3.0,
        style=12.0,
        parts=dict(zip(NAMES, (1.0, 2.0, 4.0, 8.0), strict=True)),
    )


def test_a_term_of_another_kind_counts_in_the_total_alone():
    names = (*NAMES, "smoothness/total_variation")
    losses = summarize_losses(names, torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0]))
    assert (losses.total, losses.content, losses.style) == (31.0, 3.0, 12.0)
    assert losses.further == {"smoothness": 16.0}
    assert summarize_losses(NAMES, torch.tensor([1.0, 2.0, 4.0, 8.0])).further == {}


@pytest.fixture
def run(tmp_path: Path, defaults: Settings) -> RunRecord:
    for name in ("cat.jpg", "wave.jpg", "generated_4.png"):
        (tmp_path / name).write_bytes(name.encode())
    return RunRecord(
        sources={
            "content": Source(tmp_path / "cat.jpg", "c0ffee"),
            "style": Source(tmp_path / "wave.jpg", "5ea"),
        },
        settings=replace(defaults, epochs=4),
        weights=Weights({}, "caffe", "abc123"),
        device="a processor",
        precision=torch.bfloat16,
        graph="none",
        seconds=2.0,
        stage_sizes=[(48, 32)],
        output=Source(tmp_path / "generated_4.png", "facade"),
        output_size=(96, 64),
        saved=summarize_losses(NAMES, torch.tensor([1.0, 2.0, 4.0, 8.0])),
        further_weights={NAMES[-1]: 0.5},
        measures=Measures(3.14159, speckle=1.0, grain=0.5, edges=-0.1, unseen_style=0.25),
    )


def test_the_record_holds_every_fact(run: RunRecord, tmp_path: Path):
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
        "output": {
            "file": "generated_4.png",
            "sha256": "facade",
            "width": 96,
            "height": 64,
        },
        "optimized": {"width": 48, "height": 32},
        "stages": [
            {
                "width": 48,
                "height": 32,
                "epochs": 4,
                "beta": beta_at(run.settings, 32, 48),
                "levels": 1,
                "coherence": run.settings.coherence,
            }
        ],
        "further_weights": {NAMES[-1]: 0.5},
        "saved_losses": {
            "total": 15.0,
            "content": 3.0,
            "style": 12.0,
            "parts": dict(zip(NAMES, (1.0, 2.0, 4.0, 8.0), strict=True)),
        },
        "measures": {
            "palette": 3.142,
            "speckle": 1.0,
            "grain": 0.5,
            "edges": -0.1,
            "unseen_style": 0.25,
        },
        "device": "a processor",
        "precision": "bfloat16",
        "graph": "none",
        "seconds": 2.0,
        "seconds_per_epoch": 0.5,
        "engine_version": ENGINE_VERSION,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "numpy", "pillow")},
        },
    }


def test_the_record_has_the_weights_of_each_stage(run: RunRecord, tmp_path: Path):
    settings = replace(
        run.settings,
        size=1024,
        stages=(Stage(512, 3),),
        style_loss="wasserstein",
        coherence=3.0,
    )
    sizes = [(512, 384), (1024, 768)]
    write_run(replace(run, settings=settings, stage_sizes=sizes), tmp_path / "run.json")
    stages = strict_json((tmp_path / "run.json").read_text(encoding="utf-8"))["stages"]
    assert [stage["beta"] for stage in stages] == [1e6, 1e6]
    assert [stage["levels"] for stage in stages] == [1, 2]
    assert [stage["coherence"] for stage in stages] == [3, 6]


@pytest.mark.parametrize("name", ["神奈川.jpg", 'quote".jpg', "back\\slash\n.jpg", "caf\udce9.jpg"])
def test_any_file_name_comes_back_from_the_record(run: RunRecord, tmp_path: Path, name: str):
    content = tmp_path / name
    path = tmp_path / "run.json"
    write_run(replace(run, sources={"content": Source(content, "c0ffee")}), path)
    text = path.read_bytes().decode("utf-8")
    assert strict_json(text)["content"]["path"] == str(content)
    assert ("神奈川" in text) == ("神奈川" in name), "a readable name was escaped"


def test_a_record_that_would_be_no_json_is_not_written(run: RunRecord, tmp_path: Path):
    path = tmp_path / "run.json"
    with pytest.raises(ValueError):
        write_run(replace(run, seconds=float("nan")), path)
    assert not path.exists()
