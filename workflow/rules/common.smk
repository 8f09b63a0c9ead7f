# Validation, and the functions that the rules ask.
import functools
import json
import os
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from neural_style.cluster import Cluster, can_be_submitted, memory_mb, runtime_minutes
from neural_style.commandline import words
from neural_style.config import complete, read_schema
from neural_style.errors import NeuralStyleError
from neural_style.fingerprint import engine_fingerprint
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
CLUSTER = Cluster(**CONFIG.pop("cluster"))  # changes no picture and no sheet
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


# A limit on GPUs is one machine's: a cluster counts its own.
resource_scopes:
    gpu="local",


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
    refuse_names_for_a_cluster()
    return files[name]


@functools.cache  # it looks at all files, and is asked for each
def refuse_names_for_a_cluster():
    """End before anything is submitted whose name a shell would take for something else."""
    if not workflow.local_exec and not workflow.remote_exec:
        files = (*SWEEP.contents.values(), *SWEEP.styles.values())
        bad = [str(path) for path in files if not can_be_submitted(path)]
        if bad:
            raise WorkflowError(
                "on a cluster, Snakemake cannot name these files to its jobs, because of the quotes,"
                " backslashes or control characters in them; rename: " + ", ".join(map(repr, bad))
            )


def weights_files(settings):
    """The file of the network's weights, where the settings name one of the user's own."""
    return [] if settings.weights in BUILT_IN else [settings.weights]


def config_text(wildcards):
    """The configuration for scripts that look at the whole sweep."""
    return CONFIG_TEXT


def results_of(wildcards):
    """The finished pictures of a photograph, in every style and setting."""
    return [str(job.result) for job in SWEEP.jobs_of(wildcards.content)]


def on_cluster():
    """Whether jobs are submitted, or this is one of them, rather than run on this machine."""
    return workflow.remote_exec or not workflow.local_exec


def gpu_count(wildcards):
    """The cards of a job: one, unless a cluster is asked in another way or has none."""
    return 0 if on_cluster() and CLUSTER.gpu_as != "gpus" else 1


def gpu_gres(wildcards):
    """The card as Slurm's generic resource; None where it is not asked for like that."""
    return "gpu:1" if on_cluster() and CLUSTER.gpu_as == "gres" else None


def stylize_threads(wildcards):
    """All cores for the one job that runs, or an equal share for as many as there are GPUs."""
    if on_cluster():
        return CLUSTER.threads
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
