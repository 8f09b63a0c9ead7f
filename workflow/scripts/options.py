"""What the scripts share: how a command line ends, and options made from the configuration.

Modules of the library that only some scripts need are imported where they are used, so that a job
of the workflow, which gets checked settings, starts without the schema.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol, TextIO

import environment  # noqa: F401 - before all other packages

from neural_style.config.options import (
    NONE,
    SHARES,
    OptionError,
    in_options,
    option_name,
    read_boolean,
    read_layers,
    read_numbers,
    read_share,
    read_stages,
    write_value,
)
from neural_style.config.settings import (
    SECTIONS,
    Settings,
    settings_from_record,
)
from neural_style.errors import NeuralStyleError, NeuralStyleWarning
from neural_style.io import expand_path

if TYPE_CHECKING:
    from neural_style.config.layer_study import LayerStudy
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


@contextmanager
def showing_warnings(log: Callable[[str], None]) -> Iterator[None]:
    """Give each `NeuralStyleWarning` in the block to `log`, once."""
    said = set[str]()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not issubclass(category, NeuralStyleWarning):
            before(message, category, filename, lineno, file, line)
        elif str(message) not in said:
            said.add(str(message))
            log(str(message))

    with warnings.catch_warnings():
        before = warnings.showwarning
        warnings.simplefilter("always", NeuralStyleWarning)
        warnings.showwarning = show
        yield


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


def study_from(options: argparse.Namespace) -> LayerStudy:
    """Return the layer study of the options of `add_study_options`.

    Raises:
        NeuralStyleError: the configuration is invalid.
    """
    from neural_style.config.layer_study import plan_study

    return plan_study(config_from(options))


def read_path(text: str) -> Path:
    """Return a path of the command line; shells expand `~` only at the start of a word.

    Raises:
        argparse.ArgumentTypeError: it names an unknown user or a variable.
    """
    try:
        return Path(expand_path(text))
    except NeuralStyleError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


# One setting


def _read_whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def _read_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


_READERS: Mapping[str, Callable[[str], object]] = {
    "array": read_numbers,
    "boolean": read_boolean,
    "integer": _read_whole_number,
    "number": _read_number,
    "object": read_layers,
    "string": str,
}
_METAVARS = {
    "array": "X,…",
    "boolean": "true|false",
    "integer": "N",
    "number": "X",
    "object": "LAYER:X,…",
    "string": "NAME",
}
_SPECIAL: Mapping[str, Mapping[str, Any]] = {
    "stages": {"type": read_stages, "metavar": "SIZE:N,…"},
    "blend": {
        "metavar": "FILE:X",
        "help": "further style image with its weight; give the option once for each image; the "
        "pair's own style has weight 1, and only the ratios matter",
    },
    "weights": {"metavar": "NAME|FILE"},
    "init": {"metavar": "NAME|FILE"},
    "mask": {"metavar": "FILE|beside"},
    "style_mask": {"metavar": "FILE|beside"},
}
"""Settings whose option differs from what their type in the schema says."""


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """Add an option for each setting, such as `--alpha` and `--size`, and for a preset.

    A setting that is not given is taken from `recalled`, a mapping of names to values, or else has
    its default.
    """
    from neural_style.config.schema import config_schema, setting_nodes

    parser.set_defaults(recalled={})
    schema = config_schema()
    preset = schema["$defs"]["PresetName"]
    parser.add_argument_group("preset").add_argument(
        "--preset",
        choices=preset["enum"],
        metavar="NAME",
        help=f"{_help(preset)}; other options override it",
    )
    for section, nodes in setting_nodes().items():
        title = "loss weights and learning rate"
        if section in SECTIONS:
            title = schema["$defs"][section.capitalize()]["description"]
        group = parser.add_argument_group(title)
        for name, node in nodes.items():
            _add(group, name, node)
    parser.add_argument("--colour", action=_Renamed, nargs="?", help=argparse.SUPPRESS)


def add_jobs_options(group: argparse._ArgumentGroup) -> None:
    """Add `--checkpoint-every`: every key of the section `jobs`, without defaults."""
    from neural_style.config.schema import config_schema

    for name, node in config_schema()["$defs"]["Jobs"]["properties"].items():
        kind = _kind(node)
        group.add_argument(
            option_name(name), type=_READERS[kind], metavar=_METAVARS[kind], help=_help(node)
        )


def settings_from(options: argparse.Namespace) -> Settings:
    """Return the settings of the options, checked as a configuration is.

    Options of `add_jobs_options` are checked, too.

    Raises:
        NeuralStyleError: a value is invalid.
    """
    from neural_style.config.schema import complete, setting_homes, settings_of

    jobs = {name: getattr(options, name, None) for name in ("checkpoint_every", "max_pixels")}
    complete({"jobs": {name: value for name, value in jobs.items() if value is not None}})
    given = {name: getattr(options, name) for name in setting_homes() if hasattr(options, name)}
    return settings_of(given, options.preset, options.recalled)


def checked_settings(text: str) -> Settings:
    """Read settings that the Snakefile has checked: JSON, as in the record of a run.

    Raises:
        argparse.ArgumentTypeError: the text has another form.
    """
    try:
        return settings_from_record(json.loads(text))
    except (ValueError, TypeError, AttributeError) as error:
        raise argparse.ArgumentTypeError(f"these are not settings of a run: {error}") from error


def _add(group: argparse._ArgumentGroup, name: str, node: Mapping[str, Any]) -> None:
    """Add the option of a setting."""
    kind = _kind(node)
    reader = _READERS[kind]
    shown = "|".join(node["enum"]) if "enum" in node else _METAVARS[kind]
    form: dict[str, Any] = {"type": _or_none(reader) if _is_nullable(node) else reader}
    if name in SHARES:
        form = {"type": _or_none(read_share), "action": _Shares}
    form |= {"metavar": shown, "help": _help(node), **_SPECIAL.get(name, {})}
    facts = [_range(node), f"default: {write_value(getattr(Settings(), name))}"]
    form["help"] += f" ({'; '.join(filter(None, facts))})"
    form["type"] = _naming(option_name(name), form["type"])
    group.add_argument(option_name(name), default=argparse.SUPPRESS, **form)


def _help(node: Mapping[str, Any]) -> str:
    """Return the description of a setting in the words of a command line."""
    text = re.sub(r"\bnull\b", NONE, node["description"])
    return in_options(text).replace("%", "%%")


def _range(node: Mapping[str, Any]) -> str:
    """Return the bounds of a number, or of each number of a list or mapping: `1 to 100`."""
    others = node.get("additionalProperties")
    number = node.get("items") or (others if isinstance(others, Mapping) else node)
    if "maximum" not in number:
        return ""
    if "minimum" in number:
        bounds = f"{_short(number['minimum'])} to {_short(number['maximum'])}"
    else:
        bounds = f"above {_short(number['exclusiveMinimum'])}, up to {_short(number['maximum'])}"
    steps = f" in steps of {number['multipleOf']}" if "multipleOf" in number else ""
    return bounds + steps + (f", or {NONE}" if _is_nullable(node) else "")


def _short(number: float) -> str:
    """Return a number as people type it: 1e9."""
    if isinstance(number, int):
        return str(number)
    return f"{number:g}".replace("e+0", "e").replace("e+", "e")


def _naming(option: str, reader: Callable[[str], object]) -> Callable[[str], object]:
    """Return a reader whose errors name the option."""

    @wraps(reader)
    def read(text: str) -> object:
        try:
            return reader(text)
        except OptionError as error:
            raise OptionError(f"{option}: {error}") from error

    return read


def _or_none(reader: Callable[[str], object]) -> Callable[[str], object]:
    """Return a reader that reads `none` as None and leaves the rest to another one."""

    @wraps(reader)  # argparse names it in messages
    def read(text: str) -> object:
        return None if text == NONE else reader(text)

    return read


class _Shares(argparse.Action):
    """Collects options such as `--blend wave.jpg:0.5`, which may be given several times."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # noqa: ANN401 - as argparse declares it
        option_string: str | None = None,
    ) -> None:
        """Add a file and its weight to those before; `none` removes them."""
        before: Mapping[str, float] = getattr(namespace, self.dest, {})
        if values is None:
            setattr(namespace, self.dest, {})
            return
        file, weight = values
        if file in before:
            raise OptionError(f"{option_string} names {file!r} twice; give it once.")
        setattr(namespace, self.dest, {**before, file: weight})


class _Renamed(argparse.Action):
    """The former name of an option."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> NoReturn:
        """End with the usage and the present name."""
        parser.error("--colour is now called --color; rename it.")


def _kind(node: Mapping[str, Any]) -> str:
    """Return the type of a setting in the schema, null aside."""
    kinds = node.get("type", "string")
    return str(kinds if isinstance(kinds, str) else next(k for k in kinds if k != "null"))


def _is_nullable(node: Mapping[str, Any]) -> bool:
    return "null" in node.get("type", "")
