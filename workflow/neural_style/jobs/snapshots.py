"""The pictures of a job as files: finished, encoded, and with a note of where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from neural_style.jobs.provenance import note_of
from neural_style.jobs.record import Source
from neural_style.pictures.encoding import save_levels
from neural_style.pictures.finishing import Finish
from neural_style.plan.settings import Settings
from neural_style.plan.sweep import picture_name


@dataclass(frozen=True)
class Snapshots:
    """Writes the pictures of a job.

    Attributes:
        folder: where to.
        settings: of the job.
        finish: what is done to each of them.
        sources: the files that they are made from, by what they are to the job.
        engine: fingerprint of the code that makes them.
    """

    folder: Path
    settings: Settings
    finish: Finish
    sources: Mapping[str, Source]
    engine: str

    def save(self, picture: Tensor, epoch: int) -> Path:
        """Write the picture after an epoch, [1, 3, H, W] in [0, 1], and say where.

        Its note says how to make this very picture: with as many epochs as it took.

        Raises:
            ImageError: it is larger than the format can hold.
            NeuralStyleError: the file cannot be written.
        """
        path = self.folder / picture_name(epoch, self.settings.format)
        levels = self.finish.levels(picture[0].cpu().numpy())
        note = note_of(self.sources, self.settings.up_to(epoch), self.engine)
        save_levels(levels, path, self.settings.format, self.settings.quality, note)
        return path
