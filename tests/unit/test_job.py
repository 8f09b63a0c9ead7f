"""One job, from image files to pictures and records."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from neural_style.briefs.colour import luminance
from neural_style.errors import NeuralStyleError
from neural_style.files import sha256
from neural_style.jobs import job as job_module
from neural_style.jobs.job import run_job
from neural_style.jobs.journal import LOOK_EVERY, DivergedError
from neural_style.jobs.provenance import read_provenance
from neural_style.jobs.record import Source
from neural_style.loss.losses import gram_matrix
from neural_style.network.vgg import Convolution, Vgg19
from neural_style.network.weights import Weights, WeightsError
from neural_style.optimiser.optimisation import Progress
from neural_style.pictures.images import ImageError, fit_image, load_image
from neural_style.pictures.tensors import normalise, to_tensor
from neural_style.plan.fingerprint import engine_fingerprint
from neural_style.plan.formats import OUTPUT_FORMATS
from neural_style.plan.settings import Settings, settings_from_facts
from neural_style.plan.stages import Stage
from neural_style.samples.photographs import photograph

CPU = torch.device("cpu")
CONTENT, STYLE = photograph("chelsea"), photograph("coffee")


@pytest.fixture
def settings(shallow: Settings) -> Settings:
    return replace(shallow, epochs=5, save_every=2)


@pytest.fixture(autouse=True)
def _random_network(
    random_convolutions: Mapping[str, Convolution], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that need not be read; the weights have tests of their own."""
    weights = Weights(random_convolutions, "random", "0" * 64)
    monkeypatch.setattr(job_module, "load_weights", lambda source: weights)


def make(
    folder: Path, settings: Settings, content: Path = CONTENT, style: Path = STYLE
) -> list[Progress]:
    return list(run_job(content, style, folder, settings, CPU))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def facts_of(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return facts


def test_a_job_writes_its_pictures_and_records_and_nothing_else(tmp_path: Path, settings: Settings):
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


def test_the_pictures_are_those_of_their_epochs(tmp_path: Path, settings: Settings):
    states = make(tmp_path, settings)
    for epoch in settings.snapshots:
        saved = to_tensor(load_image(tmp_path / f"generated_{epoch}.png"))
        assert (saved - states[epoch].pictures).abs().max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("name", ["jpg", "webp"])
def test_the_other_formats_hold_the_picture_nearly(tmp_path: Path, settings: Settings, name: str):
    states = make(tmp_path, replace(settings, format=name))
    path = tmp_path / f"generated_5.{name}"
    with Image.open(path) as image:
        assert image.format == {"jpg": "JPEG", "webp": "WEBP"}[name]
    difference = (to_tensor(load_image(path)) - states[-1].pictures).abs().mean()
    assert 0 < difference < 0.04


@pytest.mark.parametrize(
    ("fit", "size"),
    [("stretch", (32, 32)), ("crop", (32, 32)), ("pad", (32, 32)), ("keep", (32, 21))],
)
def test_the_picture_has_the_size_of_the_fit(
    tmp_path: Path, settings: Settings, fit: str, size: tuple[int, int]
):
    make(tmp_path, replace(settings, fit=fit, epochs=1))
    assert load_image(tmp_path / "generated_1.png").size == size
    picture = facts_of(tmp_path)["picture"]
    assert (picture["width"], picture["height"]) == size


@pytest.mark.parametrize("name", ["png16", "tiff"])
def test_16_bits_hold_the_picture_in_256_times_as_many_levels(
    tmp_path: Path, settings: Settings, name: str
):
    states = make(tmp_path, replace(settings, format=name, epochs=1))
    path = tmp_path / f"generated_1{OUTPUT_FORMATS[name]}"
    with Image.open(path) as image:
        upper = torch.from_numpy(np.array(image)).permute(2, 0, 1).unsqueeze(0)
    exact = states[-1].pictures * 65535
    lower = exact - upper.double() * 256  # of which Pillow says nothing
    assert lower.min() > -0.6 and lower.max() < 256.6
    assert lower.std() > 50, "the lower bytes are in use"


def test_pictures_in_the_photograph_s_own_dimensions(tmp_path: Path, settings: Settings):
    settings = replace(settings, dimensions="original", fit="pad")
    make(tmp_path, settings)
    whole = load_image(CONTENT)
    for epoch in settings.snapshots:
        assert load_image(tmp_path / f"generated_{epoch}.png").size == whole.size
    facts = facts_of(tmp_path)
    assert (facts["picture"]["width"], facts["picture"]["height"]) == whole.size
    assert facts["optimised"] == {"width": 32, "height": 32}
    make(tmp_path / "fitted", replace(settings, dimensions="fitted"))
    assert facts["saved_losses"] == facts_of(tmp_path / "fitted")["saved_losses"]


def test_a_transparent_photograph_gives_its_opacity_to_every_picture(
    tmp_path: Path, settings: Settings
):
    cut_out = load_image(CONTENT).resize((48, 32)).convert("RGBA")
    cut_out.putalpha(Image.radial_gradient("L").resize((48, 32)))
    cut_out.save(tmp_path / "cat.png")
    settings = replace(settings, dimensions="original", transparency="keep")
    make(tmp_path / "out", settings, content=tmp_path / "cat.png")
    for epoch in settings.snapshots:
        with Image.open(tmp_path / "out" / f"generated_{epoch}.png") as made:
            assert made.mode == "RGBA"
            assert made.getchannel("A").tobytes() == cut_out.getchannel("A").tobytes()


def test_the_saved_picture_has_the_photograph_s_chroma(tmp_path: Path, settings: Settings):
    """Within the rounding of 8 bits, which moves every channel by half a level."""
    content = tmp_path / "cat.png"
    load_image(CONTENT).resize((32, 32)).save(content)
    make(tmp_path / "out", replace(settings, colour="luminance", epochs=8), content=content)
    before = to_tensor(load_image(content))
    after = to_tensor(load_image(tmp_path / "out" / "generated_8.png"))
    moved = (after - luminance(after)) - (before - luminance(before))
    assert moved.abs().max() <= 1 / 255 + 1e-6
    assert (after - before).abs().mean() > 5 / 255, "nothing was painted"


def test_every_picture_says_how_to_make_it(tmp_path: Path, settings: Settings):
    make(tmp_path, settings)
    for epoch in settings.snapshots:
        provenance = read_provenance(tmp_path / f"generated_{epoch}.png")
        assert settings_from_facts(provenance.settings) == replace(settings, epochs=epoch)
        assert provenance.sources["content"] == Source(CONTENT, sha256(CONTENT))
        assert provenance.engine == engine_fingerprint()


def test_pictures_of_a_stage_have_its_size_and_say_how_to_make_them(
    tmp_path: Path, settings: Settings
):
    staged = replace(settings, stages=(Stage(20, 3),), size=32, epochs=5, save_every=2)
    states = make(tmp_path, staged)
    for epoch, size in ((2, 20), (4, 32), (5, 32)):
        picture = tmp_path / f"generated_{epoch}.png"
        saved = to_tensor(load_image(picture))
        assert saved.shape[2:] == (size, size)
        assert (saved - states[epoch].pictures).abs().max() <= 0.5 / 255 + 1e-6
        assert settings_from_facts(read_provenance(picture).settings) == staged.up_to(epoch)
    facts = facts_of(tmp_path)
    assert settings_from_facts(facts["settings"]) == staged
    assert (facts["picture"]["width"], facts["picture"]["height"]) == (32, 32)
    assert facts["saved_losses"]["total"] == pytest.approx(float(states[-1].parts.sum()), rel=0.1)


def evaluate(
    convolutions: Mapping[str, Convolution], picture: Path, settings: Settings
) -> dict[str, float]:
    """The terms of a saved picture, from their definitions."""

    def features(image: Image.Image) -> dict[str, Tensor]:
        network = Vgg19(convolutions, settings.layers, settings.pooling, settings.padding)
        found: dict[str, Tensor] = network(normalise(to_tensor(image)))
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


def test_the_record_tells_how_to_make_the_picture_again(tmp_path: Path, settings: Settings):
    make(tmp_path, settings)
    facts = facts_of(tmp_path)
    assert facts["content"] == {"path": str(CONTENT), "sha256": sha256(CONTENT)}
    assert facts["style"] == {"path": str(STYLE), "sha256": sha256(STYLE)}
    assert settings_from_facts(facts["settings"]) == settings
    assert facts["weights"] == {"source": "random", "sha256": "0" * 64}
    assert facts["picture"]["sha256"] == sha256(tmp_path / "generated_5.png")
    assert facts["precision"] == "float32"
    assert facts["engine"] == engine_fingerprint()


def test_the_table_of_losses_is_that_of_the_epochs(tmp_path: Path, settings: Settings):
    states = make(tmp_path, settings)
    with (tmp_path / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == list(range(6))
    for row, state in zip(rows, states, strict=True):
        assert float(row["total"]) == pytest.approx(float(state.parts.sum()), rel=1e-5)


@pytest.mark.parametrize("init", ["content", "noise"])
def test_the_same_job_gives_the_same_bytes(tmp_path: Path, settings: Settings, init: str):
    settings = replace(settings, init=init)
    for name in ("one", "other"):
        make(tmp_path / name, settings)
    for epoch in settings.snapshots:
        one, other = (tmp_path / name / f"generated_{epoch}.png" for name in ("one", "other"))
        assert one.read_bytes() == other.read_bytes()


def test_another_seed_gives_another_picture(tmp_path: Path, settings: Settings):
    for seed in (0, 1):
        make(tmp_path / str(seed), replace(settings, init="noise", seed=seed))
    one, other = (tmp_path / str(seed) / "generated_5.png" for seed in (0, 1))
    assert one.read_bytes() != other.read_bytes()


def breaking_after(calls: int) -> type[Vgg19]:
    """A network that gives NaN after so many calls, of content, style, start and epochs."""
    made = itertools.count(1)

    class Breaking(Vgg19):
        def forward(self, image: Tensor) -> dict[str, Tensor]:
            factor = 1.0 if next(made) <= calls else float("nan")
            return {layer: factor * each for layer, each in super().forward(image).items()}

    return Breaking


def assert_whole(folder: Path) -> None:
    """Pictures can be read, and no table or record holds a NaN or an infinity."""
    for path in folder.iterdir():
        if path.suffix == ".png":
            load_image(path)
        else:
            words = re.findall(r"[a-z]+", path.read_text(encoding="utf-8").lower())
            assert not {"nan", "inf", "infinity"} & set(words), path.name


def test_a_run_that_diverges_says_so_and_leaves_no_broken_file(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(job_module, "Vgg19", breaking_after(2 + 1 + 4))
    stream = run_job(CONTENT, STYLE, tmp_path, replace(settings, epochs=40, save_every=3), CPU)
    with pytest.raises(DivergedError, match=r"lower learning_rate \(now 1\) or beta"):
        for progress in stream:
            assert progress.pictures.isfinite().all()
    assert names(tmp_path) == ["generated_3.png", "generated_6.png", "losses.csv"]
    assert_whole(tmp_path)


def test_a_run_that_diverges_is_stopped_long_before_its_next_picture(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(job_module, "Vgg19", breaking_after(2 + 1 + 4))
    far = replace(settings, epochs=200, save_every=200)
    epochs = (progress.epoch for progress in run_job(CONTENT, STYLE, tmp_path, far, CPU))
    with pytest.raises(DivergedError):
        assert all(epoch < 7 + LOOK_EVERY for epoch in epochs)
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


def pixels_of(folder: Path, settings: Settings, content: Path = CONTENT) -> bytes:
    """The finished picture."""
    make(folder, settings, content)
    return load_image(folder / "generated_5.png").tobytes()


@pytest.fixture
def masked_cat(tmp_path: Path) -> Path:
    """A copy of the photograph that may have a mask beside it."""
    path = tmp_path / "cat.png"
    load_image(CONTENT).save(path)
    return path


def test_one_style_with_all_the_weight_is_that_style_alone(tmp_path: Path, settings: Settings):
    blend = replace(settings, blend={str(STYLE): 3.0})
    assert pixels_of(tmp_path / "blend", blend) == pixels_of(tmp_path / "alone", settings)


def test_a_mask_of_ones_makes_the_picture_of_no_mask(
    tmp_path: Path, settings: Settings, masked_cat: Path
):
    masks = replace(settings, mask="beside", style_mask=str(tmp_path / "white.png"))
    for name in ("cat.mask.png", "white.png"):
        Image.new("L", load_image(masked_cat).size, 255).save(tmp_path / name)
    masked = pixels_of(tmp_path / "masked", masks, masked_cat)
    assert masked == pixels_of(tmp_path / "plain", settings, masked_cat)


def test_a_mask_of_zeros_leaves_the_photograph(
    tmp_path: Path, settings: Settings, masked_cat: Path
):
    Image.new("L", load_image(masked_cat).size, 0).save(tmp_path / "cat.mask.png")
    made = pixels_of(tmp_path / "masked", replace(settings, mask="beside"), masked_cat)
    assert made == fit_image(load_image(masked_cat), 32, "stretch").tobytes()


def test_the_record_names_every_image_that_was_read(
    tmp_path: Path, settings: Settings, masked_cat: Path
):
    Image.new("L", load_image(masked_cat).size, 128).save(tmp_path / "cat.mask.png")
    sun = tmp_path / "it's a sun:1.png"
    Image.radial_gradient("L").save(sun)
    changed = replace(settings, mask="beside", blend={str(sun): 0.5}, style_scales=(1.0, 1.5))
    make(tmp_path / "out", changed, masked_cat)
    facts = facts_of(tmp_path / "out")
    files = {"content": masked_cat, "style": STYLE, "blend_1": sun}
    files["mask"] = tmp_path / "cat.mask.png"
    for role, path in files.items():
        assert facts[role] == {"path": str(path), "sha256": sha256(path)}
    assert settings_from_facts(facts["settings"]) == changed
