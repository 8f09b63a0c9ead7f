"""A name for what the engine computes, so that a change of its code remakes the pictures."""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

ENGINE = (
    "adam",
    "balance",
    "brief",
    "canvas",
    "capture",
    "colour",
    "device",
    "encoding",
    "finishing",
    "frequencies",
    "guides",
    "history",
    "images",
    "job",
    "layers",
    "lbfgs",
    "losses",
    "masks",
    "objective",
    "optimisation",
    "optimizers",
    "pixels",
    "png",
    "preparation",
    "receptive_fields",
    "regions",
    "resampling",
    "safeguard",
    "schedule",
    "smoothness",
    "snapshots",
    "stages",
    "start",
    "style_grams",
    "stylize",
    "tensors",
    "terms",
    "tiled",
    "tiling",
    "vgg",
    "views",
    "weights",
)
"""The modules whose code decides pixels."""


def engine_fingerprint() -> str:
    """A digest of the engine's code; comments, docstrings and layout do not count.

    Another version of Python may give another digest, since it parses the same code otherwise.
    """
    digest = hashlib.sha256()
    for name in ENGINE:
        source = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
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
