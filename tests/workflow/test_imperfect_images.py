"""Images with small faults and files that are not taken, in a sweep and in a data set."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from tests.workflow.conftest import Project, paint

END = "has no end marker, although its pixels are complete."
SHALLOW = {"content_layers": {"conv1_1": 1}, "style_layers": {"conv1_1": 1}}


def add_without_end(path: Path, seed: int = 0) -> None:
    """A JPEG without its last two bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()
    paint(seed).save(file, "JPEG")
    path.write_bytes(file.getvalue()[:-2])


@pytest.mark.slow
def test_a_sweep_warns_once_in_the_log_of_a_job_and_reads_up_to_its_own_limit(project: Project):
    content = project.root / "images/content"
    add_without_end(content / "cat.jfif")
    Image.new("LA", (64, 64), (255, 0)).save(content / "cat.mask.png")
    project.add("style", "sea.png", seed=1)
    for name in ("IMG_1.CR2", "cat.xmp", "cat.json", "Thumbs.db"):
        (content / name).touch()
    config = {
        "image": {"size": 32, "dimensions": "original"},
        "network": SHALLOW,
        "optimization": {"epochs": 2, "precision": "fp32"},
        "transfer": {"mask": "beside"},
        "jobs": {"max_pixels": 1_000_000},
    }
    project.configure(config)
    outcome = project.snakemake()
    outcome.assert_good()
    (log,) = project.logs.glob("cat/sea/*.log")
    text = log.read_text(encoding="utf-8")
    assert text.count(END) == 1
    assert text.count("cat.mask.png' is white everywhere (transparent pixels count as white)") == 1
    assert "Warning" not in text + outcome.text
    assert outcome.text.count("IMG_1.CR2") == 1
    raw = "not taken, because they are camera raw files (export them as TIFF or JPEG)"
    assert f"content: {raw}: 'images/content/IMG_1.CR2'." in outcome.err
    assert not any(name in outcome.text for name in ("cat.xmp", "cat.json", "Thumbs.db"))
    assert len(list((project.results / "gallery").rglob("*.jpg"))) >= 3

    project.configure({**config, "jobs": {"max_pixels": 64 * 64 - 1}})
    (project.results / "cat/sea").rename(project.root / "made")
    project.snakemake().assert_refused()
    assert "64 × 64 px, over the limit of 4095; make it smaller, or raise" in log.read_text("utf-8")


@pytest.mark.slow
def test_a_shard_warns_once_in_its_log(project: Project):
    for seed in range(3):
        add_without_end(project.root / f"photos/{seed}.jpe", seed)
    project.add("style", "sea.png", seed=9)
    (project.root / "photos/clip.mov").touch()
    (project.root / "photos/again.jpe").symlink_to("0.jpe")
    project.configure(
        {
            "bulk": {"content": "photos", "style": "images/style", "output": "made"},
            "image": {"size": 32},
            "network": SHALLOW,
            "optimization": {"epochs": 2, "precision": "fp32"},
            "settings": {"beta": [1e5, 1e6]},
        }
    )
    outcome = project.snakemake("--", "bulk")
    outcome.assert_good()
    for reason, name in (("videos", "clip.mov"), ("further names of images", "again.jpe")):
        assert f"bulk.content: not taken, because they are {reason}" in outcome.err
        assert outcome.text.count(f"'photos/{name}'") == 1
    (log,) = (project.root / "made/_bulk/logs").glob("*.log")
    text = log.read_text(encoding="utf-8")
    for seed in range(3):
        assert text.count(f"photos/{seed}.jpe' {END}") == 1
    assert len(list((project.root / "made").rglob("*.jpg"))) == 6
