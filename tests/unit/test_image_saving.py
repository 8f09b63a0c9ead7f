"""Saving an image: whole or not at all, the same bytes every time, tagged as sRGB."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, JpegImagePlugin
from tests.unit.pictures import assert_close, levels, loaded, noise, smooth

from neural_style.errors import NeuralStyleError
from neural_style.formats import OUTPUT_FORMATS
from neural_style.images import ImageError, save_image
from neural_style.pixels import srgb_profile


@pytest.mark.parametrize("suffix", [*OUTPUT_FORMATS.values(), ".jpeg", ".PNG"])
def test_saved_pictures_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "deep" / "folder" / f"a{suffix}"
    save_image(smooth(64, 48), path)
    tolerance = {".png": 0, ".webp": 16}.get(suffix.lower(), 8)
    assert_close(loaded(path), levels(smooth(64, 48)), tolerance)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", OUTPUT_FORMATS.values())
def test_the_same_picture_makes_the_same_bytes_with_an_srgb_profile(
    tmp_path: Path, suffix: str
) -> None:
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    save_image(noise(32, 32), first)
    save_image(noise(32, 32), second)
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as image:
        assert image.info["icc_profile"] == srgb_profile()


def test_jpeg_keeps_full_chroma_and_obeys_quality(tmp_path: Path) -> None:
    for quality in (50, 95):
        save_image(noise(64, 64), tmp_path / f"{quality}.jpg", quality)
    with Image.open(tmp_path / "95.jpg") as image:
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3
    assert (tmp_path / "50.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size


def test_noise_at_full_quality_is_saved(tmp_path: Path) -> None:
    """Pillow's encoder fails on this ("broken data stream") when told to optimise."""
    save_image(noise(512, 512), tmp_path / "a.jpg", quality=100)
    assert_close(loaded(tmp_path / "a.jpg"), levels(noise(512, 512)), 8)


def test_an_image_too_large_for_its_format_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.webp.*20000 × 1 px"):
        save_image(Image.new("RGB", (20_000, 1)), tmp_path / "a.webp")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.tga.*\.jpg, \.png, \.webp"):
        save_image(smooth(8, 8), tmp_path / "a.tga")


def test_only_rgb_is_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mode L"):
        save_image(Image.new("L", (8, 8)), tmp_path / "a.png")


def test_a_failed_write_keeps_the_old_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_image(smooth(8, 8), tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def fill_up(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill_up)
    with pytest.raises(NeuralStyleError, match="No space left"):
        save_image(noise(8, 8), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
