"""What the scripts share: how a command line ends, and options made from the configuration.

Modules of the library that only some scripts need are imported where they are used, so that a job
of the workflow, which gets checked settings, starts without the schema.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import environment  # noqa: F401 - before all other packages

from neural_style.config.settings import (
    Settings,
    settings_from_record,
)
from neural_style.errors import NeuralStyleError, showing_warnings

if TYPE_CHECKING:
    from neural_style.bulk.plan import BulkPlan
    from neural_style.config.sweep import Sweep

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C has ended, as shells report it."""


# How a command line ends

Work = Callable[[list[str] | None], None]


class Main(Protocol):
    """The main function of a script."""

    def __call__(self, arguments: list[str] | None = None) -> int:
        """Run the arguments of a command line, by default the process's; return the exit code."""


def command(name: str, kept: str = "") -> Callable[[Work], Main]:
    """Make a main function of a function that does the work and raises errors.

    The exit code is 0 if the work succeeds, 1 after a `NeuralStyleError`, and `INTERRUPTED` after
    Ctrl-C. Errors are one sentence on the error stream, without a traceback.

    Args:
        name: begins the sentence.
        kept: ends the sentence after Ctrl-C, such as `the outputs made so far are kept`.
    """

    def decorate(work: Work) -> Main:
        @wraps(work)
        def main(arguments: list[str] | None = None) -> int:
            try:
                with showing_warnings(lambda text: print(f"{name}: {text}", file=sys.stderr)):
                    work(arguments)
            except NeuralStyleError as error:
                print(f"{name}: {error}", file=sys.stderr)
                return 1
            except KeyboardInterrupt:
                print(f"{name}: interrupted{kept and f'; {kept}'}.", file=sys.stderr)
                return INTERRUPTED
            return 0

        return main

    return decorate


# The whole configuration


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Add `--config` and `--checked-config`, for scripts that need a whole configuration."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--config",
        type=json.loads,
        default={},
        metavar="JSON",
        help="a configuration; what it leaves out has its default",
    )
    group.add_argument(
        "--checked-config",
        type=json.loads,
        metavar="JSON",
        help="a configuration that the Snakefile has checked and completed; not checked again",
    )


def config_from(options: argparse.Namespace) -> dict[str, Any]:
    """Return the complete configuration of the options of `add_config_option`.

    Raises:
        NeuralStyleError: it is invalid.
    """
    if options.checked_config is not None:
        checked: dict[str, Any] = options.checked_config
        return checked
    from neural_style.config.schema import complete

    return complete(options.config)


def sweep_from(options: argparse.Namespace) -> Sweep:
    """Return the sweep of the options of `add_config_option`.

    Raises:
        NeuralStyleError: the configuration is invalid, or its images do not exist.
    """
    from neural_style.config.sweep import plan_sweep

    return plan_sweep(config_from(options))


def bulk_plan_from(arguments: list[str] | None, description: str | None) -> BulkPlan:
    """Return the data set that a command line with the options of `add_config_option` describes.

    Args:
        arguments: of the command line; None for those of the process.
        description: what the script does, for its help.

    Raises:
        NeuralStyleError: the configuration is invalid, or describes no data set.
    """
    from neural_style.bulk.plan import make_bulk_plan

    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_option(parser)
    return make_bulk_plan(config_from(parser.parse_args(arguments)))


class Pair(NamedTuple):
    """The images of a job."""

    content: Path
    style: Path


def add_images_option(parser: argparse.ArgumentParser) -> None:
    """Add `--images`: the content and the style image of a job, as the Snakefile gives them.

    JSON in ASCII, so that the command of a job can be printed and quoted whatever the names of the
    files are: a terminal would obey some, and others are not UTF-8.
    """
    parser.add_argument("--images", type=_read_images, required=True, metavar="JSON")


def _read_images(text: str) -> Pair:
    names = json.loads(text)
    return Pair(Path(names["content"]), Path(names["style"]))


def add_study_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the layer study's scripts: configuration, two images, a folder."""
    add_config_option(parser)
    add_images_option(parser)
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="folder of the study"
    )


# One setting


def checked_settings(text: str) -> Settings:
    """Read settings that the Snakefile has checked: JSON, as in the record of a run.

    Raises:
        argparse.ArgumentTypeError: the text has another form.
    """
    try:
        return settings_from_record(json.loads(text))
    except (ValueError, TypeError, AttributeError) as error:
        raise argparse.ArgumentTypeError("these are not settings of a run, as JSON") from error
