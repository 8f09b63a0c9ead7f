"""Check every output of a data set against its manifest; exit with 1 if anything is wrong.

Prints a line for each output that is missing, corrupt, stale, unfinished or failed, then the
counts. The next run of `bulk` makes exactly what is wrong again.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from options import command

from neural_style.bulk.plan import read_plan
from neural_style.bulk.verify import GOOD, WRONG, raise_if_wrong, verify
from neural_style.io import escape


@command("bulk_verify")
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
    counts: Counter[str] = Counter()
    for finding in verify(read_plan(options.output)):
        counts[finding.kind] += 1
        if finding.kind != GOOD:
            print("\t".join((finding.kind, escape(finding.name), escape(finding.reason))))
    print(", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
    raise_if_wrong(sum(counts[kind] for kind in WRONG))


if __name__ == "__main__":
    sys.exit(main())
