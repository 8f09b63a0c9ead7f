"""Show the progress of a data set: outputs done, failed and to do, the rate and the time left."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from options import command

from neural_style.bulk.plan import read_plan
from neural_style.bulk.status import format_status, read_status


@command("bulk_status")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "output",
        type=Path,
        metavar="FOLDER",
        help="folder of the data set, bulk.output of its configuration",
    )
    options = parser.parse_args(arguments)
    print(format_status(read_status(read_plan(options.output))), end="")


if __name__ == "__main__":
    sys.exit(main())
