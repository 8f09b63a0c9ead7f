"""Show the progress of a data set: outputs done, failed and to do, the rate and the time left.

Below the table, a sentence says who works on it, what stands in the way, or what to do.
"""

from __future__ import annotations

import argparse
import sys

from options import add_config_option, command, config_from

from neural_style.bulk.plan import make_bulk_plan
from neural_style.cli.show import show_status


@command("bulk_status")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_option(parser)
    show_status(make_bulk_plan(config_from(parser.parse_args(arguments))))


if __name__ == "__main__":
    sys.exit(main())
