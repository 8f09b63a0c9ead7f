"""Reading an image: every kind of file, its first frame, upright, from several threads."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.unit.images import (
    Pixels,
    assert_close,
    chunk,
    encode,
    levels,
    loaded,
    noise,
    png,
    smooth,
    write,
)

from neural_style.config.settings import IMAGE_SUFFIXES
from neural_style.images.decode import load_image
from neural_style.images.srgb import srgb_profile


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_every_suffix_is_read(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("pillow_jxl")  # makes Pillow write JPEG XL
    pytest.importorskip("pillow_heif").register_heif_opener()
    picture = smooth(40, 30)
    path = tmp_path / f"a{suffix}"
    picture.save(path)
    image = load_image(path)
    assert (image.mode, image.size) == ("RGB", (40, 30))
    assert image.info == {}
    lossy = dict.fromkeys([".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"], 12)
    modern = dict.fromkeys([".heic", ".heif", ".hif", ".avif", ".jxl"], 40)
    tolerance = {".gif": 40, ".webp": 20, **lossy, **modern}.get(suffix, 0)
    assert_close(levels(image), levels(picture), tolerance)


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = write(tmp_path / "really_a_png.jpg", encode(smooth(20, 10), "PNG"))
    assert_close(loaded(path), levels(smooth(20, 10)), 0)


@pytest.mark.parametrize("suffix", [".gif", ".tif", ".webp", ".png"])
def test_the_first_frame_is_taken(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:])
    assert_close(loaded(tmp_path / f"a{suffix}"), levels(frames[0]), 3)


def test_the_first_image_of_a_camera_jpeg_is_taken(tmp_path: Path) -> None:
    """Phones put several JPEGs in one file (MPO) and call it .jpg."""
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    data = encode(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert_close(loaded(write(tmp_path / "a.jpg", data)), levels(frames[0]), 3)


def stored(upright: Pixels, orientation: int) -> Pixels:
    """The rows as a camera stores them: where the EXIF standard puts row 0 and column 0."""
    return {
        1: upright,  # row 0 at the top, column 0 at the left
        2: upright[:, ::-1],  # top, right
        3: upright[::-1, ::-1],  # bottom, right
        4: upright[::-1],  # bottom, left
        5: upright.swapaxes(0, 1),  # left, top
        6: upright[:, ::-1].swapaxes(0, 1),  # right, top
        7: upright[::-1, ::-1].swapaxes(0, 1),  # right, bottom
        8: upright[::-1].swapaxes(0, 1),  # left, bottom
    }[orientation]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_come_upright(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = np.asarray(smooth(48, 32))
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(np.ascontiguousarray(stored(upright, orientation)))
    kept: dict[str, Any] = {".jpg": {"quality": 100, "subsampling": 0}, ".webp": {"lossless": True}}
    picture.save(tmp_path / f"a{suffix}", exif=exif, **kept.get(suffix, {}))
    tolerance = 4 if suffix == ".jpg" else 0
    assert_close(loaded(tmp_path / f"a{suffix}"), upright.astype(int), tolerance)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_impossible_orientation_is_ignored(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    smooth(20, 10).save(tmp_path / "a.png", exif=exif)
    assert load_image(tmp_path / "a.png").size == (20, 10)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize(
    "metadata",
    [
        (b"eXIf", b"MM\0*\0\0\xff\xff" + bytes(range(40))),
        (b"eXIf", b"neither byte order"),
        (b"tEXt", b"Raw profile type exif\0\nexif\n 4\nnot hexadecimal"),
    ],
)
def test_broken_exif_does_not_cost_the_image(tmp_path: Path, metadata: tuple[bytes, bytes]) -> None:
    data = png(2, 1, 8, 0, bytes([0, 10, 200]), before=chunk(*metadata))
    assert loaded(write(tmp_path / "a.png", data))[0, :, 0].tolist() == [10, 200]


def test_threads_may_load_together(tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(4)]
    for index, path in enumerate(paths):
        noise(32, 32, index).save(path, icc_profile=srgb_profile())
    results: dict[Path, Pixels] = {}

    def work(path: Path) -> None:
        results[path] = loaded(path)

    threads = [threading.Thread(target=work, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, path in enumerate(paths):
        assert_close(results[path], levels(noise(32, 32, index)), 1)
