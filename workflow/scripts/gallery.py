"""Write the gallery of a sweep: a page to browse and compare its outputs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from options import add_config_option, command, sweep_from

from neural_style.config.settings import Settings
from neural_style.report.gallery_page import write_gallery


@command("gallery")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_option(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(arguments)
    jobs = list(sweep_from(options).jobs)
    write_gallery(jobs, Settings(), options.output)


if __name__ == "__main__":
    sys.exit(main())
