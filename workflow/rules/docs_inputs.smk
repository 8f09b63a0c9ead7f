# What the rules of docs.smk make: the control grids that docs/controls.yaml describes.
sys.path.append(str(WORKFLOW.parent / "docs" / "tools"))

from controls import read_grids

CONTROLS = "docs/controls.yaml"


@functools.cache
def control_grids():
    """The grids of docs/controls.yaml, read only for this target: every job loads this file."""
    try:
        return read_grids(Path(CONTROLS))
    except NeuralStyleError as error:
        stop(error)
