"""Bind the pages of all comparison grids that exist into grids.pdf."""

from __future__ import annotations

import argparse
import sys

from options import add_config_option, command, config_from

from neural_style.config.sweep import plan_sweep
from neural_style.io import remove_leftovers
from neural_style.report.grid_compose import page_title, read_names
from neural_style.report.grid_layout import GridError
from neural_style.report.grid_pdf import write_pdf
from neural_style.report.outputs import sweep_grids


@command("grids_pdf")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_option(parser)
    options = parser.parse_args(arguments)
    config = config_from(options)
    sweep = plan_sweep(config)
    grids, names = sweep_grids(sweep, config), read_names(sweep)
    pages = {
        page_title(grid, path, names): path
        for kind in grids.kinds
        for subject in grids.subjects(kind)
        for grid in grids.grids(kind, subject)
        for path in grid.pages
        if path.exists()
    }
    if not pages:
        raise GridError(f"{str(grids.folder)!r} has no page; make the grids first.")
    remove_leftovers([grids.pdf])
    write_pdf(pages, grids.pdf, config["grids"]["pdf_size"], config["grids"]["quality"])


if __name__ == "__main__":
    sys.exit(main())
