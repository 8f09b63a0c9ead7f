"""A pipeline that is killed at random moments, again and again, ends with every image right."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest
from tests.workflow.conftest import workers_of

KILLS = 11
SHARE_AT_WORK = 0.6
"""Of the kills, during epochs or while files are written; the others, at any moment."""

SECONDS_TO_GIVE_UP = 600
CONFIG = {
    "image": {"size": 32, "quality": 90},
    "network": {
        "content_layers": {"conv2_1": 1, "conv4_2": 0},
        "style_layers": {"conv1_1": 1, "conv2_1": 1, "conv3_1": 0, "conv4_1": 0, "conv5_1": 0},
    },
    "optimization": {"epochs": 200, "save_every": 40, "precision": "fp32"},
    "jobs": {"checkpoint_every": 3},
}
OPTIONS = ("--resources", "gpu=2", "--retries", "99", "--quiet", "progress")


@pytest.fixture
def two(project):
    """Two content images, one style image, and a short job for each."""
    project.add("content", "cat.png", seed=0)
    project.add("content", "dog.png", seed=1)
    project.add("style", "sea.png", seed=2)
    project.configure(CONFIG)
    return project


def made(project) -> dict[str, str | bytes]:
    """What the jobs wrote: images as they are, tables without the column of the seconds."""
    files: dict[str, str | bytes] = {}
    for path in project.results.glob("*/*/1_1e6_1/*"):
        if path.suffix == ".jpg":
            files[str(path.relative_to(project.root))] = path.read_bytes()
        elif path.suffix == ".csv":
            rows = [row.split(",") for row in path.read_text().splitlines()]
            files[str(path.relative_to(project.root))] = repr([row[:1] + row[2:] for row in rows])
    return files


def wait_for_work(project, snakemake: subprocess.Popen) -> None:
    """Until a job has saved a state, or nothing is to be waited for."""
    while snakemake.poll() is None:
        states = project.results.glob("*/*/*/.checkpoint/state.pt")
        with suppress(FileNotFoundError, psutil.Error):
            newest = max((path.stat().st_mtime for path in states), default=0.0)
            if any(worker.create_time() < newest for worker in workers_of(snakemake)):
                return
        time.sleep(0.02)


def kill_worker(number: signal.Signals, snakemake: subprocess.Popen, dice: random.Random) -> bool:
    """Kill the process that does the work of a job; Snakemake starts the job again."""
    if not (running := workers_of(snakemake)):
        return False
    with suppress(psutil.NoSuchProcess):
        dice.choice(running).send_signal(number)
        return True
    return False


def kill_group(number: signal.Signals, snakemake: subprocess.Popen, dice: random.Random) -> bool:
    """As a terminal, a cluster or a machine that goes down does."""
    os.killpg(snakemake.pid, number)
    snakemake.wait(60)
    return True


def kill_snakemake(
    number: signal.Signals, snakemake: subprocess.Popen, dice: random.Random
) -> bool:
    """Only Snakemake: its jobs have to notice."""
    snakemake.send_signal(number)
    snakemake.wait(60)
    return True


Kind = tuple[Callable[[signal.Signals, subprocess.Popen, random.Random], bool], signal.Signals]
KINDS: list[tuple[Kind, int]] = [
    ((kill_worker, signal.SIGKILL), 5),
    ((kill_worker, signal.SIGTERM), 2),
    ((kill_group, signal.SIGKILL), 1),
    ((kill_group, signal.SIGTERM), 1),
    ((kill_snakemake, signal.SIGKILL), 1),
    ((kill_snakemake, signal.SIGTERM), 1),
]


@pytest.mark.slow
@pytest.mark.long
def test_a_pipeline_that_is_killed_at_random_moments_ends_with_every_image_right(two, tmp_path):
    undisturbed = two.copy(tmp_path / "undisturbed")
    images = [f"results/{name}/sea/1_1e6_1/generated_200.jpg" for name in ("cat", "dog")]
    undisturbed.snakemake(*images, *OPTIONS).assert_good()
    expected = made(undisturbed)
    assert len(expected) == 2 * (5 + 1)

    dice = random.Random(4)
    kinds = [kind for kind, times in KINDS for _ in range(times)]
    dice.shuffle(kinds)
    assert len(kinds) == KILLS
    done: Counter[str] = Counter()
    deadline = time.monotonic() + SECONDS_TO_GIVE_UP
    log = tmp_path / "log.txt"
    with log.open("w", encoding="utf-8") as output:
        snakemake = two.start(*OPTIONS, output=output)
        try:
            while kinds:
                assert time.monotonic() < deadline, log.read_text()
                if dice.random() < SHARE_AT_WORK:
                    wait_for_work(two, snakemake)
                    time.sleep(dice.uniform(0, 0.5))
                else:
                    time.sleep(dice.uniform(0, 2.5))
                if snakemake.poll() is None:
                    kill, number = kinds[-1]
                    if kill(number, snakemake, dice):
                        kinds.pop()
                        done[f"{kill.__name__} {number.name}"] += 1
                    assert_nothing_is_half_written(two, expected)
                elif snakemake.returncode == 0:
                    assert made(two) == expected
                    forget(two)
                if snakemake.poll() is not None:
                    assert "cannot be locked" not in log.read_text()
                    snakemake = two.start(*OPTIONS, output=output)
            snakemake.wait(deadline - time.monotonic())
        finally:
            for process in workers_of(snakemake):
                process.kill()
            snakemake.kill()
            snakemake.wait()
    text = log.read_text(encoding="utf-8")
    two.snakemake(*OPTIONS).assert_good()
    assert made(two) == expected, done
    hidden = [path for path in two.results.rglob("*") if path.name.startswith(".")]
    assert hidden == []
    assert list((two.root / ".snakemake" / "locks").glob("*")) == []
    assert two.would_run() == []
    assert "Traceback" not in text
    assert len(re.findall(r"resuming from iteration \d+", text)) >= 3, "hardly a job went on"


def assert_nothing_is_half_written(project, expected) -> None:
    """What has a name is whole, at any moment."""
    for path in project.results.glob("*/*/*/generated_*.jpg"):
        with suppress(FileNotFoundError):  # Snakemake removes those of failed jobs
            assert path.read_bytes() == expected[str(path.relative_to(project.root))], path


def forget(project) -> None:
    """Remove the finished images, so that there is something to do again."""
    for path in project.results.glob("*/*/*/generated_200.jpg"):
        path.unlink()
