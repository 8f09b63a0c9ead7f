"""Mistakes in a call of the Python interface: each gets one sentence that says what to give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.unit.api_calls import MARKS, SMALL, photo

from neural_style import NeuralStyleError, Settings, Stylizer, stylize
from neural_style.engine import engine
from neural_style.model.vgg import Convolution
from neural_style.model.weights import Weights, load_weights

pytestmark = MARKS

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
def test_a_wrong_image_gets_a_sentence(image_folder: Path, name: str):
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
def test_wrong_use_gets_a_sentence(image_folder: Path, options, advice: str):
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
def test_a_wrong_place_for_the_output_gets_a_sentence(image_folder: Path, path, advice: str):
    output = stylize("cat.png", "wave.png", **SMALL)
    with pytest.raises(NeuralStyleError) as caught:
        output.save(path)
    assert advice in str(caught.value)


def test_a_missing_file_of_weights_has_the_name_of_its_argument(
    image_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(engine, "load_weights", load_weights)
    with pytest.raises(NeuralStyleError, match=r"^weights: there is no file .*no\.pth"):
        stylize("cat.png", np.zeros((48, 48, 3), np.uint8), **SMALL, weights="no.pth")


def test_a_loss_that_is_not_finite_gets_a_sentence(
    image_folder: Path, random_convolutions, monkeypatch: pytest.MonkeyPatch
):
    broken = {
        name: Convolution(each.weight * torch.nan, each.bias)
        for name, each in random_convolutions.items()
    }
    monkeypatch.setattr(engine, "load_weights", lambda name: Weights(broken, name, "0" * 64))
    with pytest.raises(NeuralStyleError, match="infinite or NaN from the start"):
        stylize("cat.png", "wave.png", **SMALL)


def test_an_image_that_cannot_be_decoded_gets_a_sentence(image_folder: Path):
    (image_folder / "cut.png").write_bytes((image_folder / "cat.png").read_bytes()[:300])
    with Image.open("cut.png") as opened, pytest.raises(NeuralStyleError, match="damaged"):
        stylize(opened, "wave.png", **SMALL)
    for given in ("cut.png", Image.new("RGB", (0, 5))):
        with pytest.raises(NeuralStyleError, match=r"damaged|no pixels"):
            stylize(given, "wave.png", **SMALL)
    closed = Image.open("cat.png")
    closed.close()
    with pytest.raises(NeuralStyleError, match="the content image"):
        stylize(closed, "wave.png", **SMALL)


def test_what_cannot_be_saved_gets_a_sentence(image_folder: Path):
    output = stylize("cat.png", "wave.png", **SMALL)
    with pytest.raises(NeuralStyleError, match=r"\.jpg, \.jpeg, \.png, \.webp, \.avif, \.tiff"):
        output.save("out.gif")
    with pytest.raises(NeuralStyleError, match="cannot write"):
        output.save(image_folder / "cat.png" / "out.png")
    batch = stylize(torch.rand(2, 3, 48, 48), "wave.png", **SMALL)
    with pytest.raises(NeuralStyleError, match="a batch of 2 images"):
        batch.save("out.png")
    keep = stylize("cat.png", "wave.png", **SMALL, transparency="keep", format="png")
    with pytest.raises(NeuralStyleError, match=r"^transparency: keep .* no transparency"):
        keep.save("out.jpg")
    assert not list(image_folder.glob("*out*"))


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
