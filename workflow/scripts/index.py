"""Write the index of a sweep: which file, style and setting each id stands for."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from options import SCHEMA

from neural_style.config import complete, read_schema
from neural_style.errors import NeuralStyleError
from neural_style.index import write_index
from neural_style.sweep import plan


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code is 1 after a mistake that the user can mend."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=json.loads, required=True, metavar="JSON")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        config = complete(options.config, read_schema(SCHEMA))
        write_index(plan(config).jobs, options.output)
    except NeuralStyleError as error:
        print(f"index: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
