"""Options that scripts share; those of a setting are made from the schema, the defaults' home."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from neural_style.config.layer_study import LayerStudy, plan_study
from neural_style.config.options import (
    SHARES,
    OptionError,
    flag,
    read_layers,
    read_numbers,
    read_share,
    read_stages,
    read_truth,
    write_value,
)
from neural_style.config.presets import PRESETS, laid_over, with_preset
from neural_style.config.schema import complete, read_schema, resolve
from neural_style.config.settings import Settings
from neural_style.config.sweep import (
    SECTIONS,
    WEIGHTS,
    Sweep,
    default_settings,
    make_settings,
    plan,
)

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"

_READERS: Mapping[str, Callable[[str], object]] = {
    "array": read_numbers,
    "boolean": read_truth,
    "integer": int,
    "number": float,
    "object": read_layers,
    "string": str,
}
_METAVARS = {
    "array": "LIST",
    "boolean": "true|false",
    "integer": "N",
    "number": "X",
    "object": "LAYERS",
    "string": "NAME",
}


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Add `--config`, for scripts that look at a whole sweep."""
    parser.add_argument(
        "--config",
        type=json.loads,
        default={},
        metavar="JSON",
        help="the configuration as Snakemake has it (default: the schema's defaults)",
    )


def config_from(options: argparse.Namespace) -> dict[str, Any]:
    """The configuration of `--config`, checked and completed.

    Raises:
        NeuralStyleError: it is not allowed.
    """
    return complete(options.config, read_schema(SCHEMA))


def sweep_from(options: argparse.Namespace) -> Sweep:
    """The sweep of `--config`.

    Raises:
        NeuralStyleError: the configuration is not allowed or its images are not there.
    """
    return plan(config_from(options))


def add_study_options(parser: argparse.ArgumentParser) -> None:
    """Add what the scripts of the layer study share: the configuration, two images, a folder."""
    add_config_option(parser)
    parser.add_argument(
        "--content", type=Path, required=True, metavar="FILE", help="the photograph"
    )
    parser.add_argument("--style", type=Path, required=True, metavar="FILE", help="the painting")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="where the study lies"
    )


def study_from(options: argparse.Namespace) -> LayerStudy:
    """The layer study of `--config`.

    Raises:
        NeuralStyleError: the configuration is not allowed.
    """
    return plan_study(complete(options.config, read_schema(SCHEMA)))


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """Add `--alpha`, `--size`, … : every key that a setting of the sweep may hold.

    What is not given is taken from `recalled`, values by their names, and else from the schema.
    """
    parser.set_defaults(recalled={})
    schema = read_schema(SCHEMA)
    defaults = default_settings(schema)
    presets = parser.add_argument_group("a setting that proved good")
    presets.add_argument(
        flag("preset"),
        choices=PRESETS,
        metavar="NAME",
        help="; ".join(f"{name}: {preset.description}" for name, preset in PRESETS.items())
        + ". Other options win",
    )
    weights = parser.add_argument_group("the balance")
    for name in WEIGHTS:
        _add(weights, name, resolve(schema["$defs"][name], schema), defaults)
    for section in SECTIONS:
        node = resolve(schema["$defs"][section], schema)
        group = parser.add_argument_group(node["description"])
        for name, child in node["properties"].items():
            _add(group, name, resolve(child, schema), defaults)


def settings_from(options: argparse.Namespace) -> Settings:
    """The settings that the options name, checked as a configuration is.

    Raises:
        NeuralStyleError: a value is not allowed.
    """
    schema = read_schema(SCHEMA)
    names = [*WEIGHTS, *(name for each in SECTIONS for name in schema["$defs"][each]["properties"])]
    given = {name: getattr(options, name) for name in names if hasattr(options, name)}
    setting = laid_over(
        _entry(options.recalled, schema),
        with_preset({**_entry(given, schema), "preset": options.preset}),
    )
    config = {section: setting[section] for section in SECTIONS}
    config["settings"] = {name: [setting[name]] for name in WEIGHTS if name in setting}
    checked = complete(config, schema)
    weights = {name: checked["settings"][name][0] for name in WEIGHTS}
    return make_settings(weights, checked)


def _entry(values: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Values by their names, as an entry of `settings.named` that is not checked yet."""
    homes = {name: home for home in SECTIONS for name in schema["$defs"][home]["properties"]}
    entry: dict[str, Any] = {section: {} for section in SECTIONS}
    for name, value in values.items():
        if name in WEIGHTS:
            entry[name] = value
        else:
            entry[homes.get(name, SECTIONS[0])][name] = value  # the check knows no such key
    return entry


def add_jobs_options(group: argparse._ArgumentGroup) -> None:
    """Add `--checkpoint-every`, … : every key of `jobs`, without defaults."""
    schema = read_schema(SCHEMA)
    for name, node in schema["$defs"]["jobs"]["properties"].items():
        kind = _kind(node)
        group.add_argument(
            flag(name), type=_READERS[kind], metavar=_METAVARS[kind], help=node["description"]
        )


def jobs_from(options: argparse.Namespace) -> dict[str, Any]:
    """What the options of `add_jobs_options` say, checked; without what was not given.

    Raises:
        NeuralStyleError: a value is not allowed.
    """
    schema = read_schema(SCHEMA)
    names = schema["$defs"]["jobs"]["properties"]
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    jobs: dict[str, Any] = complete({"jobs": given}, schema)["jobs"]
    return jobs


def _add(
    group: argparse._ArgumentGroup, name: str, node: Mapping[str, Any], defaults: Settings
) -> None:
    """Add the option of one key."""
    default = getattr(defaults, name)
    kind = _kind(node)
    shown = "|".join(node["enum"]) if "enum" in node else _METAVARS[kind]
    form: Mapping[str, Any] = {"type": _READERS[kind], "metavar": shown}
    if name == "stages":
        form = {"type": read_stages, "metavar": "SIZE:N,…"}
    if name in SHARES:
        form = {"type": read_share, "metavar": "FILE:X", "action": _Shares}
    group.add_argument(
        flag(name),
        default=argparse.SUPPRESS,
        help=(
            node["description"]
            + ("" if default in (None, {}, ()) else f" (default: {write_value(default)})")
        ).replace("%", "%%"),
        **form,
    )


class _Shares(argparse.Action):
    """Gathers options such as `--blend wave.jpg:0.5`, which may be given several times."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,  # noqa: ANN401 - argparse has it so
        option_string: str | None = None,
    ) -> None:
        """Add a file and its weight to those before."""
        file, weight = values
        before = getattr(namespace, self.dest, {})
        if file in before:
            raise OptionError(f"{option_string} names {file!r} twice; give it once.")
        setattr(namespace, self.dest, {**before, file: weight})


def _kind(node: Mapping[str, Any]) -> str:
    """What an option holds; null, where it is allowed, is an option that is not given."""
    kinds = node.get("type", "string")
    return str(kinds if isinstance(kinds, str) else next(k for k in kinds if k != "null"))
