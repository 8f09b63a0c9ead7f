# Validation, and the functions that the rules ask.
import functools
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from neural_style.bulk.plan import DatasetPaths
from neural_style.bulk.plan import bulk_plan
from neural_style.bulk.target import look
from neural_style.runtime.estimates import Cluster, can_be_submitted, memory_mb, runtime_minutes
from neural_style.config.options import flag, words
from neural_style.config.inputs import companions_of
from neural_style.config.schema import complete, read_schema
from neural_style.errors import NeuralStyleError
from neural_style.config.settings import ENGINE_VERSION
from neural_style.config.layer_study import (
    CHART,
    FIGURE,
    LAYER_LOSSES,
    LayerStudyError,
    choose,
    plan_study,
    study_config,
)
from neural_style.config.layer_study import FOLDER as STUDY_FOLDER
from neural_style.config.layer_study import LOG_FOLDER as STUDY_LOGS
from neural_style.config.inputs import files_of
from neural_style.report.names import labels_of
from neural_style.report.outputs import (
    QUANTITIES,
    losses_figure,
    plots_of,
    records_of,
    shown_pairs,
    sweep_figure,
    tradeoff_figure,
)
from neural_style.config.settings import BUILT_IN
from neural_style.report.outputs import PDF, sheets_of
from neural_style.config.sweep import (
    LOSSES,
    RUN,
    SECTIONS,
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


def config_text(values):
    """A configuration for a command line."""
    # Without "<", since Snakemake writes it into the scripts of its report as it is.
    return json.dumps(values, sort_keys=True).replace("<", r"\u003c")


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
ENGINE = ENGINE_VERSION
# Neither decides a pixel: a change of them makes nothing again.
RUNNING = [f"{flag(key)}={value}" for key, value in CONFIG.pop("jobs").items()]
CLUSTER = Cluster(**CONFIG.pop("cluster"))
CONFIG_TEXT = config_text(CONFIG)
if len(CONFIG_TEXT) > 100_000:  # Linux takes 128 KiB a word of a command
    raise WorkflowError("the configuration is too long for a command; name folders, not files.")

INDEX = "results/index.tsv"
REFUSED = ["results/refused_files"] if SWEEP.refused else []
SHEETS = sheets_of(SWEEP, CONFIG)
PAGES = [str(path) for path in SHEETS.all_paths]
GRIDS = [*PAGES, str(PDF)]
GALLERY = "results/gallery/index.html"
PLOTS = plots_of(SWEEP.contents, SWEEP.styles)
LABELS = labels_of(SWEEP.settings)
CAPTIONS = WORKFLOW / "report"
PICTURES = [
    str(job.folder / name)
    for job in SWEEP.jobs
    for name in (*snapshot_names(job.settings), LOSSES, RUN)
]

STUDY_CONFIG = study_config(CONFIG)
STUDY_CONFIG_TEXT = config_text(STUDY_CONFIG)
STUDY = plan_study(complete(STUDY_CONFIG, SCHEMA))  # as the scripts read it


# A limit on GPUs is one machine's: a cluster counts its own.
resource_scopes:
    gpu="local",


# No content is called `grids` and no id has a plus sign, which the further pages of a sheet have.
wildcard_constraints:
    content="(?!grids/)[^/+]+",
    style="[^/+]+",


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
    refuse_names_for_a_cluster()
    return files[name]


@functools.cache  # it looks at all files, and is asked for each
def refuse_names_for_a_cluster():
    """End before anything is submitted whose name a shell would take for something else."""
    if not workflow.local_exec and not workflow.remote_exec:
        named = itertools.chain.from_iterable(map(files_of, SWEEP.settings.values()))
        files = (*SWEEP.contents.values(), *SWEEP.styles.values(), *dict.fromkeys(named))
        bad = [str(path) for path in files if not can_be_submitted(path)]
        if bad:
            stop(
                "on a cluster, Snakemake cannot name these files to its jobs, because of the quotes,"
                " backslashes or control characters in them; rename: " + ", ".join(map(repr, bad))
            )


def weights_files(settings):
    """The file of the network's weights, where the settings name one of the user's own."""
    return [] if settings.weights in BUILT_IN else [settings.weights]


def companion_files(wildcards, settings):
    """The files of a job beside its photograph, its painting and the network's weights."""
    files = content_file(wildcards), style_file(wildcards)
    return list(companions_of(*files, settings).values())


def config_of(*sections):
    """The sweep's configuration, for scripts that look at all of it, and some sections more."""
    wanted = {"content", "style", "settings", *SECTIONS, *sections}
    text = config_text({key: CONFIG[key] for key in CONFIG if key in wanted})
    return lambda wildcards: text  # a function, because Snakemake would look for wildcards in it


def study_config_text(wildcards):
    """The configuration for the scripts of the layer study."""
    return STUDY_CONFIG_TEXT


def study_content(wildcards):
    """The photograph of the layer study."""
    return _study_file("content", SWEEP.contents, STUDY.content)


def study_style(wildcards):
    """The painting of the layer study."""
    return _study_file("style", SWEEP.styles, STUDY.style)


def _study_file(kind, files, name):
    # Asked only when the study is wanted: a sweep without its images goes on.
    try:
        return choose(files, name, kind)
    except LayerStudyError as error:
        raise WorkflowError(str(error)) from None


def records_of_content(wildcards):
    """What the jobs of a photograph leave behind that its plots show."""
    return [
        name
        for job in SWEEP.jobs_of(wildcards.content)
        for name in (*records_of(job), str(job.result))
    ]


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
