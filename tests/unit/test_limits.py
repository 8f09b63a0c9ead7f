"""Memory that limits of a container and of the shell leave, and torch under small ones."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.unit.images import smooth

from neural_style.runtime import memory
from neural_style.runtime.memory import container_bytes, usable_bytes

GB = 10**9
UNLIMITED = 9223372036854771712
"""What version 1 shows without a limit."""


def make_group(folder: Path, version: int, limit: int | str, used: int, cached: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = {1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
             2: ("memory.max", "memory.current", "inactive_file")}[version]  # fmt: skip
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"cache 5\n{names[2]} {cached}\nrss 7\n")
    if version == 2:
        (folder / "memory.high").write_text("max\n")


def make_process(root: Path, lines: str) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(lines)
    return root / "sys/fs/cgroup"


def test_version_2_limits_by_the_own_group_and_those_above(tmp_path: Path):
    mount = make_process(tmp_path, "0::/slurm/job_1\n")
    make_group(mount / "slurm/job_1", 2, 4 * GB, 3 * GB, cached=GB)
    make_group(mount / "slurm", 2, "max", 9 * GB)
    assert list(container_bytes(tmp_path)) == [2 * GB]
    make_group(mount / "slurm", 2, 10 * GB, 9 * GB)
    assert list(container_bytes(tmp_path)) == [2 * GB, GB]
    (mount / "slurm/memory.high").write_text(f"{9 * GB}\n")
    assert min(container_bytes(tmp_path)) == 0


def test_version_2_inside_a_container(tmp_path: Path):
    mount = make_process(tmp_path, "0::/\n")
    make_group(mount, 2, 4 * GB, GB)
    assert list(container_bytes(tmp_path)) == [3 * GB]


def test_version_1_limits_by_the_own_group_and_those_above(tmp_path: Path):
    mount = make_process(tmp_path, "4:memory:/slurm/job\n3:cpu,cpuacct:/slurm\n0::/\n")
    make_group(mount / "memory/slurm/job", 1, 4 * GB, 3 * GB, cached=GB)
    make_group(mount / "memory", 1, UNLIMITED, 9 * GB)
    assert min(container_bytes(tmp_path)) == 2 * GB


def test_version_1_inside_a_container_shows_a_path_of_the_host(tmp_path: Path):
    mount = make_process(tmp_path, "9:name=systemd:/\n4:memory:/docker/0123\n")
    make_group(mount / "memory", 1, 4 * GB, GB)
    assert list(container_bytes(tmp_path)) == [3 * GB]


@pytest.mark.parametrize("lines", ["", "0::/\n", "0::/../..\n", "4:memory:/gone\n"])
def test_without_limits_there_is_nothing_to_add(tmp_path: Path, lines: str):
    make_process(tmp_path, lines)
    assert list(container_bytes(tmp_path)) == []
    assert list(container_bytes(tmp_path / "no Linux")) == []


def test_the_container_counts(monkeypatch: pytest.MonkeyPatch):
    free = psutil.virtual_memory().available
    assert 0 < usable_bytes() <= 1.1 * free
    monkeypatch.setattr(memory, "container_bytes", lambda: iter([GB, 12345, 2 * GB]))
    assert usable_bytes() == 12345
    monkeypatch.setattr(memory, "container_bytes", lambda: iter([-1]))
    assert usable_bytes() == 0


@pytest.mark.parametrize("gigabytes", [0.3, 1, 2.2, 3])
def test_torch_under_a_small_limit_ends_in_a_sentence(tmp_path: Path, gigabytes: float):
    """Its libraries end the process with code 134, or with a traceback of the import."""
    smooth(40, 30).save(tmp_path / "a.png")
    command = [sys.executable, "-m", "neural_style", "a.png", "a.png", "--output", "out.png"]
    limit = int(gigabytes * GB)
    ended = subprocess.run(
        [*command, "--size", "64", "--epochs", "2", "--device", "cpu"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert ended.returncode in (0, 1), ended.stderr
    if ended.returncode:
        (line,) = ended.stderr.splitlines()
        assert re.fullmatch(
            rf"neural-style: torch cannot be loaded under the memory limit of this process "
            rf"\(ulimit -v: {gigabytes:.1f} GB\); raise it, for example with ulimit -v unlimited\.",
            line,
        )
    if gigabytes < 1:
        assert ended.returncode == 1


def test_python_code_under_a_small_limit_gets_the_sentence(tmp_path: Path):
    code = (
        "from neural_style import NeuralStyleError, Stylizer\n"
        "try:\n"
        "    Stylizer(device='cpu')\n"
        "except NeuralStyleError as error:\n"
        "    print(error)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (3 * GB // 10,) * 2),
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("torch cannot be loaded under the memory limit")
