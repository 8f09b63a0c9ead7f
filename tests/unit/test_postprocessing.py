"""What becomes of an image on its way into a file: dimensions, levels, opacity."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.unit.images import smooth, write

from neural_style.config.settings import DEEP, LOSSLESS, OUTPUT_FORMATS, Settings
from neural_style.images.decode import load_image, load_opacity
from neural_style.images.encode import (
    FloatImage,
    Postprocessor,
    make_postprocessor,
    quantize,
    round_trip,
    save_pixels,
)
from neural_style.images.fit import fit_image


def picture(width: int, height: int) -> FloatImage:
    """Soft waves, whose values no 8 bits can hold."""
    y, x = np.mgrid[0:height, 0:width] / max(width, height)
    waves = [np.sin(5 * x + 2 * y), np.cos(4 * y), np.sin(3 * (x + y))]
    return (0.5 + 0.4 * np.stack(waves)).astype(np.float32)


def see_through(path: Path, *, turned: bool = False) -> Path:
    """A PNG that is opaque at its left and grows transparent to the right."""
    image = smooth(60, 40).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").rotate(90).resize((60, 40)))
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 6
    image.save(path, exif=exif)
    return path


@pytest.mark.parametrize("name", OUTPUT_FORMATS)
def test_nothing_is_done_but_rounding(name: str):
    levels = Postprocessor(name, "stretch").to_pixels(picture(30, 20))
    assert levels.shape == (20, 30, 3)
    assert levels.dtype == (np.uint16 if name in DEEP else np.uint8)
    exact = picture(30, 20).transpose(1, 2, 0) * np.iinfo(levels.dtype).max
    assert np.abs(levels - exact).max() <= 0.5 + 1e-2


@pytest.mark.parametrize("name", ["png", "png16"])
@pytest.mark.parametrize("fit", ["stretch", "pad", "keep"])
@pytest.mark.parametrize("size", [(200, 120), (50, 90), (64, 64)])
def test_the_content_image_lies_in_the_file_as_it_did_before_it_was_fitted(
    name: str, fit: str, size: tuple[int, int]
):
    whole = picture(*size)
    channels = [fit_image(Image.fromarray(each), 64, fit) for each in whole]
    fitted = np.stack([np.asarray(each) for each in channels])
    levels = Postprocessor(name, fit, size).to_pixels(fitted)
    assert levels.shape == (size[1], size[0], 3)
    restored = levels / np.iinfo(levels.dtype).max
    # A margin that is one pixel too wide makes 0.006.
    assert np.abs(restored - whole.transpose(1, 2, 0)).mean() < 0.003


def test_16_bits_are_resampled_from_more_than_8():
    """A ramp so flat that 8 bits know two levels of it at most."""
    ramp = np.tile(np.linspace(0.5, 0.5 + 1 / 255, 40, dtype=np.float32), (3, 10, 1))
    levels = Postprocessor("png16", "stretch", (80, 10)).to_pixels(ramp)
    assert len(np.unique(levels)) > 50
    assert len(np.unique(Postprocessor("png", "stretch", (80, 10)).to_pixels(ramp))) <= 2


@pytest.mark.parametrize("name", ["png", "webp", "avif", "png16", "tiff"])
def test_the_opacity_of_the_content_image_comes_back(tmp_path: Path, defaults: Settings, name: str):
    content = see_through(tmp_path / "a.png")
    opacity = load_opacity(content)
    assert opacity is not None
    settings = replace(defaults, size=32, format=name, transparency="keep")
    levels = make_postprocessor(content, settings, (60, 40)).to_pixels(picture(32, 32))
    assert levels.shape == (40, 60, 4)
    widest = np.iinfo(levels.dtype).max // 255
    assert np.array_equal(levels[:, :, 3], np.asarray(opacity, levels.dtype) * widest)
    opaque = Postprocessor(name, "stretch", (60, 40)).to_pixels(picture(32, 32))
    assert np.array_equal(levels[:, :, :3], opaque)
    save_pixels(levels, tmp_path / "made", name)
    with Image.open(tmp_path / "made") as made:
        saved = np.asarray(made.getchannel("A"), np.int32)
    assert np.abs(saved - np.asarray(opacity)).max() <= (1 if name == "avif" else 0)


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad", "keep"])
def test_opacity_is_fitted_like_the_content_image(tmp_path: Path, defaults: Settings, fit: str):
    content = see_through(tmp_path / "a.png")
    settings = replace(defaults, size=30, fit=fit, format="png", transparency="keep")
    finish = make_postprocessor(content, settings, None)
    assert finish.opacity is not None
    with Image.open(content) as image:
        gray = Image.merge("RGB", [image.getchannel("A")] * 3)
    expected = np.asarray(fit_image(gray, 30, fit))[:, :, 0]
    assert np.array_equal(np.asarray(finish.opacity), expected)


def test_opacity_turns_with_the_content_image(tmp_path: Path):
    content = see_through(tmp_path / "a.png", turned=True)
    opacity = load_opacity(content)
    assert opacity is not None
    assert opacity.size == load_image(content).size == (40, 60)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_an_opaque_content_image_makes_an_ordinary_file(
    tmp_path: Path, defaults: Settings, mode: str
):
    smooth(60, 40).convert(mode).save(tmp_path / "a.png")
    settings = replace(defaults, size=32, format="png", transparency="keep")
    assert (
        make_postprocessor(tmp_path / "a.png", settings, None).to_pixels(picture(32, 32)).shape[2]
        == 3
    )


def test_opacity_is_not_looked_for_unless_it_is_requested(tmp_path: Path, defaults: Settings):
    content = write(tmp_path / "a.png", b"no image")
    assert make_postprocessor(content, replace(defaults, format="png"), None).opacity is None


@pytest.mark.parametrize("name", OUTPUT_FORMATS)
def test_what_is_judged_is_what_the_file_holds(tmp_path: Path, defaults: Settings, name: str):
    settings = replace(defaults, format=name, quality=80)
    judged = round_trip(picture(48, 32), settings)
    assert judged.shape == (3, 32, 48) and judged.dtype == np.float32
    levels = quantize(picture(48, 32).transpose(1, 2, 0), name)
    if name in DEEP:
        assert np.array_equal(judged.transpose(1, 2, 0), levels / np.float32(65535))
    else:
        save_pixels(levels, tmp_path / "a", name, 80, "a note")
        read = np.asarray(load_image(tmp_path / "a"), np.float32) / np.float32(255)
        assert np.array_equal(judged.transpose(1, 2, 0), read)
    assert (np.abs(judged - picture(48, 32)).max() < 0.003) == (name in LOSSLESS)
