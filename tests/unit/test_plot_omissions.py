"""What a plot leaves out: what failed, has no logarithm or no room; and that it says so."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from tests.unit.plotted import BETAS, assert_well_laid_out, drawn, first_pair, panel, words
from tests.unit.records import fail

from neural_style.report.figure import line_styles, plot_style
from neural_style.report.outputs import MOST_PAIRS, shown_pairs
from neural_style.report.plot_losses import MOST_LAYERS, lines_of, plot_pair, plot_sweep
from neural_style.report.plot_pairs import MOST_SETTINGS, PairReader, draw_pairs, draw_sweep
from neural_style.report.plot_tradeoff import plot_tradeoff, points_of

pytestmark = pytest.mark.usefixtures("in_a_folder_of_its_own")


def test_more_layers_than_a_page_holds_are_counted(finished_sweep, schema):
    names = schema["$defs"]["Layer"]["enum"]
    layers = {"style_layers": dict.fromkeys(names, 1), "content_layers": {"conv4_2": 1}}
    with plot_style():
        page = plot_pair(first_pair(finished_sweep(network=layers)))
    assert len(page.figure.axes) == 3 + MOST_LAYERS
    assert f"{len(names) - MOST_LAYERS} more layers are not shown." in words(page)
    assert_well_laid_out(page)


@pytest.mark.parametrize(("name", "kind"), [("alpha", "content"), ("beta", "style")])
def test_a_weight_of_0_leaves_its_loss_out_and_says_so(finished_sweep, name, kind):
    pair = first_pair(finished_sweep(settings={name: [0, 1]}))
    sign = {"alpha": "α", "beta": "β"}[name]
    with plot_style():
        page, trade = plot_pair(pair), plot_tradeoff(pair)
    assert len(drawn(page, f"{kind} loss (without {sign})")) == 1
    assert f"No {kind} loss is recorded where {sign} is 0: {sign}\u00a00." in words(page)
    assert f"Without a point, as the weight of a loss, or a loss, is 0: {sign}\u00a00." in words(
        trade
    )
    assert [point.label for point in points_of(pair)] == [f"{sign}\u00a01"]
    assert len(trade.figure.axes) == 1 + 2, "the output is shown in any case"


def test_failed_jobs_are_left_out_and_named(finished_sweep):
    sweep = finished_sweep()
    first, second, _third = sweep.jobs
    first.final_output.unlink()
    fail(first, "'images/style/sea.png' is torn.")
    (second.folder / "run.json").write_text("{", encoding="utf-8")
    pair = first_pair(sweep)
    assert [run.label for run in pair.runs] == ["β\u00a01e6"]
    with plot_style():
        pages = plot_pair(pair), plot_tradeoff(pair), plot_sweep([pair], "style", 1)
    for page in pages[:2]:
        text = " ".join(words(page))
        assert "Not drawn: β\u00a01e4 ('images/style/sea.png' is torn)." in text
        assert re.search(r"Not drawn: β\u00a01e5 \(cannot use .*run\.json': it is damaged", text)
    assert "2 runs are not drawn" in " ".join(words(pages[2]))
    style = line_styles(3)[2]
    (line,) = panel(pages[0], "style loss (without β)").get_lines()
    assert (line.get_color(), line.get_marker()) == (style.color, style.marker), "colors moved"
    for page in pages:
        assert_well_laid_out(page)


def test_nothing_finished_is_a_figure_that_says_so(finished_sweep):
    sweep = finished_sweep()
    for job in sweep.jobs:
        job.final_output.unlink()
    pair = first_pair(sweep)
    with plot_style():
        pages = plot_pair(pair), plot_tradeoff(pair), plot_sweep([pair], "total", 1)
    assert "Not drawn: β\u00a01e4 (not made yet)." in words(pages[0])
    for page in (pages[0], pages[2]):
        assert "no finished run" in words(page)
        assert "no value above 0" not in words(page)
    for page in pages:
        assert_well_laid_out(page)
    draw_sweep(sweep)
    draw_pairs(sweep, "cat")


def test_a_panel_without_a_run_keeps_the_scales_of_its_row_and_column(finished_sweep):
    """The numbers are at the outer panels only, and these may be the empty ones."""
    sweep = finished_sweep(["cat.png", "dog.png"], ["sea.png", "sun.png"])
    for job in sweep.jobs:
        if (job.content == "cat") == (job.style == "sea"):
            job.final_output.unlink()
    pairs = [PairReader(sweep).read(*ids) for ids in shown_pairs(sweep)]
    with plot_style():
        page = plot_sweep(pairs, "style", 2)
        assert_well_laid_out(page)
    assert words(page).count("no finished run") == 2
    texts = [text for axes in page.figure.axes for text in visible_axis_texts(axes)]
    assert texts.count("loss (dimensionless)") == 2
    assert texts.count("iteration") == 2
    assert len({axes.get_ylim() for axes in page.figure.axes}) == 1


def visible_axis_texts(axes):
    both = (axes.xaxis, axes.yaxis) if axes.axison else ()
    return [axis.get_label().get_text() for axis in both]


def test_many_failures_are_counted(finished_sweep):
    sweep = finished_sweep(settings={"beta": [float(n) for n in range(1, 11)]})
    for job in sweep.jobs:
        job.final_output.unlink()
    notes = first_pair(sweep).notes
    assert len(notes) == 5
    assert notes[-1] == "6 more are not drawn."


def test_gaps_are_where_a_logarithm_has_no_value(finished_sweep):
    sweep = finished_sweep(settings={})
    (job,) = sweep.jobs
    path = job.folder / "losses.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    for row, value in ((3, "nan"), (5, "inf"), (7, "-1"), (9, "0")):
        values = lines[row].split(",")
        lines[row] = ",".join([*values[:2], value, *values[3:]])
    path.write_text("\n".join(lines), encoding="utf-8")
    pair = first_pair(sweep)
    (line,) = lines_of(pair.runs, "total", line_styles(1))
    assert np.flatnonzero(np.isnan(line.values)).tolist() == [2, 4, 6, 8]
    with plot_style():
        assert_well_laid_out(plot_pair(pair))


def test_more_settings_than_line_styles_are_cut_with_a_sentence(finished_sweep):
    every = MOST_SETTINGS + 4
    sweep = finished_sweep(settings={"beta": [float(n) for n in range(every)]})
    pair = first_pair(sweep)
    assert len(pair.labels) == len(pair.runs) == MOST_SETTINGS
    assert pair.notes == (f"The first {MOST_SETTINGS} of {every} settings are shown.",)


def test_a_large_sweep_is_cut_with_a_sentence(finished_sweep):
    sweep = finished_sweep(
        [f"c{n}.png" for n in range(9)], [f"s{n}.png" for n in range(7)], settings={}
    )
    pairs = [PairReader(sweep).read(*ids) for ids in shown_pairs(sweep)]
    assert len(pairs) == MOST_PAIRS < 9 * 7
    with plot_style():
        page = plot_sweep(pairs, "total", 7, "The first 48 of 63 pairs.")
    assert "The first 48 of 63 pairs." in words(page)
    assert_well_laid_out(page)


@pytest.mark.parametrize("values", [("1e99", "1e-99"), ("1e-320", "1e-99"), ("inf", "nan")])
def test_extreme_losses_of_a_record_are_drawn(finished_sweep, values):
    sweep = finished_sweep()
    job = next(iter(sweep.jobs))
    path = job.folder / "losses.csv"
    rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
    for row, value in zip(rows[2:], values, strict=False):
        row[2:] = [value] * len(row[2:])
    path.write_text("\n".join(map(",".join, rows)), encoding="utf-8")
    record = job.folder / "run.json"
    facts = json.loads(record.read_text(encoding="utf-8"))
    facts["settings"]["style_loss"] = [values]
    record.write_text(json.dumps(facts), encoding="utf-8")
    pair = first_pair(sweep)
    assert len(pair.runs) == len(BETAS) and not pair.notes
    with plot_style():
        for page in (plot_pair(pair), plot_tradeoff(pair), plot_sweep([pair], "total", 1)):
            FigureCanvasAgg(page.figure).draw()


def test_a_damaged_run_is_missing_with_its_reason_and_the_rest_is_drawn(finished_sweep):
    sweep = finished_sweep()
    path = next(iter(sweep.jobs)).folder / "losses.csv"
    path.write_text(path.read_text(encoding="utf-8") + "9" * 5_000_000, encoding="utf-8")
    pair = first_pair(sweep)
    assert len(pair.runs) == len(BETAS) - 1
    (note,) = pair.notes
    assert "a row is too long" in note and len(note) < 400
    with plot_style():
        assert drawn(plot_pair(pair), "total = α · content + β · style")
