# What each depth of the network keeps: `snakemake layer_study`. No part of what `snakemake` makes.
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

STUDY_CONFIG = study_config(CONFIG)
STUDY = plan_study(complete(STUDY_CONFIG, SCHEMA))
STUDY_CONFIG_TEXT = json.dumps(STUDY_CONFIG, sort_keys=True)


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
    try:
        return choose(files, name, kind)
    except LayerStudyError as error:
        raise WorkflowError(str(error)) from None


rule layer_study:
    input:
        STUDY_FOLDER / FIGURE,
        STUDY_FOLDER / CHART,
    localrule: True


# All in one job: its pictures are small, and the network is loaded once for them.
rule layer_study_pictures:
    input:
        content=study_content,
        style=study_style,
        weights=weights_files(STUDY.settings),
    output:
        pictures=[STUDY_FOLDER / picture.file for picture in STUDY.pictures],
        losses=STUDY_FOLDER / LAYER_LOSSES,
    log:
        STUDY_LOGS / "pictures.log",
    conda:
        "../envs/neural_style.yaml"
    threads: stylize_threads
    resources:
        gpu=1,
    params:
        script=SCRIPTS / "layer_study.py",
        config=study_config_text,
        folder=STUDY_FOLDER,
        # Not in the command: a change of it makes the pictures again.
        engine=ENGINE,
    shell:
        "python {params.script:q} --config {params.config:q} --content={input.content:q}"
        " --style={input.style:q} --output {params.folder:q} --threads {threads}"
        " 2>&1 | tee {log:q}"


rule layer_study_figure:
    input:
        content=study_content,
        style=study_style,
        pictures=rules.layer_study_pictures.output.pictures,
        losses=rules.layer_study_pictures.output.losses,
    output:
        figure=STUDY_FOLDER / FIGURE,
        chart=STUDY_FOLDER / CHART,
    log:
        STUDY_LOGS / "figure.log",
    localrule: True
    conda:
        "../envs/neural_style.yaml"
    params:
        script=SCRIPTS / "layer_study_figure.py",
        config=study_config_text,
        folder=STUDY_FOLDER,
    shell:
        "python {params.script:q} --config {params.config:q} --content={input.content:q}"
        " --style={input.style:q} --output {params.folder:q} 2>&1 | tee {log:q}"
