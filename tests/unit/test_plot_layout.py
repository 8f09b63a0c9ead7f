"""The layout of plots: all text in its place, nothing covered, line styles that differ."""

from __future__ import annotations

import itertools

import pytest
from matplotlib.colors import to_rgb
from tests.unit.plotted import assert_well_laid_out, first_pair, words
from tests.unit.records import fail

from neural_style.report.figure import line_styles, plot_style
from neural_style.report.outputs import shown_pairs
from neural_style.report.plot_losses import plot_pair, plot_sweep
from neural_style.report.plot_pairs import MOST_SETTINGS, PairReader
from neural_style.report.plot_tradeoff import plot_tradeoff

HOSTILE = [
    "cost $x_1$ and $y^2$.png",
    "\\frac ab \\alpha.png",
    "_under__score_.png",
    "神奈川沖浪裏.png",
    "🌊.png",
    "شمس.png",
    "größe 'and' \"quotes\".png",
    "ends in $.png",
    "-script-&lt;.png",
    "n" * 200 + ".png",
    "% # & ~ ^ x.png",
    "-.png",
]
pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own", "no_further_fonts")


def test_constant_and_single_values_have_a_scale(finished_sweep):
    pair = first_pair(finished_sweep(optimization={"epochs": 1}, settings={}))
    with plot_style():
        pages = plot_pair(pair), plot_tradeoff(pair)
    low, high = pages[0].figure.axes[1].get_ylim()
    assert 0.5 < low < 1 < high < 2
    for page in pages:
        assert_well_laid_out(page)


@pytest.mark.parametrize("count", [1, 2, 13, 30])
def test_legend_labels_and_thumbnails_cover_nothing(finished_sweep, count):
    long = {"x" * 64: {}, "a-name-that-is-rather-long-for-a-label-of-a-point": {"beta": 7}}
    betas = [10.0**n for n in range(1, 16)]
    alphas = [0.1, 1.0] if count > 15 else [1.0]
    settings = {
        "alpha": alphas,
        "beta": betas[: min(count, 15)],
        "named": long if count > 1 else {},
    }
    pair = first_pair(finished_sweep(settings=settings))
    with plot_style():
        for page in (plot_pair(pair), plot_tradeoff(pair)):
            assert_well_laid_out(page)


def test_long_titles_of_panels_cover_nothing(finished_sweep):
    """As in a sweep that has the original method and a preset with other layers."""
    layers = {"style_layers": {f"relu{n}_1": 1 for n in range(1, 6)}}
    named = {"mine": {"network": layers, "transfer": {"total_variation": 0.5}}}
    with plot_style():
        assert_well_laid_out(plot_pair(first_pair(finished_sweep(settings={"named": named}))))


def test_line_styles_differ_without_their_colors():
    signs = {(str(style.dash), style.marker) for style in line_styles(MOST_SETTINGS)}
    assert len(signs) == MOST_SETTINGS


@pytest.mark.parametrize("count", [2, 3, 7])
def test_colors_go_from_dark_to_light_and_stay_off_the_paper(count):
    def lightness(color: str) -> float:
        red, green, blue = (
            (c / 12.92 if c < 0.04 else ((c + 0.055) / 1.055) ** 2.4) for c in to_rgb(color)
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    values = [lightness(style.color) for style in line_styles(count)]
    assert values == sorted(values)
    assert min(b - a for a, b in itertools.pairwise(values)) > 0.01
    assert 1.05 / (values[-1] + 0.05) > 2, "too light for white paper"


def test_small_multiples_share_their_scales(finished_sweep):
    sweep = finished_sweep(["cat.png", "dog.png"], ["sea.png", "sun.png", "owl.png"])
    pairs = [PairReader(sweep).read(*ids) for ids in shown_pairs(sweep)]
    with plot_style():
        page = plot_sweep(pairs, "content", len(sweep.styles))
    assert len({axes.get_ylim() for axes in page.figure.axes}) == 1
    titles = [axes.get_title(loc="left") for axes in page.figure.axes]
    assert titles[:4] == ["cat × owl", "cat × sea", "cat × sun", "dog × owl"]
    lefts = [axes.get_position().x0 for axes in page.figure.axes]
    assert lefts[0] == lefts[3] < lefts[1] == lefts[4], "a content is no row"
    assert_well_laid_out(page)


def test_hostile_names_are_drawn_as_they_are_or_give_way_to_their_ids(finished_sweep):
    sweep = finished_sweep(HOSTILE[:6], HOSTILE[6:], settings={}, optimization={"epochs": 2})
    reader = PairReader(sweep)
    titles = []
    with plot_style():
        for content, style in zip(sweep.contents, sweep.styles, strict=True):
            pair = reader.read(content, style)
            for page in (plot_pair(pair), plot_tradeoff(pair), plot_sweep([pair], "total", 1)):
                assert_well_laid_out(page)
                titles += words(page)
    text = "\n".join(titles)
    for name in ("cost $x_1$ and $y^2$", "\\frac ab \\alpha", "_under__score_", "% # & ~ ^ x"):
        assert name in text, f"{name} was not drawn as it is"
    for sign in ("神", "🌊"):
        assert sign not in text, "the font has no such letter"


def test_long_names_keep_the_sign_between_them_and_their_places(finished_sweep):
    names = ("n" * 200, "قطة " + "بحر" * 30)
    sweep = finished_sweep([f"{names[0]}.png"], [f"{names[1]}.png", "sea.png"])
    reader = PairReader(sweep)
    content = next(iter(sweep.contents))
    pairs = [reader.read(content, style) for style in sweep.styles]
    with plot_style():
        pages = [plot_pair(pairs[0]), plot_tradeoff(pairs[0]), plot_sweep(pairs, "total", 2)]
        for page in pages:
            assert_well_laid_out(page)
        for page in pages[:2]:
            (title,) = (each for each in words(page) if "×" in each and "loss" in each)
            content_name, style_name = title.split("×")
            assert content_name.strip("\u200e ").startswith("nnn")
            assert "قطة" in style_name


def test_letters_of_a_font_of_the_machine_are_drawn(
    finished_sweep, use_fonts, font_of_waves, tmp_path
):
    use_fonts(font_of_waves)
    sweep = finished_sweep(["神奈川.png"])
    pair = PairReader(sweep).read(*(next(iter(ids)) for ids in (sweep.contents, sweep.styles)))
    assert pair.content == "神奈川"
    with plot_style():
        page = plot_pair(pair)
        assert_well_laid_out(page)
        page.save(tmp_path / "figure")  # a letter without a font would warn, which fails


def test_a_reason_in_another_script_is_drawn_with_boxes(finished_sweep):
    sweep = finished_sweep()
    job = next(sweep.jobs)
    job.final_output.unlink()
    fail(job, "'images/神奈川 $\\alpha$ \x1b[31m.png' " + "is damaged " * 40 + "x" * 500)
    with plot_style():
        page = plot_pair(first_pair(sweep))
    assert "□□□ $\\alpha$ \\x1b[31m.png" in " ".join(words(page))
    assert_well_laid_out(page)
