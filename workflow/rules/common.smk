# Validation, and the functions that the rules ask.
import json
import os
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from neural_style.commandline import flag, words
from neural_style.config import complete, read_schema
from neural_style.errors import NeuralStyleError
from neural_style.fingerprint import engine_fingerprint
from neural_style.layer_study import (
    CHART,
    FIGURE,
    LAYER_LOSSES,
    LayerStudyError,
    choose,
    plan_study,
    study_config,
)
from neural_style.layer_study import FOLDER as STUDY_FOLDER
from neural_style.layer_study import LOG_FOLDER as STUDY_LOGS
from neural_style.settings import BUILT_IN
from neural_style.sheets import PDF, sheets_of
from neural_style.sweep import LOSSES, RUN, SECTIONS, default_settings, plan, snapshot_names

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
# How jobs run decides no pixel: a change of it makes nothing again.
RUNNING = [f"{flag(key)}={value}" for key, value in CONFIG.pop("jobs").items()]
CONFIG_TEXT = json.dumps(CONFIG, sort_keys=True)
if len(CONFIG_TEXT) > 100_000:  # Linux takes 128 KiB a word of a command
    raise WorkflowError("the configuration is too long for a command; name folders, not files.")

INDEX = "results/index.tsv"
REFUSED = ["results/refused_files"] if SWEEP.refused else []
SHEETS = sheets_of(SWEEP, CONFIG)
PAGES = [str(path) for path in SHEETS.all_paths]
GRIDS = [*PAGES, str(PDF)]
PICTURES = [
    str(job.folder / name)
    for job in SWEEP.jobs
    for name in (*snapshot_names(job.settings), LOSSES, RUN)
]

STUDY_CONFIG = study_config(CONFIG)
STUDY_CONFIG_TEXT = json.dumps(STUDY_CONFIG, sort_keys=True)
STUDY = plan_study(complete(STUDY_CONFIG, SCHEMA))  # as the scripts read it


# No content is called `grids` and no id has a plus sign, which the further pages of a sheet have.
wildcard_constraints:
    content="(?!grids/)[^/+]+",
    style="[^/+]+",


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


def config_of(*sections):
    """The sweep's configuration, for scripts that look at all of it, and some sections more."""
    wanted = {"content", "style", "settings", *SECTIONS, *sections}
    text = json.dumps({key: CONFIG[key] for key in CONFIG if key in wanted}, sort_keys=True)
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


def stylize_threads(wildcards):
    """All cores for the one job that runs, or an equal share for as many as there are GPUs."""
    limits = workflow.global_resources
    jobs = limits["gpu"].value if "gpu" in limits else 1
    return max(1, (workflow.cores or 1) // max(1, jobs))


def make_remaining():
    """Show what there is of a sweep some of whose jobs failed; the rules wait for all of it.

    These files are dated back, so that the rules make them anew as soon as they can.
    """
    for script, options, files in remaining():
        made = subprocess.run([sys.executable, SCRIPTS / script, "--config", CONFIG_TEXT, *options])
        if made.returncode == 0:  # else it has said why
            for file in files:
                os.utime(file, (0, 0))


def remaining():
    """The script, its options and its files of all that waits for pictures that are not there."""
    begun = {job.folder for job in SWEEP.jobs if job.log.exists()}
    holed = {
        kind: [
            subject
            for subject in SHEETS.subjects(kind)
            if not begun.isdisjoint(job.folder for job in SHEETS.jobs(kind, subject))
            and not all(path.exists() for path in SHEETS.inputs(kind, subject))
        ]
        for kind in SHEETS.kinds
    }
    for kind, subjects in holed.items():
        if subjects:
            files = [path for subject in subjects for path in SHEETS.paths(kind, subject)]
            yield "grid.py", ["--kind", kind, "--of", *subjects], files
    if any(holed.values()):
        yield "grids_pdf.py", [], [PDF]
