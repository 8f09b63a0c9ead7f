"""`neural-style remake IMAGE -o FILE`: an output again, from what it says of itself."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from neural_style.cli.parsing import (
    Parser,
    UsageError,
    add_machine_options,
    add_output_options,
    add_settings,
    read_path,
    settings_from,
)
from neural_style.cli.stylize import choose_format, require_output, work
from neural_style.cli.task import Task
from neural_style.config.inputs import MASK, STYLE_MASK
from neural_style.config.options import option_name
from neural_style.config.presets import PRESETS, stages_of
from neural_style.config.settings import BESIDE, ENGINE_VERSION, Settings
from neural_style.errors import NeuralStyleError, NeuralStyleWarning

if TYPE_CHECKING:
    from neural_style.engine.provenance import Provenance

USAGE = "neural-style remake IMAGE -o FILE [OPTIONS]"

DESCRIPTION = """\
Make an output of this program again. The images and the settings are those in its metadata; options
override them:

  neural-style remake out.jpg -o again.jpg
      the same, to the byte; an image of an earlier iteration, too
  neural-style remake out.jpg -o large.jpg --size 1024 --stages 512:500
      larger
  neural-style remake out.jpg -o stronger.jpg --preset strong
      with more of the style

Metadata may come from a stranger. So files that only they name are read only from the current
folder, from that of the image, and from those that --sources names, and only if they have not
changed."""


def remake(arguments: Sequence[str]) -> int:
    """Run the command, and return its exit code.

    Raises:
        UsageError: the command line is wrong.
        NeuralStyleError: the image does not say how it was made, or cannot be made again.
    """
    options = _make_parser().read(arguments)
    require_output(options)
    return work([_task_of(options)], options, also_read=[options.image])


def _make_parser() -> Parser:
    parser = Parser("neural-style remake", USAGE, DESCRIPTION)
    images = parser.add_argument_group("images")
    images.add_argument("image", type=read_path, metavar="IMAGE", help="an output of this program")
    for role in ("content", "style"):
        images.add_argument(
            f"--{role}",
            type=read_path,
            metavar="FILE",
            help=f"another {role} image, or its new place",
        )
    images.add_argument(
        "--sources",
        type=read_path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FOLDER",
        help="further folders whose files may be read because the image names them",
    )
    add_output_options(parser, "FILE")
    add_settings(parser, without=["save_every"])
    add_machine_options(parser)
    return parser


def _task_of(options: argparse.Namespace) -> Task:
    """Return the output to make.

    Raises:
        UsageError: an option is invalid.
        NeuralStyleError: the metadata are incomplete or invalid, or name files that are not read.
    """
    from neural_style.config.schema import settings_of
    from neural_style.engine.provenance import (
        ProvenanceError,
        missing_settings,
        read_provenance,
        require_trusted,
        require_unchanged,
    )

    image: Path = options.image
    provenance = read_provenance(image)
    missing = [each for each in missing_settings(provenance) if not hasattr(options, each)]
    if missing:
        raise ProvenanceError(
            f"the metadata of {str(image)!r} are incomplete: they lack the settings "
            f"{', '.join(missing)}; give them by options such as {option_name(missing[0])}."
        )
    try:
        settings_of(provenance.settings)
    except NeuralStyleError as error:
        raise ProvenanceError(f"{str(image)!r} records invalid settings; {error}") from error
    pair: dict[str, Path] = {}
    for role in ("content", "style"):
        given_file: Path | None = getattr(options, role)
        if given_file is None and role not in provenance.sources:
            raise UsageError(f"{str(image)!r} does not name its {role} image; give --{role}.")
        pair[role] = given_file or provenance.sources[role].path
    choose_format(options, provenance.settings.get("format", Settings.format))
    settings = settings_from(options, provenance.settings)
    until = _iteration(options, provenance, settings)
    output = Path(options.output)
    task = Task(pair["content"], pair["style"], output, settings, options.record, until)
    given = {name for name, value in vars(options).items() if value is not None}
    folders = [Path(), image.parent, *options.sources]
    require_trusted(image, _of_metadata(task.inputs, settings, given), folders)
    require_unchanged(image, provenance, task.inputs)
    if provenance.engine != ENGINE_VERSION:
        warnings.warn(
            f"{str(image)!r} was made by another version; the output may differ.",
            NeuralStyleWarning,
            stacklevel=2,
        )
    return task


def _iteration(
    options: argparse.Namespace, provenance: Provenance, settings: Settings
) -> int | None:
    """Return the iteration whose image to make; None for the last one.

    An option or a preset that sets iterations or stages asks for the last one.

    Raises:
        UsageError: it is an earlier one, and `--record` is given.
    """
    epoch, epochs = provenance.epoch, settings.epochs
    given = {*vars(options), *_set_by(getattr(options, "preset", None))}
    if epoch is None or epoch >= epochs or given & {"epochs", "stages"}:
        return None
    if options.record is not None:
        raise UsageError(
            f"{str(options.image)!r} is the image after iteration {epoch} of {epochs}, but "
            f"--record is for whole runs; leave it out, or give --epochs {epochs}."
        )
    return epoch


def _set_by(preset: str | None) -> Collection[str]:
    """The keys of `optimization` that a preset sets."""
    if preset is None:
        return ()
    stages = stages_of(preset, {}, Settings.size)
    return {*PRESETS[preset].values.get("optimization", {}), *stages}


def _of_metadata(
    files: Mapping[str, Path], settings: Settings, given: Collection[str]
) -> dict[str, Path]:
    """Return the files that the user has not named by an option.

    Args:
        files: of the task, by role.
        settings: of the task.
        given: names of the options that the user gave.
    """
    owners = {  # a mask beside an image is named with that image
        **({MASK: "content"} if settings.mask == BESIDE else {}),
        **({STYLE_MASK: "style"} if settings.style_mask == BESIDE else {}),
        **{role: "blend" for role in files if role.startswith("blend_")},
    }
    return {
        role: path for role, path in files.items() if not {role, owners.get(role, role)} & {*given}
    }
