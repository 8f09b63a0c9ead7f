"""`neural-style init`: a folder in which the pipeline runs."""

from __future__ import annotations

import sys

from tests.workflow.conftest import BINARIES, Project, run


def test_the_pipeline_runs_in_a_new_project(tmp_path):
    run([sys.executable, "-m", "neural_style", "init", "new"], tmp_path).assert_good()
    project = Project(tmp_path / "new")
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    command = [BINARIES / "snakemake", "--cores", "1", "--resources", "gpu=1", "-n"]
    outcome = run(command, project.root)
    outcome.assert_good()
    assert "stylize_1_1e6_1 cat sea" in outcome.jobs
    assert "gallery" in outcome.jobs
