"""Show the progress of a data set: outputs done, failed and to do, the rate and the time left.

Below the table, a sentence says who works on it, what stands in the way, or what to do.
"""

from __future__ import annotations

import sys

from options import bulk_plan_from, command

from neural_style.cli.show import show_status


@command("bulk_status")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    show_status(bulk_plan_from(arguments, __doc__))


if __name__ == "__main__":
    sys.exit(main())
