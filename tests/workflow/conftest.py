"""Real runs: a small project in a temporary folder, and `snakemake` called as a user calls it."""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import numpy as np
import psutil
import pytest
import yaml
from PIL import Image

from neural_style.cli.parsing import Parser, add_settings, settings_from

REPOSITORY = Path(__file__).parents[2]
BINARIES = Path(sys.executable).parent
LOUD = ("--quiet", "host")
SECONDS_BEFORE_A_RUN_HANGS = 900
SHALLOW = {"content_layers": {"conv2_1": 1}, "style_layers": {"conv1_1": 1, "conv2_1": 1}}
"""Layers of a network that takes little time, for what does not depend on them."""


@dataclass(frozen=True)
class Outcome:
    """How a run of a program ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All that a user saw, without what Snakemake quotes of its own command line."""
        lines = f"{self.out}\n{self.err}".splitlines()
        return "\n".join(line for line in lines if not line.startswith("  Command: "))

    @property
    def jobs(self) -> list[str]:
        """The jobs that were started, or would be, sorted: `index`, `grid cat`, …"""
        return sorted(name for _, name in self._started() if name != "all")

    @property
    def most_at_once(self) -> int:
        """How many stylize jobs ran at the same time at the most."""
        stylizing = {number for number, name in self._started() if name.startswith("stylize")}
        running: set[str] = set()
        most = 0
        for number, ended in re.findall(
            r"^(?: {4}jobid: (\d+)|Finished jobid: (\d+))", self.text, re.M
        ):
            running = running | {number} & stylizing if number else running - {ended}
            most = max(most, len(running))
        return most

    def assert_good(self) -> None:
        assert self.code == 0, self.text

    def assert_refused(self, *sentences: str) -> None:
        """It failed and said why, in words for users."""
        assert self.code != 0, self.text
        assert "Traceback" not in self.text, self.text
        for sentence in sentences:
            assert sentence in self.text, self.text

    def _started(self) -> Iterator[tuple[str, str]]:
        """(job id, name) of each job in the log."""
        blocks = re.findall(r"^(?:local)?rule (\S+):\n((?: {4}.*\n?)+)", self.text, re.M)
        for rule, block in blocks:
            number = re.search(r"^ {4}jobid: (\d+)", block, re.M)
            wildcards = re.search(r"^ {4}wildcards: (.*)", block, re.M)
            values = re.findall(r"=([^,]*)", wildcards[1]) if wildcards else []
            yield number[1] if number else "", " ".join([rule, *values])


class Project:
    """A user's folder: images, a configuration, and all that Snakemake leaves there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for kind in ("content", "style"):
            (root / "images" / kind).mkdir(parents=True, exist_ok=True)

    @property
    def results(self) -> Path:
        return self.root / "results"

    @property
    def logs(self) -> Path:
        return self.results / "logs"

    def add(self, kind: str, name: str, seed: int) -> Path:
        """Put a generated image into `images/content` or `images/style`."""
        path = self.root / "images" / kind / name
        paint(seed).save(path)
        return path

    def configure(self, config: Mapping[str, Any]) -> None:
        (self.root / "config.yaml").write_text(yaml.safe_dump(dict(config)), encoding="utf-8")

    def snakemake(self, *options: str, config: str = "config.yaml", **variables: str) -> Outcome:
        """Run Snakemake on this folder with two cores; without `config` it looks for its own."""
        return self.query("--cores", "2", *options, config=config, **variables)

    def query(self, *options: str, config: str = "config.yaml", **variables: str) -> Outcome:
        """Ask Snakemake something; as in the documentation, no cores are given."""
        return run(self.command(*options, config=config), self.root, **variables)

    def start(self, *options: str, output: IO[str]) -> subprocess.Popen[bytes]:
        """Start Snakemake in a session of its own, as in a terminal, and do not wait for it."""
        return subprocess.Popen(
            self.command("--cores", "2", *options),
            cwd=self.root,
            env=environment(self.root),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def command(self, *options: str, config: str = "config.yaml") -> list[str]:
        """How Snakemake is called on this folder; it tells more than with the default profile."""
        command = [str(BINARIES / "snakemake"), *LOUD, "-s", str(REPOSITORY / "Snakefile")]
        if config:
            command += ["--configfile", str(self.root / config)]
        return [*command, "--directory", str(self.root), *options]

    def would_run(self) -> list[str]:
        """The jobs of a dry run."""
        outcome = self.query("-n")
        outcome.assert_good()
        return outcome.jobs

    def files(self) -> set[str]:
        """Every file below `results`, except logs."""
        found = (path for path in self.results.rglob("*") if path.is_file())
        names = {path.relative_to(self.root).as_posix() for path in found}
        return {name for name in names if not name.startswith("results/logs/")}

    def copy(self, root: Path) -> Project:
        """The same folder elsewhere, with the dates of its files and Snakemake's memory."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        return Project(root)


def run(command: Sequence[str | Path], folder: Path, **variables: str) -> Outcome:
    """Run a program like a user who has not activated the environment and has no profile."""
    words = [str(word) for word in command]
    if Path(words[0]) == BINARIES / "snakemake" and not variables:
        return run_forked(words, folder)
    ended = subprocess.run(
        words,
        cwd=folder,
        env=environment(folder, **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS_BEFORE_A_RUN_HANGS,
    )
    return Outcome(ended.returncode, ended.stdout, ended.stderr)


def run_forked(words: Sequence[str], folder: Path) -> Outcome:
    """Run Snakemake in a fork of a process that has imported it."""
    with TemporaryDirectory() as temporary:
        files = {name: Path(temporary, name) for name in ("out", "err")}
        for file in files.values():
            file.touch()
        call = {
            "command": words,
            "folder": str(folder),
            "environment": environment(folder),
            "seconds": SECONDS_BEFORE_A_RUN_HANGS,
            **{name: str(file) for name, file in files.items()},
        }
        server = forks()
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(f"{json.dumps(call)}\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        out, err = (file.read_text(encoding="utf-8") for file in files.values())
    return Outcome(code, out, err)


@cache
def forks() -> subprocess.Popen[str]:
    """The process that `snakemake_forks.py` describes; it ends with this one."""
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("snakemake_forks.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    atexit.register(server.communicate)
    return server


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """The variables of such a user."""
    folders = os.environ["PATH"].split(os.pathsep)
    others = [name for name in folders if Path(name).resolve() != BINARIES.resolve()]
    inherited = {name: os.environ[name] for name in os.environ if name != "SNAKEMAKE_PROFILE"}
    return {
        **inherited,
        "PATH": os.pathsep.join(others),
        "XDG_CONFIG_HOME": str(folder / "no-configuration"),
        **variables,
    }


def paint(seed: int, side: int = 64) -> Image.Image:
    """An image with gradients, edges and texture, different for each seed."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    waves = [np.sin(random.uniform(5, 30) * (x * a + y * b)) for a, b in random.normal(size=(3, 2))]
    disc = np.hypot(x - random.uniform(0.3, 0.7), y - random.uniform(0.3, 0.7)) < 0.25
    levels = 128 + 80 * np.stack(waves, axis=-1) + random.normal(scale=12, size=(side, side, 3))
    levels[disc] = 0.3 * levels[disc] + random.uniform(0, 170, size=3)
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return Project(tmp_path / "project")


@pytest.fixture
def stylize(tmp_path: Path) -> Callable[..., Outcome]:
    """Run `scripts/stylize.py` in the test's folder, with the settings as options."""

    def call(*options: str | Path, **variables: str) -> Outcome:
        script = REPOSITORY / "workflow" / "scripts" / "stylize.py"
        return run([sys.executable, script, *job_arguments(options)], tmp_path, **variables)

    return call


def job_arguments(options: Sequence[str | Path]) -> list[str]:
    """Options of `scripts/stylize.py` as a rule gives them, from one for each image and setting."""
    parser = Parser("stylize.py", "stylize.py", "")
    parser.add_argument("--content")
    parser.add_argument("--style")
    add_settings(parser)
    given, others = parser.parse_known_args([str(option) for option in options])
    images = json.dumps({"content": given.content, "style": given.style})
    settings = json.dumps(asdict(settings_from(given)))
    return [*others, f"--images={images}", f"--settings={settings}"]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Call a function with an empty folder, once for all processes of pytest-xdist.

    It returns what can be written as JSON. Tests must not change the folder.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def call(name: str, make: Callable[[Path], Any]) -> tuple[Path, Any]:
        folder, answer = root / name, root / f"{name}.json"
        with (root / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not answer.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                answer.write_text(json.dumps(make(folder)), encoding="utf-8")
        return folder, json.loads(answer.read_text(encoding="utf-8"))

    return call


@dataclass(frozen=True)
class BaseSweep:
    """A sweep that was run once, and how that run ended."""

    project: Project
    outcome: Outcome
    config: Mapping[str, Any]


@pytest.fixture(scope="session")
def base(made_once: Callable[..., Any]) -> BaseSweep:
    """Two content and two style images × three settings; tests must not change it."""
    config = {
        "image": {"size": 64},
        "network": SHALLOW,
        "settings": {
            "beta": [1e5, 2.5e6],
            "named": {"long": {"optimization": {"epochs": 5}}},
        },
        "optimization": {"epochs": 4, "save_every": 2, "precision": "fp32"},
    }

    def make(folder: Path) -> dict[str, Any]:
        project = Project(folder)
        project.add("content", "cat.png", seed=0)
        project.add("content", "dog.png", seed=1)
        project.add("style", "sea.png", seed=2)
        project.add("style", "sun.png", seed=3)
        project.configure(config)
        outcome = project.snakemake()
        outcome.assert_good()
        return asdict(outcome)

    folder, outcome = made_once("base", make)
    return BaseSweep(Project(folder), Outcome(**outcome), config)


@pytest.fixture
def again(base: BaseSweep, tmp_path: Path) -> Project:
    """A copy of the finished sweep, to be changed and run again."""
    return base.project.copy(tmp_path / "project")


def workers_of(snakemake: subprocess.Popen) -> list[psutil.Process]:
    """The processes that do the work of the stylize jobs of a running Snakemake."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            match process.cmdline():
                case [_, script, "--serve", _, "--owner", owner]:
                    if script.endswith("persistent_worker.py") and owner == str(snakemake.pid):
                        found.append(process)
    return found
