"""Plots: the right numbers as lines and points, and the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from tests.unit.plotted import BETAS, drawn, first_pair, words
from tests.unit.records import terms_of

from neural_style.report.figure import line_styles, plot_style
from neural_style.report.outputs import files_of, plots_of, shown_pairs
from neural_style.report.plot_losses import (
    MOST_POINTS,
    lines_of,
    plot_pair,
    plot_sweep,
)
from neural_style.report.plot_pairs import PairReader, PlotError, draw_pairs, draw_sweep
from neural_style.report.plot_tradeoff import curves_of, plot_tradeoff, points_of

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


def test_lines_are_the_losses_without_their_weights(finished_sweep):
    sweep = finished_sweep()
    with plot_style():
        page = plot_pair(first_pair(sweep))
    epochs = np.arange(21)
    for kind, name, expected in (
        ("content loss", "without α", [np.where(epochs > 0, epochs, np.nan)] * 3),
        ("style loss", "without β", [15e-4 / (epochs + 1)] * 3),
    ):
        lines = drawn(page, f"{kind} ({name})")
        for (x, y), values in zip(lines, expected, strict=True):
            np.testing.assert_array_equal(x, epochs)
            np.testing.assert_allclose(y, values, rtol=1e-5)
    for n in range(1, 6):
        lines = drawn(page, f"style, conv{n}_1 alone")
        for _, y in lines:
            np.testing.assert_allclose(y, n * 1e-4 / (epochs + 1), rtol=1e-5)
        assert len(lines) == 3
    totals = drawn(page, "total = α · content + β · style")
    for (_, y), job in zip(totals, sweep.jobs, strict=True):
        np.testing.assert_allclose(y, sum(terms_of(job, 20).values()), rtol=1e-5)


def test_a_third_part_of_the_total_gets_a_panel_and_is_named(finished_sweep):
    sweep = finished_sweep(transfer={"total_variation": 5})
    pair = first_pair(sweep)
    with plot_style():
        page = plot_pair(pair)
        whole = plot_sweep([pair], "total", 1)
    epochs = np.arange(21)
    for _, y in drawn(page, "total variation\n(without\u00a0its\u00a0weight)"):
        np.testing.assert_allclose(y, 2.0 + epochs, rtol=1e-5)
    lines = drawn(page, "total = α · content + β · style +\ntotal variation")
    for (_, y), job in zip(lines, sweep.jobs, strict=True):
        np.testing.assert_allclose(y, sum(terms_of(job, 20).values()), rtol=1e-5)
    assert any("+ total variation" in text for text in words(whole))


def test_several_further_parts_of_the_total_are_named_in_a_note(finished_sweep):
    terms = {"total_variation": 5, "coherence": 1, "color_histogram": 1}
    pair = first_pair(finished_sweep(transfer=terms))
    with plot_style():
        pages = plot_pair(pair), plot_sweep([pair], "total", 1)
    for page in pages:
        text = " ".join(words(page)).replace("\n", " ")
        assert "total = α · content + β · style + 3 more terms" in text
        assert "The total also has " in text
        assert all(term.replace("_", " ") in text for term in terms)
        assert any(each.startswith("cat") for each in words(page))


def test_a_sweep_over_one_style_has_several_columns(finished_sweep):
    sweep = finished_sweep([f"c{n}.png" for n in range(8)], settings={})
    pairs = [PairReader(sweep).read(*ids) for ids in shown_pairs(sweep)]
    with plot_style():
        page = plot_sweep(pairs, "style", 1)
    assert len({round(axes.get_position().x0, 3) for axes in page.figure.axes}) == 6


def test_axes_are_named_and_logarithmic(finished_sweep):
    pair = first_pair(finished_sweep())
    with plot_style():
        page, trade = plot_pair(pair), plot_tradeoff(pair)
    for axes in page.figure.axes:
        assert axes.get_yscale() == "log"
        assert axes.get_xlim() == (0, 20)
    assert page.figure.axes[0].get_ylabel() == "loss (dimensionless)"
    assert page.figure.axes[-1].get_xlabel() == "iteration"
    plane = trade.figure.axes[0]
    assert (plane.get_xscale(), plane.get_yscale()) == ("log", "log")
    assert plane.get_xlabel().startswith("content loss without α (dimensionless)")
    assert plane.get_ylabel().startswith("style loss without β (dimensionless)")


def test_a_layer_alone_gets_no_panel_of_its_own_and_several_do(finished_sweep):
    layers = {"content_layers": {"conv4_2": 1, "conv5_2": 2}, "style_layers": {"conv1_1": 5}}
    with plot_style():
        page = plot_pair(first_pair(finished_sweep(network=layers)))
    titles = [axes.get_title(loc="left") for axes in page.figure.axes]
    assert titles[3:] == ["content, conv4_2 alone", "content, conv5_2 alone"]


def weights(alpha: int, beta: str) -> str:
    return f"α\u00a0{alpha}   β\u00a0{beta}   lr\u00a01"


def test_the_plane_has_a_point_a_setting_and_a_line_along_beta(finished_sweep):
    named = {"bold": {"beta": 3e5}, "other": {"beta": 1e5, "learning_rate": 0.5}}
    sweep = finished_sweep(settings={"alpha": [1, 2], "beta": [1e6, 1e4], "named": named})
    points = points_of(first_pair(sweep))
    assert [point.content for point in points] == pytest.approx([20] * 6)
    assert [point.style for point in points] == pytest.approx([15e-4 / 21] * 6)
    curves = [[point.label for point in curve] for curve in curves_of(points)]
    assert curves == [
        [weights(alpha=1, beta="1e4"), "bold", weights(alpha=1, beta="1e6")],
        [weights(alpha=2, beta="1e4"), weights(alpha=2, beta="1e6")],
    ]


def test_thumbnails_are_the_outputs(finished_sweep):
    sweep = finished_sweep()
    with plot_style():
        page = plot_tradeoff(first_pair(sweep))
    images = [axes.get_images()[0] for axes in page.figure.axes[1:]]
    assert len(images) == 3
    for image in images:
        teal = np.array(to_rgb("teal")) * 255
        np.testing.assert_allclose(
            np.asarray(image.get_array()).reshape(-1, 3).mean(axis=0), teal, atol=3
        )


def test_settings_are_called_by_what_differs(finished_sweep):
    page_of = first_pair(
        finished_sweep(settings={"alpha": [1], "beta": BETAS, "named": {"bold": {}}})
    )
    assert page_of.labels == ("β\u00a01e4", "β\u00a01e5", "β\u00a01e6", "bold")
    assert page_of.common == "α\u00a01   lr\u00a01"


def test_epochs_that_differ_end_where_they_end(finished_sweep):
    named = {"long": {"optimization": {"epochs": 50}}}
    pair = first_pair(finished_sweep(settings={"beta": [1e5], "named": named}))
    with plot_style():
        page = plot_pair(pair)
    lines = drawn(page, "style loss (without β)")
    assert [x[-1] for x, _ in lines] == [20, 50]
    assert pair.labels == (weights(alpha=1, beta="1e5"), "long")
    assert "60 × 40 px  ·  20–50 iterations" in words(page)
    assert page.figure.axes[0].get_xlim() == (0, 50)


def test_long_runs_are_thinned_and_end_with_the_end(finished_sweep):
    pair = first_pair(finished_sweep(optimization={"epochs": 5000}, settings={}))
    (line,) = lines_of(pair.runs, "style", line_styles(1))
    assert len(line.epochs) <= MOST_POINTS + 1
    assert (line.epochs[0], line.epochs[-1]) == (0, 5000)


def test_layers_that_differ_are_said_to_differ_in_kind(finished_sweep):
    named = {"deep": {"network": {"content_layers": {"conv5_2": 1}}}}
    said = "The settings compare different layers, so that their losses differ in kind."
    pair = first_pair(finished_sweep(settings={"named": named}))
    with plot_style():
        for page in (plot_tradeoff(pair), plot_pair(pair), plot_sweep([pair], "content", 1)):
            assert said in words(page)


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("content", "content_loss", "contraharmonic"),
        ("content", "content_focus", 1),
        ("style", "style_loss", "wasserstein"),
    ],
)
def test_losses_of_different_kinds_are_said_not_to_compare(finished_sweep, kind, key, value):
    said = f"The settings differ in {key}: do not compare their {kind} losses."
    other = {"other": {"transfer": {key: value}}}
    with plot_style():
        assert said in words(plot_tradeoff(first_pair(finished_sweep(settings={"named": other}))))


def test_the_same_records_make_the_same_bytes_with_any_style_of_the_user(finished_sweep):
    sweep = finished_sweep()
    draw_pairs(sweep, "cat")
    draw_sweep(sweep)
    files = [Path(name) for name in plots_of(Path("results"), sweep.contents, sweep.styles)]
    before = [path.read_bytes() for path in files]
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "lines.linewidth": 9}):
        mine = dict(matplotlib.rcParams)
        draw_pairs(sweep, "cat")
        draw_sweep(sweep)
        assert dict(matplotlib.rcParams) == mine, "settings of matplotlib were changed"
    for path, content in zip(files, before, strict=True):
        assert path.read_bytes() == content, path
    found = {str(path) for path in Path("results/plots").rglob("*") if path.is_file()}
    assert found == set(plots_of(Path("results"), ["cat"], ["sea"]))
    for path in Path("results/plots").rglob("*.pdf"):
        data = path.read_bytes()
        assert b"/Type3" not in data, "its letters are no fonts"
        assert b"/FontFile2" in data
        assert b"CreationDate" not in data


def test_ids_with_dots_keep_them():
    assert files_of(Path("results/plots/losses/a.b/c.d")) == [
        "results/plots/losses/a.b/c.d.png",
        "results/plots/losses/a.b/c.d.pdf",
    ]


def test_an_unknown_content_is_named(finished_sweep):
    with pytest.raises(PlotError, match=r"no content image 'cow'; results/index\.tsv lists"):
        draw_pairs(finished_sweep(), "cow")
