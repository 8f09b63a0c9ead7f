# The layer study of the configuration, and the functions that its rules use.
from neural_style.config.layer_study import (
    CHART,
    FIGURE,
    FOLDER,
    LAYER_LOSSES,
    LayerStudyError,
    choose,
    figure_config,
    plan_study,
    study_config,
)

STUDY = plan_study(CONFIG)
STUDY_FOLDER = SWEEP.root / FOLDER
STUDY_LOGS = LOGS / FOLDER
STUDY_CONFIG_TEXT = to_json(study_config(CONFIG))
FIGURE_CONFIG_TEXT = to_json(figure_config(CONFIG))


def study_config_text(wildcards):
    """Return the configuration for the images of the layer study."""
    return STUDY_CONFIG_TEXT


def figure_config_text(wildcards):
    """Return the configuration for the figure of the layer study."""
    return FIGURE_CONFIG_TEXT


def study_content(wildcards):
    """Return the content image of the layer study."""
    return _study_file("content", SWEEP.contents, STUDY.content)


def study_style(wildcards):
    """Return the style image of the layer study."""
    return _study_file("style", SWEEP.styles, STUDY.style)


def study_inputs(wildcards):
    """Return no file; have the images made again if their inputs have changed."""
    require_sweep(wildcards)
    files = {"content": study_content(wildcards), "style": study_style(wildcards)}
    return require_current(STUDY_FOLDER / RUN, {**files, **weights_of(STUDY.settings)})


def _study_file(kind, files, name):
    # Called only when the study is asked for: a sweep without its images is still made.
    try:
        return choose(files, name, kind)
    except LayerStudyError as error:
        raise WorkflowError(str(error)) from None
