# Validation, and the functions that the rules ask.
import functools
import json
import os
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from neural_style.bulk.layout import Books
from neural_style.bulk.plan import bulk_plan
from neural_style.bulk.target import look
from neural_style.commandline import words
from neural_style.config import complete, read_schema
from neural_style.errors import NeuralStyleError
from neural_style.fingerprint import engine_fingerprint
from neural_style.settings import BUILT_IN
from neural_style.sweep import (
    LOSSES,
    RUN,
    Sweep,
    SweepError,
    default_settings,
    expand_settings,
    plan,
    snapshot_names,
)

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
    SETTINGS = expand_settings(CONFIG)
    try:
        SWEEP, NO_SWEEP = plan(CONFIG), ""
    except SweepError as error:
        if CONFIG["bulk"]["content"] is None:
            raise
        # A data set needs none of the sweep's images.
        SWEEP, NO_SWEEP = Sweep({}, {}, SETTINGS, ()), str(error)
except NeuralStyleError as error:
    raise WorkflowError(str(error)) from None

DEFAULTS = default_settings(SCHEMA)
ENGINE = engine_fingerprint()
CONFIG_TEXT = json.dumps(CONFIG, sort_keys=True)
if len(CONFIG_TEXT) > 100_000:  # Linux takes 128 KiB a word of a command
    raise WorkflowError("the configuration is too long for a command; name folders, not files.")

INDEX = "results/index.tsv"
REFUSED = ["results/refused_files"] if SWEEP.refused else []
SHEETS = Path("results/grids/content")
GRIDS = [str(SHEETS / f"{content}.jpg") for content in SWEEP.contents]
PICTURES = [
    str(job.folder / name)
    for job in SWEEP.jobs
    for name in (*snapshot_names(job.settings), LOSSES, RUN)
]


wildcard_constraints:
    content="[^/]+",
    style="[^/]+",


def planned_sweep(wildcards):
    """No file; stops where there are images missing."""
    if NO_SWEEP:
        stop(NO_SWEEP)
    return []


def stop(sentence):
    """End with a sentence; Snakemake shows a traceback with every error of an input function."""
    raise SystemExit(f"Error: {sentence}")


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


BULK = Books(Path(CONFIG["bulk"]["output"]))


@functools.cache
def bulk_target():
    """The data set; nobody looks at its folders before a job of it is asked for.

    A job of another process than Snakemake's own finds everything frozen.
    """
    try:
        return look(bulk_plan(CONFIG), walk=workflow.is_main_process)
    except NeuralStyleError as error:
        stop(error)


def bulk_manifests(wildcards):
    """A manifest for each shard."""
    return list(map(str, bulk_target().manifests))


def bulk_photographs(wildcards):
    """The range of a shard."""
    return bulk_target().photographs(int(wildcards.shard))


def bulk_inputs(wildcards):
    """What changes when one of a shard's photographs or styles does."""
    return bulk_target().inputs(int(wildcards.shard))


def bulk_pictures(wildcards):
    """What changes when other pictures are asked for, or the code that makes them is another."""
    return bulk_target().pictures


def freeze_bulk():
    """Write down what the jobs of a data set work on, if it was asked for."""
    if bulk_target.cache_info().currsize:
        try:
            bulk_target().freeze()
        except NeuralStyleError as error:
            raise WorkflowError(str(error)) from None


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
