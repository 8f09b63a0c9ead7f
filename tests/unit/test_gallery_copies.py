"""Copies of images in the gallery: their size, and that they are made only when needed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from tests.unit.images import levels, smooth

from neural_style.config.settings import Settings
from neural_style.images.decode import ImageError, load_image
from neural_style.report.copies import (
    ORIGINAL_EDGE,
    THUMBNAIL_EDGE,
    make_original,
    make_thumbnail,
    remove_copies,
    shrink,
)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((100, 80), (100, 80)),
        ((360, 360), (360, 360)),
        ((720, 360), (360, 180)),
        ((512, 1024), (180, 360)),
        ((4000, 3), (360, 1)),
    ],
)
def test_reduced_images_keep_their_proportions_and_are_never_enlarged(size, expected):
    assert shrink(Image.new("RGB", size), 360).size == expected


def test_a_thumbnail_shows_the_image(tmp_path: Path):
    source, target = tmp_path / "image.png", tmp_path / "a" / "b" / "thumbnail.jpg"
    smooth(720, 480).save(source)
    make_thumbnail(source, target)
    with Image.open(target) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (THUMBNAIL_EDGE, 240))
    expected = levels(smooth(THUMBNAIL_EDGE, 240))
    assert abs(levels(load_image(target)).astype(int) - expected.astype(int)).mean() < 3
    assert [path.name for path in target.parent.iterdir()] == ["thumbnail.jpg"]


def test_a_thumbnail_is_made_again_only_for_another_source(tmp_path: Path):
    source, target = tmp_path / "image.png", tmp_path / "thumbnail.jpg"
    smooth(64, 64).save(source)
    make_thumbnail(source, target)
    first = target.stat()
    make_thumbnail(source, target)
    assert target.stat().st_ino == first.st_ino, "nothing had changed"
    smooth(32, 64).save(source)
    os.utime(source, ns=(0, first.st_mtime_ns - 10**9))  # another image, with an older date
    make_thumbnail(source, target)
    assert load_image(target).size == (32, 64)
    date = source.stat().st_mtime_ns
    smooth(64, 16).save(source)
    os.utime(source, ns=(date, date))  # a third one, with the same date
    make_thumbnail(source, target)
    assert load_image(target).size == (64, 16)


def test_only_copies_are_removed_with_the_page(tmp_path: Path):
    copies = [tmp_path / "thumbnails" / "cat" / "sea" / "a.jpg", tmp_path / "originals" / "b.jpg"]
    mine = [tmp_path / "thumbnails" / "cat" / "notes.txt", tmp_path / "mine" / "c.jpg"]
    for path in (*copies, *mine):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    remove_copies(tmp_path)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {*mine}
    assert not (tmp_path / "originals").exists()
    assert not (tmp_path / "thumbnails" / "cat" / "sea").exists()


def test_a_damaged_image_leaves_no_thumbnail(tmp_path: Path):
    source, target = tmp_path / "image.png", tmp_path / "thumbnail.jpg"
    source.write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"image\.png"):
        make_thumbnail(source, target)
    with pytest.raises(ImageError, match=r"nothing\.png"):
        make_thumbnail(tmp_path / "nothing.png", target)
    assert not target.exists()


@pytest.mark.parametrize(
    ("fit", "size", "expected"),
    [
        ("stretch", 64, (64, 64)),
        ("crop", 64, (64, 64)),
        ("pad", 64, (64, 64)),
        ("keep", 60, (60, 30)),
        ("keep", 2048, (ORIGINAL_EDGE, ORIGINAL_EDGE // 2)),
    ],
)
def test_the_copy_of_a_content_image_has_the_shape_that_its_job_uses(
    tmp_path: Path, defaults: Settings, fit, size, expected
):
    source, target = tmp_path / "content.png", tmp_path / "copy.jpg"
    smooth(200, 100).save(source)
    make_original(source, target, replace(defaults, fit=fit, size=size))
    assert load_image(target).size == expected


def test_the_copy_of_a_style_image_keeps_its_own_shape(tmp_path: Path):
    source, target = tmp_path / "style.png", tmp_path / "copy.jpg"
    smooth(200, 5).save(source)
    make_original(source, target)
    assert load_image(target).size == (200, 5)
