"""Write docs/configuration.md, the configuration reference, from the schema."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from command import command
from options import SCHEMA

from neural_style.config.schema import read_schema
from neural_style.io import write_text
from neural_style.manual.reference import configuration_reference

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


@command("config_reference")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=PAGE, metavar="FILE")
    options = parser.parse_args(arguments)
    write_text(options.output, configuration_reference(read_schema(SCHEMA)))


if __name__ == "__main__":
    sys.exit(main())
