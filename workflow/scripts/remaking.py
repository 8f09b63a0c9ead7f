"""What a picture remembers: `stylize.py --from-image` makes it again."""

from __future__ import annotations

import argparse
from pathlib import Path

from options import settings_from

from neural_style.config.inputs import companions_of
from neural_style.config.settings import BUILT_IN
from neural_style.engine.record import (
    Provenance,
    ProvenanceError,
    read_provenance,
    require_unchanged,
)
from neural_style.errors import NeuralStyleError


def recall(picture: Path, options: argparse.Namespace) -> Provenance:
    """Complete options by what a picture remembers, which those that were given win over.

    Raises:
        NeuralStyleError: it remembers nothing, or what no configuration may hold.
    """
    provenance = read_provenance(picture)
    options.recalled = provenance.settings
    try:
        settings_from(argparse.Namespace(recalled=provenance.settings, preset=None))
    except NeuralStyleError as error:
        raise ProvenanceError(f"{str(picture)!r} holds what is not allowed; {error}") from error
    for role in {"content", "style"} & provenance.sources.keys():
        if getattr(options, role) is None:
            setattr(options, role, provenance.sources[role].path)
    return provenance


def check_files(provenance: Provenance, options: argparse.Namespace) -> None:
    """Check that the files of a picture that is made again are those that it was made from.

    Raises:
        NeuralStyleError: one is missing or has changed, or a setting is not allowed.
    """
    settings = settings_from(options)
    files = {
        "content": options.content,
        "style": options.style,
        **companions_of(options.content, options.style, settings),
        **({} if settings.weights in BUILT_IN else {"weights": Path(settings.weights)}),
    }
    require_unchanged(options.from_image, provenance, files)
