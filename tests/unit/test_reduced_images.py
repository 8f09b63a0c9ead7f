"""Images for small positions: the same as the whole ones, only sooner."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image
from tests.unit.images import P3_TO_XYZ, levels, noise, rgb_profile, smooth

from neural_style.images import decode
from neural_style.images.decode import (
    ImageError,
    load_image,
    load_reduced,
    load_sized,
    upright_size,
)
from neural_style.images.fit import fit_image, load_fitted

TURNED = 6  # EXIF: the top of the image is at the right of the file


def save_turned(path, image, orientation=TURNED, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, exif=exif, **options)
    return path


def assert_same(small, whole):
    """Apart from pixels that are clipped before they are averaged, or after."""
    off = np.abs(levels(small) - levels(whole.resize(small.size, Image.Resampling.BOX)))
    assert off.mean() < 1
    assert off.max() < 16


def test_a_large_content_image_is_decoded_smaller_and_is_the_same(tmp_path):
    path = tmp_path / "large.jpg"
    smooth(1600, 1200).save(path, quality=95, icc_profile=rgb_profile(P3_TO_XYZ))
    small, whole = load_reduced(path, 64), load_image(path)
    assert 64 <= max(small.size) <= 400, "the whole picture was decoded"
    assert small.size[0] * 3 == small.size[1] * 4
    assert_same(small, whole)


def test_a_turned_content_image_is_upright(tmp_path):
    path = save_turned(tmp_path / "turned.jpg", smooth(1600, 1200), quality=95)
    small, whole = load_reduced(path, 64), load_image(path)
    assert small.size[0] < small.size[1]
    assert_same(small, whole)
    assert upright_size(path) == whole.size == (1200, 1600)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_a_small_image_is_read_as_it_is(tmp_path, name):
    path = tmp_path / name
    noise(90, 60).save(path)
    assert np.array_equal(levels(load_reduced(path, 64)), levels(load_image(path)))
    assert upright_size(path) == (90, 60)


@pytest.mark.parametrize("orientation", [1, 3, 5, 8, 99])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif"])
def test_the_size_is_that_of_the_upright_image(tmp_path, name, orientation):
    path = save_turned(tmp_path / name, noise(50, 20), orientation)
    assert upright_size(path) == load_image(path).size


@pytest.mark.parametrize("orientation", [1, TURNED])
def test_a_jpeg_of_many_megapixels_is_decoded_smaller_for_a_small_output(
    tmp_path, monkeypatch, orientation
):
    path = save_turned(tmp_path / "huge.jpg", smooth(1600, 1200), orientation, quality=95)
    whole = load_image(path, side=64)
    assert max(whole.size) == 1600, "smaller images are decoded whole: their pixels stay the same"
    monkeypatch.setattr(decode, "REDUCED_FROM", 1600 * 1200 - 1)
    small, size = load_sized(path, 64)
    assert size == whole.size
    assert min(small.size) == 150  # an eighth; at least twice the side
    assert_same(small, whole)
    assert load_image(path, side=200).size != whole.size
    assert load_image(path, side=601).size == whole.size
    assert load_image(path).size == whole.size
    off = np.abs(levels(load_fitted(path, 64, "keep")) - levels(fit_image(whole, 64, "keep")))
    assert off.mean() < 1


def test_what_cannot_be_read_says_why_as_ever(tmp_path):
    whole = tmp_path / "whole.jpg"
    noise(800, 800).save(whole)
    torn = tmp_path / "torn.jpg"
    torn.write_bytes(whole.read_bytes()[:20_000])
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (torn, text, tmp_path / "pipe.jpg", tmp_path, tmp_path / "absent.jpg"):
        with pytest.raises(ImageError, match="cannot read"):
            load_reduced(path, 32)
    for path in (text, tmp_path / "pipe.jpg", tmp_path, tmp_path / "absent.jpg"):
        assert upright_size(path) is None
