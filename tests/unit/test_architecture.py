"""The packages of the library import one way, and docs/architecture.md names every module."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest
from tests.imports import imported

import neural_style
from neural_style.config.settings import Settings
from neural_style.losses import build, coherence, guided, histogram, terms, wasserstein
from neural_style.losses.terms import Term

LIBRARY = Path(neural_style.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"
ORDER = (
    *("errors", "io", "locks", "config", "images", "model", "losses", "optim", "runtime"),
    *("engine", "bulk", "report", "display", "api", "cli"),
)
"""From the ground up: each imports only from itself and from those before it."""


TERMS = (terms, guided, wasserstein, histogram, coherence)
"""Modules with terms of the loss, but for `content`, whose terms are in `CONTENT_TERMS`."""


def test_the_packages_are_all_that_there_are():
    packages = {path.parent.name for path in LIBRARY.glob("*/__init__.py")}
    modules = {path.stem for path in LIBRARY.glob("*.py")}
    assert packages | modules == {*ORDER, "__init__", "__main__"}


@pytest.mark.parametrize("name", ORDER)
def test_a_package_imports_only_from_those_before_it(name: str):
    allowed = {*ORDER[: ORDER.index(name) + 1]}
    sources = sorted((LIBRARY / name).rglob("*.py")) or [LIBRARY / f"{name}.py"]
    for source in sources:
        for used in imported(source.read_text(encoding="utf-8")):
            package = used.partition(".")[0]
            assert package in allowed, f"{source.relative_to(LIBRARY)} imports neural_style.{used}"


def test_the_library_knows_neither_snakemake_nor_the_terminal():
    for source in sorted(LIBRARY.rglob("*.py")):
        text = source.read_text(encoding="utf-8")
        found = re.findall(r"^\s*(?:import|from) (snakemake|argparse|tqdm)\b", text, re.MULTILINE)
        used = set(found) - ({"tqdm"} if source == LIBRARY / "display.py" else set())
        if source.is_relative_to(LIBRARY / "cli"):  # the command line
            assert used <= {"argparse"}, source.name
            continue
        assert not used, f"{source.relative_to(LIBRARY)} imports {used}"
        assert not re.search(r"^\s*print\(", text, re.MULTILINE), f"{source.name} prints"


def test_the_page_names_every_module_and_no_other():
    rows = dict(table_of_modules())
    assert tuple(rows) == ORDER
    for name in ORDER:
        if not (LIBRARY / name).is_dir():
            continue
        modules = {path.stem for path in (LIBRARY / name).glob("*.py")} - {"__init__"}
        assert rows[name] == modules, f"the row of {name}/ in {PAGE.name} is wrong"


def table_of_modules():
    """(package, its modules) of each row; a module outside of a package names itself."""
    table = PAGE.read_text(encoding="utf-8").partition("| package | modules |")[2]
    for row in table.partition("\n\n")[0].splitlines()[2:]:
        _, package, modules, *_ = row.split("|")
        names = set(re.findall(r"`(\w+)`", modules))
        yield (package.strip(" `/") or " ".join(names)), names


# The recipes of the page: what a new term or setting needs


def test_each_setting_is_read_where_it_acts():
    read = set[str]()
    for source in LIBRARY.rglob("*.py"):
        if source != LIBRARY / "config" / "keys.py":
            tree = ast.parse(source.read_text(encoding="utf-8"))
            read |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    unread = [key.name for key in fields(Settings) if key.name not in read]
    assert not unread, (
        f"no module reads these settings: {unread}; the weight of a term is read in losses/build.py"
    )


def term_classes() -> Iterator[type[Term]]:
    for module in TERMS:
        for _, found in inspect.getmembers(module, inspect.isclass):
            if issubclass(found, Term) and not inspect.isabstract(found):
                yield found


def test_each_term_is_created_and_tested():
    created_by_build = words(inspect.getsource(build))
    created = {name for module in TERMS for name in called(module)}
    tested = {name for path in Path(__file__).parent.glob("test_*.py") for name in words_of(path)}
    for name in {term.__name__ for term in term_classes()}:
        if name not in created | created_by_build:
            pytest.fail(f"nothing creates a {name}; do it in losses/build.py")
        if name in created_by_build - tested:
            pytest.fail(
                f"no test in tests/unit is about {name}; compare its value with the equation, and "
                "its gradient in tiles with that of the whole image"
            )


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def words_of(path: Path) -> set[str]:
    return words(path.read_text(encoding="utf-8"))


def called(module: ModuleType) -> Iterator[str]:
    """The names of what a module calls."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id
