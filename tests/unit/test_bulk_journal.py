"""Rows and journals: exact, and only the row that was being written can be lost."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from neural_style.bulk.journal import (
    COLUMNS,
    Journal,
    Row,
    Worker,
    excess_of_failures,
    find_worker,
    format_row,
    latest_rows,
    parse_row,
    write_rows,
)
from neural_style.bulk.plan import BulkError
from neural_style.errors import NeuralStyleWarning

ROW = Row(
    output="sea/1_1e6_1/a\tb\udcff.jpg",
    content="a\tb\udcff.png",
    style="sea",
    setting="1_1e6_1",
    status="done",
    seconds=1.25,
    total_loss=3.5,
    content_loss=1.5,
    style_loss=2.0,
    output_sha256="c" * 64,
    key="k" * 20,
    reason="two\nlines",
    content_sha256="s" * 64,
    content_bytes=5,
    content_mtime_ns=1_795_348_840_164_761_208,
    output_bytes=7,
    output_mtime_ns=1_795_348_840_164_761_209,
    finished=1_795_349_523.993,
)


def worker_file(journal: Path) -> Path:
    return journal.parent / "workers" / "000000"


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    with Journal(path, worker_file(path)) as journal:
        for row in rows:
            journal.append(row)


def test_a_row_is_read_as_it_was_written():
    assert parse_row(format_row(ROW)) == ROW
    assert format_row(ROW).count("\t") == len(COLUMNS) - 1


def test_a_row_that_was_cut_off_is_skipped(tmp_path: Path):
    second = replace(ROW, output="second")
    for length in range(0, len(format_row(ROW)) + 1, 4):
        path = tmp_path / f"{length}.tsv"
        path.write_text(format_row(ROW)[:length])
        assert latest_rows(path) == {}, length
        append_rows(path, [second])
        assert latest_rows(path) == {"second": second}, length


@pytest.mark.parametrize(("old", "new"), [("done", "doen"), ("1.2500", "x"), ("\t5\t", "\t5.5\t")])
def test_a_damaged_row_is_skipped(old: str, new: str):
    assert parse_row(format_row(ROW).replace(old, new)) is None


def test_the_last_row_of_an_output_counts(tmp_path: Path):
    path = tmp_path / "folder" / "journal.tsv"
    append_rows(path, [ROW, replace(ROW, output="other"), replace(ROW, status="redo")])
    rows = latest_rows(path)
    assert [row.status for row in rows.values()] == ["redo", "done"]
    with Journal(path, worker_file(path)) as journal:
        assert journal.rows == rows
        journal.compact()
    assert latest_rows(path) == rows
    assert len(path.read_text().splitlines()) == 3


@pytest.mark.parametrize("tail", ["sea/x", format_row(ROW)[:-3], format_row(ROW), "\0\0\0"])
def test_a_torn_last_line_loses_only_itself(tmp_path: Path, tail: str):
    path = tmp_path / "journal.tsv"
    append_rows(path, [ROW])
    with path.open("a") as file:
        file.write(tail)
    second = replace(ROW, output="second")
    append_rows(path, [second])
    assert latest_rows(path)["second"] == second
    assert latest_rows(path)[ROW.output] == ROW


def test_a_missing_journal_has_no_rows(tmp_path: Path):
    assert latest_rows(tmp_path / "none.tsv") == {}


def test_a_manifest_is_a_table_with_a_header(tmp_path: Path):
    write_rows([ROW], tmp_path / "manifest.tsv")
    header, line = (tmp_path / "manifest.tsv").read_text().splitlines()
    assert header.split("\t") == list(COLUMNS) and parse_row(line) == ROW


HOLD = (
    "import sys; from pathlib import Path; from neural_style.bulk.journal import Journal, Row\n"
    "with Journal(Path(sys.argv[1]), Path(sys.argv[2])) as journal:\n"
    "    journal.append(Row('first', 'p', 's', 't', 'done'))\n"
    "    print('ready', flush=True); sys.stdin.read()\n"
    "    journal.append(Row('second', 'p', 's', 't', 'done'))\n"
    "    journal.compact()\n"
)


@contextmanager
def another_worker(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that works on a shard until its standard input is closed."""
    command = [sys.executable, "-c", HOLD, str(path), str(worker_file(path))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.mark.parametrize("killed", [False, True], ids=["ended", "killed"])
def test_a_worker_waits_for_another_one_and_names_it(tmp_path: Path, killed: bool):
    path, said = tmp_path / "journal.tsv", list[str]()
    with another_worker(path) as other:
        assert find_worker(path, worker_file(path)) == Worker(other.pid, socket.gethostname())

        def say(sentence: str) -> None:
            said.append(sentence)
            if killed:
                other.kill()
            elif other.stdin is not None:
                other.stdin.close()

        with Journal(path, worker_file(path), say) as journal:
            assert other.wait(30) is not None
            assert find_worker(path, worker_file(path)) == Worker(os.getpid(), socket.gethostname())
            assert "first" in journal.rows
    assert said == [
        f"process {other.pid} still works on this shard; waiting until it ends.",
        f"process {other.pid} has ended; continuing with what it left.",
    ]
    append_rows(path, [ROW])
    expected = {"first", ROW.output} if killed else {"first", "second", ROW.output}
    assert latest_rows(path).keys() == expected, "a row went into a file that was replaced"
    assert find_worker(path, worker_file(path)) is None


def test_a_killed_writer_loses_no_row_and_leaves_no_lock(tmp_path: Path):
    path = tmp_path / "journal.tsv"
    code = (
        "import sys, time; from pathlib import Path; from dataclasses import replace\n"
        "from neural_style.bulk.journal import Journal, Row\n"
        "with Journal(Path(sys.argv[1]), Path(sys.argv[1] + '.worker')) as journal:\n"
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
    append_rows(path, [ROW])  # the lock is gone


def test_a_full_disk_is_one_sentence_and_loses_only_the_row_that_did_not_fit(tmp_path: Path):
    path = tmp_path / "journal.tsv"
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from neural_style.bulk.plan import BulkError\n"
        "from neural_style.bulk.journal import Journal, Row\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    with Journal(Path(sys.argv[1]), Path(sys.argv[1] + '.worker')) as journal:\n"
        "        for n in range(1000):\n"
        "            journal.append(Row(str(n), 'p', 's', 't', 'done')); print(n)\n"
        "except BulkError as error:\n"
        "    print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert ended.returncode == 0 and not ended.stderr, ended.stderr
    *written, sentence = ended.stdout.splitlines()
    assert sentence.startswith(f"cannot write {str(path)!r}: "), sentence
    assert list(latest_rows(path)) == written != []
    append_rows(path, [ROW])
    assert [*written, ROW.output] == list(latest_rows(path))


def test_the_share_of_failures_that_is_named_is_enough():
    for possible in range(1, 60):
        for count in range(1, possible + 1):
            rows = [replace(ROW, status="failed")] * count + [ROW] * (possible - count)
            sentence = excess_of_failures(rows, 0, 0)
            (named,) = re.findall(r"failed_fraction to ([\d.]+),", sentence)
            assert not excess_of_failures(rows, 0, float(named)), (count, possible)


def test_the_reason_of_a_failure_obeys_no_terminal():
    rows = [replace(ROW, status="failed", reason="cannot read a\x1b[31m\x07\n.png: torn")]
    sentence = excess_of_failures(rows, 0, 0)
    assert sentence.endswith(r": cannot read a\x1b[31m\x07\n.png: torn")
    assert sentence.isprintable()


def test_a_manifest_with_former_names_of_columns_is_read(tmp_path: Path):
    path = tmp_path / "manifest.tsv"
    header = "picture photograph style setting status seconds total content style_loss checksum"
    header += " key reason source source_size source_time size time finished"
    path.write_text("\t".join(header.split()) + "\n" + format_row(ROW) + "\n")
    assert latest_rows(path) == {ROW.output: ROW}


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_journal_needs_no_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int):
    refuse_fsync(monkeypatch, number)
    with pytest.warns(NeuralStyleWarning, match=os.strerror(number)):
        append_rows(tmp_path / "journal.tsv", [ROW])
    assert latest_rows(tmp_path / "journal.tsv") == {ROW.output: ROW}


def test_a_disk_that_fails_under_a_journal_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    refuse_fsync(monkeypatch, errno.EIO)
    with pytest.raises(BulkError, match=r"cannot write .*journal\.tsv': Input/output error"):
        append_rows(tmp_path / "journal.tsv", [ROW])


def refuse_fsync(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
