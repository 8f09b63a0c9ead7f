"""Show how far a data set is: done, failed and to do, the rate and the time left."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from neural_style.bulk.plan import read_plan
from neural_style.bulk.status import render, status_of
from neural_style.errors import NeuralStyleError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code is 1 if there is no data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, metavar="FOLDER", help="bulk.output of the config")
    options = parser.parse_args(arguments)
    try:
        print(render(status_of(read_plan(options.output))), end="")
    except NeuralStyleError as error:
        print(f"bulk_status: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
