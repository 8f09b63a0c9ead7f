"""The engine's fingerprint: it changes with what is computed, and with nothing else."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from tests.imports import imported

import neural_style
from neural_style.plan import fingerprint
from neural_style.plan.fingerprint import ENGINE, code_of, engine_fingerprint

PACKAGE = Path(neural_style.__file__).parent
LEAVES_PIXELS_ALONE = {
    "errors": "an exception makes no picture",
    "files": "writes and reads bytes as they are",
    "jobs/backlog": "decides when files are written",
    "jobs/checkpoint": "gives back what it was given, bit for bit",
    "jobs/claims": "says who may write",
    "jobs/journal": "decides when what is written",
    "jobs/provenance": "a text beside the pixels",
    "jobs/record": "writes down what was done",
    "machine/device_lock": "decides who waits for a card",
    "machine/footprint": "explains an error",
    "machine/memory": "explains an error",
    "pictures/notes": "a text beside the pixels",
    "plan/companions": "finds the files, which are compared by themselves",
    "plan/config": "what it completes is part of the settings, which are compared by value",
    "plan/conflicts": "refuses settings",
    "plan/fingerprint": "names the code",
    "plan/formats": "its names are those of the settings",
    "plan/inputs": "finds the files, which are compared by themselves",
    "plan/named_files": "finds the files, which are compared by themselves",
    "plan/presets": "what it says becomes part of the settings",
    "plan/settings": "its values are compared by themselves",
    "plan/sweep": "names files",
}
"""Modules that a job imports and that are no part of the engine, each with the reason."""

SOURCE = '''
"""The module."""

SIZE = 3
"""An attribute."""


def double(x: float) -> float:
    """Twice x."""
    return 2 * x  # why


class Thing:
    """A thing."""

    def one(self) -> int:
        return 1
'''


def imports_of(module: str) -> set[str]:
    """The modules of the package that a module imports, wherever in its source."""
    source = (PACKAGE / f"{module}.py").read_text(encoding="utf-8")
    parts = [name.split(".") for name in imported(source)]
    paths = {"/".join(each[:depth]) for each in parts for depth in (1, 2)}
    return {path for path in paths if (PACKAGE / f"{path}.py").is_file()}


JOB = "jobs/job"


def imported_by_a_job() -> set[str]:
    reached, ahead = {JOB}, {JOB}
    while ahead:
        ahead = {name for module in ahead for name in imports_of(module)} - reached
        reached |= ahead
    return reached


def test_every_module_of_a_job_is_in_the_engine_or_has_a_reason_not_to_be():
    assert imported_by_a_job() == set(ENGINE) | LEAVES_PIXELS_ALONE.keys(), (
        "a module decides pixels (then add it to fingerprint.ENGINE) or not (then say here why)"
    )
    assert not set(ENGINE) & LEAVES_PIXELS_ALONE.keys()


def test_the_modules_are_found_at_all():
    assert {
        "optimiser/lbfgs",
        "network/vgg",
        "pictures/pixels",
        "loss/losses",
        "errors",
    } <= imported_by_a_job()
    assert not {"pictures/thumbnails", "grids/grid", "plan/commandline"} & imported_by_a_job()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# why", "# because"),
        ("Twice x.", "Two times x."),
        ("The module.", "This module."),
        ("An attribute.", "The size."),
        ("    return 2 * x", "\n    return (\n        2 * x\n    )"),
        ('    """A thing."""\n\n', ""),
    ],
)
def test_words_and_layout_do_not_count(old: str, new: str):
    changed = SOURCE.replace(old, new)
    assert changed != SOURCE
    assert code_of(changed) == code_of(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SIZE = 3", "SIZE = 4"),
        ("SIZE = 3", 'SIZE = "3"'),
        ("2 * x", "x * 2"),
        ("return 1", "pass"),
        ("one(self)", "two(self)"),
    ],
)
def test_code_counts(old: str, new: str):
    changed = SOURCE.replace(old, new)
    assert changed != SOURCE
    assert code_of(changed) != code_of(SOURCE)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's sources, to be changed."""
    package = tmp_path / "neural_style"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprint, "__file__", str(package / "plan" / "fingerprint.py"))
    return package


@pytest.mark.parametrize("module", ENGINE)
def test_a_change_in_any_module_of_the_engine_changes_it(copy: Path, module: str):
    before = engine_fingerprint()
    path = copy / f"{module}.py"
    source = path.read_text(encoding="utf-8")
    path.write_text(source + "\n# a comment\n", encoding="utf-8")
    assert engine_fingerprint() == before
    path.write_text(source + "\nMORE = 1\n", encoding="utf-8")
    assert engine_fingerprint() != before


def test_a_change_elsewhere_does_not(copy: Path):
    before = engine_fingerprint()
    for module in (*LEAVES_PIXELS_ALONE, "grids/grid", "grids/labels"):
        path = copy / f"{module}.py"
        path.write_text(path.read_text(encoding="utf-8") + "\nMORE = 1\n", encoding="utf-8")
    assert engine_fingerprint() == before


def test_it_is_short_and_the_same_every_time():
    assert re.fullmatch("[0-9a-f]{12}", engine_fingerprint())
    assert engine_fingerprint() == engine_fingerprint()
