"""What a job makes of its options: formats, dimensions, opacity, color, blends and masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.unit.jobs import CONTENT, STYLE, facts_of, make

from neural_style.config.settings import OUTPUT_FORMATS, Settings, settings_from_record
from neural_style.images.decode import load_image
from neural_style.images.fit import fit_image
from neural_style.images.tensors import luminance, to_tensor
from neural_style.io import sha256

pytestmark = pytest.mark.usefixtures("random_network")


@pytest.mark.parametrize("name", ["jpg", "webp", "avif"])
def test_the_other_formats_hold_the_image_nearly(tmp_path: Path, settings: Settings, name: str):
    states = make(tmp_path, replace(settings, format=name))
    path = tmp_path / f"generated_5.{name}"
    with Image.open(path) as image:
        assert image.format == {"jpg": "JPEG", "webp": "WEBP", "avif": "AVIF"}[name]
    difference = (to_tensor(load_image(path)) - states[-1].images).abs().mean()
    assert 0 < difference < 0.04


@pytest.mark.parametrize(
    ("fit", "size"),
    [("stretch", (32, 32)), ("crop", (32, 32)), ("pad", (32, 32)), ("keep", (32, 21))],
)
def test_the_image_has_the_size_of_the_fit(
    tmp_path: Path, settings: Settings, fit: str, size: tuple[int, int]
):
    make(tmp_path, replace(settings, fit=fit, epochs=1))
    assert load_image(tmp_path / "generated_1.png").size == size
    picture = facts_of(tmp_path)["output"]
    assert (picture["width"], picture["height"]) == size


@pytest.mark.parametrize("name", ["png16", "tiff"])
def test_16_bits_hold_the_image_in_256_times_as_many_levels(
    tmp_path: Path, settings: Settings, name: str
):
    states = make(tmp_path, replace(settings, format=name, epochs=1))
    path = tmp_path / f"generated_1{OUTPUT_FORMATS[name]}"
    with Image.open(path) as image:
        upper = torch.from_numpy(np.array(image)).permute(2, 0, 1).unsqueeze(0)
    exact = states[-1].images * 65535
    lower = exact - upper.double() * 256  # of which Pillow says nothing
    assert lower.min() > -0.6 and lower.max() < 256.6
    assert lower.std() > 50, "the lower bytes are in use"


def test_images_in_the_content_image_s_own_dimensions(tmp_path: Path, settings: Settings):
    settings = replace(settings, dimensions="original", fit="pad")
    make(tmp_path, settings)
    whole = load_image(CONTENT)
    for epoch in settings.snapshots:
        assert load_image(tmp_path / f"generated_{epoch}.png").size == whole.size
    facts = facts_of(tmp_path)
    assert (facts["output"]["width"], facts["output"]["height"]) == whole.size
    assert facts["optimized"] == {"width": 32, "height": 32}
    make(tmp_path / "fitted", replace(settings, dimensions="fitted"))
    assert facts["saved_losses"] == facts_of(tmp_path / "fitted")["saved_losses"]


def test_a_transparent_content_image_gives_its_opacity_to_every_image(
    tmp_path: Path, settings: Settings
):
    cut_out = load_image(CONTENT).resize((48, 32)).convert("RGBA")
    cut_out.putalpha(Image.radial_gradient("L").resize((48, 32)))
    cut_out.save(tmp_path / "cat.png")
    settings = replace(settings, dimensions="original", transparency="keep")
    make(tmp_path / "out", settings, content=tmp_path / "cat.png")
    for epoch in settings.snapshots:
        with Image.open(tmp_path / "out" / f"generated_{epoch}.png") as made:
            assert made.mode == "RGBA"
            assert made.getchannel("A").tobytes() == cut_out.getchannel("A").tobytes()


def test_the_saved_image_has_the_content_image_s_chroma(tmp_path: Path, settings: Settings):
    """Within the rounding of 8 bits, which moves every channel by half a level."""
    content = tmp_path / "cat.png"
    load_image(CONTENT).resize((32, 32)).save(content)
    make(tmp_path / "out", replace(settings, color="luminance", epochs=8), content=content)
    before = to_tensor(load_image(content))
    after = to_tensor(load_image(tmp_path / "out" / "generated_8.png"))
    moved = (after - luminance(after)) - (before - luminance(before))
    assert moved.abs().max() <= 1 / 255 + 1e-6
    assert (after - before).abs().mean() > 5 / 255, "nothing was painted"


def pixels_of(folder: Path, settings: Settings, content: Path = CONTENT) -> bytes:
    """The finished image."""
    make(folder, settings, content)
    return load_image(folder / "generated_5.png").tobytes()


@pytest.fixture
def masked_cat(tmp_path: Path) -> Path:
    """A copy of the content image that may have a mask beside it."""
    path = tmp_path / "cat.png"
    load_image(CONTENT).save(path)
    return path


def test_one_style_with_all_the_weight_is_that_style_alone(tmp_path: Path, settings: Settings):
    blend = replace(settings, blend={str(STYLE): 3.0})
    assert pixels_of(tmp_path / "blend", blend) == pixels_of(tmp_path / "alone", settings)


@pytest.mark.filterwarnings("ignore:the mask")
def test_a_mask_of_ones_makes_the_image_of_no_mask(
    tmp_path: Path, settings: Settings, masked_cat: Path
):
    masks = replace(settings, mask="beside", style_mask=str(tmp_path / "white.png"))
    for name in ("cat.mask.png", "white.png"):
        Image.new("L", load_image(masked_cat).size, 255).save(tmp_path / name)
    masked = pixels_of(tmp_path / "masked", masks, masked_cat)
    assert masked == pixels_of(tmp_path / "plain", settings, masked_cat)


@pytest.mark.filterwarnings("ignore:the mask")
def test_a_mask_of_zeros_leaves_the_content_image(
    tmp_path: Path, settings: Settings, masked_cat: Path
):
    Image.new("L", load_image(masked_cat).size, 0).save(tmp_path / "cat.mask.png")
    made = pixels_of(tmp_path / "masked", replace(settings, mask="beside"), masked_cat)
    assert made == fit_image(load_image(masked_cat), 32, "stretch").tobytes()


def test_the_record_names_every_image_that_was_read(
    tmp_path: Path, settings: Settings, masked_cat: Path
):
    Image.new("L", load_image(masked_cat).size, 128).save(tmp_path / "cat.mask.png")
    sun = tmp_path / "it's a sun:1.png"
    Image.radial_gradient("L").save(sun)
    changed = replace(settings, mask="beside", blend={str(sun): 0.5}, style_scales=(1.0, 1.5))
    make(tmp_path / "out", changed, masked_cat)
    facts = facts_of(tmp_path / "out")
    files = {"content": masked_cat, "style": STYLE, "blend_1": sun}
    files["mask"] = tmp_path / "cat.mask.png"
    for role, path in files.items():
        assert facts[role] == {"path": str(path), "sha256": sha256(path)}
    assert settings_from_record(facts["settings"]) == changed
