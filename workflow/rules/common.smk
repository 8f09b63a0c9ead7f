# The checked configuration, the sweep that it describes, and the functions that several rules use.
import atexit
import functools
import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

if find_spec("neural_style") is None:
    raise WorkflowError(
        f"{sys.executable} lacks neural_style; activate the environment of the project, which"
        " `make install` makes: . .venv/bin/activate"
    )

from neural_style.config.inputs import companions_of
from neural_style.config.sections import Cluster
from neural_style.config.options import option_name
from neural_style.config.schema import complete
from neural_style.config.settings import (
    ENGINE_VERSION,
    LOSSES,
    MAX_PIXELS_VARIABLE,
    RUN,
    SECTIONS,
    output_names,
)
from neural_style.config.sweep import Sweep, SweepError, expand_settings, plan_sweep
from neural_style.errors import NeuralStyleError
from neural_style.io import format_duration
from neural_style.report.names import setting_labels
from neural_style.report.outcome import run_summary
from neural_style.report.outputs import (
    QUANTITIES,
    files_of,
    losses_figure,
    plots_of,
    records_of,
    shown_pairs,
    sweep_figure,
    sweep_grids,
    time_lapse,
    tradeoff_figure,
)
from neural_style.runtime.changes import Checksums, changed_inputs
from neural_style.runtime.estimates import memory_mb, runtime_minutes, time_left, work_until

BEGAN = time.time()
WORKFLOW = Path(workflow.current_basedir).parent
# Relative, so that commands are short and moving the project does not rerun jobs.
SCRIPTS = Path(os.path.relpath(WORKFLOW / "scripts"))
CAPTIONS = WORKFLOW / "report"
IS_MODULE = not workflow.modifier.is_main_snakefile()

# Put this Python first in PATH, and the library in PYTHONPATH for jobs with their own environment.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
    PYTHONPATH=os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(WORKFLOW)])),
)


def script(name):
    """Return a script as a parameter: a function, because its folder may have a name with braces."""
    path = SCRIPTS / name
    return lambda wildcards: path


def to_json(values):
    """Return values as JSON for a command line."""
    # Without "<", because Snakemake copies it unchanged into the scripts of its report.
    return json.dumps(values).replace("<", r"\u003c")


def in_locale(text):
    """Return text for a command, with a question mark for what the locale cannot write."""

    def written(character):
        try:
            os.fsencode(character)
        except UnicodeEncodeError:
            return "?"
        return character

    return "".join(map(written, text))


def with_prefix(path):
    """Return a folder with the prefix that this workflow has as a module, if any."""
    return workflow.modifier.path_modifier.replace_prefix(path)


# The configuration is checked and completed once, here: scripts do not check again what they get.
try:
    CONFIG = complete(config)
    CONFIG["output"] = with_prefix(CONFIG["output"])
    CONFIG["bulk"]["output"] = with_prefix(CONFIG["bulk"]["output"])
    try:
        SWEEP, SWEEP_ERROR = plan_sweep(CONFIG), None
    except SweepError as error:
        if CONFIG["bulk"]["content"] is None:
            raise
        # A data set does not need the images of the sweep.
        SWEEP = Sweep({}, {}, expand_settings(CONFIG), (), Path(CONFIG["output"]))
        SWEEP_ERROR = str(error)
except NeuralStyleError as error:
    raise WorkflowError(str(error)) from None

# The sentences that have been shown, without the key that they begin with.
SHOWN = set()


def show_once(sentences):
    """Show sentences that stop nothing; the processes of jobs are silent."""
    for sentence in sentences:
        text = sentence.partition(": ")[2]
        if workflow.is_main_process and text not in SHOWN:
            SHOWN.add(text)
            print(sentence, file=sys.stderr)


show_once(SWEEP.not_taken)
# All results are in the folders above. Snakemake must not put the prefix before them again.
workflow.modifier.path_modifier = type(workflow.modifier.path_modifier)(None, None, workflow)

# Changing these sections does not rerun jobs.
JOBS = CONFIG.pop("jobs")
if "max_pixels" in JOBS:  # the environment reaches every script that reads images
    os.environ[MAX_PIXELS_VARIABLE] = str(JOBS.pop("max_pixels"))
JOBS_SHARE_A_PROCESS = JOBS.pop("share_process", True)
JOB_OPTIONS = [f"{option_name(key)}={value}" for key, value in JOBS.items()]
CLUSTER = Cluster(**CONFIG.pop("cluster"))

CONFIG_TEXT = to_json(CONFIG)
if len(CONFIG_TEXT) > 100_000:  # Linux limits each word of a command to 128 KiB
    raise WorkflowError("the configuration is too long for a command; name folders, not files.")

# Snakemake's report stops at a file that does not exist, so it gets only those that do.
IS_REPORT = "--report" in {word.partition("=")[0] for word in sys.argv}
UNFINISHED = {
    job.folder for job in (SWEEP.jobs if IS_REPORT else ()) if not job.final_output.exists()
}


def of_report(files):
    """Return files; for Snakemake's report only those that exist, of finished jobs."""
    if not IS_REPORT:
        return list(files)
    return [file for file in map(Path, files) if file.exists() and file.parent not in UNFINISHED]


LOGS = SWEEP.root / "logs"
INDEX = str(SWEEP.root / "index.tsv")
REFUSED = [str(SWEEP.root / "refused_files")] if SWEEP.refused else []
SWEEP_GRIDS = sweep_grids(SWEEP, CONFIG)
PAGES = [str(path) for path in SWEEP_GRIDS.all_paths]
GRIDS = [*PAGES, str(SWEEP_GRIDS.pdf)]
GALLERY = str(SWEEP.root / "gallery" / "index.html")
PLOTS = plots_of(SWEEP.root, SWEEP.contents, SWEEP.styles)
TIME_LAPSES = [
    str(time_lapse(SWEEP.root, job.content, job.style, job.setting))
    for job in SWEEP.jobs
    if CONFIG["grids"]["time_lapse"]
]
LABELS = setting_labels(SWEEP.settings)[0]
OUTPUTS = [
    str(job.folder / name)
    for job in SWEEP.jobs
    for name in (*output_names(job.settings), LOSSES, RUN)
]


# A limit on GPUs holds for one machine; a cluster counts its own.
resource_scopes:
    gpu="local",


# No content has the id `grids`, and no id contains a plus sign, which further pages of a grid have.
wildcard_constraints:
    content="(?!grids/)[^/+]+",
    style="[^/+]+",


def require_sweep(wildcards):
    """Return no file; stop if the sweep could not be planned."""
    if SWEEP_ERROR:
        stop(SWEEP_ERROR)
    return []


def stop(sentence):
    """End with a sentence; Snakemake shows a traceback with every error of an input function."""
    raise SystemExit(f"Error: {sentence}")


def content_file(wildcards):
    """Return the content image of an id."""
    return _file_of("content", SWEEP.contents, wildcards.content)


def style_file(wildcards):
    """Return the style image of an id."""
    return _file_of("style", SWEEP.styles, wildcards.style)


def images_of(content, style):
    """Return the two images of a job for its command."""
    return to_json({"content": str(content), "style": str(style)})


def names_of(*files):
    """Return a digest of the names of images, for rules whose results show these names."""
    return hashlib.sha256(to_json(list(map(str, files))).encode()).hexdigest()[:16]


def names_of_all(wildcards):
    """Return a digest of the names of all images."""
    return names_of(*SWEEP.contents.values(), *SWEEP.styles.values())


def _file_of(kind, files, name):
    if name not in files:
        raise WorkflowError(
            f"no {kind} image has the id {name}; {INDEX} lists the ids that there are."
        )
    return files[name]


CHECKSUMS = Checksums(Path(".snakemake") / "neural_style_checksums.json")
if workflow.is_main_process:
    atexit.register(CHECKSUMS.save)


def require_current(run, files):
    """Have outputs made again if their run.json does not record the present files; return no file.

    Snakemake does not get to know the files of the user. It would judge them by their dates, and
    pass their names through the shells of a cluster.
    """
    join_run()
    missing = [repr(str(path)) for path in files.values() if not os.path.exists(path)]
    if missing:
        stop(f"there is no file {', '.join(missing)}; put it back or fix the path.")
    if workflow.is_main_process:
        for path in changed_inputs(Path(run), files, CHECKSUMS):
            workflow.dag.forcefiles.add(str(run))
            say_changed(path)
    return []


@functools.cache
def say_changed(path):
    """Say once why Snakemake reports a forced execution."""
    logger.info(f"{str(path)!r} has changed: what was made from it is made again.")


def stylize_inputs(wildcards, setting):
    """Return no file; have the outputs made again if the images or the weights have changed."""
    content, style = content_file(wildcards), style_file(wildcards)
    settings = SWEEP.settings[setting]
    return require_current(
        SWEEP.root / wildcards.content / wildcards.style / setting / RUN,
        {
            "content": content,
            "style": style,
            **companions_of(content, style, settings),
            **weights_of(settings),
        },
    )


def weights_of(settings):
    """Return the file of the network's weights by its role, if it is one of the user."""
    return {} if settings.weights_file is None else {"weights": settings.weights_file}


def config_of(*sections):
    """Return the sweep's part of the configuration and further sections, for a script."""
    wanted = {"content", "style", "output", "settings", *SECTIONS, *sections}
    text = to_json({key: CONFIG[key] for key in CONFIG if key in wanted})
    return lambda wildcards: text  # a function, because Snakemake looks for wildcards in a text


def records_of_content(wildcards):
    """Return what the jobs of a content image leave behind for its plots."""
    return of_report(
        name
        for job in SWEEP.jobs_of(wildcards.content)
        for name in (*records_of(job), str(job.final_output))
    )


def on_cluster():
    """Return whether jobs are submitted to a cluster, or this is one of them."""
    return workflow.remote_exec or not workflow.local_exec


def stylize_script():
    """Return the script of a job: jobs on this machine share a process."""
    shared = JOBS_SHARE_A_PROCESS and not on_cluster()
    return "persistent_worker.py" if shared else "stylize.py"


def gpu_count(wildcards):
    """Return the GPUs of a job: one, unless the cluster needs another option or has none."""
    return 0 if on_cluster() and CLUSTER.gpu_as != "gpus" else 1


def gpu_gres(wildcards):
    """Return the GPU as Slurm's generic resource; None if it is not requested that way."""
    return "gpu:1" if on_cluster() and CLUSTER.gpu_as == "gres" else None


def stylize_threads(wildcards):
    """Return all cores for one job at a time, or an equal share for as many as there are GPUs."""
    if on_cluster():
        return CLUSTER.threads
    limits = workflow.global_resources
    jobs = limits["gpu"].value if "gpu" in limits else 1
    cores = limits["_cores"].value or 1  # none in a query such as --report
    return max(1, cores // max(1, jobs))
