"""Bind the pages of results/grids, as many as there are, into results/grids/grids.pdf."""

from __future__ import annotations

import argparse
import sys

from command import command
from options import add_config_option, config_from

from neural_style.config.sweep import plan
from neural_style.io import remove_leftovers
from neural_style.report.grid_layout import GridError
from neural_style.report.grid_render import write_pdf
from neural_style.report.outputs import GRIDS, PDF, sheets_of


@command("grids_pdf")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_option(parser)
    options = parser.parse_args(arguments)
    config = config_from(options)
    sheets = sheets_of(plan(config), config)
    there = [path for path in sheets.all_paths if path.exists()]
    if not there:
        raise GridError(f"{GRIDS} holds no page; make the sheets first.")
    pages = {path.relative_to(GRIDS).with_suffix("").as_posix(): path for path in there}
    remove_leftovers([PDF])
    write_pdf(pages, PDF, config["grids"]["pdf_size"], config["grids"]["quality"])


if __name__ == "__main__":
    sys.exit(main())
