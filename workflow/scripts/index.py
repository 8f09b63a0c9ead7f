"""Write the index of a sweep: which files and settings each id stands for."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from options import add_config_option, command, sweep_from

from neural_style.io import remove_leftovers
from neural_style.report.outputs import write_index


@command("index")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_option(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(arguments)
    remove_leftovers([options.output])
    write_index(sweep_from(options).jobs, options.output)


if __name__ == "__main__":
    sys.exit(main())
