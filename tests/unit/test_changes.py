"""Which outputs are out of date: the checksums in run.json against those of the files."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from neural_style.config.settings import LARGEST_RUN
from neural_style.io import sha256
from neural_style.runtime import changes
from neural_style.runtime.changes import Checksums, changed_inputs

ROLES = ("content", "style", "mask", "style_mask", "init", "blend_1", "blend_1_mask")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """One file for each role."""
    files = {role: tmp_path / f"{role}.png" for role in (*ROLES, "weights")}
    for role, path in files.items():
        path.write_bytes(role.encode())
    return files


@pytest.fixture
def record(files: dict[str, Path], tmp_path: Path) -> Path:
    """The run.json of a run that has read all of them."""
    facts = {role: {"path": str(files[role]), "sha256": sha256(files[role])} for role in ROLES}
    weights = {"source": str(files["weights"]), "sha256": sha256(files["weights"])}
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**facts, "weights": weights, "output": {"sha256": "0"}}))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "checksums.json"


def changed(record: Path, files: dict[str, Path], store: Path) -> list[Path]:
    return list(changed_inputs(record, files, Checksums(store)))


@pytest.mark.parametrize("role", [*ROLES, "weights"])
def test_each_input_counts_whatever_its_date(files, record, store, role):
    assert changed(record, files, store) == []
    content, date = files[role].read_bytes(), files[role].stat().st_mtime_ns
    files[role].write_bytes(content[::-1])
    os.utime(files[role], ns=(date, date))  # the same size and date
    assert changed(record, files, store) == [files[role]]
    files[role].write_bytes(content)
    os.utime(files[role], (4e9, 4e9))
    assert changed(record, files, store) == []
    files[role].unlink()
    assert changed(record, files, store) == [files[role]]


def test_inputs_that_came_or_went(files, record, store, tmp_path):
    (tmp_path / "new.png").write_bytes(b"new")
    assert changed(record, {**files, "blend_2": tmp_path / "new.png"}, store) == [
        tmp_path / "new.png"
    ]
    del files["mask"]
    assert changed(record, files, store) == [record]


def test_weights_of_the_program_are_not_compared(files, record, store):
    facts = json.loads(record.read_text())
    record.write_text(json.dumps({**facts, "weights": {"source": "caffe", "sha256": "0"}}))
    del files["weights"]
    assert changed(record, files, store) == []


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "7", "{}", "null", '{"content": {"path": 7, "sha256": []}}'),
        *("[" * 100_000, "é", " " * (1 << 23)),
    ],
)
def test_a_damaged_record_is_one_that_does_not_fit(files, record, store, text):
    record.write_text(text, encoding="latin-1")
    assert changed(record, files, store)


def test_a_record_that_is_too_large_to_be_shown_does_not_fit(files, record, store):
    facts = json.loads(record.read_text())
    record.write_text(json.dumps({**facts, "padding": "x" * LARGEST_RUN}))
    assert changed(record, files, store)


def test_a_pipe_does_not_fit(files, record, store, make_pipe):
    make_pipe(record)
    make_pipe(store)
    assert changed(record, files, store) == [record, *files.values()]


def test_nothing_has_changed_for_outputs_that_are_not_there(files, record, store):
    record.unlink()
    assert changed(record, files, store) == []
    assert not store.exists()


def test_checksums_are_computed_again_only_after_a_change(files, store, monkeypatch):
    monkeypatch.setattr(changes, "NANOSECONDS_OF_A_CLOCK", -1)
    expected = sha256(files["content"])
    first = Checksums(store)
    assert first.of(files["content"]) == expected
    first.save()
    read: list[Path] = []

    def compute(path: Path) -> str:
        read.append(path)
        return "computed"

    monkeypatch.setattr(changes, "sha256", compute)
    assert Checksums(store).of(files["content"]) == expected
    shutil.copy2(files["style"], files["content"].with_name("other"))
    files["content"].with_name("other").replace(files["content"])
    again = Checksums(store)
    assert again.of(files["content"]) == again.of(files["content"]) == "computed"
    assert read == [files["content"]]


def test_a_checksum_of_the_same_moment_is_not_kept(files, store):
    checksums = Checksums(store)
    checksums.of(files["content"])
    checksums.save()
    assert not store.exists()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"content.png": 7}', '{"content.png": [1]}'])
def test_a_damaged_store_is_computed_again(files, store, text):
    store.write_text(text)
    assert Checksums(store).of(files["content"]) == sha256(files["content"])
