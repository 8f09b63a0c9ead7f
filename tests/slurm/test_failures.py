"""Jobs that are cancelled, that give way to others, and that can never run."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.slurm.conftest import NETWORK, ClusterProject
from tests.slurm.private_slurm import wait_for
from tests.slurm.test_sweep import megabytes

SECONDS = 3.5
"""Of processor time, after which a job has imported torch and is at work."""

EPOCHS = 1500

OUTPUT = f"results/cat/sea/1_1e6_1/generated_{EPOCHS}.jpg"
"""All that is asked for: grids and a gallery would show nothing more of the cluster."""


@pytest.fixture
def project(cluster_project) -> ClusterProject:
    """One image to make."""
    project = cluster_project("failures")
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    return project


@pytest.mark.long
def test_a_job_that_is_cancelled_or_gives_way_is_done_all_the_same(project, slurm):
    """First by `scancel`, then by a more urgent job that takes the GPU."""
    project.configure(
        {
            "image": {"size": 64},
            "network": NETWORK,
            "optimization": {"epochs": EPOCHS, "save_every": EPOCHS, "precision": "fp32"},
            "cluster": {"threads": 1, "gpu_as": "gres"},
        }
    )
    before = len(slurm.jobs())
    log = project.logs / "cat" / "sea" / "1_1e6_1.log"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(project.snakemake, OUTPUT)
        slurm.wait_for_work("stylize.py", SECONDS)
        (first,) = slurm.jobs()[before:]
        slurm.cancel(first)
        assert wait_for(lambda: len(slurm.jobs()) == before + 2, 120), "it was not tried again"
        slurm.wait_for_work("stylize.py", SECONDS)
        is_shown = f"/{EPOCHS}, total"
        assert wait_for(lambda: is_shown in log.read_text(encoding="utf-8"), 120), "no iteration"
        slurm.submit_urgent()
        outcome = running.result()
    outcome.assert_good()
    cancelled, again, urgent = slurm.jobs()[before:]
    assert (cancelled["JobState"], again["JobState"]) == ("CANCELLED", "COMPLETED")
    assert (urgent["JobState"], again["Restarts"]) == ("COMPLETED", "1"), "it did not give way"
    assert again["TresPerNode"] == cancelled["TresPerNode"] == "gres:gpu:1"
    assert megabytes(again) == pytest.approx(2 * megabytes(cancelled), abs=2)
    folder = project.results / "cat" / "sea" / "1_1e6_1"
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert facts["output"]["file"] == f"generated_{EPOCHS}.jpg"
    said = log.read_text(encoding="utf-8")
    assert "resuming from iteration" in said, "it started over after it had given way"
    # What Slurm said of the cancelled job is kept where a user looks, and Snakemake names it.
    (kept,) = (project.root / "logs" / "slurm").rglob("*.log")
    assert kept.stem == cancelled["JobId"]
    assert str(kept) in outcome.err


def test_a_job_larger_than_every_node_is_refused(project, slurm):
    project.configure({"image": {"size": 64}, "cluster": {"memory_factor": 1000}})
    before = len(slurm.jobs())
    project.snakemake("--retries", "0").assert_refused("Memory specification can not be satisfied")
    assert {job["NodeList"] for job in slurm.jobs()[before:]} <= {"(null)", ""}, "it ran"
