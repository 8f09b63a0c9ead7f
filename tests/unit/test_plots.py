"""Plots: the right numbers as lines, every name in its place, and the same bytes each time."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from tests.unit.records import fail, finish, sweep_of, terms_of

from neural_style.plan.sweep import Sweep
from neural_style.plots.drawing import PlotError, draw_pairs, draw_sweep
from neural_style.plots.losses import MOST_LAYERS, plot_pair, plot_sweep
from neural_style.plots.outputs import MOST_PAIRS, files_of, plots_of, shown_pairs
from neural_style.plots.page import HEIGHT, WIDTH, Page
from neural_style.plots.pairs import MOST_SETTINGS, Pair, Pairs
from neural_style.plots.panels import MOST_POINTS, format_value, lines_of
from neural_style.plots.style import house_style, looks
from neural_style.plots.tradeoff import curves_of, plot_tradeoff, points_of

BETAS = [1e4, 1e5, 1e6]
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


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def make(schema) -> Callable[..., Sweep]:
    """A sweep, of which all jobs have finished."""

    def call(contents=("cat.png",), styles=("sea.png",), **config) -> Sweep:
        config = {"optimization": {"epochs": 20}, "settings": {"beta": BETAS}, **config}
        sweep = sweep_of(schema, list(contents), list(styles), **config)
        for job in sweep.jobs:
            finish(job)
        return sweep

    return call


def first_pair(sweep: Sweep) -> Pair:
    return Pairs(sweep).read(*next(itertools.product(sweep.contents, sweep.styles)))


def words(page: Page) -> list[str]:
    return [text.get_text() for text in page.figure.findobj(Text) if text.get_text()]


def panel(page: Page, title: str):
    (axes,) = [each for each in page.figure.axes if each.get_title(loc="left") == title]
    return axes


def drawn(page: Page, title: str) -> list[tuple[list[float], list[float]]]:
    return [
        (list(line.get_xdata()), list(line.get_ydata())) for line in panel(page, title).get_lines()
    ]


def assert_well_laid_out(page: Page) -> None:
    """No text on another, none on panels that are not its own, none off the page."""
    renderer = FigureCanvasAgg(page.figure).get_renderer()
    page.figure.draw(renderer)
    dots = page.figure.dpi
    top, bottom = HEIGHT * dots, (HEIGHT - page.used) * dots
    texts = list(visible_texts(page))
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts]
    for name, box in boxes:
        assert box.x0 >= 0 and box.x1 <= WIDTH * dots, f"{name!r} is cut at the side"
        assert box.y0 >= bottom - 0.12 * dots and box.y1 <= top, f"{name!r} is off the page"
    for (one, first), (other, second) in itertools.combinations(boxes, 2):
        width = min(first.x1, second.x1) - max(first.x0, second.x0)
        height = min(first.y1, second.y1) - max(first.y0, second.y0)
        # Boxes of rotated and of neighbouring lines may touch by the descent of a letter.
        assert width <= 1 or height <= 2, f"{one!r} lies on {other!r}"
    panels = [axes.get_window_extent(renderer) for axes in page.figure.axes]
    outside = [text for text in texts if text.axes is None]
    for text, box in itertools.product(outside, panels):
        extent = text.get_window_extent(renderer)
        apart = extent.x1 <= box.x0 or extent.x0 >= box.x1
        apart = apart or extent.y1 <= box.y0 + 1 or extent.y0 >= box.y1 - 1
        assert apart, f"{text.get_text()!r} lies on a panel"
    for line in page.figure.lines:  # the samples of the legend
        (y,) = set(np.asarray(line.get_ydata(), dtype=float).tolist())
        for box in panels:
            assert not box.y0 < y * top < box.y1, "the legend lies on a panel"


def visible_texts(page: Page) -> Iterator[Text]:
    yield from page.figure.texts
    for axes in page.figure.axes:
        children = axes.get_children() if axes.axison else axes.texts
        yield from (each for each in children if isinstance(each, Text) and each.get_text())
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            if axis.get_label().get_text():
                yield axis.get_label()
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if tick.label1.get_visible() and low <= tick.get_loc() <= high:
                    yield tick.label1


def test_lines_are_the_losses_without_their_weights(make):
    sweep = make()
    with house_style():
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


def test_a_third_part_of_the_total_gets_a_panel_and_is_named(make):
    sweep = make(paint={"total_variation": 5})
    pair = first_pair(sweep)
    with house_style():
        page = plot_pair(pair)
        whole = plot_sweep([pair], "total", 1)
    epochs = np.arange(21)
    for _, y in drawn(page, "total variation (without its weight)"):
        np.testing.assert_allclose(y, 2.0 + epochs, rtol=1e-5)
    lines = drawn(page, "total = α · content + β · style + smoothness")
    for (_, y), job in zip(lines, sweep.jobs, strict=True):
        np.testing.assert_allclose(y, sum(terms_of(job, 20).values()), rtol=1e-5)
    assert any("+ smoothness" in text for text in words(whole))


def test_axes_are_named_and_logarithmic(make):
    pair = first_pair(make())
    with house_style():
        page, trade = plot_pair(pair), plot_tradeoff(pair)
    for axes in page.figure.axes:
        assert axes.get_yscale() == "log"
        assert axes.get_xlim() == (0, 20)
    assert page.figure.axes[0].get_ylabel() == "loss (dimensionless)"
    assert page.figure.axes[-1].get_xlabel() == "epoch (iterations)"
    plane = trade.figure.axes[0]
    assert (plane.get_xscale(), plane.get_yscale()) == ("log", "log")
    assert plane.get_xlabel().startswith("content loss without α (dimensionless)")
    assert plane.get_ylabel().startswith("style loss without β (dimensionless)")


def test_a_layer_alone_gets_no_panel_of_its_own_and_several_do(make):
    layers = {"content_layers": {"conv4_2": 1, "conv5_2": 2}, "style_layers": {"conv1_1": 5}}
    with house_style():
        page = plot_pair(first_pair(make(network=layers)))
    titles = [axes.get_title(loc="left") for axes in page.figure.axes]
    assert titles[3:] == ["content, conv4_2 alone", "content, conv5_2 alone"]


def test_more_layers_than_a_page_holds_are_counted(make, schema):
    names = schema["$defs"]["layer"]["enum"]
    layers = {"style_layers": dict.fromkeys(names, 1), "content_layers": {"conv4_2": 1}}
    with house_style():
        page = plot_pair(first_pair(make(network=layers)))
    assert len(page.figure.axes) == 3 + MOST_LAYERS
    assert f"{len(names) - MOST_LAYERS} more layers are not shown." in words(page)
    assert_well_laid_out(page)


def test_the_plane_has_a_point_a_setting_and_a_line_along_beta(make):
    named = {"bold": {"beta": 3e5}, "other": {"beta": 1e5, "learning_rate": 0.5}}
    sweep = make(settings={"alpha": [1, 2], "beta": [1e6, 1e4], "named": named})
    points = points_of(first_pair(sweep))
    assert [point.content for point in points] == pytest.approx([20] * 6)
    assert [point.style for point in points] == pytest.approx([15e-4 / 21] * 6)
    curves = [[point.label for point in curve] for curve in curves_of(points)]
    assert curves == [["α 1   β 1e4", "bold", "α 1   β 1e6"], ["α 2   β 1e4", "α 2   β 1e6"]]


def test_thumbnails_are_the_finished_pictures(make):
    sweep = make()
    with house_style():
        page = plot_tradeoff(first_pair(sweep))
    pictures = [axes.get_images()[0] for axes in page.figure.axes[1:]]
    assert len(pictures) == 3
    for picture in pictures:
        teal = np.array(to_rgb("teal")) * 255
        np.testing.assert_allclose(
            np.asarray(picture.get_array()).reshape(-1, 3).mean(axis=0), teal, atol=3
        )


def test_settings_are_called_by_what_differs(make):
    page_of = first_pair(make(settings={"alpha": [1], "beta": BETAS, "named": {"bold": {}}}))
    assert page_of.labels == ("β 1e4", "β 1e5", "β 1e6", "bold")
    assert page_of.common == "α 1   lr 1"


@pytest.mark.parametrize(("name", "kind"), [("alpha", "content"), ("beta", "style")])
def test_a_weight_of_0_leaves_its_loss_out_and_says_so(make, name, kind):
    pair = first_pair(make(settings={name: [0, 1]}))
    sign = {"alpha": "α", "beta": "β"}[name]
    with house_style():
        page, trade = plot_pair(pair), plot_tradeoff(pair)
    assert len(drawn(page, f"{kind} loss (without {sign})")) == 1
    assert f"No {kind} loss is recorded where {sign} is 0: {sign} 0." in words(page)
    assert f"Without a point, as the weight of a loss, or a loss, is 0: {sign} 0." in words(trade)
    assert [point.label for point in points_of(pair)] == [f"{sign} 1"]
    assert len(trade.figure.axes) == 1 + 2, "the picture is shown all the same"


def test_failed_jobs_are_left_out_and_named(make):
    sweep = make()
    first, second, _third = sweep.jobs
    first.result.unlink()
    fail(first, "'images/style/sea.png' is torn.")
    (second.folder / "run.json").write_text("{", encoding="utf-8")
    pair = first_pair(sweep)
    assert [member.label for member in pair.members] == ["β 1e6"]
    with house_style():
        pages = plot_pair(pair), plot_tradeoff(pair), plot_sweep([pair], "style", 1)
    for page in pages[:2]:
        text = " ".join(words(page))
        assert "Not drawn: β 1e4 ('images/style/sea.png' is torn)." in text
        assert re.search(r"Not drawn: β 1e5 \(cannot use .*run\.json: it is damaged", text)
    assert "2 runs are not drawn" in " ".join(words(pages[2]))
    look = looks(3)[2]
    (line,) = panel(pages[0], "style loss (without β)").get_lines()
    assert (line.get_color(), line.get_marker()) == (look.colour, look.marker), "colours moved"
    for page in pages:
        assert_well_laid_out(page)


def test_nothing_finished_is_a_figure_that_says_so(make):
    sweep = make()
    for job in sweep.jobs:
        job.result.unlink()
    pair = first_pair(sweep)
    with house_style():
        pages = plot_pair(pair), plot_tradeoff(pair), plot_sweep([pair], "total", 1)
    assert "Not drawn: β 1e4 (not made yet)." in words(pages[0])
    for page in pages:
        assert_well_laid_out(page)
    draw_sweep(sweep)
    draw_pairs(sweep, "cat")


def test_many_failures_are_counted(make):
    sweep = make(settings={"beta": [float(n) for n in range(1, 11)]})
    for job in sweep.jobs:
        job.result.unlink()
    notes = first_pair(sweep).notes
    assert len(notes) == 5
    assert notes[-1] == "And 6 more are not drawn."


def test_gaps_are_where_a_logarithm_has_no_value(make):
    sweep = make(settings={})
    (job,) = sweep.jobs
    path = job.folder / "losses.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    for row, value in ((3, "nan"), (5, "inf"), (7, "-1"), (9, "0")):
        values = lines[row].split(",")
        lines[row] = ",".join([*values[:2], value, *values[3:]])
    path.write_text("\n".join(lines), encoding="utf-8")
    pair = first_pair(sweep)
    (line,) = lines_of(pair.members, "total", looks(1))
    assert np.flatnonzero(np.isnan(line.values)).tolist() == [2, 4, 6, 8]
    with house_style():
        assert_well_laid_out(plot_pair(pair))


def test_constant_and_single_values_have_a_scale(make):
    pair = first_pair(make(optimization={"epochs": 1}, settings={}))
    with house_style():
        pages = plot_pair(pair), plot_tradeoff(pair)
    low, high = pages[0].figure.axes[1].get_ylim()
    assert 0.5 < low < 1 < high < 2
    for page in pages:
        assert_well_laid_out(page)


def test_epochs_that_differ_end_where_they_end(make):
    named = {"long": {"optimization": {"epochs": 50}}}
    pair = first_pair(make(settings={"beta": [1e5], "named": named}))
    with house_style():
        page = plot_pair(pair)
    lines = drawn(page, "style loss (without β)")
    assert [x[-1] for x, _ in lines] == [20, 50]
    assert "α 1   β 1e5   lr 1  ·  60 × 40 px  ·  20–50 epochs" in words(page)
    assert page.figure.axes[0].get_xlim() == (0, 50)


def test_long_runs_are_thinned_and_end_with_the_end(make):
    pair = first_pair(make(optimization={"epochs": 5000}, settings={}))
    (line,) = lines_of(pair.members, "style", looks(1))
    assert len(line.epochs) <= MOST_POINTS + 1
    assert (line.epochs[0], line.epochs[-1]) == (0, 5000)


def test_layers_that_differ_are_said_to_differ_in_kind(make):
    named = {"deep": {"network": {"content_layers": {"conv5_2": 1}}}}
    with house_style():
        page = plot_tradeoff(first_pair(make(settings={"named": named})))
    assert "The settings compare different layers, so that their losses differ in kind." in words(
        page
    )


@pytest.mark.parametrize("count", [1, 2, 13, 30])
def test_legend_labels_and_thumbnails_cover_nothing(make, count):
    long = {"x" * 64: {}, "a-name-that-is-rather-long-for-a-label-of-a-point": {"beta": 7}}
    betas = [10.0**n for n in range(1, 16)]
    alphas = [0.1, 1.0] if count > 15 else [1.0]
    settings = {
        "alpha": alphas,
        "beta": betas[: min(count, 15)],
        "named": long if count > 1 else {},
    }
    pair = first_pair(make(settings=settings))
    with house_style():
        for page in (plot_pair(pair), plot_tradeoff(pair)):
            assert_well_laid_out(page)


def test_more_settings_than_looks_are_cut_with_a_sentence(make):
    every = MOST_SETTINGS + 4
    sweep = make(settings={"beta": [float(n) for n in range(every)]})
    pair = first_pair(sweep)
    assert len(pair.labels) == len(pair.members) == MOST_SETTINGS
    assert pair.notes == (f"The first {MOST_SETTINGS} of {every} settings are shown.",)


def test_looks_differ_without_their_colours():
    signs = {(str(look.dash), look.marker) for look in looks(MOST_SETTINGS)}
    assert len(signs) == MOST_SETTINGS


@pytest.mark.parametrize("count", [2, 3, 7])
def test_colours_go_from_dark_to_light_and_stay_off_the_paper(count):
    def lightness(colour: str) -> float:
        red, green, blue = (
            (c / 12.92 if c < 0.04 else ((c + 0.055) / 1.055) ** 2.4) for c in to_rgb(colour)
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    values = [lightness(look.colour) for look in looks(count)]
    assert values == sorted(values)
    assert min(b - a for a, b in itertools.pairwise(values)) > 0.01
    assert 1.05 / (values[-1] + 0.05) > 2, "too light for white paper"


def test_small_multiples_share_their_scales(make):
    sweep = make(["cat.png", "dog.png"], ["sea.png", "sun.png", "owl.png"])
    pairs = [Pairs(sweep).read(*ids) for ids in shown_pairs(sweep)]
    with house_style():
        page = plot_sweep(pairs, "content", len(sweep.styles))
    assert len({axes.get_ylim() for axes in page.figure.axes}) == 1
    titles = [axes.get_title(loc="left") for axes in page.figure.axes]
    assert titles[:4] == ["cat × owl", "cat × sea", "cat × sun", "dog × owl"]
    lefts = [axes.get_position().x0 for axes in page.figure.axes]
    assert lefts[0] == lefts[3] < lefts[1] == lefts[4], "a content is no row"
    assert_well_laid_out(page)


def test_a_large_sweep_is_cut_with_a_sentence(make):
    sweep = make([f"c{n}.png" for n in range(9)], [f"s{n}.png" for n in range(7)], settings={})
    pairs = [Pairs(sweep).read(*ids) for ids in shown_pairs(sweep)]
    assert len(pairs) == MOST_PAIRS < 9 * 7
    with house_style():
        page = plot_sweep(pairs, "total", 7, "The first 48 of 63 pairs.")
    assert "The first 48 of 63 pairs." in words(page)
    assert_well_laid_out(page)


def test_hostile_names_are_drawn_as_they_are_or_give_way_to_their_ids(make):
    sweep = make(HOSTILE[:6], HOSTILE[6:], settings={}, optimization={"epochs": 2})
    reader = Pairs(sweep)
    titles = []
    with house_style():
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


def test_a_reason_in_another_script_is_drawn_with_boxes(make):
    sweep = make()
    job = next(sweep.jobs)
    job.result.unlink()
    fail(job, "'images/神奈川 $\\alpha$ \x1b[31m.png' " + "is damaged " * 40 + "x" * 500)
    with house_style():
        page = plot_pair(first_pair(sweep))
    assert "□□□ $\\alpha$ \\x1b[31m.png" in " ".join(words(page))
    assert_well_laid_out(page)


def test_the_same_records_make_the_same_bytes_whatever_the_users_style(make):
    sweep = make()
    draw_pairs(sweep, "cat")
    draw_sweep(sweep)
    files = [Path(name) for name in plots_of(sweep.contents, sweep.styles)]
    before = [path.read_bytes() for path in files]
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "lines.linewidth": 9}):
        mine = dict(matplotlib.rcParams)
        draw_pairs(sweep, "cat")
        draw_sweep(sweep)
        assert dict(matplotlib.rcParams) == mine, "settings of matplotlib were changed"
    for path, content in zip(files, before, strict=True):
        assert path.read_bytes() == content, path
    found = {str(path) for path in Path("results/plots").rglob("*") if path.is_file()}
    assert found == set(plots_of(["cat"], ["sea"]))


def test_print_has_real_fonts_and_no_dates(make):
    sweep = make()
    draw_pairs(sweep, "cat")
    for path in Path("results/plots").rglob("*.pdf"):
        data = path.read_bytes()
        assert b"/Type3" not in data
        assert b"/FontFile2" in data
        assert b"CreationDate" not in data


def test_ids_with_dots_keep_them():
    assert files_of(Path("results/plots/losses/a.b/c.d")) == [
        "results/plots/losses/a.b/c.d.png",
        "results/plots/losses/a.b/c.d.pdf",
    ]


def test_an_unknown_content_is_named(make):
    with pytest.raises(PlotError, match=r"no content image 'cow'; results/index\.tsv lists"):
        draw_pairs(make(), "cow")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (0.05, "0.05"),
        (2500.0, "2500"),
        (1e4, "10⁴"),
        (2e-5, "2×10⁻⁵"),
        (1e-12, "10⁻¹²"),
        (1.5e-5, "1.5×10⁻⁵"),
    ],
)
def test_numbers_of_a_scale(value, text):
    assert format_value(value) == text
