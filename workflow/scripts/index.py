"""Write the index of a sweep: which file, style and setting each id stands for."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from options import add_config_option, sweep_from

from neural_style.errors import NeuralStyleError
from neural_style.files import remove_leftovers
from neural_style.plan.index import write_index


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code is 1 after a mistake that the user can mend."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_option(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        remove_leftovers([options.output])
        write_index(sweep_from(options).jobs, options.output)
    except NeuralStyleError as error:
        print(f"index: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
