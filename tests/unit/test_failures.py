"""Why a picture is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from neural_style.config.settings import Settings
from neural_style.config.sweep import Job
from neural_style.report.runs import reason


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defaults: Settings) -> Job:
    monkeypatch.chdir(tmp_path)
    return Job("cat", "sea", "1_1e6_1", Path("cat.jpg"), Path("sea.jpg"), defaults, Path("results"))


def log(job: Job, text: str) -> None:
    job.log.parent.mkdir(parents=True)
    job.log.write_text(text, encoding="utf-8")


def test_a_picture_that_is_there_needs_no_reason(job):
    job.result.parent.mkdir(parents=True)
    job.result.touch()
    log(job, "stylize: 'cat.jpg' is damaged.\n")
    assert reason(job) is None


def test_the_last_sentence_of_the_job_is_the_reason(job):
    log(job, "epoch 10\nstylize: first.\nstylize: 'cat.jpg' is damaged.\n[notice]\n")
    assert reason(job) == "'cat.jpg' is damaged."


def test_of_a_long_log_only_the_end_is_read(job):
    log(job, "stylize: long ago.\n" + "epoch\n" * 5000)
    assert reason(job) == "did not finish"


def test_without_a_log_it_has_not_been_tried(job):
    assert reason(job) == "not made yet"
