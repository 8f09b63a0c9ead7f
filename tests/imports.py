"""What a source of the library imports of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def imported(source: str) -> Iterator[str]:
    """Dotted names behind the package's own, wherever in the source; of `from` both parts."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.partition(".")[2] for name in names if name.startswith("neural_style."))
