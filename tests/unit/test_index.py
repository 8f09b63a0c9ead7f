"""The index of the sweep: whatever the names, what is written is what is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from neural_style.errors import NeuralStyleError
from neural_style.index import COLUMNS, read_index, rows_of, write_index
from neural_style.settings import Settings
from neural_style.sweep import Job

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
    return Job("cat", "wave", "1_1e6_1", Path("in") / name, Path("st") / name, settings)


def test_every_name_comes_back(tmp_path: Path, defaults: Settings):
    path = tmp_path / "index.tsv"
    write_index(rows_of([job(defaults, name) for name in NAMES]), path)
    rows = read_index(path)
    assert [row.content_path for row in rows] == [Path("in") / name for name in NAMES]
    assert [row.style_path for row in rows] == [Path("st") / name for name in NAMES]


def test_a_row_holds_all_facts_of_its_job(tmp_path: Path, defaults: Settings):
    settings = replace(defaults, alpha=1 / 3, beta=1e15, learning_rate=1e-7, epochs=7, format="png")
    path = tmp_path / "index.tsv"
    write_index(rows_of([job(settings, "a.jpg")]), path)
    (row,) = read_index(path)
    assert (row.content, row.style, row.setting) == ("cat", "wave", "1_1e6_1")
    assert (row.alpha, row.beta, row.learning_rate, row.epochs) == (1 / 3, 1e15, 1e-7, 7)
    assert row.result == Path("results/cat/wave/1_1e6_1/generated_7.png")


def test_the_file_is_a_plain_table_with_a_line_a_job(tmp_path: Path, defaults: Settings):
    path = tmp_path / "index.tsv"
    write_index(rows_of([job(defaults, name) for name in NAMES]), path)
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


def damaged(kind: str, text: str) -> bytes:
    header, row, *_ = text.split("\n")
    return {
        "empty": b"",
        "columns": text.replace("learning_rate", "lr").encode(),
        "short": f"{header}\n{row.rsplit(chr(9), 1)[0]}\n".encode(),
        "long": f"{header}\n{row}\tmore\n".encode(),
        "number": text.replace("\t1000\t", "\tmany\t").encode(),
        "escape": text.replace("in/a.jpg", "in/a\\x").encode(),
        "bytes": b"\xff\xfe" + text.encode(),
        "html": b"<html>not found</html>",
    }[kind]


@pytest.mark.parametrize(
    "kind", ["empty", "columns", "short", "long", "number", "escape", "bytes", "html"]
)
def test_a_file_that_is_no_index_is_refused_by_name(tmp_path: Path, defaults: Settings, kind: str):
    path = tmp_path / "index.tsv"
    write_index(rows_of([job(defaults, "a.jpg")]), path)
    path.write_bytes(damaged(kind, path.read_text(encoding="utf-8")))
    with pytest.raises(NeuralStyleError, match=r"index\.tsv cannot be read as an index.*remake"):
        read_index(path)


def test_a_missing_index_is_named(tmp_path: Path):
    with pytest.raises(NeuralStyleError, match=r"index\.tsv cannot be read"):
        read_index(tmp_path / "index.tsv")
