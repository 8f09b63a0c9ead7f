"""A job that goes wrong: it says why, and leaves no broken file."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.unit.jobs import CONTENT, CPU, STYLE, make, names
from torch import Tensor

from neural_style.config.settings import Settings
from neural_style.engine import engine as engine_module
from neural_style.engine.job import run_job
from neural_style.engine.settling import CHECK_INTERVAL, DivergedError
from neural_style.errors import NeuralStyleError
from neural_style.images.decode import ImageError, load_image
from neural_style.images.tensors import to_pil_images
from neural_style.model.vgg import Vgg19
from neural_style.model.weights import WeightsError

pytestmark = pytest.mark.usefixtures("random_network")


def breaking_after(calls: int) -> type[Vgg19]:
    """A network that gives NaN after so many calls, of content, style, start and epochs."""
    made = itertools.count(1)

    class Breaking(Vgg19):
        def forward(self, image: Tensor) -> dict[str, Tensor]:
            factor = 1.0 if next(made) <= calls else float("nan")
            return {layer: factor * each for layer, each in super().forward(image).items()}

    return Breaking


def assert_whole(folder: Path) -> None:
    """Images can be read, and no table or record holds a NaN or an infinity."""
    for path in folder.iterdir():
        if path.suffix == ".png":
            load_image(path)
        else:
            words = re.findall(r"[a-z]+", path.read_text(encoding="utf-8").lower())
            assert not {"nan", "inf", "infinity"} & set(words), path.name


def test_a_run_that_diverges_says_so_and_leaves_no_broken_file(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine_module, "Vgg19", breaking_after(2 + 1 + 4))
    stream = run_job(CONTENT, STYLE, tmp_path, replace(settings, epochs=40, save_every=3), CPU)
    with pytest.raises(DivergedError, match=r"lower learning_rate \(now 1\) or beta"):
        for progress in stream:
            assert progress.images.isfinite().all()
    assert names(tmp_path) == ["generated_3.png", "generated_6.png", "losses.csv"]
    assert_whole(tmp_path)


def test_a_run_that_diverges_is_stopped_long_before_its_next_image(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine_module, "Vgg19", breaking_after(2 + 1 + 4))
    far = replace(settings, epochs=200, save_every=200)
    epochs = (progress.epoch for progress in run_job(CONTENT, STYLE, tmp_path, far, CPU))
    with pytest.raises(DivergedError):
        assert all(epoch < 7 + CHECK_INTERVAL for epoch in epochs)
    assert names(tmp_path) == ["losses.csv"], "a picture was saved"


def test_a_loss_that_is_infinite_from_the_start_writes_nothing(tmp_path: Path, settings: Settings):
    with pytest.raises(DivergedError):
        make(tmp_path / "out", replace(settings, beta=1e300))
    assert not (tmp_path / "out").exists()


def test_an_absurd_learning_rate_ends_well_or_with_an_error(tmp_path: Path, settings: Settings):
    try:
        make(tmp_path, replace(settings, learning_rate=1e20, epochs=12))
    except DivergedError as error:
        assert "learning_rate (now 1e+20)" in str(error)
    assert_whole(tmp_path)


def test_an_end_that_is_worse_than_before_is_said_and_not_saved(tmp_path: Path, settings: Settings):
    wild = replace(settings, optimizer="adam", learning_rate=20.0)
    for epochs in range(6, 13):  # some of them end with a bad step
        said: list[str] = []
        each = replace(wild, epochs=epochs, save_every=epochs)
        *_, last = run_job(CONTENT, STYLE, tmp_path, each, CPU, log=said.append)
        if said:
            break
    (sentence,) = said
    assert re.fullmatch(
        r"the optimization did not settle: its last loss was [\d.]+ times the best one, so the "
        r"final output is the best image; lower learning_rate \(now 20\)\.",
        sentence,
    )
    rows = (tmp_path / "losses.csv").read_text(encoding="utf-8").splitlines()[1:]
    totals = [float(row.split(",")[2]) for row in rows]
    assert totals[-1] == min(totals)
    saved = np.asarray(load_image(tmp_path / f"generated_{last.epoch}.png"))
    assert np.array_equal(saved, np.asarray(to_pil_images(last.images)[0]))


def test_images_that_cannot_be_used_are_named_and_nothing_is_written(
    tmp_path: Path, settings: Settings
):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    narrow = tmp_path / "narrow.png"
    Image.new("RGB", (4000, 20)).save(narrow)
    keep = replace(settings, fit="keep")
    cases = [(settings, broken, STYLE), (settings, CONTENT, broken), (keep, narrow, STYLE)]
    for each, content, style in cases:
        name = broken.name if broken in (content, style) else narrow.name
        with pytest.raises(ImageError, match=name):
            make(tmp_path / "out", each, content, style)
    assert not (tmp_path / "out").exists()


def test_weights_that_cannot_be_used_are_an_error_before_anything_is_written(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.undo()
    with pytest.raises(WeightsError, match=r"none\.pth"):
        make(tmp_path / "out", replace(settings, weights=str(tmp_path / "none.pth")))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path, settings: Settings):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(NeuralStyleError, match=r"cannot write .*taken"):
        make(tmp_path / "taken", settings)
