"""Draw the figure and the chart of a layer study from its images and its table of losses."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from options import add_study_options, command, config_from

from neural_style.config.layer_study import CHART, FIGURE, LAYER_LOSSES, plan_study
from neural_style.engine.layer_losses import read_layer_losses
from neural_style.images.encode import save_image
from neural_style.io import remove_leftovers
from neural_style.report.figure import plot_style
from neural_style.report.grid_render import render_grid
from neural_style.report.outputs import files_of
from neural_style.report.study_figure import plot_study, study_grid


@command("layer study")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_study_options(parser)
    options = parser.parse_args(arguments)
    config, folder = config_from(options), options.output
    study, grids = plan_study(config), config["grids"]
    content, style = options.images
    grid = study_grid(study, content, style, folder)
    remove_leftovers(map(Path, [folder / FIGURE, *files_of(folder / CHART)]))
    save_image(render_grid(grid, grids["tile_size"]), folder / FIGURE, grids["quality"])
    rows = read_layer_losses(folder / LAYER_LOSSES)
    with plot_style():
        plot_study(rows, content.stem, style.stem, study).save(folder / CHART)


if __name__ == "__main__":
    sys.exit(main())
