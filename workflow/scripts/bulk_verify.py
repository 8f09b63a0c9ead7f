"""Check every output of a data set against its manifest; exit with 1 if anything is wrong.

Prints a line for each output that is missing, corrupt, stale, unfinished or failed, and for each
shard that cannot be finished, then the counts. Outputs and manifests are only read; the next run of
`bulk` makes exactly what is wrong again.
"""

from __future__ import annotations

import sys

from options import bulk_plan_from, command

from neural_style.cli.show import show_verification


@command("bulk_verify")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    show_verification(bulk_plan_from(arguments, __doc__))


if __name__ == "__main__":
    sys.exit(main())
