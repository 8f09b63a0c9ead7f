"""A job on the CPU uses as many threads as it is given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from tests.unit.images import noise

from neural_style.config.settings import Settings

# Stylizes, then prints how long each of its threads has worked, in ticks of a hundredth second.
# Imports do not count: numpy's matrix library uses a thread once, for 0.1 s.
BUSY_THREADS = """
import json, sys
from pathlib import Path
import stylize

def ticks():
    found = {}
    for thread in Path("/proc/self/task").iterdir():
        user, system = (thread / "stat").read_text().rpartition(")")[2].split()[11:13]
        found[thread.name] = int(user) + int(system)
    return found

before = ticks()
code = stylize.main(sys.argv[1:])
print(json.dumps([code, [spent - before.get(name, 0) for name, spent in ticks().items()]]))
"""


@pytest.fixture
def image_files(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "content.png", tmp_path / "style.png"
    for seed, path in enumerate(paths):
        noise(64, 64, seed).save(path)
    return paths


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no list of threads here")
@pytest.mark.parametrize(("threads", "precision"), [(1, "fp32"), (3, "auto")])
def test_a_job_on_the_cpu_uses_the_given_number_of_threads(
    image_files: tuple[Path, Path], tmp_path: Path, threads: int, precision: str
):
    """More threads may exist, such as the progress bar's, but they use almost no time."""
    content, style = image_files
    scripts = Path(__file__).parents[2] / "workflow" / "scripts"
    settings = asdict(Settings(size=128, epochs=6, precision=precision))
    images = {"content": str(content), "style": str(style)}
    words: list[object] = ["--images", json.dumps(images), "--settings", json.dumps(settings)]
    words += ["--output", tmp_path / "out", "--device", "cpu", "--threads", threads]
    variables = {name: text for name, text in os.environ.items() if not name.endswith("_THREADS")}
    ended = subprocess.run(
        [sys.executable, "-c", BUSY_THREADS, *map(str, words)],
        env={**variables, "PYTHONPATH": f"{scripts}{os.pathsep}{scripts.parent}"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    code, ticks = json.loads(ended.stdout)
    assert code == 0, ended.stderr
    idle = 0.1 * sum(ticks)  # measuring the output takes a thread of numpy 0.1 s
    assert sum(1 for each in ticks if each > idle) == threads, ticks
