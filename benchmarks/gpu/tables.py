"""Tables in Markdown from the JSON of a measurement.

`python benchmarks/gpu/tables.py results.json` prints them; with a second path, such as
`benchmarks/RESULTS.md`, they are written there instead, between the lines `BEGIN` and `END`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from neural_style.io import write_text

BEGIN = "<!-- begin: benchmarks/gpu/tables.py -->"
END = "<!-- end: benchmarks/gpu/tables.py -->"


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


def between_marks(text: str, tables: str) -> str:
    """The text with the tables in place of what is between its lines `BEGIN` and `END`.

    Raises:
        ValueError: it does not have each of these lines once, in this order.
    """
    before, begin, rest = text.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(f"{END}\n")
    if not (begin and end) or BEGIN in rest or END in after:
        raise ValueError(f"there must be one line {BEGIN!r}, and after it one line {END!r}.")
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}\n{after}"


def main(results: str, page: str | None = None) -> None:
    """Print the tables of a JSON file, or write them into a page."""
    tables = "\n\n".join(report(json.loads(Path(results).read_text(encoding="utf-8"))))
    if page is None:
        print(tables)
    else:
        write_text(Path(page), between_marks(Path(page).read_text(encoding="utf-8"), tables))


if __name__ == "__main__":
    main(*sys.argv[1:])
