"""Finished jobs, read back: their losses without weights, facts, and reasons of failures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests import fake_results, samples
from tests.unit.records import finish, sweep_of

from neural_style.config.settings import Settings
from neural_style.config.sweep import Job
from neural_style.engine.job import run_job
from neural_style.report.runs import (
    RunError,
    failure_reason,
    read_curves,
    read_losses,
    read_run,
    run_summary,
)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    sweep = sweep_of(
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
    np.testing.assert_allclose(known(curves.unweighted("content/conv4_2")), epoch)
    np.testing.assert_allclose(known(curves.unweighted("content/conv5_1")), 2 * epoch)
    np.testing.assert_allclose(content, 2 * epoch + 3 * 2 * epoch)
    np.testing.assert_allclose(
        known(curves.unweighted("style/conv5_1")), 1e-4 / (epoch + 1.0), rtol=1e-5
    )
    weighted = curves.run.alpha * content + curves.run.beta * style
    np.testing.assert_allclose(curves.total, weighted, rtol=1e-5)


def known(values: np.ndarray | None) -> np.ndarray:
    assert values is not None
    return values


def test_the_saved_output_has_losses_without_weights_too(folder):
    run = read_run(folder)
    assert run.saved_loss("content") == pytest.approx(8 * 3)
    assert run.saved_loss("style") == pytest.approx(10 * 1e-4 / 4)
    assert run.output == folder / "generated_3.jpg"
    assert run.size == (60, 40)


@pytest.mark.parametrize(("key", "kind"), [("alpha", "content"), ("beta", "style")])
def test_a_loss_without_weight_is_not_known(folder, key, kind):
    edit(folder, lambda facts: facts["settings"].update({key: 0}))
    curves = read_curves(folder)
    assert curves.loss(kind) is None
    assert curves.run.saved_loss(kind) is None
    assert all(curves.unweighted(term) is None for term in curves.run.terms_of_kind(kind))


def test_a_layer_of_another_setting_is_not_known(folder):
    assert read_curves(folder).unweighted("content/conv1_2") is None


def test_an_output_in_another_folder_is_not_followed(folder):
    edit(folder, lambda facts: facts["output"].update(file="../../../etc/passwd"))
    assert read_run(folder).output == folder / "passwd"


DAMAGED_TABLES = {
    "empty": "",
    "only a header": "HEADER\n",
    "another header": "epoch,loss\n0,1\n",
    "a short row": "HEADER\n0,1,2\n",
    "a word": "HEADER\n0,x,1,1,1,1,1,1,1,1,1,1\n",
    "no term": "epoch,seconds,total,content,style\n0,1,1,1,1\n",
    "epochs twice": "HEADER\nROW\nROW\n",
    "no epoch": "HEADER\nnan,1,1,1,1,1,1,1,1,1,1,1\n",
    "a late epoch": "HEADER\nROW\n1e300,1,1,1,1,1,1,1,1,1,1,1\n",
    "half an epoch": "HEADER\nROW\n1.5,1,1,1,1,1,1,1,1,1,1,1\n",
    "an epoch before 0": "HEADER\n-1,1,1,1,1,1,1,1,1,1,1,1\n",
    "a loss of 1e308": "HEADER\n0,1,1e308,1,1,1,1,1,1,1,1,1\n",
    "a loss of 1e308 for a term": "HEADER\n0,1,1,1,1,1,1,1,1,1,1,-1e308\n",
    "400 digits": f"HEADER\n0,1,{'9' * 300},1,1,1,1,1,1,1,1,1\n",
    "a field of megabytes": f"HEADER\n0,1,{'9' * 5_000_000},1,1,1,1,1,1,1,1,1\n",
    "a word of megabytes": f"HEADER\n0,1,{'x' * 5_000_000},1,1,1,1,1,1,1,1,1\n",
    "a header of megabytes": f"HEADER,{'x' * 5_000_000}\nROW\n",
    "a null character": "HEADER\n0,1,\0,1,1,1,1,1,1,1,1,1\n",
    "rows without end": "HEADER\n" + "0,1,1,1,1,1,1,1,1,1,1,1\n" * 100_002,
}


@pytest.mark.parametrize("text", DAMAGED_TABLES.values(), ids=DAMAGED_TABLES.keys())
def test_a_damaged_table_is_named(folder, text):
    path = folder / "losses.csv"
    header, row, *_ = path.read_text(encoding="utf-8").splitlines()
    path.write_text(text.replace("HEADER", header).replace("ROW", row), encoding="utf-8")
    with pytest.raises(
        RunError, match=r"losses\.csv.*; delete this folder and run the job again\.$"
    ) as caught:
        read_curves(folder)
    assert len(str(caught.value)) < 400
    read_losses(folder, [0, 1])


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
    with pytest.raises(RunError, match=r"run\.json.*; delete this folder and run the job again\.$"):
        read_curves(folder)


def test_a_damaged_record_still_has_the_facts_that_it_says(folder):
    edit(folder, lambda facts: facts.update(saved_losses={}, seconds=7))
    run = read_run(folder)
    assert run.error == (
        f"{folder / 'run.json'} is missing 'parts'; delete this folder and run the job again."
    )
    assert (run.seconds, run.size) == (7, (60, 40))


def test_records_with_the_keys_of_older_versions_are_read(folder):
    def as_before(facts):
        facts["picture"] = facts.pop("output")
        facts["course"] = [{"epochs": 3, "beta": 4e5}]
        facts["optimised"] = {"width": 60, "height": 40}
        settings = facts["settings"]
        settings["colour"] = settings.pop("color")
        del settings["total_variation"]

    edit(folder, as_before)
    run = read_curves(folder).run
    assert (run.output, run.size) == (folder / "generated_3.jpg", (60, 40))
    assert run.factor("style") == 4e5
    assert run.term_factors["style/conv5_1"] == 4e6


HOSTILE = [1e308, 10**400, -1, "x" * 900_000, [], {}, {"x" * 900_000: 1}, [[[]]], None]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(
    "path",
    [
        ("settings",),
        ("settings", "alpha"),
        ("settings", "content_layers"),
        ("settings", "style_layers"),
        ("settings", "style_layers", "conv1_1"),
        ("saved_losses",),
        ("saved_losses", "parts"),
        ("saved_losses", "parts", "style/conv5_1"),
        ("output", "width"),
        ("output", "height"),
    ],
    ids=".".join,
)
def test_a_record_of_no_run_is_named(folder, path, value):
    def damage(facts):
        for name in path[:-1]:
            facts = facts[name]
        facts[path[-1]] = value

    edit(folder, damage)
    with pytest.raises(RunError, match=r"run\.json.*; delete this folder") as caught:
        read_curves(folder)
    assert len(str(caught.value)) < 600


def test_an_output_without_pixels_and_a_layer_of_no_network_are_damage(folder):
    for change in (
        lambda facts: facts["output"].update(width=0),
        lambda facts: facts["output"].update(height=10**9),
        lambda facts: facts["settings"].update(content_layers={"conv1_1/../x": 1}),
    ):
        before = (folder / "run.json").read_text(encoding="utf-8")
        edit(folder, change)
        with pytest.raises(RunError, match="damaged"):
            read_curves(folder)
        (folder / "run.json").write_text(before, encoding="utf-8")


@pytest.mark.parametrize("kind", ["content", "style"])
def test_a_record_without_layers_of_a_kind_is_damage_whatever_other_terms_it_has(folder, kind):
    def damage(facts):
        facts["settings"][f"{kind}_layers"] = {}
        facts["further_weights"] = {"smoothness/total_variation": 100.0}

    edit(folder, damage)
    with pytest.raises(RunError, match="damaged"):
        read_curves(folder)


def test_a_number_too_small_for_a_quotient_counts_as_0(folder):
    path = folder / "losses.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = lines[2].split(",")
    lines[2] = ",".join([*cells[:2], "1e-320", *cells[3:]])
    path.write_text("\n".join(lines), encoding="utf-8")
    assert read_curves(folder).total[1] == 0
    edit(folder, lambda facts: facts["settings"].update(alpha=1e-320))
    assert read_curves(folder).loss("content") is None


@pytest.mark.parametrize("value", [-1, "1", True, None, float("inf"), float("nan")])
def test_weights_are_numbers_from_0_up(folder, value):
    edit(folder, lambda facts: facts["settings"].update(beta=value))
    with pytest.raises(RunError, match=r"run\.json: it is damaged"):
        read_curves(folder)


@pytest.mark.parametrize("name", ["losses.csv", "run.json"])
def test_a_missing_or_unreadable_file_is_named(folder, name):
    path = folder / name
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(RunError, match=f"cannot read .*{name}: it is not text"):
        read_curves(folder)
    path.unlink()
    with pytest.raises(RunError, match=f"cannot read .*{name}: No such file"):
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
        "import sys, neural_style.report.plot_pairs;"
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
        known(curves.unweighted("style/conv5_1")),
        known(plain.unweighted("style/conv5_1")) * factors,
    )
    np.testing.assert_allclose(known(curves.loss("content")), known(plain.loss("content")))
    np.testing.assert_allclose(curves.total, plain.total)


def test_the_saved_output_has_the_last_beta(folder):
    edit(folder, lambda facts: facts.update(stages=[{"epochs": 3, "beta": 4e5}]))
    assert read_run(folder).saved_loss("style") == pytest.approx(10 * 1e-4 / 4 / 4)
    assert read_run(folder).beta == 1e5


@pytest.mark.parametrize("all_stages", [[], [{"epochs": 3}], [{"epochs": 3, "beta": -1}], 5])
def test_stages_that_are_damaged_are_named(folder, all_stages):
    edit(folder, lambda facts: facts.update(stages=all_stages))
    with pytest.raises(RunError, match=r"run\.json"):
        read_curves(folder)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defaults: Settings) -> Job:
    monkeypatch.chdir(tmp_path)
    return Job("cat", "sea", "1_1e6_1", Path("cat.jpg"), Path("sea.jpg"), defaults, Path("results"))


def log(job: Job, text: str) -> None:
    job.log.parent.mkdir(parents=True)
    job.log.write_text(text, encoding="utf-8")


def test_an_output_that_exists_needs_no_reason(job):
    job.final_output.parent.mkdir(parents=True)
    job.final_output.touch()
    log(job, "stylize: 'cat.jpg' is damaged.\n")
    assert failure_reason(job) is None


def test_the_last_sentence_of_the_job_is_the_reason(job):
    log(job, "epoch 10\nstylize: first.\nstylize: 'cat.jpg' is damaged.\n[notice]\n")
    assert failure_reason(job) == "'cat.jpg' is damaged."


def test_a_reason_of_several_lines_is_whole(job):
    log(
        job, "stylize: first.\nstylize: these are wrong:\nstylize:   cat.\nstylize:   dog.\n[end]\n"
    )
    assert failure_reason(job) == "these are wrong: cat. dog."


def test_of_a_long_log_only_the_end_is_read(job):
    log(job, "stylize: long ago.\n" + "epoch\n" * 5000)
    assert failure_reason(job) == "did not finish"


def test_without_a_log_it_has_not_been_tried(job):
    assert failure_reason(job) == "not made yet"


def test_what_a_job_writes_is_read(tmp_path, shallow, random_network):
    content, style = samples.CONTENT["chelsea"], samples.CONTENT["coffee"]
    settings = replace(shallow, total_variation=3.0)
    list(run_job(content, style, tmp_path, settings, torch.device("cpu")))
    curves = read_curves(tmp_path)
    run = curves.run
    assert run.error is None
    assert run.output.name == "generated_4.png"
    with Image.open(run.output) as output:
        assert run.size == output.size
    assert run.seconds is not None and run.seconds > 0
    assert run.device is not None and run.device.endswith(", float32")
    assert run.finished is not None and run.finished.startswith("20")
    total, content_loss, style_loss = run.totals or (0, 0, 0)
    assert content_loss == pytest.approx(run.alpha * (run.saved_loss("content") or 0))
    assert style_loss == pytest.approx(run.beta * (run.saved_loss("style") or 0))
    variation = run.saved["smoothness/total_variation"]
    assert total == pytest.approx(content_loss + style_loss + variation)
    assert curves.epochs.tolist() == [0, 1, 2, 3, 4]
    losses = read_losses(tmp_path, [0, 3, 9])
    assert list(losses) == [0, 3], "epoch 9 is not in the table"
    assert losses[3].total == pytest.approx(curves.total[3])
    assert losses[3].content == pytest.approx(
        run.alpha * known(curves.loss("content"))[3], rel=1e-4
    )
    assert losses[3].style == pytest.approx(run.beta * known(curves.loss("style"))[3], rel=1e-4)
    assert known(curves.unweighted("smoothness/total_variation")) == pytest.approx(
        curves.terms["smoothness/total_variation"] / 300
    )
    for kind, loss in zip(
        ("content", "style"), curves.run.without_weight(losses[3], 3), strict=True
    ):
        assert loss == pytest.approx(known(curves.loss(kind))[3], rel=1e-4)


def test_a_summary_says_what_was_made_what_failed_and_where(tmp_path, monkeypatch, defaults):
    monkeypatch.chdir(tmp_path)
    jobs = fake_results.make_jobs(["cat.png"], ["sea.png", "sun.png"], [1, 2, 3], defaults)
    gallery = Path("results/gallery/index.html")
    assert run_summary(jobs, 0, 9, gallery) == []
    for number, job in enumerate(jobs[:3]):
        fake_results.finish(job, number)
    os.utime(jobs[0].final_output, (50, 50))  # of an earlier run
    fake_results.fail(jobs[3], "cannot read 'images/x.png':\x1b[31m torn.")
    gallery.parent.mkdir(parents=True)
    gallery.touch()
    assert run_summary(jobs, 100, 283, gallery) == [
        "2 outputs made in 3 min.",
        "Failed: cat/sun/1_1_1: cannot read 'images/x.png': [31m torn.",
        "open results/gallery/index.html",
    ]
    assert run_summary(jobs, time.time() + 60, time.time() + 90, gallery) == []
    many = fake_results.make_jobs(["dog.png"], ["sea.png"], range(1, 12), defaults)
    for job in many:
        fake_results.fail(job, "torn.")
    assert run_summary(many, 100, 200, gallery)[-2:] == [
        "Failed: 3 more; the gallery says why.",
        "open results/gallery/index.html",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '{"saved_losses": 3, "output": [], "device": {}, "seconds": "long"}',
        '{"saved_losses": {"total": 1, "content": "x", "style": 2}}',
        '{"saved_losses": {"total": NaN, "content": 1, "style": Infinity}}',
        '{"measures": {"palette": "1", "speckle": NaN, "other": 1}}',
        '{"measures": [1]}',
        '{"seconds": true, "output": {"width": 0, "height": 7}}',
        f'{{"seconds": {"9" * 400}}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_record_says_nothing(tmp_path: Path, text: str):
    path = tmp_path / "run.json"
    path.write_text(text, encoding="utf-8")
    with suppress(RunError):
        run = read_run(tmp_path)
        assert run.error
        assert not any((run.totals, run.size, run.seconds, run.device, run.finished))
        assert not run.measures


def test_a_record_that_is_too_large_is_not_read(tmp_path: Path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"seconds": 1, "padding": "x" * (1 << 20)}), encoding="utf-8")
    with pytest.raises(RunError, match=r"run\.json: it is too large"):
        read_run(tmp_path)


def test_texts_are_bounded(tmp_path: Path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"device": "x" * 10_000}), encoding="utf-8")
    assert len(read_run(tmp_path).device or "") == 200


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"epoch,seconds\n0,1\n",
        b"epoch,total,content,style\n0,1,2,many\n",
        b"epoch,total,content,style\n0,1\n",
        b"epoch,total,content,style\n0,1,nan,inf\n",
        b"\xff\xfe\x00",
    ],
)
def test_losses_that_cannot_be_read_are_left_out(tmp_path: Path, data: bytes):
    (tmp_path / "losses.csv").write_bytes(data)
    assert read_losses(tmp_path, [0]) == {}


def test_losses_before_and_after_a_damaged_row_are_read(tmp_path: Path):
    assert read_losses(tmp_path, [0]) == {}, "there is no file"
    path = tmp_path / "losses.csv"
    path.write_text("epoch,total,content,style\n0,3,1,2\n1,x,y,z\n2,7,3,4\n3,1\n", encoding="utf-8")
    assert read_losses(tmp_path, [0, 1, 2, 3, 4]) == {0: (3, 1, 2), 2: (7, 3, 4)}
    path.write_text("epoch,total,content,style,style/conv1_1,smoothness/tv\n0,6,1,2,2,3\n")
    assert read_losses(tmp_path, [0]) == {0: (6, 1, 2)}


def test_only_the_rows_of_the_epochs_are_parsed(tmp_path: Path):
    path = tmp_path / "losses.csv"
    rows = "".join(f"{epoch},not,a,number\n" for epoch in range(1, 50_000))
    path.write_text(f"epoch,total,content,style\n0,3,1,2\n{rows}50000,7,3,4\n", encoding="utf-8")
    assert list(read_losses(tmp_path, [0, 50_000])) == [0, 50_000]
