"""Saving an image: whole or not at all, the same bytes every time, tagged as sRGB."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, JpegImagePlugin
from tests.unit.images import Pixels, assert_close, levels, loaded, noise, smooth

from neural_style.config.settings import OPAQUE, OUTPUT_FORMATS
from neural_style.errors import NeuralStyleError
from neural_style.images.decode import ImageError
from neural_style.images.encode import quantize, save_image, save_pixels
from neural_style.images.srgb import srgb_profile
from neural_style.io import sha256


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".avif", ".jpeg", ".PNG"])
def test_saved_images_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "deep" / "folder" / f"a{suffix}"
    save_image(smooth(64, 48), path)
    tolerance = {".png": 0, ".webp": 16, ".avif": 12}.get(suffix.lower(), 8)
    assert_close(loaded(path), levels(smooth(64, 48)), tolerance)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def samples(format_name: str, channels: int = 3) -> Pixels:
    """An image in the depth of a format, with its lowest bits in use."""
    picture = np.random.default_rng(0).random((32, 24, channels), dtype=np.float32)
    return quantize(picture, format_name)


@pytest.mark.parametrize("name", OUTPUT_FORMATS)
def test_the_same_image_makes_the_same_bytes_with_an_srgb_profile(
    tmp_path: Path, name: str
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    assert save_pixels(samples(name), first, name) == sha256(first)
    save_pixels(samples(name), second, name)
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as image:
        assert image.info["icc_profile"] == srgb_profile()


@pytest.mark.parametrize("channels", [3, 4])
def test_tiff_keeps_16_bits_of_every_channel(tmp_path: Path, channels: int) -> None:
    save_pixels(samples("tiff", channels), tmp_path / "a.tiff", "tiff")
    assert np.array_equal(tifffile.imread(tmp_path / "a.tiff"), samples("tiff", channels))
    with tifffile.TiffFile(tmp_path / "a.tiff") as file:
        tags = {tag.name for tag in file.pages.first.tags}
    assert not tags & {"DateTime", "Software"}


@pytest.mark.parametrize("name", sorted(OUTPUT_FORMATS.keys() - OPAQUE))
def test_opacity_and_the_colors_below_it_are_saved(tmp_path: Path, name: str) -> None:
    picture = np.zeros((32, 24, 4), np.float32)
    picture[:, :, :3] = np.asarray(smooth(24, 32)) / np.float32(255)
    picture[8:, :, 3] = 1
    save_pixels(quantize(picture, name), tmp_path / "a", name, quality=100)
    with Image.open(tmp_path / "a") as image:
        assert image.mode == "RGBA"
        tolerance = {"webp": 10, "avif": 6}.get(name, 1)  # Pillow drops the lower byte of 16 bits
        assert_close(levels(image), np.rint(picture * 255).astype(np.int32), tolerance)
        assert image.getchannel("A").getcolors() == [(192, 0), (576, 255)]


def test_levels_are_rounded_once_and_clipped() -> None:
    values = np.array([-1, 0, 0.2 / 255, 0.6 / 255, 100.4 / 255, 1, 2, np.inf], np.float32)
    assert quantize(values, "png").tolist() == [0, 0, 0, 1, 100, 255, 255, 255]
    deep = quantize(values, "png16")
    assert deep.dtype == np.uint16
    assert deep.tolist() == [0, 0, 51, 154, 25803, 65535, 65535, 65535]


def test_jpeg_keeps_full_chroma_and_obeys_quality(tmp_path: Path) -> None:
    for quality in (50, 95):
        save_image(noise(64, 64), tmp_path / f"{quality}.jpg", quality)
    with Image.open(tmp_path / "95.jpg") as image:
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3
    assert (tmp_path / "50.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size


def test_noise_at_full_quality_is_saved(tmp_path: Path) -> None:
    """Pillow's encoder fails on this ("broken data stream") when told to optimize."""
    save_image(noise(512, 512), tmp_path / "a.jpg", quality=100)
    assert_close(loaded(tmp_path / "a.jpg"), levels(noise(512, 512)), 8)


def test_an_image_too_large_for_its_format_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.webp.*20000 × 1 px"):
        save_image(Image.new("RGB", (20_000, 1)), tmp_path / "a.webp")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.tga.*\.jpg, \.jpeg, \.png, \.webp, \.avif, \.tiff"):
        save_image(smooth(8, 8), tmp_path / "a.tga")


def test_only_rgb_is_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mode L"):
        save_image(Image.new("L", (8, 8)), tmp_path / "a.png")


def test_a_failed_write_keeps_the_old_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_image(smooth(8, 8), tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def fill_up(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fill_up)
    with pytest.raises(NeuralStyleError, match="No space left"):
        save_image(noise(8, 8), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", sorted(OUTPUT_FORMATS.keys() - OPAQUE))
def test_grids_and_gallery_see_what_is_transparent_on_white(tmp_path: Path, name: str) -> None:
    picture = np.full((32, 24, 4), 0.25, np.float32)
    picture[:16, :, 3] = 0
    picture[16:, :, 3] = 0.5
    save_pixels(quantize(picture, name), tmp_path / "a", name)
    shown = loaded(tmp_path / "a")
    assert_close(shown[:16], np.full((16, 24, 3), 255), 2)
    assert_close(shown[16:], np.full((16, 24, 3), 159), 3)
