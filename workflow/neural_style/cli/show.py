"""Commands that show something: presets, settings, a data set, the gallery of a project."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from neural_style.cli.parsing import Parser, UsageError, help_of, nearest, read_path, text_of
from neural_style.config.options import option_name, write_value
from neural_style.config.presets import PRESETS
from neural_style.config.settings import LISTED_KEYS, SECTIONS, Settings
from neural_style.errors import NeuralStyleError
from neural_style.io import escape

if TYPE_CHECKING:
    from neural_style.bulk.plan import BulkPlan

NAME, WIDTH = "neural-style", 96

STATUS = """\
Show the progress of a data set: outputs done, failed and to do, the rate and the time left. Below
the table, a sentence says who works on it, what stands in the way, or what to do."""

VERIFY = """\
Check every output of a data set against its manifest. Each output that is missing, corrupt, stale,
unfinished or failed, and each shard that cannot be finished, gets a line; then come the counts.
No output is changed. What is wrong is noted in `_bulk/redo`, and the next run of `snakemake bulk`
makes that again, but failed outputs only when their shard runs. The exit code is 1 if there is
something to make, or a shard is blocked."""


def presets(arguments: Sequence[str]) -> int:
    """List the presets: what each looks like, and the options that it stands for."""
    Parser(
        "neural-style presets",
        "neural-style presets",
        "List the presets, and the options that each of them stands for.",
    ).read(arguments)
    for name, preset in PRESETS.items():
        print(textwrap.fill(f"{name}: {preset.help}.", WIDTH, subsequent_indent="  "))
        # No line ends between an option and its value.
        print(_indented(" ".join(_options_of(name))).replace("\0", " "))
    print(
        "\nUse one with --preset NAME; options beside it override it. Here, weights of layers are\n"
        "rounded, and stages are those of 512 pixels; --size chooses others."
    )
    return 0


def _options_of(preset: str) -> list[str]:
    """Return the options that a preset stands for, each with its value after a NUL."""
    from neural_style.config.schema import settings_of

    values = PRESETS[preset].values
    keys = [key for key in values if key in LISTED_KEYS]
    keys += [key for section in SECTIONS for key in values.get(section, {})]
    if PRESETS[preset].has_stages:
        keys += ["stages", "epochs"]
    settings = settings_of({}, preset)
    return [f"{option_name(key)}\0{_rounded(write_value(getattr(settings, key)))}" for key in keys]


def _rounded(text: str) -> str:
    """Return the text of a value with at most four digits where it has many: 5/3 as 1.667."""
    return re.sub(r"\d+\.\d{5,}", lambda number: f"{float(number[0]):.4g}", text)


def settings(arguments: Sequence[str]) -> int:
    """List the settings with their defaults, or explain one.

    Raises:
        UsageError: there is no setting of that name.
    """
    from neural_style.config.schema import setting_nodes

    parser = Parser(
        "neural-style settings",
        "neural-style settings [NAME]",
        "List the settings with their defaults, or explain one.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="such as beta or --style-layers")
    words = [word if word == "--help" else word.removeprefix("--") for word in arguments]
    name = parser.read(words).name
    nodes = {key: node for section in setting_nodes().values() for key, node in section.items()}
    if name is None:
        defaults = Settings()
        for key, node in nodes.items():
            first = text_of(key, node).partition(";")[0]
            line = f"{option_name(key)} {write_value(getattr(defaults, key))}"
            print(f"{line:<28}  {first}" if len(line) <= 28 else f"{line}\n{'':<28}  {first}")
        return 0
    key = name.replace("-", "_")
    if key not in nodes:
        raise UsageError(f"there is no setting {name!r}; {nearest(key, list(nodes))}")
    print(f"{option_name(key)}, in Python {key}:")
    print(_indented(f"{help_of(key, nodes[key])}."))
    return 0


def _indented(text: str) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def status(arguments: Sequence[str]) -> int:
    """Show the progress of a data set."""
    from neural_style.bulk.plan import read_plan

    show_status(read_plan(_data_set("status", STATUS, arguments)))
    return 0


def verify(arguments: Sequence[str]) -> int:
    """Check every output of a data set against its manifest.

    Raises:
        NeuralStyleError: something is wrong with an output.
    """
    from neural_style.bulk.plan import read_plan

    show_verification(read_plan(_data_set("verify", VERIFY, arguments)))
    return 0


def _data_set(name: str, description: str, arguments: Sequence[str]) -> Path:
    """Read the command line of a command about a data set; return the folder of the data set."""
    parser = Parser(f"{NAME} {name}", f"{NAME} {name} FOLDER", description)
    parser.add_argument(
        "folder",
        type=read_path,
        metavar="FOLDER",
        help="of the outputs: bulk.output in config.yaml",
    )
    folder: Path = parser.read(arguments).folder
    return folder


def show_status(plan: BulkPlan) -> None:
    """Print the progress of a data set."""
    from neural_style.bulk.status import format_status, read_status

    print(format_status(read_status(plan)), end="")


def show_verification(plan: BulkPlan) -> None:
    """Print what is wrong with a data set, and the counts.

    Raises:
        NeuralStyleError: something is wrong.
    """
    from neural_style.bulk.verify import GOOD, raise_if_wrong
    from neural_style.bulk.verify import verify as findings_of

    counts: Counter[str] = Counter()
    for finding in findings_of(plan):
        counts[finding.kind] += 1
        if finding.kind != GOOD:
            print("\t".join((finding.kind, escape(finding.name), escape(finding.reason))))
    print(", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())))
    raise_if_wrong(counts)


def gallery(arguments: Sequence[str]) -> int:
    """Write the gallery of a project: a page to look through its outputs and choose from them.

    Raises:
        NeuralStyleError: the configuration cannot be read, or the page cannot be written.
    """
    parser = Parser(
        f"{NAME} gallery",
        f"{NAME} gallery [--configfile FILE] [-o FILE]",
        "Write the gallery of the project in this folder, with the outputs that there are. "
        "`snakemake` writes it at the end of a run.",
    )
    parser.add_argument(
        "--configfile",
        type=read_path,
        default=Path("config.yaml"),
        metavar="FILE",
        help="the configuration of the project (default: config.yaml)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=read_path,
        metavar="FILE",
        help="the page (default: the one of snakemake)",
    )
    options = parser.read(arguments)
    from neural_style.config.sweep import plan_sweep
    from neural_style.report.gallery_page import write_gallery

    sweep = plan_sweep(_read_config(options.configfile))
    page = options.output or sweep.root / "gallery" / "index.html"
    write_gallery(list(sweep.jobs), Settings(), page)
    print(f"{escape(str(page))} is the gallery; open it in a browser.")
    return 0


def _read_config(path: Path) -> dict[str, Any]:
    """Read a configuration, and fill in the defaults.

    Raises:
        NeuralStyleError: it cannot be read, or is invalid.
    """
    from neural_style.config.schema import complete

    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        too_deep = isinstance(error, RecursionError)
        otherwise = "it is nested too deeply" if too_deep else "it is not YAML"
        reason = getattr(error, "strerror", None) or otherwise
        raise NeuralStyleError(
            f"cannot read {str(path)!r}: {reason}; name the configuration of a project with "
            "--configfile."
        ) from error
    return complete({} if config is None else config)
