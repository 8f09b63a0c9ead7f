"""From the files of a job to its problem: which styles act where, with which shares."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.unit.images import noise

from neural_style.config.settings import BESIDE, ORIGINAL, Settings
from neural_style.engine.load import LoadedProblem, load_problem
from neural_style.errors import NeuralStyleWarning
from neural_style.images.decode import ImageError
from neural_style.images.fit import fit_image
from neural_style.images.tensors import to_tensor
from neural_style.io import sha256
from neural_style.losses.problem import TransferProblem

CPU = torch.device("cpu")
SIZES = {"cat": (60, 40), "wave": (50, 50), "sun": (30, 45)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, (name, size) in enumerate(SIZES.items()):
        noise(*size, seed=seed).save(tmp_path / f"{name}.png")
    return tmp_path


def halves(size: tuple[int, int]) -> Image.Image:
    """White on the left, black on the right."""
    levels = np.zeros((size[1], size[0]), dtype=np.uint8)
    levels[:, : size[0] // 2] = 255
    return Image.fromarray(levels)


def loaded(folder: Path, settings: Settings, **changes: Any) -> LoadedProblem:
    changed = replace(settings, **{"size": 32, "fit": "stretch", **changes})
    return load_problem(folder / "cat.png", folder / "wave.png", changed, CPU)


def prepared(folder: Path, settings: Settings, **changes: Any) -> TransferProblem:
    return loaded(folder, settings, **changes).problem


def test_a_plain_job_is_one_style_everywhere(folder: Path, defaults: Settings):
    problem = prepared(folder, defaults)
    ((reference,),) = [region.styles for region in problem.regions]
    assert problem.regions[0].mask is None
    assert (reference.weight, reference.guide) == (1.0, None)
    fitted = [fit_image(noise(*SIZES[name], seed=i), 32, "stretch") for i, name in enumerate(SIZES)]
    assert torch.equal(problem.content, to_tensor(fitted[0]))
    assert torch.equal(reference.image, to_tensor(fitted[1]))


def test_a_blend_shares_by_weight(folder: Path, defaults: Settings):
    problem = prepared(folder, defaults, blend={str(folder / "sun.png"): 3.0})
    (region,) = problem.regions
    assert [style.weight for style in region.styles] == [0.25, 0.75]
    sun = fit_image(noise(*SIZES["sun"], seed=2), 32, "stretch")
    assert torch.equal(region.styles[1].image, to_tensor(sun))


def test_a_blend_with_the_style_itself_is_that_style(folder: Path, defaults: Settings):
    problem = prepared(folder, defaults, blend={str(folder / "wave.png"): 0.3})
    assert [style.weight for style in problem.regions[0].styles] == [1.0]


def test_several_scales_are_several_sizes_with_equal_shares(folder: Path, defaults: Settings):
    blend = {str(folder / "sun.png"): 1.0}
    problem = prepared(folder, defaults, fit="keep", style_scales=(1.0, 1.5), blend=blend)
    sizes = [tuple(style.image.shape[2:]) for style in problem.regions[0].styles]
    assert sizes == [(32, 32), (48, 48), (32, 21), (48, 32)]
    assert [style.weight for style in problem.regions[0].styles] == [0.25] * 4
    assert problem.content.shape[2:] == (21, 32)


def test_without_a_blend_the_black_of_a_mask_is_no_region(folder: Path, defaults: Settings):
    halves(SIZES["cat"]).save(folder / "cat.mask.png")
    (region,) = prepared(folder, defaults, mask=BESIDE).regions
    assert region.mask is not None
    assert region.mask.shape == (1, 1, 32, 32)
    assert (region.mask[..., :14] == 1).all()
    assert (region.mask[..., 18:] == 0).all()


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad", "keep"])
def test_with_a_blend_it_is_that_of_the_other_styles(folder: Path, defaults: Settings, fit: str):
    halves(SIZES["cat"]).save(folder / "m.jpg")
    blend = {str(folder / "sun.png"): 0.25}
    problem = prepared(folder, defaults, mask=str(folder / "m.jpg"), blend=blend, fit=fit)
    own, others = problem.regions
    assert own.mask is not None and others.mask is not None
    assert own.mask.shape[2:] == problem.content.shape[2:]
    assert torch.equal(own.mask + others.mask, torch.ones_like(own.mask))
    assert [style.weight for style in (*own.styles, *others.styles)] == [1.0, 1.0]
    assert not torch.equal(own.styles[0].image, others.styles[0].image)


def test_no_mask_beside_is_no_mask(folder: Path, defaults: Settings):
    (region,) = prepared(folder, defaults, mask=BESIDE, style_mask=BESIDE).regions
    assert region.mask is None
    assert region.styles[0].guide is None


def test_styles_have_their_own_guides_at_every_scale(folder: Path, defaults: Settings):
    halves(SIZES["sun"]).save(folder / "sun.mask.png")
    (region,) = prepared(
        folder,
        defaults,
        style_mask=BESIDE,
        style_scales=(1.0, 2.0),
        blend={str(folder / "sun.png"): 1.0},
    ).regions
    guides = [style.guide for style in region.styles]
    assert guides[:2] == [None, None]
    for guide, edge in zip(guides[2:], (32, 64), strict=True):
        assert guide is not None
        assert guide.shape == (1, 1, edge, edge)
        assert guide.mean().item() == pytest.approx(0.5, abs=0.01)


def test_a_mask_over_a_style_that_leaves_nothing_is_refused(folder: Path, defaults: Settings):
    Image.new("L", (20, 20)).save(folder / "night.png")
    with pytest.raises(ImageError, match=r"night\.png.*black everywhere"):
        prepared(folder, defaults, style_mask=str(folder / "night.png"))


def test_a_mask_beside_has_to_have_the_shape_of_its_image(folder: Path, defaults: Settings):
    halves((40, 60)).save(folder / "cat.mask.png")
    with pytest.raises(ImageError, match=r"cat\.mask\.png.*same proportions"):
        prepared(folder, defaults, mask=BESIDE)
    named = prepared(folder, defaults, mask=str(folder / "cat.mask.png"))
    assert named.regions[0].mask is not None


def test_all_files_are_told_with_their_checksums(folder: Path, defaults: Settings):
    for name in ("cat", "wave", "sun"):
        halves(SIZES[name]).save(folder / f"{name}.mask.png")
    _, sources, _ = loaded(
        folder, defaults, mask=BESIDE, style_mask=BESIDE, blend={str(folder / "sun.png"): 1.0}
    )
    assert {role: source.path.name for role, source in sources.items()} == {
        "content": "cat.png",
        "style": "wave.png",
        "mask": "cat.mask.png",
        "style_mask": "wave.mask.png",
        "blend_1": "sun.png",
        "blend_1_mask": "sun.mask.png",
    }
    assert all(source.checksum == sha256(source.path) for source in sources.values())


@pytest.mark.parametrize(("dimensions", "size"), [(ORIGINAL, SIZES["cat"]), ("fitted", None)])
def test_outputs_get_the_dimensions_of_the_content_image_if_asked_for(
    folder: Path, defaults: Settings, dimensions: str, size: tuple[int, int] | None
):
    assert loaded(folder, defaults, dimensions=dimensions).postprocessor.original_size == size


def white_paint(size: tuple[int, int]) -> Image.Image:
    """White paint in the middle of a transparent layer."""
    layer = Image.new("LA", size, (0, 0))
    layer.paste((255, 255), (size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2))
    return layer


def test_a_mask_of_white_paint_on_a_transparent_layer_is_a_warning(
    folder: Path, defaults: Settings
):
    white_paint(SIZES["cat"]).save(folder / "cat.mask.png")
    white_paint(SIZES["wave"]).save(folder / "wave.mask.png")
    with pytest.warns(NeuralStyleWarning) as warned:
        prepared(folder, defaults, mask=BESIDE, style_mask=BESIDE)
    texts = [str(warning.message) for warning in warned]
    for name, text in zip(("cat", "wave"), texts, strict=True):
        assert f"{name}.mask.png' is white everywhere (transparent pixels count as white)" in text
        assert "so that it changes nothing; paint black" in text
        assert text.endswith(".")


@pytest.mark.parametrize("blend", [{}, {"sun.png": 1.0}])
def test_a_black_mask_is_a_warning(folder: Path, defaults: Settings, blend: dict[str, float]):
    Image.new("L", SIZES["cat"], 0).save(folder / "cat.mask.png")
    styles = {str(folder / name): weight for name, weight in blend.items()}
    with pytest.warns(NeuralStyleWarning, match=r"is black everywhere, so that the style acts no"):
        prepared(folder, defaults, mask=BESIDE, blend=styles)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("level", [1, 128, 254])
def test_a_gray_mask_is_no_warning(folder: Path, defaults: Settings, level: int):
    Image.new("L", SIZES["cat"], level).save(folder / "cat.mask.png")
    prepared(folder, defaults, mask=BESIDE)
