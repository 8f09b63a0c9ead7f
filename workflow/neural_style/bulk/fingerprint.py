"""A name for what computes the pictures of a data set."""

from __future__ import annotations

import hashlib
from pathlib import Path

from neural_style.plan.fingerprint import code_of, engine_fingerprint

DECIDE_PIXELS = ("engine", "fitting")
"""The modules of this package whose code does; those of the engine come on top."""


def bulk_fingerprint() -> str:
    """A digest of the code of the engine and of this package's steps around it."""
    digest = hashlib.sha256(engine_fingerprint().encode())
    for name in DECIDE_PIXELS:
        source = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
        digest.update(code_of(source).encode())
    return digest.hexdigest()[:12]
