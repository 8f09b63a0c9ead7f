"""Tables in Markdown from the JSON of a measurement, for RESULTS.md.

python benchmarks/gpu/tables.py results.json prints them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any


def report(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The sections of the steps.

    Args:
        results: of each step its title, outcome, seconds, rows, and the error if it failed.
    """
    for each in results:
        yield f"### {each['title']}"
        if each["outcome"] != "done":
            yield f"{each['outcome']} after {each['seconds']:.0f} s"
        yield markdown(each["rows"])
        if each["error"]:
            yield f"```text\n{each['error'].strip()}\n```"


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as tables; rows with other columns begin another table."""
    lines: list[str] = []
    columns: list[str] = []
    for row in rows:
        if list(row) != columns:
            columns = list(row)
            lines += ["", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
        lines.append(f"| {' | '.join(map(cell, row.values()))} |")
    return "\n".join(lines).strip()


def cell(value: object) -> str:
    """A value as text: three significant digits of a number."""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value).replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    print(*report(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), sep="\n\n")
