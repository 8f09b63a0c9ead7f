"""The Python interface: what it takes, and what it gives back."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.unit.api_calls import MARKS, SMALL, as_tensor, photo, pixels
from tests.unit.images import noise, smooth
from tests.unit.jobs import make

from neural_style import NeuralStyleError, Output, Settings, Stylizer, stylize
from neural_style.config.keys import Stage
from neural_style.engine import engine, load, session
from neural_style.engine.provenance import read_provenance
from neural_style.images.fit import load_fitted
from neural_style.io import sha256
from neural_style.model.weights import Weights

pytestmark = MARKS


# Files: the same as the pipeline


def test_a_file_that_is_replaced_while_it_is_read_is_read_again(
    image_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    real, reads = load.make_problems, []

    def read(*arguments: Any) -> Any:
        problems = real(*arguments)
        reads.append(problems)
        if len(reads) == 1:
            smooth(50, 30).save("new.png")
            Path("new.png").replace("cat.png")
        return problems

    monkeypatch.setattr(session, "make_problems", read)
    saved = stylize("cat.png", "wave.png", **SMALL).save("out.png")
    assert len(reads) == 2
    assert read_provenance(saved).sources["content"].checksum == sha256(Path("cat.png"))
    again = stylize("cat.png", "wave.png", **SMALL).save("again.png")
    assert again.read_bytes() == saved.read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"format": "jpg", "quality": 80},
        {"format": "png16", "dimensions": "original"},
        {"mask": "beside", "color": "luminance"},
        {"mask": "cat.mask.png", "style_mask": "cat.mask.png", "blend": {"night.png": 0.5}},
        {"init": "sea.png", "init_noise": 0.3, "seed": 7, "fit": "pad"},
        {
            "stages": (Stage(32, 1),),
            "epochs": 3,
            "total_variation": 1.0,
            "style_scales": (1.0, 1.5),
        },
    ],
)
def test_files_give_the_bytes_of_the_job_of_the_pipeline(image_folder: Path, options):
    values = {"format": "png", **SMALL, **options}
    output = stylize("cat.png", "wave.png", **values)
    settings = output.settings
    make(image_folder / "job", settings, Path("cat.png"), Path("wave.png"))
    (made,) = (image_folder / "job").glob(f"generated_{settings.epochs}.*")
    assert output.save(f"out{made.suffix}").read_bytes() == made.read_bytes()
    if settings.format == "png":
        assert np.array_equal(pixels(output), np.asarray(Image.open(made)))
    rows = (image_folder / "job" / "losses.csv").read_text().splitlines()
    names = rows[0].split(",")[2:]
    for row in rows[1:]:
        epoch, _, *losses = row.split(",")
        own = [f"{output.losses[name][int(epoch)]:.6g}" for name in names]
        assert own == losses


def test_several_styles_are_a_blend(image_folder: Path):
    several = stylize(
        "cat.png", ["wave.png", "night.png", "sea.png"], style_weights=[2, 1, 4], **SMALL
    )
    blend = stylize("cat.png", "wave.png", blend={"sea.png": 2.0, "night.png": 0.5}, **SMALL)
    assert several.settings == blend.settings
    assert np.array_equal(pixels(several), pixels(blend))
    equal = stylize("cat.png", ["wave.png", "night.png"], **SMALL)
    assert equal.settings.blend == {"night.png": 1.0}


def test_an_image_in_memory_is_that_of_its_file(image_folder: Path):
    expected = pixels(stylize("cat.png", "wave.png", mask="cat.mask.png", init="sea.png", **SMALL))
    files = ("cat.png", "wave.png", "cat.mask.png", "sea.png")
    opened = [Image.open(file) for file in files]
    arrays = [np.asarray(each) for each in opened]
    for content, style, mask, init in (opened, arrays, (*arrays[:2], arrays[2] > 0, arrays[3])):
        output = stylize(content, style, mask=mask, init=init, **SMALL)
        assert np.array_equal(pixels(output), expected)
        assert output.settings.mask == output.settings.init == "(in memory)"


def test_tensors_of_the_right_size_are_the_images_of_the_files(image_folder: Path):
    expected = stylize("cat.png", "wave.png", init="sea.png", **SMALL)
    files = ("cat.png", "wave.png", "sea.png")
    fitted = [np.asarray(load_fitted(Path(file), 48, "keep")) for file in files]
    fitted[2] = np.asarray(Image.fromarray(fitted[2]).resize((48, 32), Image.Resampling.LANCZOS))
    content, style, init = map(as_tensor, fitted)
    output = stylize(content, style, init=init, **SMALL)
    levels = output.image.permute(1, 2, 0).mul(255).round().numpy()
    assert np.array_equal(levels, pixels(expected))
    assert np.array_equal(output.losses["total"], expected.losses["total"])


def test_blended_images_in_memory_keep_their_weights(image_folder: Path):
    names = ["wave.png", "night.png", "sea.png"]
    files = stylize("cat.png", names, style_weights=[1, 2, 3], **SMALL)
    images = list(map(Image.open, names))
    memory = stylize("cat.png", images, style_weights=[1, 2, 3], **SMALL)
    assert list(memory.settings.blend.values()) == [2.0, 3.0]
    assert np.array_equal(pixels(files), pixels(memory))


def test_a_pillow_image_is_upright_srgb_and_keeps_its_opacity(image_folder: Path):
    image = smooth(60, 40).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((60, 40)))
    image.save("glass.png")
    options = {**SMALL, "transparency": "keep", "format": "png"}
    expected = stylize("glass.png", "wave.png", **options).image
    assert expected.mode == "RGBA"
    assert np.array_equal(expected, stylize(image, "wave.png", **options).image)
    exif = Image.Exif()
    exif[0x0112] = 6
    smooth(60, 40).save("turned.png", exif=exif)
    turned = stylize(Image.open("turned.png"), "wave.png", **SMALL).image
    assert turned.size == (32, 48)
    assert np.array_equal(turned, stylize("turned.png", "wave.png", **SMALL).image)


def test_paths_begin_at_the_home_folder(image_folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(image_folder))
    output = stylize("~/cat.png", Path("~/wave.png"), **SMALL, init="~/cat.png", mask="~/cat.png")
    assert output.save("~/out.png") == image_folder / "out.png"
    assert output.settings.init == str(image_folder / "cat.png")
    assert not Path("~").exists()


def test_without_files_nothing_is_said_about_files(image_folder: Path):
    stylize(photo(), "wave.png", **SMALL).save("out.jpg")
    with pytest.raises(NeuralStyleError, match="does not say how it was made"):
        read_provenance(Path("out.jpg"))


# Kinds of outputs


def test_the_output_is_of_the_kind_of_the_content(image_folder: Path):
    array, style = photo(), "wave.png"
    for picture in ("cat.png", Path("cat.png"), smooth(48, 32)):
        image = stylize(picture, style, **SMALL).image
        assert isinstance(image, Image.Image)
        assert (image.mode, image.size) == ("RGB", (48, 32))
    for name in ("uint8", "float16", "float32", "float64"):
        numbers = array if name == "uint8" else (array / 255).astype(name)
        image = stylize(numbers, style, **SMALL).image
        assert (image.dtype, image.shape) == (name, (32, 48, 3))
        assert image.max() <= (255 if name == "uint8" else 1)
        assert image.flags.writeable
    gray = stylize(array[..., 0], style, **SMALL).image
    assert gray.shape == (32, 48, 3)
    assert np.array_equal(gray, stylize(np.repeat(array[..., :1], 3, axis=2), style, **SMALL).image)
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        for shape in ((3, 32, 48), (1, 3, 32, 48), (2, 3, 32, 48)):
            given = as_tensor(array).to(dtype).expand(shape)
            image = stylize(given, style, **SMALL).image
            assert (image.dtype, tuple(image.shape)) == (dtype, shape)
            assert not image.requires_grad
            assert 0 <= image.min() <= image.max() <= 1


def test_a_batch_gives_what_its_images_give_by_themselves(image_folder: Path):
    images = torch.stack([as_tensor(photo()), as_tensor(np.asarray(noise(48, 32)))])
    batch = stylize(images, "wave.png", **SMALL, init=images.flip(0))
    assert batch.losses["total"].shape == (3, 2)
    for number, image in enumerate(images):
        alone = stylize(image, "wave.png", **SMALL, init=images[1 - number])
        assert alone.losses["total"].shape == (3,)
        torch.testing.assert_close(batch.image[number], alone.image, atol=2e-3, rtol=0)
        np.testing.assert_allclose(batch.losses["total"][:, number], alone.losses["total"], 1e-3)


def test_an_output_can_have_the_dimensions_of_its_content(image_folder: Path):
    options = {**SMALL, "dimensions": "original"}
    assert stylize("cat.png", "wave.png", **options).image.size == (60, 40)
    tensor = torch.rand(2, 3, 70, 90)
    assert stylize(tensor, "wave.png", **options).image.shape == (2, 3, 70, 90)
    padded = stylize(tensor[0], "wave.png", **options, fit="pad")
    assert padded.image.shape == (3, 70, 90)
    array = photo(70, 90) / 255
    assert stylize(array, "wave.png", **options).image.shape == (70, 90, 3)


def test_what_is_given_is_not_changed_and_not_shared(image_folder: Path):
    tensor = as_tensor(photo()).requires_grad_()
    before = tensor.detach().clone()
    output = stylize(tensor, "wave.png", **{**SMALL, "epochs": 1, "learning_rate": 1e-6})
    output.image.zero_()
    assert torch.equal(tensor.detach(), before)
    array = photo().copy()
    stylize(array, "wave.png", **SMALL).image[:] = 0
    assert np.array_equal(array, photo())
    step = None
    for step in Stylizer(**SMALL).iterate(before, "wave.png"):
        step.image.zero_()  # must not reach the optimizer
    assert step is not None
    assert np.array_equal(
        step.losses["total"], stylize(before, "wave.png", **SMALL).losses["total"]
    )


# Iterations


def test_iterations_can_be_looked_at_and_left(image_folder: Path):
    stylizer = Stylizer(**{**SMALL, "epochs": 50})
    totals = []
    for output in stylizer.iterate("cat.png", "wave.png"):
        totals.append(output.losses["total"][-1])
        assert len(output.losses["total"]) == output.epoch + 1
        if output.epoch == 3:
            break
    assert len(totals) == 4
    seen: list[int] = []

    def stop(output: Output) -> None:
        seen.append(output.epoch)
        if output.epoch == 3:
            raise StopIteration

    stopped = stylizer("cat.png", "wave.png", callback=stop)
    assert seen == [0, 1, 2, 3]
    assert np.array_equal(stopped.losses["total"], totals)
    assert np.array_equal(pixels(stopped), pixels(output))
    stopped.save("out.png")
    provenance = read_provenance(Path("out.png"))
    assert (provenance.epoch, provenance.settings["epochs"]) == (3, 50)


def test_a_bar_is_shown_only_if_asked_for(image_folder: Path, capsys: pytest.CaptureFixture[str]):
    stylize("cat.png", "wave.png", **SMALL)
    assert capsys.readouterr() == ("", "")
    stylize(torch.rand(2, 3, 48, 48), "wave.png", **SMALL, progress=True)
    shown = capsys.readouterr()
    assert "2/2" in shown.err + shown.out
    assert "total" in shown.err + shown.out


def test_an_error_of_a_callback_arrives(image_folder: Path):
    def fail(output: Output) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        stylize("cat.png", "wave.png", **SMALL, callback=fail)


def test_losses_have_kinds_and_terms(image_folder: Path):
    losses = stylize("cat.png", "wave.png", **SMALL, total_variation=1).losses
    assert list(losses)[:4] == ["total", "content", "style", "smoothness"]
    total = losses["content"] + losses["style"] + losses["smoothness"]
    np.testing.assert_allclose(losses["total"], total)
    assert losses["style/conv2_1"].dtype == np.float64


def test_an_end_that_is_worse_than_before_is_said(image_folder: Path):
    wild = Stylizer(**SMALL, optimizer="adam", learning_rate=20)
    said = None
    for epochs in range(6, 13):  # some of them end with a bad step
        with warnings.catch_warnings(record=True, action="always") as caught:
            output = wild("cat.png", "wave.png", epochs=epochs)
        if caught:
            said = str(caught[0].message)
            break
    assert said is not None and "its last loss was" in said
    assert output.losses["total"][-1] == output.losses["total"].min()


# Reuse


def test_a_stylizer_reads_the_network_once(
    image_folder: Path, random_convolutions, monkeypatch: pytest.MonkeyPatch
):
    calls: list[str] = []
    weights = Weights(random_convolutions, "random", "0" * 64)

    def load(name: str) -> Weights:
        calls.append(name)
        return weights

    monkeypatch.setattr(engine, "load_weights", load)
    stylizer = Stylizer(**SMALL)
    first = stylizer("cat.png", "wave.png")
    stylizer(torch.rand(2, 3, 48, 48), "night.png", beta=1e3)
    stylizer("cat.png", "wave.png", pooling="average")
    again = stylizer("cat.png", "wave.png")
    assert calls == ["caffe"]
    assert np.array_equal(pixels(first), pixels(again))
    own = stylizer("cat.png", "wave.png", Settings(**SMALL, beta=1.0), epochs=1)
    assert (own.settings.beta, own.epoch) == (1.0, 1)
    assert stylizer.settings.beta == 1e6


def test_a_style_that_changes_in_memory_is_read_again(image_folder: Path):
    stylizer, style = Stylizer(**SMALL), photo(40, 50).copy()
    first = stylizer("cat.png", style)
    style[:] = 0
    assert not np.array_equal(pixels(first), pixels(stylizer("cat.png", style)))


def test_settings_come_over_a_preset_and_that_over_given_settings():
    settings = Stylizer(
        Settings(beta=3.0, seed=5), preset="strong", alpha=2, stages=[(256, 5)]
    ).settings
    assert (settings.alpha, settings.beta, settings.seed) == (2.0, 1e7, 5)
    assert settings.stages == (Stage(256, 5),)
