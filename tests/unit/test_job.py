"""One job, from image files to images and records."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.unit.jobs import CONTENT, CPU, STYLE, facts_of, make, names
from torch import Tensor

from neural_style.config.keys import Stage
from neural_style.config.settings import ENGINE_VERSION, Settings, settings_from_record
from neural_style.engine.job import run_job
from neural_style.engine.measures import UNSEEN_LAYERS, measure
from neural_style.engine.provenance import Source, read_provenance
from neural_style.images.decode import load_image
from neural_style.images.fit import fit_image
from neural_style.images.tensors import normalize, to_tensor
from neural_style.io import sha256
from neural_style.losses.terms import gram_matrix
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.report.runs import read_run

pytestmark = pytest.mark.usefixtures("random_network")


def test_a_job_writes_its_images_and_records_and_nothing_else(tmp_path: Path, settings: Settings):
    states = make(tmp_path / "out", settings)
    assert [state.epoch for state in states] == list(range(6))
    expected = ["generated_2.png", "generated_4.png", "generated_5.png", "losses.csv", "run.json"]
    assert names(tmp_path / "out") == expected
    assert names(tmp_path) == ["out"]


def test_each_epoch_s_files_are_there_when_it_is_yielded(tmp_path: Path, settings: Settings):
    for progress in run_job(CONTENT, STYLE, tmp_path, settings, CPU):
        done = [epoch for epoch in settings.snapshots if epoch <= progress.epoch]
        pictures = sorted(path.name for path in tmp_path.glob("*.png"))
        assert pictures == [f"generated_{epoch}.png" for epoch in done]
        assert not (tmp_path / "run.json").exists(), "it says that the run is finished"
        if done:
            rows = (tmp_path / "losses.csv").read_text().splitlines()
            assert len(rows) == 2 + done[-1]


def test_the_images_are_those_of_their_epochs(tmp_path: Path, settings: Settings):
    states = make(tmp_path, settings)
    for epoch in settings.snapshots:
        saved = to_tensor(load_image(tmp_path / f"generated_{epoch}.png"))
        assert (saved - states[epoch].images).abs().max() <= 0.5 / 255 + 1e-6


def test_every_image_says_how_to_make_it(tmp_path: Path, settings: Settings):
    make(tmp_path, settings)
    for epoch in settings.snapshots:
        provenance = read_provenance(tmp_path / f"generated_{epoch}.png")
        assert settings_from_record(provenance.settings) == settings
        assert provenance.epoch == (None if epoch == settings.epochs else epoch)
        assert provenance.sources["content"] == Source(CONTENT, sha256(CONTENT))
        assert provenance.engine == ENGINE_VERSION


def test_images_of_a_stage_have_its_size(tmp_path: Path, settings: Settings):
    staged = replace(settings, stages=(Stage(32, 3),), size=48, epochs=5, save_every=2)
    states = make(tmp_path, staged)
    for epoch, size in ((2, 32), (4, 48), (5, 48)):
        picture = tmp_path / f"generated_{epoch}.png"
        saved = to_tensor(load_image(picture))
        assert saved.shape[2:] == (size, size)
        assert (saved - states[epoch].images).abs().max() <= 0.5 / 255 + 1e-6
    facts = facts_of(tmp_path)
    assert settings_from_record(facts["settings"]) == staged
    assert (facts["output"]["width"], facts["output"]["height"]) == (48, 48)
    assert facts["saved_losses"]["total"] == pytest.approx(float(states[-1].losses.sum()), rel=0.1)


@pytest.mark.parametrize("color", ["style", "match", "luminance"])
def test_the_measures_are_those_of_the_file(
    tmp_path: Path,
    settings: Settings,
    random_convolutions: Mapping[str, Convolution],
    color: str,
):
    """Also with another pooling: all are measured with the same network."""
    make(tmp_path, replace(settings, color=color, format="jpg", quality=50, pooling="average"))
    measures = facts_of(tmp_path)["measures"]
    if color == "luminance":
        assert measures is None
        return
    saved = np.asarray(load_image(tmp_path / "generated_5.jpg"))
    content, style = (
        np.asarray(fit_image(load_image(path), settings.size, settings.fit))
        for path in (CONTENT, STYLE)
    )
    network = Vgg19(random_convolutions, UNSEEN_LAYERS)
    expected = asdict(measure(saved, content, style, network))
    assert measures["edges"] == pytest.approx(expected["edges"], abs=1e-3)
    # The recolored style image has another palette.
    for name in ("palette", "unseen_style"):
        same = measures[name] == pytest.approx(expected[name], rel=1e-3)
        assert same == (color == "style"), name
    assert read_run(tmp_path).measures == measures


def evaluate(
    convolutions: Mapping[str, Convolution], picture: Path, settings: Settings
) -> dict[str, float]:
    """The terms of a saved image, from their definitions."""

    def features(image: Image.Image) -> dict[str, Tensor]:
        network = Vgg19(convolutions, settings.layers, settings.pooling, settings.padding)
        found: dict[str, Tensor] = network(normalize(to_tensor(image)))
        return found

    content, style = (
        features(fit_image(load_image(path), settings.size, settings.fit))
        for path in (CONTENT, STYLE)
    )
    saved = features(load_image(picture))
    parts = {
        f"content/{layer}": settings.alpha * weight * (saved[layer] - content[layer]).square()
        for layer, weight in settings.content_layers.items()
    } | {
        f"style/{layer}": settings.beta
        * weight
        * (gram_matrix(saved[layer]) - gram_matrix(style[layer])).square()
        for layer, weight in settings.style_layers.items()
    }
    return {name: float(part.mean()) for name, part in parts.items()}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"precision": "bf16", "format": "jpg", "quality": 30},
        {"pooling": "average", "padding": "reflect"},
        {"tile": 16},
    ],
)
def test_saved_losses_are_those_of_the_file_in_fp32(
    tmp_path: Path,
    settings: Settings,
    random_convolutions: Mapping[str, Convolution],
    change: dict[str, Any],
):
    settings = replace(settings, alpha=2.0, beta=1e3, **change)
    make(tmp_path, settings)
    saved = facts_of(tmp_path)["saved_losses"]
    expected = evaluate(random_convolutions, tmp_path / f"generated_5.{settings.format}", settings)
    assert saved["parts"] == pytest.approx(expected, rel=1e-4)
    assert saved["total"] == pytest.approx(sum(expected.values()), rel=1e-4)
    assert saved["total"] == pytest.approx(saved["content"] + saved["style"])


def test_the_record_tells_how_to_make_the_image_again(tmp_path: Path, settings: Settings):
    make(tmp_path, settings)
    facts = facts_of(tmp_path)
    assert facts["content"] == {"path": str(CONTENT), "sha256": sha256(CONTENT)}
    assert facts["style"] == {"path": str(STYLE), "sha256": sha256(STYLE)}
    assert settings_from_record(facts["settings"]) == settings
    assert facts["weights"] == {"source": "random", "sha256": "0" * 64}
    assert facts["output"]["sha256"] == sha256(tmp_path / "generated_5.png")
    assert facts["precision"] == "float32"
    assert facts["engine_version"] == ENGINE_VERSION


def test_the_table_of_losses_is_that_of_the_epochs(tmp_path: Path, settings: Settings):
    states = make(tmp_path, settings)
    with (tmp_path / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(6))
    for row, state in zip(rows, states, strict=True):
        assert float(row["total"]) == pytest.approx(float(state.losses.sum()), rel=1e-5)


@pytest.mark.parametrize("init", ["content", "noise"])
def test_the_same_job_gives_the_same_bytes(tmp_path: Path, settings: Settings, init: str):
    settings = replace(settings, init=init)
    for name in ("one", "other"):
        make(tmp_path / name, settings)
    for epoch in settings.snapshots:
        one, other = (tmp_path / name / f"generated_{epoch}.png" for name in ("one", "other"))
        assert one.read_bytes() == other.read_bytes()


def test_another_seed_gives_another_image(tmp_path: Path, settings: Settings):
    for seed in (0, 1):
        make(tmp_path / str(seed), replace(settings, init="noise", seed=seed))
    one, other = (tmp_path / str(seed) / "generated_5.png" for seed in (0, 1))
    assert one.read_bytes() != other.read_bytes()
