"""Finished jobs, read back: losses without weights, facts, reasons of failures, and a summary."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests import fake_results, samples
from tests.unit.records import edit

from neural_style.config.settings import Settings
from neural_style.config.sweep import Job
from neural_style.engine.job import run_job
from neural_style.report.loss_table import read_curves, read_losses
from neural_style.report.outcome import failure_reason, run_summary
from neural_style.report.runs import read_run


def test_losses_come_back_without_their_weights(job_folder):
    curves = read_curves(job_folder)
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


def test_the_saved_output_has_losses_without_weights_too(job_folder):
    run = read_run(job_folder)
    assert run.saved_loss("content") == pytest.approx(8 * 3)
    assert run.saved_loss("style") == pytest.approx(10 * 1e-4 / 4)
    assert run.output == job_folder / "generated_3.jpg"
    assert run.size == (60, 40)


@pytest.mark.parametrize(("key", "kind"), [("alpha", "content"), ("beta", "style")])
def test_a_loss_without_weight_is_not_known(job_folder, key, kind):
    edit(job_folder, lambda facts: facts["settings"].update({key: 0}))
    curves = read_curves(job_folder)
    assert curves.loss(kind) is None
    assert curves.run.saved_loss(kind) is None
    assert all(curves.unweighted(term) is None for term in curves.run.terms_of_kind(kind))


def test_a_layer_of_another_setting_is_not_known(job_folder):
    assert read_curves(job_folder).unweighted("content/conv1_2") is None


def test_records_with_the_keys_of_older_versions_are_read(job_folder):
    def as_before(facts):
        facts["picture"] = facts.pop("output")
        facts["course"] = [{"epochs": 3, "beta": 4e5}]
        facts["optimised"] = {"width": 60, "height": 40}
        settings = facts["settings"]
        settings["colour"] = settings.pop("color")
        del settings["total_variation"]

    edit(job_folder, as_before)
    run = read_curves(job_folder).run
    assert (run.output, run.size) == (job_folder / "generated_3.jpg", (60, 40))
    assert run.factor("style") == 4e5
    assert run.term_factors["style/conv5_1"] == 4e6


def test_values_that_are_not_finite_are_kept_for_who_draws_them(job_folder):
    path = job_folder / "losses.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    words = lines[2].split(",")
    lines[2] = ",".join([*words[:2], "nan", *words[3:]])
    path.write_text("\n".join(lines), encoding="utf-8")
    assert np.isnan(read_curves(job_folder).total).tolist() == [False, True, False, False]


def test_reading_and_drawing_need_no_torch():
    code = (
        "import sys, neural_style.report.plot_pairs;"
        "assert 'torch' not in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_style_losses_of_all_stages_can_be_compared(job_folder):
    """They come as if all had been minimized with the beta of the last stage."""
    all_stages = [{"epochs": 2, "beta": 2e4}, {"epochs": 1, "beta": 1e5}]
    plain = read_curves(job_folder)
    edit(job_folder, lambda facts: facts.update(stages=all_stages))
    curves = read_curves(job_folder)
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


def test_the_saved_output_has_the_last_beta(job_folder):
    edit(job_folder, lambda facts: facts.update(stages=[{"epochs": 3, "beta": 4e5}]))
    assert read_run(job_folder).saved_loss("style") == pytest.approx(10 * 1e-4 / 4 / 4)
    assert read_run(job_folder).beta == 1e5


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


def test_a_pipe_is_no_log(job, make_pipe):
    make_pipe(job.log)
    assert failure_reason(job) == "did not finish"


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


def test_only_the_rows_of_the_epochs_are_parsed(tmp_path: Path):
    path = tmp_path / "losses.csv"
    rows = "".join(f"{epoch},not,a,number\n" for epoch in range(1, 50_000))
    path.write_text(f"epoch,total,content,style\n0,3,1,2\n{rows}50000,7,3,4\n", encoding="utf-8")
    assert list(read_losses(tmp_path, [0, 50_000])) == [0, 50_000]
