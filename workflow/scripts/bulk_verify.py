"""Check every output of a data set against its manifest; exit with 1 if anything is wrong.

Prints a line for each output that is missing, corrupt, stale, unfinished or failed, and for each
shard that cannot be finished, then the counts. Outputs and manifests are only read; the next run of
`bulk` makes exactly what is wrong again.
"""

from __future__ import annotations

import sys
from collections import Counter

from bulk_status import make_parser, plan_of
from options import command

from neural_style.bulk.verify import GOOD, raise_if_wrong, verify
from neural_style.io import escape


@command("bulk_verify")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    options = make_parser(__doc__).parse_args(arguments)
    counts: Counter[str] = Counter()
    for finding in verify(plan_of(options)):
        counts[finding.kind] += 1
        if finding.kind != GOOD:
            print("\t".join((finding.kind, escape(finding.name), escape(finding.reason))))
    print(", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
    raise_if_wrong(counts)


if __name__ == "__main__":
    sys.exit(main())
