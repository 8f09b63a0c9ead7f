"""Text on grids, on plots, and in the gallery is easy to read: at least 4.5:1, as WCAG asks."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.colors import to_rgb
from tests.unit.plotted import first_pair, visible_texts

from neural_style.config.layer_study import plan_study
from neural_style.config.schema import complete
from neural_style.engine.layer_losses import LayerLoss
from neural_style.report import gallery_page, grid_render
from neural_style.report.figure import Page, plot_style
from neural_style.report.plot_losses import plot_pair
from neural_style.report.plot_tradeoff import plot_tradeoff
from neural_style.report.study_figure import plot_study

STYLES = Path(gallery_page.__file__).with_name("web") / "gallery.css"
SURFACES = ("paper", "raised", "blank", "stage")


def contrast(one: object, other: object) -> float:
    """The ratio of WCAG 2 between two colors of matplotlib, 1 to 21."""
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def luminance(color: object) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_ratio_is_that_of_the_standard():
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("text", [grid_render.INK, grid_render.GRAY])
@pytest.mark.parametrize("background", [grid_render.PAPER, grid_render.BLANK])
def test_text_of_grids(text, background):
    assert contrast(text, background) >= 4.5


@pytest.mark.usefixtures("in_a_folder_of_its_own")
def test_text_of_plots(finished_sweep):
    """Of a sweep with a setting without a point, so that there are notes, and of a layer study."""
    pair = first_pair(finished_sweep(settings={"alpha": [0, 1]}))
    study = plan_study(complete({"layer_study": {"size": 64, "epochs": 20}}))
    row = LayerLoss("images/a.png", "conv1_1", "", "conv1_1", 3, 64, 1.0, 1.0, 2.0, 2.0)
    rows = [row, replace(row, content_layer="", style_layers="conv1_1")]
    with plot_style():
        pages = plot_pair(pair), plot_tradeoff(pair), plot_study(rows, "cat", "sea", study)
        for page in pages:
            assert faintest_text(page) >= 4.5


def faintest_text(page: Page) -> float:
    page.figure.draw_without_rendering()
    backgrounds = [page.figure.get_facecolor(), *(a.get_facecolor() for a in page.figure.axes)]
    return min(
        contrast(text.get_color(), background)
        for text in visible_texts(page)
        for background in backgrounds
    )


def colors_of(styles: str, scheme: int) -> dict[str, str]:
    """The colors of the style sheet by their names, in light (0) or dark (1)."""
    variable = re.compile(r"--([\w-]+): light-dark\((#\w+), (#\w+)\);")
    return {name: pair[scheme] for name, *pair in variable.findall(styles)}


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_of_the_gallery(scheme):
    styles = re.sub(r"/\*.*?\*/", "", STYLES.read_text(encoding="utf-8"), flags=re.DOTALL)
    colors = colors_of(styles, scheme)
    found = {}
    for selector, rules in re.findall(r"([^{}]+)\{([^{}]*)\}", styles):
        key = "fill" if " text" in selector else "color"
        color = re.compile(rf"(?<![\w-]){key}: var\(--([\w-]+)\)")
        background = re.search(r"background: var\(--([\w-]+)\)", rules)
        for name in color.findall(rules):
            for surface in [background[1]] if background else SURFACES:
                found[f"{selector.strip()} on {surface}"] = contrast(colors[name], colors[surface])
    for share in re.findall(r"background: rgb\(0 0 0 / ([\d.]+)\); color: #fff;", styles):
        found[f"{share} on a white image"] = contrast("white", str(1 - float(share)))
    assert len(found) > 100
    assert {where: ratio for where, ratio in found.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_edges_of_controls_of_the_gallery(scheme):
    """3:1, as WCAG asks for what shows where a control is."""
    styles = STYLES.read_text(encoding="utf-8")
    assert re.search(r"\nselect, textarea, input.*border: 1px solid var\(--edge\)", styles)
    edge, *surfaces = (colors_of(styles, scheme)[name] for name in ("edge", "paper", "raised"))
    assert min(contrast(edge, surface) for surface in surfaces) >= 3
