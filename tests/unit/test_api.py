"""The Python interface: what it takes, what it gives back, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests import samples
from tests.unit.images import noise, smooth
from tests.unit.jobs import make

import neural_style
from neural_style import NeuralStyleError, Output, Settings, Stylizer, stylize
from neural_style.config.keys import Stage
from neural_style.engine import engine
from neural_style.engine.record import read_provenance
from neural_style.images.decode import load_fitted
from neural_style.model.vgg import Convolution
from neural_style.model.weights import Weights, load_weights

SMALL: dict[str, Any] = {"size": 48, "epochs": 2, "style_layers": {"conv1_1": 1.0, "conv2_1": 1.0}}
SMALL |= {"content_layers": {"conv2_2": 1.0}, "precision": "fp32"}

pytestmark = [
    pytest.mark.usefixtures("random_network"),
    # Runs of a few iterations may end before they have settled.
    pytest.mark.filterwarnings("ignore:the optimization did not settle"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photographs and three styles, in the current folder."""
    smooth(60, 40).save(tmp_path / "cat.png")
    for seed, name in enumerate(("wave", "night", "sea"), start=1):
        noise(50, 40, seed).save(tmp_path / f"{name}.png")
    smooth(60, 40).convert("L").point(lambda level: 255 * (level > 90)).save(
        tmp_path / "cat.mask.png"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def photo(height: int = 32, width: int = 48) -> np.ndarray:
    return np.asarray(smooth(width, height))


def as_tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.copy()).permute(2, 0, 1).float() / 255


def pixels(output: Output) -> np.ndarray:
    return np.asarray(output.image)


# Files: the same as the pipeline


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
def test_files_give_the_bytes_of_the_job_of_the_pipeline(folder: Path, options):
    values = {"format": "png", **SMALL, **options}
    output = stylize("cat.png", "wave.png", **values)
    settings = output.settings
    make(folder / "job", settings, Path("cat.png"), Path("wave.png"))
    (made,) = (folder / "job").glob(f"generated_{settings.epochs}.*")
    assert output.save(f"out{made.suffix}").read_bytes() == made.read_bytes()
    if settings.format == "png":
        assert np.array_equal(pixels(output), np.asarray(Image.open(made)))
    rows = (folder / "job" / "losses.csv").read_text().splitlines()
    names = rows[0].split(",")[2:]
    for row in rows[1:]:
        epoch, _, *losses = row.split(",")
        own = [f"{output.losses[name][int(epoch)]:.6g}" for name in names]
        assert own == losses


def test_several_styles_are_a_blend(folder: Path):
    several = stylize(
        "cat.png", ["wave.png", "night.png", "sea.png"], style_weights=[2, 1, 4], **SMALL
    )
    blend = stylize("cat.png", "wave.png", blend={"sea.png": 2.0, "night.png": 0.5}, **SMALL)
    assert several.settings == blend.settings
    assert np.array_equal(pixels(several), pixels(blend))
    equal = stylize("cat.png", ["wave.png", "night.png"], **SMALL)
    assert equal.settings.blend == {"night.png": 1.0}


def test_an_image_in_memory_is_that_of_its_file(folder: Path):
    expected = pixels(stylize("cat.png", "wave.png", mask="cat.mask.png", init="sea.png", **SMALL))
    files = ("cat.png", "wave.png", "cat.mask.png", "sea.png")
    opened = [Image.open(file) for file in files]
    arrays = [np.asarray(each) for each in opened]
    for content, style, mask, init in (opened, arrays, (*arrays[:2], arrays[2] > 0, arrays[3])):
        output = stylize(content, style, mask=mask, init=init, **SMALL)
        assert np.array_equal(pixels(output), expected)
        assert output.settings.mask == output.settings.init == "(in memory)"


def test_tensors_of_the_right_size_are_the_images_of_the_files(folder: Path):
    expected = stylize("cat.png", "wave.png", init="sea.png", **SMALL)
    files = ("cat.png", "wave.png", "sea.png")
    fitted = [np.asarray(load_fitted(Path(file), 48, "keep")) for file in files]
    fitted[2] = np.asarray(Image.fromarray(fitted[2]).resize((48, 32), Image.Resampling.LANCZOS))
    content, style, init = map(as_tensor, fitted)
    output = stylize(content, style, init=init, **SMALL)
    levels = output.image.permute(1, 2, 0).mul(255).round().numpy()
    assert np.array_equal(levels, pixels(expected))
    assert np.array_equal(output.losses["total"], expected.losses["total"])


def test_blended_images_in_memory_keep_their_weights(folder: Path):
    names = ["wave.png", "night.png", "sea.png"]
    files = stylize("cat.png", names, style_weights=[1, 2, 3], **SMALL)
    images = list(map(Image.open, names))
    memory = stylize("cat.png", images, style_weights=[1, 2, 3], **SMALL)
    assert list(memory.settings.blend.values()) == [2.0, 3.0]
    assert np.array_equal(pixels(files), pixels(memory))


def test_a_pillow_image_is_upright_srgb_and_keeps_its_opacity(folder: Path):
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


# Kinds of outputs


def test_the_output_is_of_the_kind_of_the_content(folder: Path):
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


def test_a_batch_gives_what_its_images_give_by_themselves(folder: Path):
    images = torch.stack([as_tensor(photo()), as_tensor(np.asarray(noise(48, 32)))])
    batch = stylize(images, "wave.png", **SMALL, init=images.flip(0))
    assert batch.losses["total"].shape == (3, 2)
    for number, image in enumerate(images):
        alone = stylize(image, "wave.png", **SMALL, init=images[1 - number])
        assert alone.losses["total"].shape == (3,)
        torch.testing.assert_close(batch.image[number], alone.image, atol=2e-3, rtol=0)
        np.testing.assert_allclose(batch.losses["total"][:, number], alone.losses["total"], 1e-3)


def test_an_output_can_have_the_dimensions_of_its_content(folder: Path):
    options = {**SMALL, "dimensions": "original"}
    assert stylize("cat.png", "wave.png", **options).image.size == (60, 40)
    tensor = torch.rand(2, 3, 70, 90)
    assert stylize(tensor, "wave.png", **options).image.shape == (2, 3, 70, 90)
    padded = stylize(tensor[0], "wave.png", **options, fit="pad")
    assert padded.image.shape == (3, 70, 90)
    array = photo(70, 90) / 255
    assert stylize(array, "wave.png", **options).image.shape == (70, 90, 3)


def test_what_is_given_is_not_changed_and_not_shared(folder: Path):
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


def test_iterations_can_be_looked_at_and_left(folder: Path):
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
    assert read_provenance(Path("out.png")).settings["epochs"] == 3


def test_a_bar_is_shown_only_if_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]):
    stylize("cat.png", "wave.png", **SMALL)
    assert capsys.readouterr() == ("", "")
    stylize(torch.rand(2, 3, 48, 48), "wave.png", **SMALL, progress=True)
    shown = capsys.readouterr()
    assert "2/2" in shown.err + shown.out
    assert "total" in shown.err + shown.out


def test_an_error_of_a_callback_arrives(folder: Path):
    def fail(output: Output) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        stylize("cat.png", "wave.png", **SMALL, callback=fail)


def test_losses_have_kinds_and_terms(folder: Path):
    losses = stylize("cat.png", "wave.png", **SMALL, total_variation=1).losses
    assert list(losses)[:4] == ["total", "content", "style", "smoothness"]
    total = losses["content"] + losses["style"] + losses["smoothness"]
    np.testing.assert_allclose(losses["total"], total)
    assert losses["style/conv2_1"].dtype == np.float64


# Reuse


def test_a_stylizer_reads_the_network_once(
    folder: Path, random_convolutions, monkeypatch: pytest.MonkeyPatch
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


def test_a_style_that_changes_in_memory_is_read_again(folder: Path):
    stylizer, style = Stylizer(**SMALL), photo(40, 50).copy()
    first = stylizer("cat.png", style)
    style[:] = 0
    assert not np.array_equal(pixels(first), pixels(stylizer("cat.png", style)))


# Errors

NAN = np.full((32, 48, 3), np.nan)
WRONG: dict[str, tuple[Any, str]] = {
    "channels last": (torch.rand(32, 48, 3), "image.permute(2, 0, 1)"),
    "channels last, batch": (torch.rand(2, 32, 48, 3), "images.permute(0, 3, 1, 2)"),
    "gray tensor": (torch.rand(32, 48), "image.expand(3, -1, -1)"),
    "one channel": (torch.rand(1, 32, 48), "image.expand(3, -1, -1)"),
    "four channels": (torch.rand(4, 32, 48), "give [3, H, W]"),
    "five dimensions": (torch.rand(1, 1, 3, 32, 48), "give [3, H, W]"),
    "no pixels": (torch.rand(3, 0, 48), "has no pixels"),
    "no images": (torch.rand(0, 3, 32, 48), "has no pixels"),
    "bytes in a tensor": (torch.zeros(3, 32, 48, dtype=torch.uint8), "image / 255"),
    "whole numbers": (torch.zeros(3, 32, 48, dtype=torch.int64), "floating-point"),
    "Booleans": (torch.zeros(3, 32, 48, dtype=torch.bool), "floating-point"),
    "complex": (torch.zeros(3, 32, 48, dtype=torch.complex64), "floating-point"),
    "0 to 255": (torch.rand(3, 32, 48) * 255, "divide it by 255"),
    "-1 to 1": (torch.rand(3, 32, 48) * 2 - 1, "(image + 1) / 2"),
    "normalized": (torch.rand(3, 32, 48) * 5 - 2.1, "undo its normalization"),
    "NaN": (torch.full((3, 32, 48), torch.nan), "infinite or NaN"),
    "one NaN": (torch.rand(3, 32, 48).index_fill(2, torch.tensor([5]), torch.nan), "NaN"),
    "infinite": (torch.full((3, 32, 48), torch.inf), "infinite or NaN"),
    "no data": (torch.rand(3, 32, 48, device="meta"), "dense tensor with data"),
    "sparse": (torch.rand(3, 32, 48).to_sparse(), "dense tensor with data"),
    "channels first": (photo().transpose(2, 0, 1), "image.transpose(1, 2, 0)"),
    "opacity": (np.zeros((32, 48, 4), np.uint8), "image[..., :3]"),
    "gray with a channel": (np.zeros((32, 48, 1), np.uint8), "image[..., 0]"),
    "batch of arrays": (np.zeros((2, 32, 48, 3), np.uint8), "one image [H, W, 3] at a time"),
    "one dimension": (np.zeros(3, np.uint8), "give [H, W, 3]"),
    "empty array": (np.zeros((0, 48, 3), np.uint8), "has no pixels"),
    "16 bits": (np.zeros((32, 48, 3), np.uint16), "give uint8"),
    "array 0 to 255": (photo().astype(float), "divide it by 255"),
    "array NaN": (NAN, "infinite or NaN"),
    "array of Booleans": (np.zeros((32, 48), bool), "give uint8"),
    "array of objects": (np.zeros((32, 48), object), "give uint8"),
    "list": ([[1, 2], [3, 4]], "is of type list"),
    "None": (None, "is of type NoneType"),
    "bytes": (b"cat.png", "is of type bytes"),
    "empty path": ("", "which is not a path"),
    "missing file": ("dog.png", "there is no such file"),
    "folder": (".", "it is a directory"),
    "narrow": (np.zeros((2, 500, 3), np.uint8), "choose a larger size"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.filterwarnings("ignore:.*[Ss]parse")
def test_a_wrong_image_gets_a_sentence(folder: Path, name: str):
    given, advice = WRONG[name]
    with pytest.raises(NeuralStyleError) as caught:
        stylize(given, "wave.png", **SMALL)
    assert advice in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    if not isinstance(given, list):  # a list is several styles
        with pytest.raises(NeuralStyleError) as caught:
            stylize("cat.png", given, **SMALL)
        assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"style": []}, "give at least one"),
        ({"style": torch.rand(2, 3, 40, 40)}, "a list of images"),
        ({"style": ["wave.png", "night.png"], "style_weights": [1]}, "for each"),
        ({"style": ["wave.png", "night.png"], "style_weights": [1, -1]}, "above 0"),
        ({"style": ["wave.png", "night.png"], "style_weights": [1, float("nan")]}, "above 0"),
        ({"style": ["wave.png", "night.png"], "style_weights": ["a", "b"]}, "above 0"),
        ({"style_weights": 3}, "for each"),
        ({"mask": torch.rand(2, 32, 48)}, "give [H, W]"),
        ({"mask": np.full((32, 48), 300.0)}, "scale it"),
        ({"mask": "no.png"}, "there is no such file"),
        ({"content": Image.new("RGB", (48, 32)), "mask": "beside"}, "give the mask itself"),
        ({"style": Image.new("RGB", (48, 32)), "style_mask": "beside"}, "give the mask itself"),
        ({"content": torch.rand(3, 3, 32, 48), "init": torch.rand(2, 3, 32, 48)}, "one for all"),
        ({"init": "nois"}, "there is no such file"),
        ({"device": "gpu"}, "use auto, cpu"),
        ({"device": "meta"}, "use auto, cpu"),
        ({"device": "mps"}, "use the device cpu"),
        ({"device": 3.5}, "use auto, cpu"),
        ({"device": "cuda:7"}, "cuda is not available here; use the device cpu."),
        ({"settings": {"size": 48}}, "settings is of type dict; give Settings(…), or settings by"),
        ({"settings": "paper"}, "settings is of type str"),
    ],
)
def test_wrong_use_gets_a_sentence(folder: Path, options, advice: str):
    values = {"content": "cat.png", "style": "wave.png", **SMALL, **options}
    with pytest.raises(NeuralStyleError) as caught:
        stylize(values.pop("content"), values.pop("style"), **values)
    assert advice in str(caught.value)


@pytest.mark.parametrize(
    ("path", "advice"),
    [
        (3, "the file to write is 3, which is not a path"),
        (b"o.png", "which is not a path"),
        (None, "which is not a path"),
        ("", "which is not a path"),
        ("$HOME/o.png", "has the variable $HOME"),
        (".", "its suffix is not that of an output format"),
    ],
)
def test_a_wrong_place_for_the_output_gets_a_sentence(folder: Path, path, advice: str):
    output = stylize("cat.png", "wave.png", **SMALL)
    with pytest.raises(NeuralStyleError) as caught:
        output.save(path)
    assert advice in str(caught.value)


def test_paths_begin_at_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(folder))
    output = stylize("~/cat.png", Path("~/wave.png"), **SMALL, init="~/cat.png", mask="~/cat.png")
    assert output.save("~/out.png") == folder / "out.png"
    assert output.settings.init == str(folder / "cat.png")
    assert not Path("~").exists()


def test_a_missing_file_of_weights_has_the_name_of_its_argument(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine, "load_weights", load_weights)
    with pytest.raises(NeuralStyleError, match=r"^weights: there is no file .*no\.pth"):
        stylize("cat.png", np.zeros((48, 48, 3), np.uint8), **SMALL, weights="no.pth")


def test_a_loss_that_is_not_finite_gets_a_sentence(
    folder: Path, random_convolutions, monkeypatch: pytest.MonkeyPatch
):
    broken = {
        name: Convolution(each.weight * torch.nan, each.bias)
        for name, each in random_convolutions.items()
    }
    monkeypatch.setattr(engine, "load_weights", lambda name: Weights(broken, name, "0" * 64))
    with pytest.raises(NeuralStyleError, match="infinite or NaN from the start"):
        stylize("cat.png", "wave.png", **SMALL)


def test_an_image_that_cannot_be_decoded_gets_a_sentence(folder: Path):
    (folder / "cut.png").write_bytes((folder / "cat.png").read_bytes()[:300])
    with Image.open("cut.png") as opened, pytest.raises(NeuralStyleError, match="damaged"):
        stylize(opened, "wave.png", **SMALL)
    for given in ("cut.png", Image.new("RGB", (0, 5))):
        with pytest.raises(NeuralStyleError, match=r"damaged|no pixels"):
            stylize(given, "wave.png", **SMALL)
    closed = Image.open("cat.png")
    closed.close()
    with pytest.raises(NeuralStyleError, match="the content image"):
        stylize(closed, "wave.png", **SMALL)


def test_what_cannot_be_saved_gets_a_sentence(folder: Path):
    output = stylize("cat.png", "wave.png", **SMALL)
    with pytest.raises(NeuralStyleError, match=r"\.jpg, \.jpeg, \.png, \.webp, \.avif, \.tiff"):
        output.save("out.gif")
    with pytest.raises(NeuralStyleError, match="cannot write"):
        output.save(folder / "cat.png" / "out.png")
    batch = stylize(torch.rand(2, 3, 48, 48), "wave.png", **SMALL)
    with pytest.raises(NeuralStyleError, match="a batch of 2 images"):
        batch.save("out.png")
    keep = stylize("cat.png", "wave.png", **SMALL, transparency="keep", format="png")
    with pytest.raises(NeuralStyleError, match="no transparency"):
        keep.save("out.jpg")
    assert not list(folder.glob("*out*"))


def test_without_files_nothing_is_said_about_files(folder: Path):
    stylize(photo(), "wave.png", **SMALL).save("out.jpg")
    with pytest.raises(NeuralStyleError, match="does not say how it was made"):
        read_provenance(Path("out.jpg"))


# The program around it


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


MODES: dict[str, Any] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
    "meta": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_modes_of_the_program_change_nothing(folder: Path, name: str, optimizer: str):
    options = {**SMALL, "optimizer": optimizer, "init_noise": 0.5, "color": "match"}
    options |= {"style_loss": "wasserstein", "total_variation": 1.0}
    tensor = as_tensor(photo())
    expected = stylize(tensor, "wave.png", **options)
    with MODES[name]():
        inside = stylize(tensor.to("cpu"), "wave.png", **options)
        image, losses = inside.image, inside.losses
    assert np.array_equal(losses["total"], expected.losses["total"])
    assert torch.equal(image, expected.image)


def state() -> list[object]:
    return [
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_float32_matmul_precision(),
        torch.backends.cudnn.allow_tf32,
        torch.backends.cudnn.benchmark,
        torch.are_deterministic_algorithms_enabled(),
        torch.get_rng_state().tolist(),
        str(np.random.get_state()),
        list(warnings.filters),
        Image.MAX_IMAGE_PIXELS,
    ]


def test_nothing_global_changes(folder: Path):
    before = state()
    outputs = Stylizer(**SMALL, init_noise=0.5).iterate("cat.png", "wave.png")
    next(outputs)
    assert state() == before  # between two iterations, too
    list(outputs)
    assert state() == before


def test_it_runs_in_threads(folder: Path):
    stylizer, expected = Stylizer(**SMALL), stylize("cat.png", "wave.png", **SMALL)
    results: list[np.ndarray] = []
    before = state()
    threads = [
        threading.Thread(target=lambda: results.append(pixels(stylizer("cat.png", "wave.png"))))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert state() == before
    assert len(results) == 3
    assert all(np.array_equal(each, pixels(expected)) for each in results)


def test_importing_is_quick(tmp_path: Path):
    code = (
        "import sys\n"
        "from neural_style import Settings, Stylizer, stylize, __version__\n"
        "Settings(beta=1e5)\n"
        "assert __version__.count('.') == 2\n"
        "assert not {'torch', 'numpy', 'tqdm', 'PIL'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_the_package_lists_its_names():
    assert set(neural_style.__all__) <= set(dir(neural_style))
    for name in neural_style.__all__:
        getattr(neural_style, name)
    with pytest.raises(AttributeError, match="stylise"):
        neural_style.stylise  # noqa: B018


def test_the_examples_of_the_docstrings_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    import doctest

    from neural_style import api

    monkeypatch.chdir(tmp_path)
    for name, source in {
        "cat": samples.CONTENT["chelsea"],
        "wave": samples.STYLE["woodcut_wave"],
        "night": samples.STYLE["swirling_night"],
    }.items():
        Path(f"{name}.jpg").symlink_to(source)
    results = doctest.testmod(api)
    assert results.failed == 0, capsys.readouterr().out
    assert results.attempted > 8


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sise": 3}, "sise: there is no such setting; did you mean size?"),
        ({"fit": "krop"}, "fit: 'krop' is not allowed; did you mean crop?"),
        ({"beta": -1}, "beta: -1 is not allowed; give a number from 0"),
        ({"preset": "strng"}, "preset: 'strng' is not allowed; did you mean strong?"),
        ({"style_layers": {"conv9_1": 1}}, "did you mean conv5_1?"),
        ({"stages": [(600, 5)]}, "stages: the sizes 600 must grow and stay below size 512"),
        ({"size": "big", "beta": "x"}, "invalid settings:\n  size: 'big'"),
        ({"settings": Settings(beta=float("nan"))}, "give a finite number"),
    ],
)
def test_a_wrong_setting_is_named_as_python_names_it(values: dict[str, Any], message: str):
    with pytest.raises(NeuralStyleError) as caught:
        Stylizer(**values)
    assert message in str(caught.value)


def test_settings_come_over_a_preset_and_that_over_given_settings():
    settings = Stylizer(
        Settings(beta=3.0, seed=5), preset="strong", alpha=2, stages=[(256, 5)]
    ).settings
    assert (settings.alpha, settings.beta, settings.seed) == (2.0, 1e7, 5)
    assert settings.stages == (Stage(256, 5),)


def test_an_end_that_is_worse_than_before_is_said(folder: Path):
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


def test_a_checkout_that_is_not_installed_can_be_used():
    """Such as one that was copied to a machine without a network."""
    code = (
        "from importlib import metadata\n"
        "def missing(name): raise metadata.PackageNotFoundError(name)\n"
        "metadata.version = missing\n"
        "from neural_style.cli.main import main\n"
        "main(['--version'])\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (shown.returncode, shown.stdout) == (0, "unknown\n"), shown.stderr
