"""Names that try to be commands, options, pages or paths, and are only names."""

from __future__ import annotations

import csv
import json
import re

from tests.workflow.conftest import SHALLOW

SAFE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
CONTENTS = (
    "-rf; touch pwned; $(touch pwned) `touch pwned` & 'one' \"two\" | touch pwned #.png",
    f"{'a' * 180} 3.04.05\u202fPM\u200e {{input}}}} two\nlines\r\x1b[31m caf\udce9.png",
)
STYLE = "<img src=x onerror=alert(1)> <results> $HOME %s \\ * ? ~ größe 🎨.png"
SETTING = "../../x; touch pwned {content} <results>"


def test_names_are_only_names_and_two_gpus_take_two_jobs_at_once(project):
    """The GPUs are only counted here; the jobs find out that there are none."""
    for number, name in enumerate((*CONTENTS, STYLE)):
        project.add("style" if name == STYLE else "content", name, seed=number)
    project.configure(
        {
            "image": {"size": 32},
            "network": SHALLOW,
            "optimization": {"epochs": 2, "precision": "fp32"},
            "settings": {"named": {SETTING: {"beta": 1e5}}},
        }
    )
    dry = project.snakemake("-n")
    dry.assert_good()
    grids, plots, gallery, index = 2 + 1 + 2 + 1, 2 + 1, 1, 1
    assert len(dry.jobs) == 2 * 2 + grids + plots + gallery + index

    # Half the images, to save time.
    folder = next(job.split()[0].removeprefix("stylize_") for job in dry.jobs if "stylize_x" in job)
    ids = sorted(job.split()[1] for job in dry.jobs if job.startswith("grid_content"))
    style = next(job.split()[2] for job in dry.jobs if job.startswith("stylize"))
    names = [f"results/{name}/{style}/{folder}/run.json" for name in ids]
    outcome = project.snakemake("--resources", "gpu=2", "--", *names, "results/index.tsv")
    outcome.assert_good()
    assert outcome.most_at_once == 2, "two jobs on two GPUs share the cores"

    assert not list(project.root.rglob("pwned*")), "a name was run as a command"
    assert {path.name for path in project.root.parent.iterdir()} == {"project"}
    made = {"config.yaml", "images", "results", ".snakemake"}
    assert {path.name for path in project.root.iterdir()} == made
    assert project.logs.is_dir()
    for path in project.results.rglob("*"):
        assert SAFE.fullmatch(path.name), path
    with (project.results / "index.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(rows) == 1 + 2 * 2
    sources = set()
    for name in names:
        facts = json.loads((project.root / name).read_text(encoding="utf-8"))
        sources.add(facts["content"]["path"])
        assert facts["style"]["path"] == f"images/style/{STYLE}"
        assert "CPU" not in facts["device"] or facts["device"].endswith("1 threads")
    assert sources == {f"images/content/{name}" for name in CONTENTS}
