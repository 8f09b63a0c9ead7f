"""What an image starts from: the content, noise, a file, or a mixture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from neural_style.bulk.plan import BulkError, make_bulk_plan
from neural_style.config.inputs import companions_of
from neural_style.config.schema import complete
from neural_style.config.settings import STARTS, Settings
from neural_style.engine.load import load_problem
from neural_style.images.decode import ImageError
from neural_style.images.tensors import color_statistics, luminance, to_pil_images
from neural_style.io import sha256
from neural_style.losses.problem import (
    Region,
    StyleReference,
    TransferProblem,
    initial_image,
    single_style_problem,
)

CPU = torch.device("cpu")
CONTENT = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(7))
GIVEN = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(8))


def started(settings: Settings, content: Tensor = CONTENT, given: Tensor | None = None) -> Tensor:
    problem = single_style_problem(content, torch.zeros(1, 3, 32, 32), settings)
    return initial_image(replace(problem, start=given))


def test_noise_depends_on_the_seed_alone(shallow: Settings):
    noise = replace(shallow, init="noise")
    first = started(noise)
    torch.rand(5)  # the global generator has no say
    assert torch.equal(first, started(noise, 1 - CONTENT))
    assert not torch.equal(first, started(replace(noise, seed=1)))
    assert first.shape == CONTENT.shape
    assert 0 <= first.min() < 0.01
    assert 0.99 < first.max() <= 1
    assert float(first.mean()) == pytest.approx(0.5, abs=0.02)


def test_the_start_from_the_content_does_not_care_about_the_seed(shallow: Settings):
    for seed in (0, 1):
        assert torch.equal(started(replace(shallow, seed=seed)), CONTENT)


@pytest.mark.parametrize("given", [None, GIVEN])
def test_a_share_of_noise_is_that_share_of_it(shallow: Settings, given: Tensor | None):
    plain = CONTENT if given is None else given
    noise = started(replace(shallow, init="noise"))
    for share in (0.0, 0.25, 0.5, 1.0):
        mixed = started(replace(shallow, init_noise=share), given=given)
        torch.testing.assert_close(mixed, (1 - share) * plain + share * noise)
    assert torch.equal(started(replace(shallow, init_noise=0.0), given=given), plain)
    assert torch.equal(started(replace(shallow, init_noise=1.0), given=given), noise)


def colors(image: Tensor) -> Tensor:
    """An image in colors of its own, far from the bounds: [1, 3, 48, 64]."""
    rows = torch.tensor([[0.3, 0.1, 0.2], [0.0, 0.1, -0.1], [0.1, 0.0, 0.2]])
    mixed = torch.einsum("rc,nchw->nrhw", rows, image - 0.5) + 0.5
    return torch.nn.functional.interpolate(mixed, (48, 64), mode="bilinear")


def recolored(settings: Settings, content: Tensor, *regions: Region) -> Tensor:
    problem = TransferProblem(replace(settings, init="recolored"), content, regions)
    return initial_image(problem)


def test_a_recolored_start_has_the_colors_of_the_style_and_smooth_chroma(shallow: Settings):
    content, style = colors(CONTENT), colors(GIVEN).flip(1)
    made = recolored(shallow, content, Region((StyleReference(style),)))
    found, wanted = (color_statistics(image) for image in (made, style))
    torch.testing.assert_close(found.mean, wanted.mean, rtol=0, atol=0.01)
    gray, expected = (luminance(image).std() for image in (made, style))
    assert float(gray) == pytest.approx(float(expected), rel=0.05)
    squares = made - luminance(made)
    steps = squares.diff(dim=3).abs().mean()
    assert float(steps) < float((content - luminance(content)).diff(dim=3).abs().mean()) / 2


def test_a_blend_gives_the_start_the_colors_of_its_mixture(shallow: Settings):
    content, one, other = colors(CONTENT), colors(GIVEN).flip(1), colors(1 - GIVEN) * 0.5
    styles = (StyleReference(one, 0.25), StyleReference(other, 0.75))
    made = recolored(shallow, content, Region(styles))
    wanted = color_statistics(torch.cat([one, other, other, other], dim=3))
    torch.testing.assert_close(color_statistics(made).mean, wanted.mean, rtol=0, atol=0.01)


def test_a_region_is_recolored_alone(shallow: Settings):
    content, style = colors(CONTENT), colors(GIVEN) * 0.5
    mask = torch.zeros(1, 1, 48, 64)
    mask[..., :32] = 1
    made = recolored(shallow, content, Region((StyleReference(style),), mask))
    torch.testing.assert_close(made[..., 32:], content[..., 32:])
    mean = color_statistics(made[..., :32]).mean
    torch.testing.assert_close(mean, color_statistics(style).mean, rtol=0, atol=0.02)


@pytest.mark.parametrize("style", [torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.6)])
@pytest.mark.parametrize("size", [(1, 1), (3, 20), (24, 32)])
def test_a_start_in_one_color_is_finite(shallow: Settings, style: Tensor, size: tuple[int, int]):
    content = CONTENT[..., : size[0], : size[1]]
    made = recolored(shallow, content, Region((StyleReference(style),)))
    assert made.shape == content.shape
    torch.testing.assert_close(made, style[..., :1, :1].expand_as(made))


def test_a_nearly_gray_image_gets_no_grain_from_its_chroma(shallow: Settings):
    """JPEG leaves some noise there, which a colorful style would amplify."""
    gray = torch.linspace(0.2, 0.8, 64).expand(1, 3, 48, 64)
    noise = torch.randn(1, 3, 48, 64, generator=torch.Generator().manual_seed(3)) * 3 / 255
    content = gray + noise - luminance(noise)
    style = torch.zeros(1, 3, 48, 64)
    style[:, 0, :, ::2], style[:, 2, :, 1::2] = 0.8, 0.9
    made = recolored(shallow, content, Region((StyleReference(style),)))
    rows = luminance(made)[0, 0]
    assert float((rows - rows.mean(dim=0)).std()) < 0.02


def test_without_a_style_or_in_luminance_the_content_stays(shallow: Settings):
    content, style = colors(CONTENT), colors(GIVEN)
    settings = replace(shallow, init="recolored")
    nothing = single_style_problem(content, style, replace(settings, beta=0.0))
    assert torch.equal(initial_image(nothing), content)
    gray = single_style_problem(content, style, replace(settings, color="luminance"))
    torch.testing.assert_close(initial_image(gray), gray.content, rtol=0, atol=0.02)
    mixed = single_style_problem(content, style, replace(settings, init_noise=0.5))
    plain = initial_image(replace(mixed, settings=settings))
    noise = started(replace(shallow, init="noise"), content)
    torch.testing.assert_close(initial_image(mixed), (plain + noise) / 2)


def test_a_guide_says_which_colors_of_the_style_count(shallow: Settings):
    content, half = colors(CONTENT), colors(GIVEN) * 0.5
    style = torch.cat([half, torch.ones_like(half)], dim=3)
    guide = torch.cat([torch.ones(1, 1, 48, 64), torch.zeros(1, 1, 48, 64)], dim=3)
    guided = recolored(shallow, content, Region((StyleReference(style, guide=guide),)))
    expected = recolored(shallow, content, Region((StyleReference(half),)))
    torch.testing.assert_close(guided, expected, rtol=0, atol=1e-5)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, and the current one, with a content, a style and two images to start from."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 48), "navy").save("content.png")
    Image.new("RGB", (50, 50), "gold").save("style.png")
    for name in ("noise", "start.png"):
        to_pil_images(GIVEN)[0].save(name, format="PNG")
    return tmp_path


def prepared_start(settings: Settings) -> Tensor:
    start = load_problem(Path("content.png"), Path("style.png"), settings, CPU)[0].start
    assert start is not None
    return start


def test_a_file_is_read_and_recorded(pictures: Path, shallow: Settings):
    settings = replace(shallow, init="start.png", fit="keep")
    problem, sources, *_ = load_problem(Path("content.png"), Path("style.png"), settings, CPU)
    torch.testing.assert_close(initial_image(problem), GIVEN, rtol=0, atol=0.5 / 255)
    assert sources["init"].path == Path("start.png")
    assert sources["init"].checksum == sha256(pictures / "start.png")


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad", "keep"])
@pytest.mark.parametrize("size", [(32, 24), (160, 120), (40, 70)])
def test_a_file_comes_to_the_size_of_the_image(
    pictures: Path, shallow: Settings, fit: str, size: tuple[int, int]
):
    Image.new("RGB", size, (51, 102, 204)).save("start.png")
    settings = replace(shallow, init="start.png", fit=fit)
    problem = load_problem(Path("content.png"), Path("style.png"), settings, CPU)[0]
    assert problem.start is not None
    assert problem.start.shape == problem.content.shape
    expected = torch.tensor([51, 102, 204]).view(1, 3, 1, 1) / 255
    torch.testing.assert_close(problem.start, expected.expand_as(problem.start))


def test_a_file_named_like_a_keyword_is_reached_by_its_folder(pictures: Path, shallow: Settings):
    settings = replace(shallow, init="./noise", fit="keep")
    torch.testing.assert_close(prepared_start(settings), GIVEN, rtol=0, atol=0.5 / 255)
    for keyword in STARTS:
        settings = replace(shallow, init=keyword)
        assert "init" not in companions_of(Path("content.png"), Path("style.png"), settings)
        assert load_problem(Path("content.png"), Path("style.png"), settings, CPU)[0].start is None


def test_a_file_that_cannot_be_read_is_named(pictures: Path, shallow: Settings):
    Path("broken.png").write_bytes(b"no image")
    for name in ("broken.png", "nowhere.png"):
        with pytest.raises(ImageError, match=name):
            prepared_start(replace(shallow, init=name))


def test_a_data_set_has_no_single_file_to_start_from():
    config = {"bulk": {"content": "photographs"}, "optimization": {"init": "start.png"}}
    with pytest.raises(BulkError, match=r"optimization.init: 'start.png' .* bulk.content"):
        make_bulk_plan(complete(config))
