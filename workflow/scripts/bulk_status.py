"""Show the progress of a data set: outputs done, failed and to do, the rate and the time left.

Below the table, a sentence says who works on it, what stands in the way, or what to do.
"""

from __future__ import annotations

import argparse
import json
import sys

from options import command, read_path

from neural_style.bulk.plan import BulkPlan, make_bulk_plan, read_plan
from neural_style.cli.show import show_status


@command("bulk_status")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = make_parser(__doc__).parse_args(arguments)
    show_status(plan_of(options))


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return the parser of a script that looks at a data set."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "output",
        type=read_path,
        metavar="FOLDER",
        help="folder of the data set, bulk.output of its configuration",
    )
    parser.add_argument(
        "--checked-config",
        type=json.loads,
        metavar="JSON",
        help="the configuration, as the Snakefile has checked and completed it (default: that of "
        "the last run)",
    )
    return parser


def plan_of(options: argparse.Namespace) -> BulkPlan:
    """Return the data set as it is configured now, or as the last run made it.

    Raises:
        NeuralStyleError: there is no data set.
    """
    if options.checked_config is not None:
        return make_bulk_plan(options.checked_config)
    return read_plan(options.output)


if __name__ == "__main__":
    sys.exit(main())
