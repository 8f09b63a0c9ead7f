"""Colors, formats, dimensions and opacity as named settings of one sweep, and what shows them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.workflow.conftest import Project, paint

from neural_style.images.decode import load_image
from neural_style.images.tensors import luminance, to_tensor

pytestmark = pytest.mark.slow

SMALL = {
    "image": {"size": 32, "fit": "stretch", "format": "png"},
    "optimization": {"epochs": 2, "save_every": 2, "precision": "fp32"},
    "network": {
        "content_layers": {"conv4_2": 0, "conv1_2": 1},
        "style_layers": {"conv1_1": 1, "conv2_1": 0, "conv3_1": 0, "conv4_1": 0, "conv5_1": 0},
    },
}
NAMED = {
    "brightness": {"transfer": {"color": "luminance"}},
    "palette": {"transfer": {"color": "match"}},
    "print": {"image": {"format": "tiff", "dimensions": "original"}},
    "cut out": {"image": {"format": "png16", "transparency": "keep", "fit": "keep"}},
    "web": {"image": {"format": "webp", "dimensions": "original", "transparency": "keep"}},
}
OPACITY = Image.radial_gradient("L").resize((60, 40))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A cut-out content image of 60 × 40 px in the style of a style image."""
    project = Project(tmp_path_factory.mktemp("outputs") / "project")
    photograph = paint(0).resize((60, 40)).convert("RGBA")
    photograph.putalpha(OPACITY)
    photograph.save(project.root / "images" / "content" / "cat.png")
    project.add("style", "sea.png", seed=1)
    project.configure({**SMALL, "settings": {"named": NAMED}})
    outcome = project.snakemake("all")
    outcome.assert_good()
    return project


def picture(project, setting, suffix="png"):
    return project.results / "cat" / "sea" / setting / f"generated_2.{suffix}"


def test_brightness_alone_is_transferred(sweep):
    before = to_tensor(load_image(sweep.root / "images/content/cat.png").resize((32, 32), 1))
    after = to_tensor(load_image(picture(sweep, "brightness")))
    chroma = [each - luminance(each) for each in (before, after)]
    assert (chroma[0] - chroma[1]).abs().max() <= 1 / 255 + 1e-6
    assert (before - after).abs().mean() > 0.01


def test_the_palette_is_another_one_with_another_color(sweep):
    """Nearer to the content image's than without."""
    content = to_tensor(load_image(sweep.root / "images/content/cat.png"))

    def distance(setting):
        made = to_tensor(load_image(picture(sweep, setting)))
        return float((made.mean(dim=(2, 3)) - content.mean(dim=(2, 3))).norm())

    assert distance("palette") < distance("1_1e6_1")


def test_16_bits_in_the_content_image_s_dimensions(sweep):
    levels = tifffile.imread(picture(sweep, "print", "tiff"))
    assert levels.shape == (40, 60, 3)
    assert levels.dtype == np.uint16


def test_opacity_is_fitted_or_whole_like_the_image(sweep):
    with Image.open(picture(sweep, "cut-out")) as fitted:
        assert (fitted.mode, fitted.size) == ("RGBA", (32, 21))
    with Image.open(picture(sweep, "web", "webp")) as whole:
        assert (whole.mode, whole.size) == ("RGBA", (60, 40))
        assert np.array_equal(np.asarray(whole.getchannel("A")), np.asarray(OPACITY))


def test_grids_plots_and_gallery_show_all_of_them(sweep):
    files = sweep.files()
    assert {
        "results/grids/content/cat.jpg",
        "results/grids/style/sea.jpg",
        "results/grids/epochs/cat/sea.jpg",
        "results/grids/grids.pdf",
        "results/plots/tradeoff/cat/sea.png",
        "results/gallery/index.html",
        "results/gallery/copies/cat/sea/print/generated_2.jpg",
    } <= files
    for setting in ("brightness", "palette", "print", "cut-out", "web"):
        assert f"results/gallery/thumbnails/cat/sea/{setting}.jpg" in files
    page = (sweep.results / "gallery" / "index.html").read_text(encoding="utf-8")
    assert '"missing":' not in page, "the data of the page give a reason"


def test_the_report_takes_all_of_them(sweep):
    sweep.snakemake("--report", "report.zip").assert_good()


def test_nothing_is_made_twice(sweep):
    assert sweep.would_run() == []


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (
            {"transparency": "keep", "format": "jpg"},
            "image.transparency: keep is not possible with image.format: jpg",
        ),
        (
            {"dimensions": "original", "fit": "crop"},
            "image.dimensions: original cannot bring back what image.fit: crop cuts off",
        ),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_starts(project, image, sentence):
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    project.configure({**SMALL, "settings": {"named": {"odd": {"image": image}}}})
    project.snakemake("-n").assert_refused(sentence)
