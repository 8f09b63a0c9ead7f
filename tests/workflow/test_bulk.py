"""A data set made with Snakemake: shards, manifests, and what a second run does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from tests.workflow.conftest import BINARIES, REPOSITORY, Project, paint

from neural_style.bulk.journal import Journal, Row, latest_rows

SHALLOW = {"content_layers": {"conv1_1": 1}, "style_layers": {"conv1_1": 1, "conv2_1": 1}}
CONFIG: dict[str, Any] = {
    "bulk": {
        "content": "photos",
        "style": "styles",
        "output": "data set",
        "shard_size": 4,
        "failed_fraction": 0.3,
    },
    "image": {"size": 32, "fit": "keep"},
    "network": SHALLOW,
    "optimization": {"epochs": 2, "precision": "fp32"},
}
CONTENT_IMAGES = ["a/1.png", "a/2.png", "a/b/3.png", "a/b/3.jpg", "c/$(touch pwned) é.png"]


def add(project: Project, name: str, seed: int, side: int = 40) -> Path:
    path = project.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    paint(seed, side).save(path)
    return path


def dates(project: Project) -> dict[str, int]:
    output = project.root / "data set"
    found = (path for path in output.rglob("*.*") if "_bulk" not in path.parts)
    return {str(path.relative_to(output)): path.stat().st_mtime_ns for path in found}


def rows(project: Project, paths: str = "manifests") -> list[Row]:
    found = (project.root / "data set" / "_bulk" / paths).glob("*.tsv")
    return [row for path in sorted(found) for row in latest_rows(path).values()]


def run_bulk(project: Project, *options: str) -> list[str]:
    """Run the target; the shards that were worked on."""
    outcome = project.snakemake(*options, "--", "bulk")
    outcome.assert_good()
    return [job for job in outcome.jobs if job.startswith("bulk_shard")]


@pytest.fixture(scope="session")
def finished(made_once: Callable[..., Any]) -> Project:
    """A finished data set of two shards, one content image unreadable; tests must not change it."""

    def make(folder: Path) -> None:
        project = Project(folder)
        for seed, name in enumerate(CONTENT_IMAGES):
            add(project, f"photos/{name}", seed)
        (project.root / "photos" / "a" / "0bad.jpg").write_bytes(b"no image")
        add(project, "styles/sea.png", 50)
        project.configure(CONFIG)
        assert run_bulk(project) == ["bulk_shard 000000", "bulk_shard 000001"]

    return Project(made_once("bulk", make)[0])


@pytest.fixture
def data(finished: Project, tmp_path: Path) -> Project:
    return finished.copy(tmp_path / "project")


def test_the_tree_is_mirrored_and_a_bad_content_image_is_a_row(finished: Project):
    names = ["a/1.jpg", "a/2.jpg", "a/b/3.jpg", "a/b/3.png.jpg", "c/$(touch pwned) é.jpg"]
    assert sorted(dates(finished)) == [f"sea/1_1e6_1/{name}" for name in names]
    for name in dates(finished):
        with Image.open(finished.root / "data set" / name) as image:
            assert image.size == (40, 40)
    assert Counter(row.status for row in rows(finished)) == {"done": 5, "failed": 1}
    (failed,) = (row for row in rows(finished) if row.status == "failed")
    assert failed.content == "a/0bad.jpg" and "is not an image" in failed.reason
    assert not list(finished.root.rglob("pwned"))
    assert not finished.results.exists(), "the sweep was made, too"


def test_the_sweep_still_says_that_its_images_are_missing(finished: Project):
    finished.snakemake("-n").assert_refused("'images/content' contains no image")


def test_a_finished_data_set_does_not_change(data: Project):
    before = dates(data)
    outcome = data.snakemake("--", "bulk")
    outcome.assert_good()
    assert "Nothing to be done" in outcome.text
    assert dates(data) == before


def test_adding_a_content_image_a_style_and_a_setting_makes_nothing_again(data: Project):
    before = dates(data)
    add(data, "photos/a/0.png", 60)
    assert run_bulk(data, "-n") == ["bulk_shard 000001"]
    add(data, "styles/sun.png", 61)
    data.configure({**CONFIG, "settings": {"beta": [1e6, 1e5]}})
    assert len(run_bulk(data)) == 2
    after = dates(data)
    assert {name: after[name] for name in before} == before
    assert len(after) == 6 * 2 * 2


@pytest.mark.slow
def test_what_verify_finds_is_made_again_and_nothing_else(data: Project):
    data.snakemake("--", "bulk_verify").assert_good()
    before = dates(data)
    lost, damaged = "sea/1_1e6_1/a/1.jpg", "sea/1_1e6_1/c/$(touch pwned) é.jpg"
    (data.root / "data set" / lost).unlink()
    (data.root / "data set" / damaged).write_bytes(b"half")
    outcome = data.snakemake("--", "bulk_verify")
    assert outcome.code != 0
    for line in (f"missing\t{lost}\t", f"corrupt\t{damaged}\t", "1 corrupt, 1 failed, 3 good"):
        assert line in outcome.text, outcome.text
    assert len(run_bulk(data)) == 2
    after = dates(data)
    assert {name for name in after if after[name] != before.get(name)} == {lost, damaged}
    data.snakemake("--", "bulk_verify").assert_good()


def test_more_failures_than_allowed_fail_the_run_and_keep_the_rest(data: Project):
    (data.root / "photos" / "a" / "1.png").write_bytes(b"no image either")
    outcome = data.snakemake("--", "bulk")
    outcome.assert_refused("2 of the 4 outputs of shard 0 failed", "bulk.failed_fraction (0.3)")
    assert len(dates(data)) == 5, "an output was removed"
    add(data, "photos/a/1.png", 0)
    add(data, "photos/a/0bad.jpg", 70)
    assert run_bulk(data) == ["bulk_shard 000000"]
    assert Counter(row.status for row in rows(data)) == {"done": 6}


def start_worker(project: Project, shard: int, *options: str) -> subprocess.Popen[str]:
    script = REPOSITORY / "workflow" / "scripts" / "bulk.py"
    command = [sys.executable, script, "--output", "data set", "--shard", str(shard)]
    return subprocess.Popen(
        [str(word) for word in [*command, "--threads", "1", *options]],
        cwd=project.root,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_outputs(project: Project, count: int) -> None:
    deadline = time.monotonic() + 300
    while sum(row.status == "done" for row in rows(project, "journals")) < count:
        assert time.monotonic() < deadline, "the worker makes nothing"
        time.sleep(0.05)


@pytest.mark.slow
def test_killed_and_terminated_runs_resume_and_lose_nothing(project: Project):
    for number in range(8):
        add(project, f"photos/{number}.png", number, 64)
    add(project, "styles/sea.png", 50)
    project.configure(
        {
            **CONFIG,
            "image": {"size": 64, "fit": "keep"},
            "bulk": {**CONFIG["bulk"], "shard_size": 8, "batch": 1},
            "optimization": {"epochs": 100, "precision": "fp32"},
        }
    )
    command = [BINARIES / "snakemake", "-s", REPOSITORY / "Snakefile", "--directory", project.root]
    snakemake = subprocess.Popen(
        [*map(str, command), "--configfile", "config.yaml", "--cores", "1", "--", "bulk"],
        cwd=project.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for_outputs(project, 2)
    os.killpg(snakemake.pid, signal.SIGKILL)
    snakemake.wait()
    kept = dates(project)
    assert 2 <= len(kept) < 8
    for name in kept:
        with Image.open(project.root / "data set" / name) as image:
            image.load()

    worker = start_worker(project, 0)
    wait_for_outputs(project, len(kept) + 1)
    worker.terminate()
    _, said = worker.communicate(timeout=60)
    assert worker.returncode == 128 + signal.SIGTERM and "kept" in said
    ended = dates(project)
    assert len(ended) < 8, "it did not end before all was made"
    done = [row for row in rows(project, "journals") if row.status == "done"]
    assert len(done) == len(ended), "what was saved is not in the journal"

    worker = start_worker(project, 0)
    _, said = worker.communicate(timeout=300)
    assert worker.returncode == 0, said
    after = dates(project)
    assert len(after) == 8
    assert {name: after[name] for name in ended} == ended
    lost = sum(after[name] != date for name, date in kept.items())
    assert lost <= 1, "more than the output that was being saved was made twice"
    assert not list((project.root / "data set" / "_bulk").glob("partial/*"))


def test_without_a_data_set_the_target_says_what_to_set(project: Project):
    project.add("content", "cat.png", 0)
    project.add("style", "sea.png", 1)
    project.configure({})
    outcome = project.snakemake("-n", "--", "bulk")
    outcome.assert_refused("bulk.content: no data set is named; set bulk.content")


def test_a_worker_names_a_folder_without_a_data_set(tmp_path: Path):
    path = REPOSITORY / "workflow" / "scripts" / "bulk.py"
    ended = subprocess.run(
        [sys.executable, str(path), "--output", "nowhere", "--shard", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert "there is no data set in 'nowhere'" in ended.stderr and "Traceback" not in ended.stderr


def test_a_second_signal_does_not_cut_the_end_of_a_worker():
    code = (
        "import os, signal, sys, time\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import bulk\n"
        "signal.signal(signal.SIGTERM, bulk._leave)\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(9)\n"
        "except SystemExit as end:\n"
        "    for number in (signal.SIGTERM, signal.SIGHUP):\n"
        "        os.kill(os.getpid(), number)\n"
        "    time.sleep(0.1)\n"
        "    print('finished', end.code)\n"
    )
    scripts = str(REPOSITORY / "workflow" / "scripts")
    ended = subprocess.run([sys.executable, "-c", code, scripts], capture_output=True, text=True)
    assert ended.stdout == "finished 143\n", ended.stderr


def test_weights_that_are_missing_are_one_sentence(project: Project):
    add(project, "photos/a.png", 1)
    add(project, "styles/s.png", 2)
    project.configure({**CONFIG, "network": {**SHALLOW, "weights": "missing.pth"}})
    project.snakemake("-n", "bulk").assert_refused("'missing.pth'")


def workers_below(process: int) -> list[psutil.Process]:
    """The Python processes of bulk.py below a running Snakemake."""
    found = []
    for child in psutil.Process(process).children(recursive=True):
        with suppress(psutil.Error):
            words = child.cmdline()
            if len(words) > 1 and words[1].endswith("bulk.py"):
                found.append(child)
    return found


@pytest.mark.slow
def test_a_worker_ends_with_snakemake_and_the_same_command_continues(
    project: Project, tmp_path: Path
):
    for number in range(4):
        add(project, f"photos/{number}.png", number, 64)
    add(project, "styles/sea.png", 50)
    project.configure(
        {
            **CONFIG,
            "image": {"size": 64, "fit": "keep"},
            "bulk": {**CONFIG["bulk"], "shard_size": 4, "batch": 1},
            "optimization": {"epochs": 150, "precision": "fp32"},
        }
    )
    with (tmp_path / "log.txt").open("w", encoding="utf-8") as log:
        snakemake = project.start("--", "bulk", output=log)
        wait_for_outputs(project, 1)
        (worker,) = workers_below(snakemake.pid)
        worker.suspend()  # or it may have made all outputs when the status is asked for
        status = project.snakemake("--nolock", "--", "bulk_status")
        worker.resume()
        status.assert_good()
        assert "sea" in status.text and "to do" in status.text
        assert f"process {worker.pid} works on shard 0." in status.text
        os.kill(snakemake.pid, signal.SIGKILL)
        snakemake.wait(60)
        psutil.wait_procs([worker], timeout=60)
        assert not worker.is_running()
    kept = dates(project)
    assert 1 <= len(kept) < 4
    assert not list((project.root / "data set" / "_bulk").glob("partial/*"))
    status = project.snakemake("--", "bulk_status")
    assert "nothing works on it now; run `snakemake bulk`" in status.text
    assert run_bulk(project) == ["bulk_shard 000000"]
    after = dates(project)
    assert len(after) == 4 and {name: after[name] for name in kept} == kept


@pytest.mark.slow
def test_another_worker_waits_for_the_first_and_names_it(data: Project):
    for name in dates(data):
        (data.root / "data set" / name).unlink()
    journal = data.root / "data set" / "_bulk" / "journals" / "000000.tsv"
    with Journal(journal, data.root / "data set" / "_bulk" / "workers" / "000000"):
        worker = start_worker(data, 0)
        assert worker.stderr is not None
        said = worker.stderr.readline()
        assert said == (
            f"shard 0: process {os.getpid()} still works on this shard; waiting until it ends.\n"
        )
    _, rest = worker.communicate(timeout=300)
    assert worker.returncode == 0, rest
    assert f"process {os.getpid()} has ended; continuing" in rest
    assert len(dates(data)) == 3


def test_a_worker_without_an_owner_that_lives_makes_nothing(data: Project):
    dead = subprocess.Popen(["true"])
    dead.wait()
    journal = data.root / "data set" / "_bulk" / "journals" / "000000.tsv"
    with Journal(journal, data.root / "data set" / "_bulk" / "workers" / "000000"):
        worker = start_worker(data, 0, f"--owner={dead.pid}")
        _, said = worker.communicate(timeout=60)
    assert worker.returncode == 128 + signal.SIGTERM and "outputs made so far are kept" in said


def test_another_configuration_is_verified_as_it_is_now(data: Project):
    data.configure({**CONFIG, "optimization": {"epochs": 3, "precision": "fp32"}})
    outcome = data.snakemake("--", "bulk_verify")
    assert outcome.code != 0 and "5 stale, 1 unfinished" in outcome.text, outcome.text
    assert "run `snakemake bulk` again" in outcome.text
    assert len(rows(data)) == 6, "a manifest was removed"
    data.configure({**CONFIG, "bulk": {**CONFIG["bulk"], "output": "other"}})
    data.snakemake("--", "bulk_verify").assert_refused("there is no data set in 'other'")
