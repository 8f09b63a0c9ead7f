"""A name for what the engine computes, so that a change of its code remakes the pictures."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

ENGINE = (
    "briefs/brief",
    "briefs/colour",
    "briefs/regions",
    "briefs/resampling",
    "briefs/start",
    "jobs/job",
    "jobs/preparation",
    "jobs/snapshots",
    "loss/balance",
    "loss/guides",
    "loss/losses",
    "loss/objective",
    "loss/smoothness",
    "loss/style_grams",
    "loss/terms",
    "loss/tiled",
    "machine/device",
    "machine/history",
    "network/layers",
    "network/receptive_fields",
    "network/tiling",
    "network/vgg",
    "network/views",
    "network/weights",
    "optimiser/adam",
    "optimiser/canvas",
    "optimiser/capture",
    "optimiser/frequencies",
    "optimiser/lbfgs",
    "optimiser/optimisation",
    "optimiser/optimizers",
    "optimiser/safeguard",
    "optimiser/schedule",
    "optimiser/stylize",
    "pictures/encoding",
    "pictures/finishing",
    "pictures/images",
    "pictures/masks",
    "pictures/pixels",
    "pictures/png",
    "pictures/tensors",
    "plan/stages",
)
"""The modules whose code decides pixels, by their rooms."""


def engine_fingerprint() -> str:
    """A digest of the engine's code; comments, docstrings and layout do not count.

    Another version of Python may give another digest, since it parses the same code otherwise.
    """
    digest = hashlib.sha256()
    for name in ENGINE:
        source = (Path(__file__).parents[1] / f"{name}.py").read_text(encoding="utf-8")
        digest.update(code_of(source).encode())
    return digest.hexdigest()[:12]


def code_of(source: str) -> str:
    """What a Python source does, without its docstrings, comments and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # The hints of `ast.walk` know no more than a node.
            node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
    return ast.unparse(tree)


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is nothing but a string: a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
