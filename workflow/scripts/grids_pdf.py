"""Bind the pages of results/grids, as many as there are, into results/grids/grids.pdf."""

from __future__ import annotations

import argparse
import sys

from options import add_config_option, config_from

from neural_style.errors import NeuralStyleError
from neural_style.files import remove_leftovers
from neural_style.grids.pdf import write_pdf
from neural_style.grids.sheets import GRIDS, PDF, sheets_of
from neural_style.grids.tiles import GridError
from neural_style.plan.sweep import plan


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code is 1 after a mistake that the user can mend."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_option(parser)
    options = parser.parse_args(arguments)
    try:
        config = config_from(options)
        sheets = sheets_of(plan(config), config)
        there = [path for path in sheets.all_paths if path.exists()]
        if not there:
            raise GridError(f"{GRIDS} holds no page; make the sheets first.")
        pages = {path.relative_to(GRIDS).with_suffix("").as_posix(): path for path in there}
        remove_leftovers([PDF])
        write_pdf(pages, PDF, config["grids"]["pdf_size"], config["grids"]["quality"])
    except NeuralStyleError as error:
        print(f"grids_pdf: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
