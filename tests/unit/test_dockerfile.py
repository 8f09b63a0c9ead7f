"""The Dockerfile, which is not built here: its pins, its files, and the commands of the page."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
KNOWN = {"FROM", "ARG", "WORKDIR", "COPY", "RUN", "ENV", "CMD"}


def read(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """(instruction, arguments) of each line, with continued lines joined."""
    lines = [line for line in read("Dockerfile").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    steps = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(name, arguments) for name, arguments in steps]


@pytest.fixture(scope="module")
def build_arguments(steps) -> dict[str, str]:
    return dict(value.split("=") for name, value in steps if name == "ARG")


def test_it_has_only_known_instructions_and_begins_with_an_image(steps):
    assert {name for name, _ in steps} <= KNOWN
    assert steps[0][0] == "FROM"
    (command,) = [value for name, value in steps if name == "RUN"]
    assert subprocess.run(["sh", "-n", "-c", command]).returncode == 0


def test_its_python_is_one_that_is_supported(steps):
    version = re.fullmatch(r"python:(3\.\d+)-slim-bookworm", steps[0][1])
    assert version, steps[0]
    needed = tomllib.loads(read("pyproject.toml"))["project"]["requires-python"]
    assert tuple(map(int, version[1].split("."))) >= tuple(map(int, needed[2:].split(".")))
    assert version[1] in read("README.md"), "not one that the README names"


@pytest.mark.parametrize("package", ["torch", "torchvision"])
def test_its_torch_is_the_pinned_one(build_arguments, package):
    version = build_arguments[package.upper()]
    assert f"\n{package}=={version} " in read("requirements.txt")
    assert f"\n{package.upper()} ?= {version}\n" in read("Makefile")


def test_what_it_installs_and_copies_is_there(steps):
    (command,) = [value for name, value in steps if name == "RUN"]
    extras = re.search(r'"\.\[([\w,]+)\]"', command)
    assert extras
    known = tomllib.loads(read("pyproject.toml"))["project"]["optional-dependencies"]
    assert set(extras[1].split(",")) <= known.keys()
    listed = [line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")]
    copied = [source for name, value in steps if name == "COPY" for source in value.split()[:-1]]
    assert sorted(copied) == sorted(listed)
    for source in copied:
        assert (REPOSITORY / source).exists(), source


def test_the_commands_of_the_pages_fit_it(build_arguments):
    pages = "".join(map(read, ("README.md", "docs/clusters.md")))
    blocks = re.findall(r"```console\n(.*?)```", pages, re.DOTALL)
    lines = [line[2:] for block in blocks for line in block.splitlines()]
    lines += re.findall(r"^#   (docker .*)", read("Dockerfile"), re.MULTILINE)
    commands = [shlex.split(line, comments=True) for line in lines]
    builds = [command for command in commands if command[:2] == ["docker", "build"]]
    assert len(builds) == 4
    for command in builds:
        assert command[command.index("--tag") + 1] == "neural-style"
    assert {*re.findall(r"--build-arg (\w+)", pages)} <= build_arguments.keys()
    made = [command for command in commands if command[:2] == ["apptainer", "build"]]
    assert [command[3] for command in made] == ["docker-daemon:neural-style:latest"] * 2
    used = [word for command in commands for word in command if fnmatch(word, "*.sif")]
    assert {*used} == {*re.findall(r'^container: "(.*)"$', read("Snakefile"), re.MULTILINE)}
    assert {*re.findall(r"/\S+/Snakefile", pages)} == {"/opt/neural-style/Snakefile"}
    assert "WORKDIR /opt/neural-style\n" in read("Dockerfile")
