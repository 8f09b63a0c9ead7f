"""The measurement on a machine with a GPU: what it needs is packed, and its limits hold."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterable, Iterator
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import psutil
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
GPU = ROOT / "benchmarks" / "gpu"

ON_THE_MACHINE = {"torch", "numpy", "pillow", "scipy", "matplotlib", "psutil", "pyyaml", "tqdm"}
LEFT_OUT = {"pulp", "conda-inject", "connection-pool", "gitpython", "nbformat", "greenlet"}
"""Snakemake and SQLAlchemy need them only for what is not used here."""


def packed() -> set[str]:
    """The names in `pack.sh`."""
    (block,) = re.findall(r"names=\((.*?)\n\)", (GPU / "pack.sh").read_text(), re.DOTALL)
    lines = (line.partition("#")[0] for line in block.splitlines())
    return {name for line in lines for name in line.split()}


def needed_by(requirements: Iterable[str]) -> Iterator[str]:
    for each in map(Requirement, requirements):
        if each.marker is None or each.marker.evaluate({"extra": ""}):
            yield canonicalize_name(each.name)


def test_whatever_is_needed_is_packed_or_on_the_machine():
    """An update may bring a package with needs of its own."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {*needed_by(project["dependencies"]), "pytest"}
    for name in packed():
        needed |= {*needed_by(metadata.requires(name) or ())}
    assert needed - packed() - ON_THE_MACHINE <= LEFT_OUT


def test_whatever_is_packed_is_pinned():
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert {name for name in packed() if not re.search(rf"^{name}==", pins, re.MULTILINE)} == set()


STEP = """
import subprocess, sys, time
from pathlib import Path

rows = Path(sys.argv[sys.argv.index("--rows") + 1])
child = subprocess.Popen(["sleep", "600"])
rows.write_text('{"child": %d}\\n' % child.pid)
print("so far", flush=True)
time.sleep(600)
"""
"""A step that writes a row, starts a process, and never ends."""


def test_a_step_that_takes_too_long_is_ended_with_all_that_it_started_and_its_rows_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    measure = module("measure", monkeypatch)
    step = tmp_path / "step.py"
    step.write_text(STEP)
    monkeypatch.setattr(measure, "__file__", str(step))
    options = measure.make_parser().parse_args(["--out", str(tmp_path), "--device", "cpu"])
    result = measure.run_apart("machine", 8.0, options)
    assert (result.title, result.outcome) == ("The machine", "cut off")
    assert 8.0 <= result.seconds < 300.0
    (row,) = result.rows
    assert result.error == "so far\n"
    assert not is_running(row["child"])
    measure.write([result], tmp_path)
    report = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert f"| {row['child']} |" in report and "so far" in report


def module(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for folder in (GPU.parent, GPU):
        monkeypatch.syspath_prepend(str(folder))
    return import_module(name)


def is_running(number: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if psutil.Process(number).status() == psutil.STATUS_ZOMBIE:
                return False
        except psutil.NoSuchProcess:
            return False
        time.sleep(0.05)
    return True


PYTHON = """#!/bin/sh
case "$*" in
*"pip "*) sleep 2 ;;
*) echo "$@" ;;
esac
"""
"""In place of Python: says how it was called, and installs slowly."""


def test_the_time_of_the_installation_counts(tmp_path: Path):
    copy = tmp_path / "benchmarks" / "gpu" / "run.sh"
    copy.parent.mkdir(parents=True)
    shutil.copy(GPU / "run.sh", copy)
    (tmp_path / ".whl").mkdir()
    (tmp_path / ".whl" / "one.whl").touch()
    python = tmp_path / "python3"
    python.write_text(PYTHON)
    python.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "OUT": str(tmp_path)}
    ended = subprocess.run([copy, "--quick"], env=environment, capture_output=True, text=True)
    *_, said = ended.stdout.splitlines()
    found = re.search(r"measure\.py --out \S+ --seconds (\d+) --quick$", said)
    assert found is not None, ended
    assert 400 < int(found[1]) < 480


ROWS = [{"a": "1|2"}]
RESULTS = [{"title": "Batches", "outcome": "done", "seconds": 2, "rows": ROWS, "error": ""}]


def test_the_tables_replace_those_of_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tables = module("tables", monkeypatch)
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    results.write_text(json.dumps(RESULTS))
    page.write_text(f"# Page\n{tables.BEGIN}\nold\n{tables.END}\nafter\n")
    for _ in range(2):
        tables.main(str(results), str(page))
        assert page.read_text().splitlines() == [
            *("# Page", tables.BEGIN, ""),
            *("### Batches", "", "| a |", "|---|", "| 1\\|2 |"),
            *("", tables.END, "after"),
        ]


@pytest.mark.parametrize("text", ["", "{BEGIN}\n", "{END}\n{BEGIN}\n", "{BEGIN}\n{END}\n" * 2])
def test_a_page_without_a_place_for_the_tables_is_left_as_it_is(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tables = module("tables", monkeypatch)
    results, page = tmp_path / "results.json", tmp_path / "page.md"
    results.write_text(json.dumps(RESULTS))
    text = text.format(BEGIN=tables.BEGIN, END=tables.END)
    page.write_text(text)
    with pytest.raises(ValueError, match="there must be one line"):
        tables.main(str(results), str(page))
    assert page.read_text() == text


def test_the_tables_of_the_results_are_those_of_their_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Whoever changes one of them changes the other."""
    page = tmp_path / "RESULTS.md"
    shutil.copy(GPU.parent / "RESULTS.md", page)
    module("tables", monkeypatch).main(str(GPU / "results.json"), str(page))
    assert page.read_text() == (GPU.parent / "RESULTS.md").read_text()
