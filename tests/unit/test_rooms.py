"""The rooms of the library, which import one way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.imports import imported

import neural_style

PACKAGE = Path(neural_style.__file__).parent
README = Path(__file__).parents[2] / "README.md"
ROOMS = (
    *("plan", "pictures", "network", "machine", "problems", "loss", "optimizer", "jobs"),
    *("grids", "plots", "study", "gallery", "manual", "bulk", "samples"),
)
"""From the foundations up: each imports from those before it alone."""


def test_the_rooms_are_all_that_there_is():
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()} == {*ROOMS}
    assert {path.stem for path in PACKAGE.glob("*.py")} == {"__init__", "errors", "files"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_those_before_it(room: str):
    allowed = {"errors", "files", *ROOMS[: ROOMS.index(room) + 1]}
    for path in sorted((PACKAGE / room).rglob("*.py")):
        for name in imported(path.read_text(encoding="utf-8")):
            assert name.split(".")[0] in allowed, f"{path.relative_to(PACKAGE)} imports {name}"


def test_the_readme_names_every_room_in_this_order_and_the_modules_of_most():
    table = README.read_text(encoding="utf-8").partition("| room | its modules")[2]
    assert tuple(re.findall(r"^\| `([a-z]+)/` \|", table, re.MULTILINE)) == ROOMS
    for room in (*ROOMS[:9], "study", "manual"):
        for path in (PACKAGE / room).glob("[a-z]*.py"):
            assert f"`{path.stem}`" in table, f"{room}/{path.name} is in no row"
