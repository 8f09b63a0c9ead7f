"""What the terminal shows with the default profile: little of each job, and errors whole."""

from __future__ import annotations

from tests.workflow.conftest import LOUD, SHALLOW, Outcome, Project, run

SMALLEST = {
    "image": {"size": 32},
    "optimization": {"epochs": 1, "precision": "fp32"},
    "network": SHALLOW,
    "settings": {"beta": [1e4, 1e5, 1e6, 1e7]},
}


def test_a_job_has_few_lines_an_error_all_and_the_end_says_what_came_of_it(project):
    """One job fails for a content image that the index of the sweep does not know yet."""
    project.add("content", "cat.png", seed=0)
    project.add("style", "sea.png", seed=1)
    project.configure(SMALLEST)
    project.snakemake("results/index.tsv").assert_good()
    torn = project.add("content", "torn.png", seed=2)
    torn.write_bytes(torn.read_bytes()[:2000])
    outputs = [f"results/cat/sea/1_1e{power}_1/generated_1.jpg" for power in (4, 5, 6, 7)]
    outputs.append("results/torn/sea/1_1e4_1/generated_1.jpg")
    outcome = quietly(project, "--cores", "1", *outputs)
    outcome.assert_refused("stylize: cannot read 'images/content/torn.png': it is truncated")
    assert "__onerror" not in outcome.text, "what is left to make fell over"
    assert not (project.results / "torn").exists()

    lines = outcome.err.splitlines()
    assert "5 jobs to run, 5 of them make an output." in lines
    assert outcome.out.count("cat × sea × 1_1e") == 4
    done = [line for line in lines if "jobs are done" in line]
    assert done[:2] == ["1 of 5 jobs are done.", "2 of 5 jobs are done."]
    assert done[2].startswith("3 of 5 jobs are done. The other outputs will take about ")
    assert len(done) == 4
    for noise in ("Finished jobid", "Select jobs", "Execute 1", "reason:"):
        assert noise not in outcome.err
    assert "    log: results/logs/torn/sea/1_1e4_1.log" in outcome.err, "the error is not whole"
    assert outcome.err.count("--output=results/torn/sea/1_1e4_1") == 1, "not the command once"
    assert "returned non-zero exit status 1." in outcome.err
    assert lines[-2].startswith("Failed: torn/sea/1_1e4_1: cannot read 'images/content/torn.png'")
    assert lines[-1] == "open results/gallery/index.html"
    *_, log = sorted((project.root / ".snakemake" / "log").glob("*.log"))
    text = log.read_text(encoding="utf-8")
    assert "localrule stylize_1_1e5_1:" in text and "4 of 5 steps (80%) done" in text
    assert "    shell:\n" in text, "the log of the run has not everything"

    dry = quietly(project, "-n")
    assert "stylize_1_1e4_1 torn sea" in dry.jobs
    assert "Job stats:" in dry.out


def quietly(project: Project, *options: str) -> Outcome:
    """Run Snakemake with the default profile as it is."""
    command = [word for word in project.command(*options) if word not in LOUD]
    return run(command, project.root)
