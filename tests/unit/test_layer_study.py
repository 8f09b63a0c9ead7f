"""The layer study: which images there are, how they are made, what is said of them."""

from __future__ import annotations

import csv
import json
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from layer_study_figure import main
from matplotlib.axes import Axes
from PIL import Image
from tests import samples

from neural_style.config.layer_study import (
    FIGURE,
    LAYER_LOSSES,
    LayerStudy,
    LayerStudyError,
    StudyImage,
    plan_study,
)
from neural_style.config.schema import complete
from neural_style.config.settings import RUN, Settings
from neural_style.engine import engine as engine_module
from neural_style.engine.layer_losses import (
    COLUMNS,
    LayerLoss,
    read_layer_losses,
    write_layer_losses,
)
from neural_style.engine.layer_study import StudyProgress, run_study
from neural_style.errors import NeuralStyleError, NeuralStyleWarning
from neural_style.images.decode import load_image
from neural_style.images.tensors import normalize, to_tensor
from neural_style.io import sha256
from neural_style.losses.terms import gram_matrix
from neural_style.model.layers import CONVOLUTIONS, receptive_field
from neural_style.model.vgg import Convolution, Vgg19
from neural_style.model.weights import Weights
from neural_style.report.figure import DOTS_PER_INCH, WIDTH, plot_style
from neural_style.report.grid_render import render_grid
from neural_style.report.study_figure import plot_study, study_grid

Schema = Mapping[str, Any]
CPU = torch.device("cpu")
EPOCHS = 12
CONTENT, STYLE = samples.CONTENT["chelsea"], samples.CONTENT["coffee"]
NAMES = [
    "content_conv1_1.png",
    "content_conv1_1_style_conv1_1-conv2_1.png",
    "content_conv1_1_style_conv1_1.png",
    "content_conv2_2.png",
    "content_conv2_2_style_conv1_1-conv2_1.png",
    "content_conv2_2_style_conv1_1.png",
    "style_conv1_1-conv2_1.png",
    "style_conv1_1.png",
]


@pytest.fixture(scope="module")
def study(shallow: Settings) -> LayerStudy:
    return LayerStudy(
        content=None,
        style=None,
        content_layers=("conv1_1", "conv2_2"),
        style_layers=("conv1_1", "conv2_1"),
        settings=replace(shallow, epochs=EPOCHS, save_every=EPOCHS),
    )


@pytest.fixture(scope="module")
def _random_network(random_convolutions: Mapping[str, Convolution]) -> Any:
    """A network that need not be read."""
    weights = Weights(random_convolutions, "random", "0" * 64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "load_weights", lambda source: weights)
        yield


@pytest.fixture(scope="module")
def made(
    study: LayerStudy, tmp_path_factory: pytest.TempPathFactory, _random_network: None
) -> tuple[Path, list[StudyProgress]]:
    """A finished study, and all that it said."""
    folder = tmp_path_factory.mktemp("study")
    with warnings.catch_warnings():  # so few iterations may not settle
        warnings.simplefilter("ignore", NeuralStyleWarning)
        return folder, list(run_study(study, CONTENT, STYLE, folder, CPU))


def test_the_images_are_reconstructions_then_every_pair(study: LayerStudy):
    sets = [("conv1_1",), ("conv1_1", "conv2_1")]
    assert list(study.style_sets) == sets
    assert [(each.content_layer, each.style_layers) for each in study.images] == [
        ("conv1_1", ()),
        ("conv2_2", ()),
        *((None, each) for each in sets),
        *(("conv1_1", each) for each in sets),
        *(("conv2_2", each) for each in sets),
    ]
    assert len({each.file for each in study.images}) == len(study.images)
    assert study.layers == ("conv1_1", "conv2_1", "conv2_2")


def test_a_reconstruction_starts_from_noise_and_a_stylization_from_the_content(study: LayerStudy):
    content, _, style, *_, both = map(study.settings_of, study.images)
    assert (content.content_layers, content.style_layers, content.init) == (
        {"conv1_1": 1.0},
        {},
        "noise",
    )
    assert (style.content_layers, style.style_layers, style.init) == (
        {},
        {"conv1_1": 1.0},
        "noise",
    )
    assert both.content_layers == {"conv2_2": 1.0}
    assert both.style_layers == {"conv1_1": 1.0, "conv2_1": 1.0}
    assert both.init == study.settings.init == "content"


def test_every_image_is_made_and_judged(study: LayerStudy, made: Any):
    folder, progress = made
    assert sorted(path.name for path in (folder / "images").iterdir()) == NAMES
    assert sorted(path.name for path in folder.iterdir()) == ["images", LAYER_LOSSES, RUN]
    facts = json.loads((folder / RUN).read_text(encoding="utf-8"))
    for role in ("content", "style"):
        assert facts[role]["sha256"] == sha256(Path(facts[role]["path"]))
    epochs = list(range(EPOCHS + 1))
    assert [step.progress.epoch for step in progress] == epochs * len(study.images)
    assert [step.number for step in progress[:: len(epochs)]] == list(range(len(study.images)))
    for name in NAMES:
        with Image.open(folder / "images" / name) as picture:
            assert (picture.size, picture.mode) == ((32, 32), "RGB")


def test_every_loss_falls(study: LayerStudy, made: Any):
    _, progress = made
    for picture in study.images:
        steps = [step.progress for step in progress if step.image == picture]
        first, *later = (float(step.losses.sum()) for step in steps)
        assert min(later) < 0.9 * first, picture.label


def test_terms_are_those_of_the_layers_alone(made: Any):
    _, progress = made
    names = {step.image.label: step.progress.term_names for step in progress}
    assert names["content of conv2_2"] == ("content/conv2_2",)
    assert names["style of conv1_1-conv2_1"] == ("style/conv1_1", "style/conv2_1")
    assert names["content of conv2_2 × style of conv1_1"] == ("content/conv2_2", "style/conv1_1")


def test_losses_are_those_of_the_saved_images(
    study: LayerStudy, made: Any, random_convolutions: Mapping[str, Convolution]
):
    folder, _ = made
    with (folder / LAYER_LOSSES).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS)
    assert [(row["picture"], row["layer"]) for row in rows] == [
        (picture.file, layer) for picture in study.images for layer in study.layers
    ]
    network = Vgg19(random_convolutions, study.layers)

    def features(path: Path) -> torch.Tensor:
        pixels = to_tensor(load_image(path).resize((32, 32), Image.Resampling.LANCZOS))
        return network(normalize(pixels))["conv2_1"].detach()

    (row,) = (
        row
        for row in rows
        if (row["picture"], row["layer"]) == ("images/style_conv1_1-conv2_1.png", "conv2_1")
    )
    of_picture = features(folder / row["picture"])
    content = (of_picture - features(CONTENT)).square().mean()
    style = (gram_matrix(of_picture) - gram_matrix(features(STYLE))).square().mean()
    assert float(row["content_loss"]) == pytest.approx(float(content), rel=1e-4)
    assert float(row["style_loss"]) == pytest.approx(float(style), rel=1e-4)
    assert (row["content_layer"], row["style_layers"]) == ("", "conv1_1+conv2_1")
    assert (row["receptive_field"], row["channels"]) == (str(receptive_field("conv2_1")), "128")
    assert len({each["style_of_noise"] for each in rows if each["layer"] == "conv2_1"}) == 1


def test_reconstructions_come_nearer_than_the_noise_they_start_from(made: Any):
    folder, _ = made
    rows = read_layer_losses(folder / LAYER_LOSSES)
    alone = [row for row in rows if row.layer == row.content_layer and not row.style_layers]
    textures = [
        row for row in rows if not row.content_layer and row.layer in row.style_layers.split("+")
    ]
    assert [row.layer for row in alone] == ["conv1_1", "conv2_2"]
    assert all(0 < row.relative_content < 0.9 for row in alone), alone
    assert [row.layer for row in textures] == ["conv1_1", "conv1_1", "conv2_1"]
    assert all(0 < row.relative_style < 0.9 for row in textures), textures


@pytest.mark.filterwarnings("ignore:.*did not settle:UserWarning")
def test_a_study_is_the_same_every_time(
    study: LayerStudy, made: Any, tmp_path: Path, _random_network: None
):
    folder, _ = made
    for _ in run_study(study, CONTENT, STYLE, tmp_path, CPU):
        pass
    for name in (LAYER_LOSSES, *(f"images/{name}" for name in NAMES)):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_a_loss_that_is_no_number_ends_the_study_in_words(
    study: LayerStudy, tmp_path: Path, _random_network: None
):
    endless = replace(study, settings=replace(study.settings, alpha=float("inf")))
    with pytest.raises(LayerStudyError, match=r"content_conv1_1\.png became infinite or NaN; "):
        for _ in run_study(endless, CONTENT, STYLE, tmp_path, CPU):
            pass
    assert not (tmp_path / "images").exists()


def test_an_image_that_does_not_fit_is_named(
    study: LayerStudy, tmp_path: Path, _random_network: None
):
    thin = tmp_path / "thin.png"
    Image.new("RGB", (1000, 2)).save(thin)
    kept = replace(study, settings=replace(study.settings, fit="keep"))
    with pytest.raises(NeuralStyleError, match=r"thin\.png.*needs"):
        next(run_study(kept, CONTENT, thin, tmp_path, CPU))


def test_the_figure_shows_every_image_in_its_place(study: LayerStudy, made: Any):
    folder, _ = made
    grid = study_grid(study, CONTENT, STYLE, folder)
    columns = [heading.replace("\N{NO-BREAK SPACE}", " ") for heading in grid.columns]
    assert columns == ["style of conv1_1", "style to conv2_1"]
    textures, *rows = grid.rows
    assert textures.margin and textures.margin.image == STYLE
    assert [tile.image for tile in grid.originals] == [CONTENT]
    assert [tile and tile.image for tile in textures.tiles] == [
        folder / StudyImage(None, layers).file for layers in study.style_sets
    ]
    for row, layer in zip(rows, study.content_layers, strict=True):
        assert row.heading == f"content of {layer}"
        assert row.margin and row.margin.image == folder / StudyImage(layer, ()).file
        assert [tile and tile.image for tile in row.tiles] == [
            folder / StudyImage(layer, layers).file for layers in study.style_sets
        ]
    tiles = [each for row in grid.rows for each in (*row.tiles, row.margin) if each]
    assert all(tile.image and tile.image.is_file() for tile in tiles)
    image = render_grid(grid, 64)
    assert image.width > 3 * 64
    assert image.height > 4 * 64


def test_the_figure_has_the_configured_size_and_quality(made: Any, tmp_path: Path):
    folder, _ = made
    shutil.copytree(folder, tmp_path / "study")
    layers = {"content_layers": ["conv1_1", "conv2_2"], "style_layers": ["conv1_1", "conv2_1"]}
    made_with = []
    for grids in ({"tile_size": 64}, {"tile_size": 96}, {"tile_size": 96, "quality": 10}):
        arguments = {
            "--config": json.dumps({"layer_study": layers, "grids": grids}),
            "--images": json.dumps({"content": str(CONTENT), "style": str(STYLE)}),
            "--output": str(tmp_path / "study"),
        }
        assert main([word for option in arguments.items() for word in option]) == 0
        figure = tmp_path / "study" / FIGURE
        with Image.open(figure) as image:
            made_with.append((image.size, figure.stat().st_size))
    (small, _), (size, fine), (same, coarse) = made_with
    assert small < size == same
    assert coarse < fine


def chart_of(rows: list[LayerLoss], folder: Path) -> list[Axes]:
    """Draw the chart into a folder; its panels."""
    study = plan_study(complete({"layer_study": {"size": 64, "epochs": 20}}))
    with plot_style():
        page = plot_study(rows, "cat", "sea $1$", study)
        page.save(folder / "chart")
    with Image.open(folder / "chart.png") as chart:
        assert chart.width == round(WIDTH * DOTS_PER_INCH)
    assert (folder / "chart.pdf").read_bytes().startswith(b"%PDF")
    assert len(list(folder.iterdir())) == 2
    return page.figure.axes


def test_the_chart_has_a_line_for_each_reconstruction_and_rings(made: Any, tmp_path: Path):
    folder, _ = made
    rows = read_layer_losses(folder / LAYER_LOSSES)
    for axes, kind in zip(chart_of(rows, tmp_path), ("content", "style"), strict=True):
        other = "style_layers" if kind == "content" else "content_layer"
        own = [row for row in rows if not getattr(row, other)]
        images = {row.image for row in own}
        *lines, _ = axes.lines  # the last one is that of the noise
        rings = [line for line in lines if line.get_markersize() > 7]
        assert len(rings) == len(lines) - len(rings) == len(images)
        assert [tick.get_text().split("\n")[0] for tick in axes.get_xticklabels()] == list(
            dict.fromkeys(row.layer for row in own)
        )
        assert axes.get_title(loc="left").startswith(f"{kind} reconstructions")


@pytest.mark.parametrize("of_noise", [2.0, 0.0])
def test_a_loss_of_zero_has_no_place_on_a_logarithmic_scale(tmp_path: Path, of_noise: float):
    row = LayerLoss("images/a.png", "conv1_1", "", "conv1_1", 3, 64, 0.0, 1.0, of_noise, 2.0)
    other = replace(row, image="images/b.png", content_layer="", style_layers="conv1_1")
    content, style = chart_of([row, other], tmp_path)
    assert [len(axes.lines[0].get_xdata()) for axes in (content, style)] == [0, 1]


def test_the_names_of_many_layers_are_rotated(tmp_path: Path):
    row = LayerLoss("images/a.png", "conv1_1", "", "conv1_1", 3, 64, 1.0, 1.0, 2.0, 2.0)
    rows = [replace(row, layer=layer) for layer in CONVOLUTIONS]
    rows += [replace(each, content_layer="", style_layers="conv5_4") for each in rows]
    for axes in chart_of(rows, tmp_path):
        assert {tick.get_rotation() for tick in axes.get_xticklabels()} == {90.0}


def test_the_table_is_read_as_it_was_written(tmp_path: Path):
    rows = [
        LayerLoss("images/a.png", "conv1_1", "", "conv1_1", 3, 64, 0.125, 1.5e-9, 2.0, 4.0),
        LayerLoss("images/b.png", "", "conv1_1+conv2_1", "conv2_1", 10, 128, 1, 2, 3, 4),
    ]
    write_layer_losses(rows, tmp_path / "losses.csv")
    assert read_layer_losses(tmp_path / "losses.csv") == rows
    assert rows[0].relative_content == 0.0625
    assert rows[1].relative_style == 0.5


@pytest.mark.parametrize("text", ["picture,layer\na,b\n", "\x00", ""])
def test_another_table_is_refused_in_words(tmp_path: Path, make_pipe, text: str):
    path = tmp_path / "losses.csv"
    path.write_text(text + ",".join(COLUMNS) + "\n")
    with pytest.raises(NeuralStyleError, match=r"cannot read .*losses\.csv' as losses of a layer"):
        read_layer_losses(path)
    with pytest.raises(NeuralStyleError, match="cannot read"):
        read_layer_losses(tmp_path / "absent.csv")
    make_pipe(path)
    with pytest.raises(NeuralStyleError, match="cannot read"):
        read_layer_losses(path)
