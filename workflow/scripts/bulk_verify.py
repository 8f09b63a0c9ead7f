"""Check every output of a data set against its manifest; exit with 1 if anything is wrong.

Prints a line for each output that is missing, corrupt, stale, unfinished or failed, and for each
shard that cannot be finished, then the counts. Outputs and manifests are only read; the next run of
`bulk` makes exactly what is wrong again.
"""

from __future__ import annotations

import argparse
import sys

from options import add_config_option, command, config_from

from neural_style.bulk.plan import make_bulk_plan
from neural_style.cli.show import show_verification


@command("bulk_verify")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_option(parser)
    show_verification(make_bulk_plan(config_from(parser.parse_args(arguments))))


if __name__ == "__main__":
    sys.exit(main())
