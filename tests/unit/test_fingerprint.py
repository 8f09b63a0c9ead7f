"""The engine's fingerprint: it changes with what is computed, and with nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import neural_style
from neural_style import fingerprint
from neural_style.fingerprint import ENGINE, code_of, engine_fingerprint

PACKAGE = Path(neural_style.__file__).parent
LEAVES_PIXELS_ALONE = {
    "backlog": "decides when files are written",
    "checkpoint": "gives back what it was given, bit for bit",
    "claims": "says who may write",
    "config": "what it completes is part of the settings, which are compared by value",
    "device_lock": "decides who waits for a card",
    "errors": "an exception makes no picture",
    "files": "writes and reads bytes as they are",
    "fingerprint": "names the code",
    "footprint": "explains an error",
    "formats": "its names are those of the settings",
    "companions": "finds the files, which are compared by themselves",
    "conflicts": "refuses settings",
    "journal": "decides when what is written",
    "inputs": "finds the files, which are compared by themselves",
    "memory": "explains an error",
    "notes": "a text beside the pixels",
    "presets": "what it says becomes part of the settings",
    "provenance": "a text beside the pixels",
    "named_files": "finds the files, which are compared by themselves",
    "record": "writes down what was done",
    "settings": "its values are compared by themselves",
    "sweep": "names files",
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
    tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            package, _, name = node.module.partition(".")
            if package == "neural_style":
                found |= {name.split(".")[0]} if name else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found |= {parts[1] for parts in names if parts[0] == "neural_style" and len(parts) > 1}
    return found


def imported_by_a_job() -> set[str]:
    reached, ahead = {"job"}, {"job"}
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
    assert {"torch", "job"} & imported_by_a_job() == {"job"}
    assert {"lbfgs", "vgg", "pixels", "losses"} <= imported_by_a_job()


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
    for path in PACKAGE.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(fingerprint, "__file__", str(tmp_path / "fingerprint.py"))
    return tmp_path


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
    for module in (*LEAVES_PIXELS_ALONE, "grid", "labels"):
        path = copy / f"{module}.py"
        path.write_text(path.read_text(encoding="utf-8") + "\nMORE = 1\n", encoding="utf-8")
    assert engine_fingerprint() == before


def test_it_is_short_and_the_same_every_time():
    assert re.fullmatch("[0-9a-f]{12}", engine_fingerprint())
    assert engine_fingerprint() == engine_fingerprint()
