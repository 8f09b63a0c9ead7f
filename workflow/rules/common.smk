# Validation, and the functions that the rules ask.
import json
import os
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from neural_style.commandline import words
from neural_style.config import complete, read_schema
from neural_style.errors import NeuralStyleError
from neural_style.fingerprint import engine_fingerprint
from neural_style.plots.naming import labels_of
from neural_style.plots.outputs import (
    QUANTITIES,
    losses_figure,
    plots_of,
    records_of,
    shown_pairs,
    sweep_figure,
    tradeoff_figure,
)
from neural_style.settings import BUILT_IN
from neural_style.sweep import LOSSES, RUN, default_settings, plan, snapshot_names

WORKFLOW = Path(workflow.current_basedir).parent
# Relative, so that commands read well and a project that was moved is not made again.
SCRIPTS = Path(os.path.relpath(WORKFLOW / "scripts"))

# Jobs call `python`: let it be the one that runs Snakemake, unless a job's environment has its own,
# which may lack the library and finds it here.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
    PYTHONPATH=os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(WORKFLOW)])),
)

try:
    SCHEMA = read_schema(WORKFLOW / "schemas" / "config.schema.yaml")
    CONFIG = complete(config, SCHEMA)
    SWEEP = plan(CONFIG)
except NeuralStyleError as error:
    raise WorkflowError(str(error)) from None

DEFAULTS = default_settings(SCHEMA)
ENGINE = engine_fingerprint()
# Without "<", since Snakemake writes it into the scripts of its report as it is.
CONFIG_TEXT = json.dumps(CONFIG, sort_keys=True).replace("<", r"\u003c")
if len(CONFIG_TEXT) > 100_000:  # Linux takes 128 KiB a word of a command
    raise WorkflowError("the configuration is too long for a command; name folders, not files.")

INDEX = "results/index.tsv"
REFUSED = ["results/refused_files"] if SWEEP.refused else []
SHEETS = Path("results/grids/content")
PLOTS = plots_of(SWEEP.contents, SWEEP.styles)
LABELS = labels_of(SWEEP.settings)
CAPTIONS = WORKFLOW / "report"
GRIDS = [str(SHEETS / f"{content}.jpg") for content in SWEEP.contents]
PICTURES = [
    str(job.folder / name)
    for job in SWEEP.jobs
    for name in (*snapshot_names(job.settings), LOSSES, RUN)
]


wildcard_constraints:
    content="[^/]+",
    style="[^/]+",


def content_file(wildcards):
    """The photograph of an id."""
    return _file_of("content", SWEEP.contents, wildcards.content)


def style_file(wildcards):
    """The style image of an id."""
    return _file_of("style", SWEEP.styles, wildcards.style)


def _file_of(kind, files, name):
    if name not in files:
        raise WorkflowError(
            f"no {kind} image has the id {name}; {INDEX} lists the ids that there are."
        )
    return files[name]


def weights_files(settings):
    """The file of the network's weights, where the settings name one of the user's own."""
    return [] if settings.weights in BUILT_IN else [settings.weights]


def config_text(wildcards):
    """The configuration for scripts that look at the whole sweep."""
    return CONFIG_TEXT


def results_of(wildcards):
    """The finished pictures of a photograph, in every style and setting."""
    return [str(job.result) for job in SWEEP.jobs_of(wildcards.content)]


def stylize_threads(wildcards):
    """All cores for the one job that runs, or an equal share for as many as there are GPUs."""
    limits = workflow.global_resources
    jobs = limits["gpu"].value if "gpu" in limits else 1
    return max(1, (workflow.cores or 1) // max(1, jobs))


def make_remaining_grids():
    """Show what there is of the photographs whose jobs failed; the rule waits for every tile.

    These sheets are dated back, so that the rule makes them anew as soon as it can.
    """
    begun = [content for content in SWEEP.contents if Path("logs", content).is_dir()]
    holed = [
        content
        for content in begun
        if not all(job.result.exists() for job in SWEEP.jobs_of(content))
    ]
    if holed:
        command = [sys.executable, SCRIPTS / "grid.py", "--config", CONFIG_TEXT]
        made = subprocess.run([*command, "--output", SHEETS, "--content", *holed])
        if made.returncode == 0:  # else it has said why
            for content in holed:
                os.utime(SHEETS / f"{content}.jpg", (0, 0))


def records_of_content(wildcards):
    """What the jobs of a photograph leave behind that its plots show."""
    return [
        name
        for job in SWEEP.jobs_of(wildcards.content)
        for name in (*records_of(job), str(job.result))
    ]


def make_remaining_plots():
    """Plot what there is where jobs failed; dated back like the sheets, and for the same reason."""
    holed = {job.content for job in SWEEP.jobs if not job.result.exists()}
    contents = [content for content in sorted(holed) if Path("logs", content).is_dir()]
    if contents:
        command = [sys.executable, SCRIPTS / "plots.py", "--config", CONFIG_TEXT]
        if subprocess.run([*command, "--sweep", "--content", *contents]).returncode == 0:
            for name in plots_of(contents, SWEEP.styles):
                os.utime(name, (0, 0))
