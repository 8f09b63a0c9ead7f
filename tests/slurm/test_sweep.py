"""A sweep with `--profile profiles/slurm`: two images, one GPU."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pytest
from PIL import Image
from tests.slurm.conftest import NETWORK, ClusterProject
from tests.slurm.private_slurm import CPUS, MEMORY_MB
from tests.workflow.conftest import Outcome

HOSTILE = 'it\'s $(touch gotcha) `touch gotcha` "was" \\ here.png'
CONTENTS = ("cat", "it-s-touch-gotcha-touch-gotcha-was-here")
STYLES = ("sea",)
SETTING = "1_1e6_1"
JOBS = list(itertools.product(CONTENTS, STYLES))


@dataclass(frozen=True)
class ClusterSweep:
    project: ClusterProject
    outcome: Outcome
    jobs: list[Mapping[str, str]]


@pytest.fixture(scope="module")
def sweep(cluster_project, slurm) -> ClusterSweep:
    """Run once; tests must not change it."""
    project = cluster_project("sweep")
    project.add("content", "cat.png", seed=0)
    project.add("content", HOSTILE, seed=1)
    project.add("style", "sea.png", seed=2)
    project.configure(
        {
            "image": {"size": 64},
            "network": NETWORK,
            "optimization": {"epochs": 4, "save_every": 2, "precision": "fp32"},
            "cluster": {"threads": 2},
        }
    )
    before = {job["JobId"] for job in slurm.jobs()}
    outcome = project.snakemake()
    outcome.assert_good()
    return ClusterSweep(
        project, outcome, [job for job in slurm.jobs() if job["JobId"] not in before]
    )


def test_makes_every_image_and_grid(sweep):
    expected = {"results/index.tsv", "results/gallery/index.html", "results/grids/grids.pdf"}
    for content, style in JOBS:
        folder = f"results/{content}/{style}/{SETTING}"
        expected |= {f"{folder}/generated_2.jpg", f"{folder}/generated_4.jpg"}
        expected |= {f"{folder}/losses.csv", f"{folder}/run.json"}
    assert sweep.project.files() >= expected
    for path in sweep.project.results.rglob("*.jpg"):
        with Image.open(path) as picture:
            picture.load()


def test_only_the_images_are_jobs_of_slurm(sweep):
    """An index or a grid takes less time than a place in a queue."""
    assert len(sweep.jobs) == len(JOBS)
    assert {job["JobState"] for job in sweep.jobs} == {"COMPLETED"}
    assert [job for job in sweep.outcome.jobs if job.startswith("stylize")] == sorted(
        f"stylize_{SETTING} {content} {style}" for content, style in JOBS
    )


def test_jobs_on_one_gpu_never_overlap(sweep):
    assert all(job["TresPerJob"] == "gres:gpu:1" for job in sweep.jobs)
    assert sum(int(job["NumCPUs"]) for job in sweep.jobs) <= CPUS, "another reason to wait"
    assert sum(megabytes(job) for job in sweep.jobs) <= MEMORY_MB, "another reason to wait"
    submitted = [datetime.fromisoformat(job["SubmitTime"]) for job in sweep.jobs]
    spans = sorted(
        (datetime.fromisoformat(job["StartTime"]), datetime.fromisoformat(job["EndTime"]))
        for job in sweep.jobs
    )
    assert max(submitted) <= spans[0][1], "no two of them wanted the GPU at the same time"
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end <= start, "two jobs had the one GPU at the same time"


def test_a_job_asks_for_cores_memory_and_time(sweep):
    for job in sweep.jobs:
        assert job["NumCPUs"] == "2"
        assert 3000 < megabytes(job) < 6000
        assert job["TimeLimit"] == "00:11:00"
        assert job["Requeue"] == "1"


def test_a_job_uses_the_cores_that_it_asked_for(sweep):
    for content, style in JOBS:
        path = sweep.project.results / content / style / SETTING / "run.json"
        device = json.loads(path.read_text(encoding="utf-8"))["device"]
        assert "CPU" not in device or device.endswith("2 threads")


def test_each_log_is_where_the_rule_says(sweep):
    for content, style in JOBS:
        log = sweep.project.logs / content / style / f"{SETTING}.log"
        assert "iteration 4/4, total " in log.read_text(encoding="utf-8")


def test_no_part_of_a_file_name_is_run(sweep):
    assert not list(sweep.project.root.rglob("gotcha"))


def megabytes(job: Mapping[str, str]) -> int:
    """The memory that a job asked for."""
    text = job["MinMemoryNode"]
    return int(text.removesuffix("M")) if text.endswith("M") else int(float(text[:-1]) * 1024)
