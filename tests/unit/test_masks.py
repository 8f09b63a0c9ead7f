"""Masks from files: gray, over their image, fitted like it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.unit.images import levels, noise, smooth

from neural_style.config.settings import FITS, Settings
from neural_style.engine.load import load_problem
from neural_style.images import decode
from neural_style.images.decode import ImageError
from neural_style.images.fit import fit_image
from neural_style.images.tensors import load_mask, mask_to_tensor


def saved(folder: Path, image: Image.Image, name: str = "cat.mask.png", **options: Any) -> Path:
    image.save(folder / name, **options)
    return folder / name


@pytest.mark.parametrize("fit", FITS)
def test_a_mask_is_fitted_like_its_image(tmp_path: Path, fit: str):
    picture = noise(50, 30).convert("L")
    mask = load_mask(saved(tmp_path, picture), (50, 30), same_aspect=True)
    fitted = fit_image(Image.merge("RGB", [picture] * 3), 32, fit, Image.Resampling.BILINEAR)
    tensor = mask_to_tensor(mask, 32, fit)
    assert tensor.shape == (1, 1, fitted.height, fitted.width)
    assert np.array_equal((255 * tensor[0, 0]).round().numpy(), levels(fitted)[..., 0])


@pytest.mark.parametrize("size", [(100, 60), (25, 15), (101, 60)])
def test_a_mask_may_be_larger_or_smaller_than_its_image(tmp_path: Path, size: tuple[int, int]):
    halves = np.zeros((size[1], size[0]), dtype=np.uint8)
    halves[:, size[0] // 2 :] = 255
    path = saved(tmp_path, Image.fromarray(halves))
    mask = levels(load_mask(path, (50, 30), same_aspect=True))
    assert mask.shape == (30, 50)
    assert (mask[:, :22] == 0).all()
    assert (mask[:, 28:] == 255).all()


def test_a_hard_edge_is_black_and_white_but_for_its_own_pixels():
    """Lanczos would swing over: a little style where there is to be none."""
    halves = Image.new("L", (600, 400))
    halves.paste(255, (0, 0, 290, 400))
    tensor = mask_to_tensor(halves, 64, "keep")
    assert set(tensor[..., :30].unique().tolist()) == {1.0}
    assert set(tensor[..., 32:].unique().tolist()) == {0.0}


@pytest.mark.parametrize("level", [0, 51, 255])
@pytest.mark.parametrize("fit", FITS)
def test_an_even_mask_stays_even_to_the_bit(tmp_path: Path, level: int, fit: str):
    path = saved(tmp_path, Image.new("L", (37, 53), level))
    tensor = mask_to_tensor(load_mask(path, (61, 80), same_aspect=False), 33, fit)
    assert torch.equal(tensor, torch.full_like(tensor, level / 255))


def test_any_image_will_do_as_its_brightness(tmp_path: Path):
    path = saved(tmp_path, smooth(40, 20), "cat.mask.jpg", quality=95)
    mask = levels(load_mask(path, (40, 20), same_aspect=True))
    assert np.abs(mask - levels(smooth(40, 20).convert("L"))).max() <= 4


def test_what_is_transparent_is_white(tmp_path: Path):
    clear = Image.new("LA", (4, 4), (0, 0))
    clear.putpixel((0, 0), (0, 255))
    mask = levels(load_mask(saved(tmp_path, clear), (4, 4), same_aspect=True))
    assert mask[0, 0] == 0
    assert mask.sum() == 15 * 255


def test_a_mask_is_turned_as_its_own_exif_says(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise
    lying = Image.new("L", (40, 20), 0)
    lying.paste(255, (0, 0, 10, 20))
    path = saved(tmp_path, lying, "cat.mask.jpg", exif=exif, quality=100)
    mask = levels(load_mask(path, (20, 40), same_aspect=True))
    assert (mask[:10] > 250).all()
    assert (mask[10:] < 5).all()


def test_a_mask_beside_its_image_must_have_its_proportions(tmp_path: Path):
    path = saved(tmp_path, Image.new("L", (40, 30)), "it's a mask.png")
    with pytest.raises(ImageError, match=r"it's a mask.*40 × 30 px.*upright.*30 × 40 px"):
        load_mask(path, (30, 40), same_aspect=True)
    assert load_mask(path, (30, 40), same_aspect=False).size == (30, 40)


def test_a_mask_that_is_no_image_is_named(tmp_path: Path):
    path = tmp_path / "cat.mask.png"
    path.write_text("white", encoding="utf-8")
    with pytest.raises(ImageError, match=r"cat\.mask\.png"):
        load_mask(path, (30, 40), same_aspect=True)


@pytest.mark.parametrize("masks", [{"mask": "mask.png"}, {"style_mask": "mask.png"}])
def test_a_mask_of_a_jpeg_that_is_decoded_smaller_has_its_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, masks: dict[str, str]
):
    monkeypatch.setattr(decode, "REDUCED_FROM", 1600 * 1200)
    monkeypatch.chdir(tmp_path)
    # 64 × 63 pixels after the reduction, which rounds, to 201 × 196, and 64 × 62 without it.
    path = saved(tmp_path, smooth(1603, 1567), "cat.jpg")
    saved(tmp_path, Image.new("L", (64, 64), 128), "mask.png")
    settings = replace(Settings(), size=64, fit="keep", **masks)
    problem = load_problem(path, path, settings, torch.device("cpu")).problem
    (region,) = problem.regions
    for mask in (region.mask, region.styles[0].guide):
        assert mask is None or mask.shape[2:] == problem.content.shape[2:]
    assert (region.mask is None) == ("mask" not in masks)
