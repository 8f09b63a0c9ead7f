"""The files that a job reads beside its photograph, its painting and the network's weights.

Free of torch: Snakemake has to know them before any job starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from neural_style.settings import Settings


def companions_of(content: Path, style: Path, settings: Settings) -> Mapping[str, Path]:
    """The further files of a job, by what they are to it, such as `mask`.

    Args:
        content: the photograph.
        style: the painting.
        settings: of the job.
    """
    return {}
