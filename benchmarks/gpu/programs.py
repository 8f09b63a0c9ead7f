"""The steps that run a program: the tests, a job, the textbook loops, a sweep."""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml
from step_options import CONTENT, ROOT, STYLE, STYLES, Options, Row


def tests(options: Options) -> Iterator[Row]:
    """The tests that need a GPU; without one, those that show that the others could run."""
    report = options.folder / "tests.xml"
    chosen = ["-m", "cuda"] if options.device == "cuda" else ["-k", "comparison_works"]
    # Other files may import what is not installed here.
    files = [
        str(path)
        for path in sorted((ROOT / "tests/unit").glob("test_*.py"))
        if "mark.cuda" in path.read_text(encoding="utf-8")
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    subprocess.run([*command, *chosen, f"--junitxml={report}"], cwd=ROOT, check=False)
    (suite,) = ElementTree.parse(report).getroot().iter("testsuite")
    yield {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    for case in suite.iter("testcase"):
        for failure in [*case.iter("failure"), *case.iter("error")]:
            yield {"failed": case.get("name"), "because": (failure.get("message") or "")[:300]}


def resume(options: Options) -> Iterator[Row]:
    """A job from the command line, killed in the middle and resumed, beside one that was not."""
    epochs, size = options.of((600, 512), (12, 32))
    for name in ("uninterrupted", "killed"):
        folder = options.folder / name
        words = [CONTENT, STYLE, "-o", folder / "out.png", "--record", folder / "record"]
        words += ["--save-every", epochs // 6, "--epochs", epochs, "--size", size]
        words += ["--device", options.device]
        command = [sys.executable, "-m", "neural_style", *map(str, words)]
        folder.mkdir()
        resumed_from = kill_when_saved(command, folder) if name == "killed" else 0
        began = time.monotonic()
        subprocess.run(command, check=True)
        seconds = time.monotonic() - began
        facts = json.loads((folder / "record" / "run.json").read_text(encoding="utf-8"))
        yield {
            "run": name,
            "resumed after": resumed_from,
            "seconds of the process": seconds,
            "seconds of the optimization": facts["seconds"],
            "graph": facts["graph"],
            "loss as saved": facts["saved_losses"]["total"],
            "output": facts["output"]["sha256"][:12],
        }


def kill_when_saved(command: list[str], folder: Path) -> int:
    """Start a job, and kill it as soon as it has saved something; return the iteration."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        saved = [int(path.stem.split("_")[1]) for path in (folder / "record").glob("generated_*")]
        if max(saved, default=0) > 0:
            process.send_signal(signal.SIGKILL)
            process.wait()
            return max(saved)
        time.sleep(0.02)
    raise RuntimeError("the job ended before it could be killed")


def textbook(options: Options) -> Iterator[Row]:
    """Time to the loss of the textbook loops, and what an evaluation costs."""
    size, evaluations = options.of((512, 400), (32, 4))
    command = [sys.executable, str(ROOT / "benchmarks/run.py"), "--device", options.device]
    command += ["--sizes", str(size), "--evaluations", str(evaluations)]
    command += ["--pairs", f"{CONTENT},{STYLE}", *options.of([], ["--marks", "3", "--no-costs"])]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    columns: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            columns = []
        elif not columns:
            columns = cells
        elif set(line) - set("|-: "):
            yield dict(zip(columns, cells, strict=True))


def sweep(options: Options) -> Iterator[Row]:
    """Sweeps through Snakemake of 4 and 12 outputs, and of 4 without a process that jobs share.

    On the CPU, a sweep of 48 outputs, with one iteration of a network of one layer in place of the
    optimization.
    """
    contents, styles, size, epochs = [CONTENT], list(STYLES), 512, 1000
    network: Row = {}
    sweeps = [(True, 1), (True, 3), (False, 1)]
    if options.quick:
        styles, size, epochs, sweeps = styles[:2], 32, 2, [(True, 1)]
    elif options.device == "cpu":
        contents, size, epochs = sorted(CONTENT.parent.glob("*.jpg")), 64, 1
        network = {"content_layers": {"conv1_1": 1}, "style_layers": {"conv1_1": 1}}
        sweeps = [(True, 3)]
    for shared, betas in sweeps:
        folder = options.folder / f"{shared}_{betas}"
        folder.mkdir()
        config = {
            "content": [str(path) for path in contents],
            "style": [str(STYLE.with_name(f"{name}.jpg")) for name in styles],
            "settings": {"beta": [1e5, 1e6, 1e7][:betas]},
            "image": {"size": size},
            "network": network,
            "optimization": {"epochs": epochs, "save_every": -(-epochs // 2)},
            "jobs": {"share_process": shared},
        }
        yield run_sweep(options, folder, config)


def run_sweep(options: Options, folder: Path, config: Mapping[str, Any]) -> Row:
    """Run a sweep in a folder; Snakemake says meanwhile how far it is."""
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--scheduler", "greedy", "--resources", "gpu=1"]
    command += ["--cores", str(os.cpu_count()), "--directory", str(folder)]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    began = time.time()
    with busy_share(options.device) as shares:
        subprocess.run(command, check=True, cwd=ROOT, env=environment)  # jobs call `python`
    seconds = time.time() - began
    records = list((folder / "results").rglob("run.json"))
    first, *_, last = sorted(path.stat().st_mtime for path in records)
    optimizing = [json.loads(path.read_text(encoding="utf-8"))["seconds"] for path in records]
    busy = [share for when, share in shares if first <= when <= last]
    each, of_them = (last - first) / (len(records) - 1), statistics.median(optimizing)
    return {
        "jobs share a process": config["jobs"]["share_process"],
        "outputs": len(records),
        "size": config["image"]["size"],
        "iterations": config["optimization"]["epochs"],
        "s until the first output": first - began,
        "s for each further one": each,
        "of them optimizing": of_them,
        "of them overhead": each - of_them,
        "GPU busy meanwhile, mean %": statistics.mean(busy) if busy else "",
        "s, with grids and gallery": seconds,
    }


@contextmanager
def busy_share(device: str) -> Iterator[list[tuple[float, float]]]:
    """Times, as of `time.time()`, and how busy the GPU says that it was until then, in percent."""
    shares: list[tuple[float, float]] = []
    query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    if device != "cuda" or shutil.which(query[0]) is None:
        yield shares
        return

    def read(lines: Iterable[str]) -> None:
        shares.extend((time.time(), float(line)) for line in lines if line.strip().isdecimal())

    with subprocess.Popen([*query, "-lms", "200"], stdout=subprocess.PIPE, text=True) as process:
        reader = threading.Thread(target=read, args=[process.stdout])
        reader.start()
        try:
            yield shares
        finally:
            process.terminate()
            reader.join()
