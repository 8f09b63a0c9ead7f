"""Write a time-lapse of each output of a content image: its saved iterations, one after another."""

from __future__ import annotations

import argparse
import sys

from options import add_config_option, command, config_from

from neural_style.config.sweep import plan_sweep
from neural_style.io import remove_leftovers
from neural_style.report.grid_render import write_time_lapse
from neural_style.report.outputs import time_lapse


@command("time-lapse")
def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_option(parser)
    parser.add_argument("--content", nargs="+", required=True, metavar="ID", help="see index.tsv")
    options = parser.parse_args(arguments)
    config = config_from(options)
    sweep, grids = plan_sweep(config), config["grids"]
    for job in (job for content in options.content for job in sweep.jobs_of(content)):
        path = time_lapse(sweep.root, job.content, job.style, job.setting)
        if job.final_output.exists():
            remove_leftovers([path])
            write_time_lapse(job, path, grids["time_lapse"], grids["quality"])


if __name__ == "__main__":
    sys.exit(main())
