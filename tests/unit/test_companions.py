"""The files of a job beside its pair: masks by their names, and the styles of a blend."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from neural_style.config.inputs import companions_of, mask_beside
from neural_style.config.settings import BESIDE, Settings


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("cat.jpg", "wave.png", "wave.mask.jpg", "sun.png", "sun.mask.png"):
        (tmp_path / name).touch()
    return tmp_path / "cat.jpg", tmp_path / "wave.png"


def test_a_plain_job_has_none(pair: tuple[Path, Path], defaults: Settings):
    assert companions_of(*pair, defaults) == {}


@pytest.mark.parametrize("name", ["cat.mask.png", "cat.mask.tiff", "cat.mask.JPG"])
def test_a_mask_is_found_beside_its_image(
    pair: tuple[Path, Path], tmp_path: Path, defaults: Settings, name: str
):
    settings = replace(defaults, mask=BESIDE, style_mask=BESIDE)
    style_mask = tmp_path / "wave.mask.jpg"
    assert companions_of(*pair, settings) == {"style_mask": style_mask}
    (tmp_path / name).touch()
    assert companions_of(*pair, settings) == {
        "mask": tmp_path / name,
        "style_mask": style_mask,
    }


def test_names_with_dots_have_masks_of_their_own(tmp_path: Path):
    for name in ("a.b.mask.png", "a.mask.png", "a.jpg.mask.png"):
        (tmp_path / name).touch()
    assert mask_beside(tmp_path / "a.b.jpg") == tmp_path / "a.b.mask.png"
    assert mask_beside(tmp_path / "a.gif") == tmp_path / "a.mask.png"
    assert mask_beside(tmp_path / "b.jpg") is None


def test_an_image_whose_name_leaves_no_room_for_a_mask_has_none(tmp_path: Path):
    assert mask_beside(tmp_path / f"{'a' * 250}.jpg") is None


def test_a_folder_named_like_a_mask_is_none(tmp_path: Path):
    (tmp_path / "cat.mask.png").mkdir()
    assert mask_beside(tmp_path / "cat.jpg") is None


def test_a_mask_that_is_named_is_taken_as_it_is(pair: tuple[Path, Path], defaults: Settings):
    settings = replace(defaults, mask="m.png", style_mask="s.png")
    assert companions_of(*pair, settings) == {"mask": Path("m.png"), "style_mask": Path("s.png")}


def test_the_styles_of_a_blend_may_have_masks_beside_them(
    pair: tuple[Path, Path], tmp_path: Path, defaults: Settings
):
    sun, wave = str(tmp_path / "sun.png"), str(tmp_path / "elsewhere.png")
    settings = replace(defaults, blend={sun: 1.0, wave: 2.0})
    blend = {"blend_1": Path(sun), "blend_2": Path(wave)}
    assert companions_of(*pair, settings) == blend
    assert companions_of(*pair, replace(settings, style_mask=BESIDE)) == {
        **blend,
        "style_mask": tmp_path / "wave.mask.jpg",
        "blend_1_mask": tmp_path / "sun.mask.png",
    }
