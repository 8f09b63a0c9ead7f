"""Write docs/configuration.md, the configuration reference, from the schema."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from options import SCHEMA

from neural_style.errors import NeuralStyleError
from neural_style.files import write_text
from neural_style.manual.reference import configuration_reference
from neural_style.plan.config import read_schema

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code is 1 after a mistake that the user can mend."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=PAGE, metavar="FILE")
    options = parser.parse_args(arguments)
    try:
        write_text(options.output, configuration_reference(read_schema(SCHEMA)))
    except NeuralStyleError as error:
        print(f"config_reference: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
