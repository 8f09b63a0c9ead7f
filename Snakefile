# Neural style transfer over folders: content images × style images × settings.
# This file is a table of contents: each stage has its file in workflow/rules.

from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.17")

# Every key has a default, so a folder with images is enough.
if Path("config.yaml").exists():
    try:
        workflow.configfile("config.yaml")  # the directive, whose errors cannot be caught
    except RecursionError:
        raise WorkflowError("config.yaml is nested too deeply, or within itself; shorten it.")
    except UnicodeError as error:
        raise WorkflowError(f"config.yaml cannot be read: {error}; save it as UTF-8.")
    except ValueError as error:
        raise WorkflowError(f"config.yaml cannot be read: {error}; correct the value.")
    except OSError as error:
        raise WorkflowError(
            f"config.yaml cannot be read: {error.strerror}; replace it by a file that you may read."
        )


# Only for `--software-deployment-method apptainer`; docs/clusters.md says how to make this file.
container: "neural-style.sif"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/bulk_inputs.smk"
include: "workflow/rules/terminal.smk"
include: "workflow/rules/remaining.smk"
include: "workflow/rules/stylize.smk"


if not SWEEP_ERROR:  # a data set (bulk.smk) does not need the images of the sweep

    include: "workflow/rules/grids.smk"
    include: "workflow/rules/plots.smk"
    include: "workflow/rules/gallery.smk"
    include: "workflow/rules/report.smk"


include: "workflow/rules/layer_study.smk"
include: "workflow/rules/bulk.smk"
include: "workflow/rules/refused.smk"


# A project of your own, or a copy of the workflow, has no tools for the documentation.
if Path("docs/controls.yaml").exists() and (WORKFLOW.parent / "docs/tools").exists():

    include: "workflow/rules/docs.smk"


include: "workflow/rules/interruptions.smk"


rule all:
    input:
        require_sweep,
        of_report([INDEX, *OUTPUTS, *GRIDS, *PLOTS, *TIME_LAPSES, GALLERY, *REFUSED]),


onstart:
    begin_run()


onsuccess:
    atexit.register(tell_end)


onerror:
    make_remaining()
    atexit.register(tell_end)
