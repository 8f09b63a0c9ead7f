"""What a picture of a data set depends on, as a key. Imports little: the Snakefile reads it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from neural_style.bulk.fingerprint import bulk_fingerprint
from neural_style.bulk.plan import BulkPlan
from neural_style.files import sha256
from neural_style.plan.settings import BUILT_IN, Settings


def recipes(plan: BulkPlan) -> dict[str, str]:
    """Setting → its part of the keys."""
    engine = bulk_fingerprint()
    return {name: recipe(settings, plan.size, engine) for name, settings in plan.settings.items()}


def recipe(settings: Settings, size: str, engine: str) -> str:
    """A digest of all that decides a picture except its two images.

    Args:
        settings: of the picture.
        size: `original` or `fitted`.
        engine: fingerprint of the code.
    """
    facts = asdict(settings)
    del facts["save_every"]  # only the finished picture is kept
    del facts["dimensions"]  # `size` says it
    if settings.weights not in BUILT_IN:
        facts["weights"] = sha256(Path(settings.weights))
    text = json.dumps([facts, size, engine], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def picture_key(recipe_digest: str, content: str, style: str) -> str:
    """The key of a picture: 20 hexadecimal digits.

    Args:
        recipe_digest: see `recipe`.
        content: SHA-256 of the photograph's file.
        style: SHA-256 of the style image's file.
    """
    return hashlib.sha256(f"{recipe_digest} {content} {style}".encode()).hexdigest()[:20]
