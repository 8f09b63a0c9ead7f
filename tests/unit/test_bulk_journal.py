"""Rows and journals: exact, and none lost but the one that was being written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from neural_style.bulk.journal import (
    COLUMNS,
    Journal,
    Row,
    latest_rows,
    note,
    parse_row,
    row_line,
    write_rows,
)
from neural_style.bulk.plan import BulkError

ROW = Row(
    picture="sea/1_1e6_1/a\tb\udcff.jpg",
    photograph="a\tb\udcff.png",
    style="sea",
    setting="1_1e6_1",
    status="done",
    seconds=1.25,
    total=3.5,
    content=1.5,
    style_loss=2.0,
    checksum="c" * 64,
    key="k" * 20,
    reason="two\nlines",
    source="s" * 64,
    source_size=5,
    source_time=1_795_348_840_164_761_208,
    size=7,
    time=1_795_348_840_164_761_209,
    finished=1_795_349_523.993,
)


def test_a_row_comes_back_as_it_was():
    assert parse_row(row_line(ROW)) == ROW
    assert row_line(ROW).count("\t") == len(COLUMNS) - 1


@pytest.mark.parametrize("length", range(0, len(row_line(ROW)) + 1, 4))
def test_a_row_that_was_cut_off_is_none(tmp_path: Path, length: int):
    path = tmp_path / "journal.tsv"
    path.write_text(row_line(ROW)[:length])
    assert latest_rows(path) == {}
    second = replace(ROW, picture="second")
    note(path, [second])
    assert latest_rows(path) == {"second": second}


@pytest.mark.parametrize(("old", "new"), [("done", "doen"), ("1.2500", "x"), ("\t5\t", "\t5.5\t")])
def test_a_damaged_row_is_none(old: str, new: str):
    assert parse_row(row_line(ROW).replace(old, new)) is None


def test_the_last_row_of_a_picture_counts(tmp_path: Path):
    path = tmp_path / "folder" / "journal.tsv"
    note(path, [ROW, replace(ROW, picture="other"), replace(ROW, status="redo")])
    rows = latest_rows(path)
    assert [row.status for row in rows.values()] == ["redo", "done"]
    with Journal(path) as journal:
        assert journal.rows == rows
        journal.compact()
    assert latest_rows(path) == rows
    assert len(path.read_text().splitlines()) == 3


@pytest.mark.parametrize("tail", ["sea/x", row_line(ROW)[:-3], row_line(ROW), "\0\0\0"])
def test_a_torn_last_line_costs_only_itself(tmp_path: Path, tail: str):
    path = tmp_path / "journal.tsv"
    note(path, [ROW])
    with path.open("a") as file:
        file.write(tail)
    second = replace(ROW, picture="second")
    note(path, [second])
    assert latest_rows(path)["second"] == second
    assert latest_rows(path)[ROW.picture] == ROW


def test_a_missing_journal_has_no_rows(tmp_path: Path):
    assert latest_rows(tmp_path / "none.tsv") == {}


def test_a_manifest_is_a_table_with_a_header(tmp_path: Path):
    write_rows([ROW], tmp_path / "manifest.tsv")
    header, line = (tmp_path / "manifest.tsv").read_text().splitlines()
    assert header.split("\t") == list(COLUMNS) and parse_row(line) == ROW


def test_two_workers_never_share_a_journal(tmp_path: Path):
    path = tmp_path / "journal.tsv"
    with Journal(path), pytest.raises(BulkError, match="another process"):
        note(path, [ROW])
    note(path, [ROW])


def test_a_killed_writer_loses_no_row_and_leaves_no_lock(tmp_path: Path):
    path = tmp_path / "journal.tsv"
    code = (
        "import sys, time; from pathlib import Path; from dataclasses import replace\n"
        "from neural_style.bulk.journal import Journal; from neural_style.bulk.journal import Row\n"
        "with Journal(Path(sys.argv[1])) as journal:\n"
        "    for n in range(1000):\n"
        "        journal.append(Row(str(n), 'p', 's', 't', 'done')); print(n, flush=True)\n"
        "        time.sleep(0.001)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = [writer.stdout.readline() for _ in range(20)]
        os.kill(writer.pid, signal.SIGKILL)
        said += writer.stdout.readlines()
    whole = [int(line) for line in said if line.endswith("\n")]
    assert set(map(str, whole)) <= latest_rows(path).keys()
    note(path, [ROW])  # the lock is gone


def test_a_full_disk_is_one_sentence_and_costs_only_the_row_that_did_not_fit(tmp_path: Path):
    path = tmp_path / "journal.tsv"
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from neural_style.bulk.plan import BulkError\n"
        "from neural_style.bulk.journal import Journal; from neural_style.bulk.journal import Row\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    with Journal(Path(sys.argv[1])) as journal:\n"
        "        for n in range(1000):\n"
        "            journal.append(Row(str(n), 'p', 's', 't', 'done')); print(n)\n"
        "except BulkError as error:\n"
        "    print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert ended.returncode == 0 and not ended.stderr, ended.stderr
    *written, sentence = ended.stdout.splitlines()
    assert sentence.startswith(f"cannot write {path}: "), sentence
    assert list(latest_rows(path)) == written != []
    note(path, [ROW])
    assert [*written, ROW.picture] == list(latest_rows(path))
