"""Snakemake's command line, forked for each call, which saves the second that its import takes.

A line of standard input is a call in JSON: the words of the command, its folder, its environment,
and the files for what it says. A line of standard output is the exit code of that call.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import snakemake.cli
import snakemake.workflow

import neural_style.config.schema
import neural_style.report.outputs  # noqa: F401  # what the Snakefile imports takes time, too


def main() -> None:
    while line := sys.stdin.readline():
        call = json.loads(line)
        child = os.fork()
        if child == 0:
            become(call)
            sys.exit(snakemake.cli.main())
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def become(call: dict[str, Any]) -> None:
    """Give this process what a new one would have."""
    os.environ.clear()
    os.environ.update(call["environment"])
    os.chdir(call["folder"])
    for number, name in enumerate((os.devnull, call["out"], call["err"])):
        file = os.open(name, os.O_RDWR)
        os.dup2(file, number)
        os.close(file)
    sys.argv = call["command"]
    signal.alarm(call["seconds"])


if __name__ == "__main__":
    main()
