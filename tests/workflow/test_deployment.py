"""The workflow as a module of another Snakefile, in a folder whose name has braces."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from tests.workflow.conftest import BINARIES, REPOSITORY, run

PARENT = """
module style:
    snakefile: "work{flow}/Snakefile"
    config: CONFIG
    prefix: "art"

use rule * from style as style_*

onstart: print("the parent begins")
onerror: print("the parent fails")
"""
CONFIG = {
    "image": {"size": 32},
    "network": {"content_layers": {"conv4_2": 0, "conv1_1": 1}, "style_layers": {"conv1_1": 1}},
    "optimization": {"epochs": 1, "precision": "fp32"},
    "bulk": {"content": "images/content", "failed_fraction": 1},
}


@pytest.fixture
def parent(project):
    """A project with a Snakefile of its own, beside a copy of this workflow."""
    workflow = project.root / "work{flow}"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("workflow", "profiles"):
        shutil.copytree(REPOSITORY / name, workflow / name, ignore=ignored)
    shutil.copy(REPOSITORY / "Snakefile", workflow)
    text = PARENT.replace("CONFIG", repr(CONFIG))
    (project.root / "Snakefile").write_text(text, encoding="utf-8")
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    (project.root / "images" / "content" / "words.jpg").write_text("This is no image.\n")
    return project


@pytest.mark.slow
def test_a_module_makes_all_below_its_prefix_and_shows_what_failed(parent):
    snakemake = str(BINARIES / "snakemake")
    targets = ["style_all", "style_bulk"]
    outcome = run([snakemake, "--cores", "2", "--keep-going", *targets], parent.root)
    outcome.assert_refused("stylize: cannot read 'images/content/words.jpg'")
    assert "the parent begins" in outcome.text
    assert "the parent fails" in outcome.text
    results = parent.root / "art" / "results"
    for name in (
        *("index.tsv", "gallery/index.html", "grids/grids.pdf", "grids/content/words.jpg"),
        *("cat/sea/1_1e6_1/generated_1.jpg", "plots/total.png", "logs/index.log"),
        *("bulk/sea/1_1e6_1/cat.jpg", "bulk/_bulk/manifests/000000.tsv"),
    ):
        assert (results / name).is_file(), name
    assert not parent.results.exists()
    (parent.root / "images" / "content" / "words.jpg").unlink()
    assert run([snakemake, "-n", "style_bulk"], parent.root).jobs  # its content images changed
    removed = run([snakemake, "--delete-all-output", "style_all"], parent.root)
    removed.assert_good()
    left = {path.relative_to(results).parts[0] for path in results.rglob("*") if path.is_file()}
    assert left <= {"bulk", "logs", "words", "grids", "plots"}


def test_a_folder_with_images_is_enough(project):
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    snakefile = REPOSITORY / "Snakefile"
    command = [BINARIES / "snakemake", "-s", snakefile, "-d", project.root, "--cores", "1", "-n"]
    outcome = run(command, Path("/"))
    outcome.assert_good()
    assert "stylize_1_1e6_1 cat sea" in outcome.jobs


def test_the_oldest_snakemake_is_that_of_the_package():
    (oldest,) = re.findall(r'min_version\("(.*)"\)', (REPOSITORY / "Snakefile").read_text())
    assert f'"snakemake>={oldest}"' in (REPOSITORY / "pyproject.toml").read_text()
