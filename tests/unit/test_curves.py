"""The records of a run, read back: what was written, without its weights, or a sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.unit.records import finish, sweep_of

from neural_style.report.runs import CurvesError, read_curves, read_run


@pytest.fixture
def folder(tmp_path, monkeypatch, schema) -> Path:
    monkeypatch.chdir(tmp_path)
    sweep = sweep_of(
        schema,
        ["cat.png"],
        ["sea.png"],
        settings={"alpha": [4], "beta": [1e5]},
        network={"content_layers": {"conv4_2": 2, "conv5_1": 3}, "style_layers": {"conv5_1": 10}},
        optimization={"epochs": 3},
    )
    (job,) = sweep.jobs
    finish(job)
    return job.folder


def edit(folder: Path, change) -> None:
    path = folder / "run.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    change(facts)
    path.write_text(json.dumps(facts), encoding="utf-8")


def test_losses_come_back_without_their_weights(folder):
    curves = read_curves(folder)
    epoch = np.arange(4)
    assert curves.epochs.tolist() == [0, 1, 2, 3]
    content, style = known(curves.loss("content")), known(curves.loss("style"))
    np.testing.assert_allclose(known(curves.layer("content/conv4_2")), epoch)
    np.testing.assert_allclose(known(curves.layer("content/conv5_1")), 2 * epoch)
    np.testing.assert_allclose(content, 2 * epoch + 3 * 2 * epoch)
    np.testing.assert_allclose(
        known(curves.layer("style/conv5_1")), 1e-4 / (epoch + 1.0), rtol=1e-5
    )
    weighted = curves.run.alpha * content + curves.run.beta * style
    np.testing.assert_allclose(curves.total, weighted, rtol=1e-5)


def known(values: np.ndarray | None) -> np.ndarray:
    assert values is not None
    return values


def test_the_finished_picture_has_losses_without_weights_too(folder):
    run = read_run(folder)
    assert run.saved_loss("content") == pytest.approx(8 * 3)
    assert run.saved_loss("style") == pytest.approx(10 * 1e-4 / 4)
    assert run.picture == folder / "generated_3.jpg"
    assert run.size == (60, 40)


@pytest.mark.parametrize(("key", "kind"), [("alpha", "content"), ("beta", "style")])
def test_a_loss_without_weight_is_not_known(folder, key, kind):
    edit(folder, lambda facts: facts["settings"].update({key: 0}))
    curves = read_curves(folder)
    assert curves.loss(kind) is None
    assert curves.run.saved_loss(kind) is None
    assert all(curves.layer(term) is None for term in curves.run.layers(kind))


def test_a_layer_of_another_setting_is_not_known(folder):
    assert read_curves(folder).layer("content/conv1_2") is None


def test_a_picture_of_another_folder_is_not_followed(folder):
    edit(folder, lambda facts: facts["picture"].update(file="../../../etc/passwd"))
    assert read_run(folder).picture == folder / "passwd"


DAMAGED_TABLES = {
    "empty": "",
    "only a header": "HEADER\n",
    "another header": "epoch,loss\n0,1\n",
    "a short row": "HEADER\n0,1,2\n",
    "a word": "HEADER\n0,x,1,1,1,1,1,1,1,1,1,1\n",
    "no term": "epoch,seconds,total,content,style\n0,1,1,1,1\n",
    "epochs twice": "HEADER\nROW\nROW\n",
    "no epoch": "HEADER\nnan,1,1,1,1,1,1,1,1,1,1,1\n",
}


@pytest.mark.parametrize("text", DAMAGED_TABLES.values(), ids=DAMAGED_TABLES.keys())
def test_a_damaged_table_is_named(folder, text):
    path = folder / "losses.csv"
    header, row, *_ = path.read_text(encoding="utf-8").splitlines()
    path.write_text(text.replace("HEADER", header).replace("ROW", row), encoding="utf-8")
    with pytest.raises(CurvesError, match=r"^cannot use .*losses\.csv: .*; make it again\.$"):
        read_curves(folder)


DAMAGED_RECORDS = {
    "empty": "",
    "torn": '{"settings": {',
    "a list": "[]",
    "no settings": "{}",
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("text", DAMAGED_RECORDS.values(), ids=DAMAGED_RECORDS.keys())
def test_a_damaged_record_is_named(folder, text):
    (folder / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(CurvesError, match=r"^cannot use .*run\.json: .*; make it again\.$"):
        read_curves(folder)


@pytest.mark.parametrize("value", [-1, "1", True, None, float("inf"), float("nan")])
def test_weights_are_numbers_from_0_up(folder, value):
    edit(folder, lambda facts: facts["settings"].update(beta=value))
    with pytest.raises(CurvesError, match=r"run\.json: it is damaged"):
        read_run(folder)


@pytest.mark.parametrize("name", ["losses.csv", "run.json"])
def test_a_missing_or_unreadable_file_is_named(folder, name):
    path = folder / name
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CurvesError, match=f"cannot read .*{name}: it is no text"):
        read_curves(folder)
    path.unlink()
    with pytest.raises(CurvesError, match=f"cannot read .*{name}: No such file"):
        read_curves(folder)


def test_values_that_are_not_finite_are_kept_for_who_draws_them(folder):
    path = folder / "losses.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    words = lines[2].split(",")
    lines[2] = ",".join([*words[:2], "nan", *words[3:]])
    path.write_text("\n".join(lines), encoding="utf-8")
    assert np.isnan(read_curves(folder).total).tolist() == [False, True, False, False]


def test_reading_and_drawing_need_no_torch():
    code = (
        "import sys, neural_style.report.plots;"
        "assert 'torch' not in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_snakefile_reads_the_names_of_plots_without_matplotlib():
    code = (
        "import sys, neural_style.report.outputs, neural_style.report.names;"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_style_losses_of_all_stages_can_be_compared(folder):
    """They come as if all had been minimized with the beta of the last stage."""
    all_stages = [{"epochs": 2, "beta": 2e4}, {"epochs": 1, "beta": 1e5}]
    plain = read_curves(folder)
    edit(folder, lambda facts: facts.update(stages=all_stages))
    curves = read_curves(folder)
    assert curves.run.factor("style") == 1e5
    factors = np.array([5, 5, 5, 1])
    expected = known(plain.loss("style")) * factors
    np.testing.assert_allclose(known(curves.loss("style")), expected)
    np.testing.assert_allclose(
        known(curves.layer("style/conv5_1")), known(plain.layer("style/conv5_1")) * factors
    )
    np.testing.assert_allclose(known(curves.loss("content")), known(plain.loss("content")))
    np.testing.assert_allclose(curves.total, plain.total)


def test_the_finished_picture_was_made_with_the_last_beta(folder):
    edit(folder, lambda facts: facts.update(stages=[{"epochs": 3, "beta": 4e5}]))
    assert read_run(folder).saved_loss("style") == pytest.approx(10 * 1e-4 / 4 / 4)
    assert read_run(folder).beta == 1e5


@pytest.mark.parametrize("all_stages", [[], [{"epochs": 3}], [{"epochs": 3, "beta": -1}], 5])
def test_a_course_that_is_none_is_told(folder, all_stages):
    edit(folder, lambda facts: facts.update(stages=all_stages))
    with pytest.raises(CurvesError, match=r"run\.json"):
        read_run(folder)
