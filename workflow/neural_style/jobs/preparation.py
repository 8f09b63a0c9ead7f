"""From the files of a job to its brief: decoded, fitted, as tensors on the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from neural_style.briefs.brief import Brief
from neural_style.briefs.colour import recoloured
from neural_style.briefs.regions import read_regions
from neural_style.files import sha256
from neural_style.jobs.record import Source
from neural_style.pictures.images import fit_named, load_fitted, load_image
from neural_style.pictures.tensors import to_tensor
from neural_style.plan.companions import INIT, companions_of
from neural_style.plan.settings import Settings


@dataclass(frozen=True)
class Prepared:
    """A job, ready to begin.

    Attributes:
        brief: what to make.
        sources: every image file that was read, by what it is to the job: `content`, `style`,
            and those of `companions.companions_of`.
    """

    brief: Brief
    sources: Mapping[str, Source]


def prepare(content: Path, style: Path, settings: Settings, device: torch.device) -> Prepared:
    """Read all image files of a job.

    Args:
        content: the photograph.
        style: the painting.
        settings: of the job.
        device: where the tensors go.

    Raises:
        NeuralStyleError: a file cannot be read or fitted; the sentence names it.
    """
    files = {"content": content, "style": style, **companions_of(content, style, settings)}
    photograph = load_image(content)
    fitted = fit_named(photograph, content, settings.size, settings.fit)
    brief = Brief(
        settings,
        to_tensor(fitted).to(device),
        read_regions(files, photograph.size, settings, device),
    )
    if INIT in files:
        brief = replace(brief, start=_load_start(files[INIT], brief.content, settings))
    return Prepared(
        recoloured(brief), {role: Source(path, sha256(path)) for role, path in files.items()}
    )


def _load_start(path: Path, content: Tensor, settings: Settings) -> Tensor:
    """A picture to start from: fitted as the content is, and stretched by what is then left."""
    height, width = content.shape[2:]
    fitted = load_fitted(path, settings.size, settings.fit)
    return to_tensor(fitted.resize((width, height), Image.Resampling.LANCZOS)).to(content)


def load_tensor(path: Path, settings: Settings, device: torch.device) -> Tensor:
    """An image file fitted to the size of the settings, as [1, 3, H, W] in [0, 1].

    Raises:
        ImageError: the file cannot be read or fitted; the sentence names it.
    """
    return to_tensor(load_fitted(path, settings.size, settings.fit)).to(device)
