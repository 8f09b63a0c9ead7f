"""The index of the sweep: any name is read as it was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from neural_style.config.settings import Settings
from neural_style.config.sweep import Job
from neural_style.report.outputs import COLUMNS, write_index

NAMES = [
    "plain.jpg",
    "with space.jpg",
    "tab\there.jpg",
    "two\nlines.jpg",
    "carriage\rreturn.jpg",
    "both\r\n.jpg",
    "back\\slash\\n.jpg",
    "ends with \\",
    'quote"s \'and\' "more".jpg',
    '"',
    "comma,semicolon;.jpg",
    "#comment.jpg",
    "神奈川沖浪裏.jpg",
    "🌊.jpg",
    "é and \\ together.jpg",
    "line\u2028separator\u0085.jpg",
    "bidi\u202e.jpg",
    "nbsp\u00a0.jpg",
    "undecodable caf\udce9.jpg",
    "undecodable and \\ and é \udce9\udcff.jpg",
]


def job(settings: Settings, name: str) -> Job:
    files = Path("in") / name, Path("st") / name
    return Job("cat", "wave", "1_1e6_1", *files, settings, Path("results"))


def read_index(path: Path) -> list[dict[str, str]]:
    """The table as anybody may read it: columns by tabs, Python's escapes where there are any."""
    header, *rows = (line.split("\t") for line in path.read_text("utf-8").split("\n") if line)
    plain = [
        [text.encode("ascii").decode("unicode_escape") if "\\" in text else text for text in row]
        for row in rows
    ]
    return [dict(zip(header, row, strict=True)) for row in plain]


def test_every_name_comes_back(tmp_path: Path, defaults: Settings):
    path = tmp_path / "index.tsv"
    write_index([job(defaults, name) for name in NAMES], path)
    rows = read_index(path)
    assert [row["content_path"] for row in rows] == [f"in/{name}" for name in NAMES]
    assert [row["style_path"] for row in rows] == [f"st/{name}" for name in NAMES]


def test_a_row_holds_all_facts_of_its_job(tmp_path: Path, defaults: Settings):
    settings = replace(defaults, alpha=1 / 3, beta=1e15, learning_rate=1e-7, epochs=7, format="png")
    path = tmp_path / "index.tsv"
    write_index([job(settings, "a.jpg")], path)
    (row,) = read_index(path)
    assert (row["content"], row["style"], row["setting"]) == ("cat", "wave", "1_1e6_1")
    assert (float(row["alpha"]), float(row["beta"])) == (1 / 3, 1e15)
    assert (float(row["learning_rate"]), int(row["epochs"])) == (1e-7, 7)
    assert row["result"] == "results/cat/wave/1_1e6_1/generated_7.png"


def test_the_file_is_a_plain_table_with_a_line_a_job(tmp_path: Path, defaults: Settings):
    path = tmp_path / "index.tsv"
    write_index([job(defaults, name) for name in NAMES], path)
    text = path.read_bytes().decode("utf-8")
    lines = text.removesuffix("\n").split("\n")
    assert lines[0].split("\t") == list(COLUMNS)
    assert len(lines) == 1 + len(NAMES)
    assert {len(line.split("\t")) for line in lines} == {len(COLUMNS)}
    assert "\r" not in text
    assert "神奈川沖浪裏" in text, "a readable name was escaped"


def test_no_jobs_make_an_empty_table(tmp_path: Path):
    path = tmp_path / "index.tsv"
    write_index([], path)
    assert read_index(path) == []
