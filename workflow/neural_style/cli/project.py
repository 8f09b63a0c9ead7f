"""`neural-style init FOLDER`: a project of the pipeline, from the files of the package."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from neural_style.cli.parsing import Parser, read_path
from neural_style.errors import NeuralStyleError
from neural_style.io import atomic, escape

USAGE = "neural-style init FOLDER"

DESCRIPTION = """\
Make a project in an empty folder: Snakefile, config.yaml, folders for images, profiles, and the
rules of the workflow. Then put images into images/content and images/style, and run

  snakemake --cores 1 --resources gpu=1

there. It combines every content image with every style image and every setting of config.yaml, and
puts the results side by side, on a gallery page, in grids, and in plots."""

PACKAGED = Path(__file__).parents[1] / "project"
"""Where an installed package has the files of a project."""

CHECKOUT = Path(__file__).parents[3]
"""The folder of the project's own sources, from which an editable installation runs."""

FILES = ("Snakefile", "config.yaml", "profiles", "workflow")
"""What a project gets. Of `workflow`, the library is left out."""

IMAGES = ("images/content", "images/style")


def init(arguments: Sequence[str]) -> int:
    """Run the command, and return its exit code.

    Raises:
        NeuralStyleError: the folder is not empty, or cannot be written to.
    """
    parser = Parser("neural-style init", USAGE, DESCRIPTION)
    parser.add_argument("folder", type=read_path, metavar="FOLDER", help="new, or empty")
    folder: Path = parser.read(arguments).folder
    source = PACKAGED if PACKAGED.is_dir() else CHECKOUT
    if not (source / "Snakefile").is_file():
        raise NeuralStyleError("this installation has no files of a project; install it again.")
    try:
        if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
            raise NeuralStyleError(
                f"{str(folder)!r} is not an empty folder; choose a new one, so that nothing is "
                "lost."
            )
        _copy(source, folder)
    except OSError as error:
        raise NeuralStyleError(
            f"cannot write {str(folder)!r}: {error.strerror or error}; choose another folder."
        ) from error
    name, *images = (escape(str(folder / part)) for part in ("", *IMAGES))
    print(f"{name} is a project. Put images into {' and '.join(images)}.")
    print("Then run there: snakemake --cores 1 --resources gpu=1   (without a GPU: --cores all)")
    return 0


def _copy(source: Path, folder: Path) -> None:
    for name in IMAGES:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in FILES:
        root = source / name
        for file in [root] if root.is_file() else sorted(root.rglob("*")):
            place = file.relative_to(source)
            if file.is_file() and not _is_left_out(place):
                with atomic(folder / place) as temporary:
                    shutil.copyfile(file, temporary)


def _is_left_out(place: Path) -> bool:
    """Whether a file of a checkout is not one of a project: the library, caches, hidden files."""
    library = Path("workflow/neural_style")
    hidden = any(part.startswith((".", "__")) for part in place.parts)
    return hidden or place.is_relative_to(library)
