"""What the commands share: a parser with better errors, an option for each setting, and help."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

from neural_style.config.options import (
    NONE,
    SHARES,
    OptionError,
    in_options,
    option_name,
    read_layers,
    read_numbers,
    read_share,
    read_stages,
    write_value,
)
from neural_style.config.presets import PRESETS
from neural_style.config.settings import OUTPUT_FORMATS, SECTIONS, Settings
from neural_style.errors import NeuralStyleError
from neural_style.io import expand_path

_HELP_COLUMN, _WIDTH = 28, 96

_METAVARS = {
    "array": "X,…",
    "boolean": "true|false",
    "integer": "N",
    "number": "X",
    "object": "LAYER:X,…",
    "string": "NAME",
}
_FORMS: Mapping[str, Mapping[str, Any]] = {
    "stages": {"metavar": "SIZE:N,…"},
    "blend": {"metavar": "FILE:X"},
    "weights": {"metavar": "NAME|FILE"},
    "init": {"metavar": "NAME|FILE"},
    "mask": {"metavar": "FILE|beside"},
    "style_mask": {"metavar": "FILE|beside"},
}
"""Settings whose metavariable differs from what their type says."""

_HELP = {
    "stages": "smaller sizes to optimize first, each with its iterations, ascending, such as "
    "256:300,362:100; each starts from the result of the one before; their iterations count "
    "toward --epochs",
    "blend": "further style image with its weight; give the option once for each image; the style "
    "of the output has weight 1, and only the ratios matter",
}
"""Help of settings whose option has another form than their key."""


_OF_DATA_SETS = re.compile(r"; [^;]*\bbulk\.[^;]*")


class UsageError(NeuralStyleError):
    """The command line is wrong; the exit code is 2."""


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError`, and names the nearest option for a misspelt one.

    Args:
        name: how the command is called.
        usage: its forms, one a line.
        description: what it does.
        epilog: follows the options.
    """

    def __init__(self, name: str, usage: str, description: str, epilog: str | None = None) -> None:
        super().__init__(
            prog=name,
            usage=usage,
            description=description,
            epilog=epilog,
            formatter_class=_Formatter,
            allow_abbrev=False,
            add_help=False,
        )
        self.add_argument("-h", "--help", action="help", help="show this help")

    def error(self, message: str) -> NoReturn:
        """Raise an error instead of ending the process.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{message.removeprefix('argument ')}; see `{self.prog} --help`.")

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Read a command line, with options and other arguments in any order.

        Raises:
            UsageError: it cannot be read.
        """
        self._refuse_unknown_options(arguments)
        try:
            return self.parse_intermixed_args(arguments)
        except OptionError as error:
            raise UsageError(str(error)) from error

    def _refuse_unknown_options(self, arguments: Sequence[str]) -> None:
        """Check names of options first: the value of an unknown one would be taken for a file."""
        known = [name for action in self._actions for name in action.option_strings]
        for argument in arguments:
            if argument == "--":
                return
            name = argument.partition("=")[0]
            is_option = re.match(r"--?[a-zA-Z]", argument) is not None
            is_short = not argument.startswith("--") and argument[:2] in known
            if is_option and not is_short and name not in known:
                long = [each for each in known if each.startswith("--")]
                raise UsageError(f"there is no option {name}; {nearest(name, long)}")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Help on lines of a fixed width, whatever the terminal has: it is read in pages, too."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_HELP_COLUMN, width=_WIDTH)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """Name the options of an action once with their value: `-o, --output FILE`."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        value = self._format_args(action, action.dest.upper())
        return f"{', '.join(action.option_strings)} {value}"


def nearest(wrong: str, known: Sequence[str]) -> str:
    """Return a hint with the nearest of some names."""
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else "see `--help` for those that there are."


def read_path(text: str) -> Path:
    """Read a path; shells expand `~` only at the start of a word.

    Raises:
        OptionError: it names an unknown user or a variable.
    """
    try:
        return Path(expand_path(text))
    except NeuralStyleError as error:
        raise OptionError(str(error)) from error


# Outputs and machine


def add_output_options(parser: argparse.ArgumentParser, metavar: str) -> None:
    """Add the options that say what is written, and where."""
    group = parser.add_argument_group("outputs")
    more = ". For several images, a folder, where they are named after content and style"
    group.add_argument(
        "-o",
        "--output",
        metavar=metavar,
        help="the output; its suffix chooses the format: "
        f"{', '.join(sorted(set(OUTPUT_FORMATS.values())))}. An older file is replaced, but never "
        "an image that is read" + (more if "FOLDER" in metavar else ""),
    )
    group.add_argument(
        "--save-every",
        default=argparse.SUPPRESS,
        metavar="N",
        help="also save the image every N iterations, as out_100.jpg beside out.jpg",
    )
    group.add_argument(
        "--record",
        metavar="FOLDER",
        type=read_path,
        help="also keep what a job of the pipeline keeps: outputs, losses.csv, run.json, and "
        "checkpoints, from which the same command resumes",
    )


def add_machine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that do not change the output."""
    group = parser.add_argument_group("machine (no effect on the output)")
    group.add_argument(
        "--device",
        default="auto",
        metavar="NAME",
        help="auto, cpu, cuda, or mps; auto uses a GPU if there is one (default: auto)",
    )
    group.add_argument(
        "--threads", type=_positive, metavar="N", help="CPU threads; without it, torch chooses"
    )
    group.add_argument(
        "--checkpoint-every",
        type=_not_negative,
        metavar="N",
        help="iterations between two checkpoints, with --record; 0 for none; without it, about "
        "one a minute",
    )
    group.add_argument(
        "--max-pixels",
        type=_positive,
        metavar="N",
        help="largest width × height of an image file that is read; without it, 250 million",
    )
    group.add_argument("-q", "--quiet", action="store_true", help="show only warnings and errors")


def _positive(text: str) -> int:
    """Read a whole number from 1 up."""
    return _whole(text, 1)


def _not_negative(text: str) -> int:
    """Read a whole number from 0 up."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} up")
    return int(text)


# Settings


def add_settings(parser: argparse.ArgumentParser, without: Iterable[str] = ()) -> None:
    """Add an option for a preset and for each setting, such as `--alpha` and `--size`.

    Args:
        parser: gets a group of options for each section of the configuration.
        without: settings that get no option.
    """
    from neural_style.config.schema import config_schema, setting_nodes

    schema = config_schema()
    parser.add_argument_group("presets").add_argument(
        "--preset",
        metavar="NAME",
        help=f"settings with a name: {', '.join(PRESETS)}; other options override them; see "
        "`neural-style presets`",
    )
    for section, nodes in setting_nodes().items():
        title = "Weights of the losses, and learning rate."
        if section in SECTIONS:
            title = schema["$defs"][section.capitalize()]["description"]
        group = parser.add_argument_group(title[:1].lower() + title[1:].rstrip("."))
        for name, node in nodes.items():
            if name not in without:
                _add(group, name, node)


def _add(group: argparse._ArgumentGroup, name: str, node: Mapping[str, Any]) -> None:
    """Add the option of a setting. Its text is checked later, together with those of all others."""
    shown = "|".join(node["enum"]) if "enum" in node else _METAVARS[_kind(node)]
    form: dict[str, Any] = {"metavar": shown, **_FORMS.get(name, {})}
    if reader := _reader(name, node):
        form["type"] = _naming(option_name(name), reader)
    if name in SHARES:
        form["action"] = _Shares
    group.add_argument(
        option_name(name), default=argparse.SUPPRESS, help=help_of(name, node, "%%"), **form
    )


def help_of(name: str, node: Mapping[str, Any], percent: str = "%") -> str:
    """Return the help of a setting in the words of a command line, with its range and default."""
    facts = [_range(node), f"default: {write_value(getattr(Settings(), name))}"]
    return f"{text_of(name, node)} ({'; '.join(filter(None, facts))})".replace("%", percent)


def text_of(name: str, node: Mapping[str, Any]) -> str:
    """Return the description of a setting in the words of a command line."""
    text = _HELP.get(name) or _OF_DATA_SETS.sub("", in_options(node["description"]))
    return re.sub(r"\bnull\b", NONE, text)


def settings_from(
    options: argparse.Namespace, recalled: Mapping[str, object] | None = None
) -> Settings:
    """Return the settings of the options of `add_settings`, checked as a configuration is.

    Args:
        options: of the command line; those that were not given are missing.
        recalled: values that a preset and the options override.

    Raises:
        UsageError: a value is invalid.
    """
    from neural_style.config.schema import setting_homes, settings_of

    given = {name: getattr(options, name) for name in setting_homes() if hasattr(options, name)}
    try:
        return settings_of(given, options.preset, recalled)
    except NeuralStyleError as error:
        text = in_options(str(error)).replace("preset: ", "--preset: ", 1)
        raise UsageError(text) from error


def _reader(name: str, node: Mapping[str, Any]) -> Callable[[str], object] | None:
    """Return what reads the text of a value with several parts; None for others."""
    if name == "stages":
        return read_stages
    if name in SHARES:
        return lambda text: None if text == NONE else read_share(text)
    return {"array": read_numbers, "object": read_layers}.get(_kind(node))


def _naming(option: str, reader: Callable[[str], object]) -> Callable[[str], object]:
    """Return a reader whose errors name the option."""

    @wraps(reader)
    def read(text: str) -> object:
        try:
            return reader(text)
        except OptionError as error:
            raise OptionError(f"{option}: {error}") from error

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


def _range(node: Mapping[str, Any]) -> str:
    """Return the bounds of a number, or of each number of a list or mapping: `1 to 100`."""
    others = node.get("additionalProperties")
    number = node.get("items") or (others if isinstance(others, Mapping) else node)
    if "maximum" not in number:
        return ""
    low, high = (_short(number[key]) if key in number else "" for key in _BOUNDS)
    above = _short(number["exclusiveMinimum"]) if "exclusiveMinimum" in number else ""
    bounds = f"{low} to {high}" if low else f"above {above}, up to {high}"
    steps = f" in steps of {number['multipleOf']}" if "multipleOf" in number else ""
    return bounds + steps + (f", or {NONE}" if "null" in node.get("type", "") else "")


_BOUNDS = ("minimum", "maximum")


def _short(number: float) -> str:
    """Return a number as people type it: 1e9."""
    if isinstance(number, int):
        return str(number)
    return f"{number:g}".replace("e+0", "e").replace("e+", "e")


def _kind(node: Mapping[str, Any]) -> str:
    """Return the type of a setting in the schema, null aside."""
    kinds = node.get("type", "string")
    return str(kinds if isinstance(kinds, str) else next(k for k in kinds if k != "null"))
