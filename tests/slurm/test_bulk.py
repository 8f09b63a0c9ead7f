"""A data set with `--profile profiles/slurm`: a shard is a job."""

from __future__ import annotations

from PIL import Image
from tests.slurm.conftest import NETWORK
from tests.workflow.conftest import paint

PHOTOGRAPHS = ("a/1.png", "a/b/2.png", "c/it's $(touch gotcha).png")


def test_a_shard_runs_through(cluster_project, slurm):
    project = cluster_project("bulk")
    for seed, name in enumerate(PHOTOGRAPHS):
        path = project.root / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        paint(seed).save(path)
    project.add("style", "sea.png", seed=9)
    project.configure(
        {
            "bulk": {"content": "photos", "style": "images/style", "output": "made"},
            "image": {"size": 32},
            "network": NETWORK,
            "optimization": {"epochs": 2, "precision": "fp32"},
            "cluster": {"threads": 1},
        }
    )
    before = len(slurm.jobs())
    project.snakemake("--", "bulk").assert_good()
    (job,) = slurm.jobs()[before:]
    assert (job["JobState"], job["TresPerJob"]) == ("COMPLETED", "gres:gpu:1")
    pictures = [path for path in (project.root / "made").rglob("*.jpg") if path.is_file()]
    assert len(pictures) == len(PHOTOGRAPHS)
    for path in pictures:
        with Image.open(path) as picture:
            picture.load()
    assert not list(project.root.rglob("gotcha"))
