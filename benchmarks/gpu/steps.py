"""The steps of the measurement on a GPU; each yields the rows of its table."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from xml.etree import ElementTree

import yaml

if TYPE_CHECKING:
    from neural_style.engine.engine import Engine
    from neural_style.losses.problem import TransferProblem
    from neural_style.optim.loop import Optimization

Row = dict[str, Any]
T = TypeVar("T")

ROOT = Path(__file__).parents[2]
CONTENT = ROOT / "images/samples/content/chelsea.jpg"
STYLE = ROOT / "images/samples/style/swirling_night.jpg"
STYLES = ("swirling_night", "stained_glass", "woodcut_wave", "molten_harbour")
SNAKEMAKE = [sys.executable, "-m", "snakemake", "--scheduler", "greedy"]


@dataclass(frozen=True)
class Options:
    """Where and how much to measure.

    Attributes:
        device: `cuda` or `cpu`.
        quick: only as much as shows that the step works.
        folder: a temporary folder of this step.
    """

    device: str
    quick: bool
    folder: Path

    def of(self, full: T, quick: T) -> T:
        """One of two values."""
        return quick if self.quick else full


class Step(NamedTuple):
    """A step: its title, its function, and its time limit in seconds."""

    title: str
    run: Callable[[Options], Iterator[Row]]
    limit: float


def machine(_: Options) -> Iterator[Row]:
    """What is measured on."""
    import torch

    from neural_style.runtime.device import describe, usable_gpus

    device = next(iter(usable_gpus("auto").values()), torch.device("cpu"))
    row: Row = {
        "device": describe(device),
        "CPU threads": os.cpu_count(),
        "torch": torch.__version__,
        "Python": sys.version.split()[0],
    }
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        row |= {"CUDA": torch.version.cuda, "memory, GB": total / 1e9, "free, GB": free / 1e9}
    yield row


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
    for name in ("uninterrupted", "killed and resumed"):
        folder = options.folder / name.replace(" ", "_")
        words = [CONTENT, STYLE, "-o", folder / "out.png", "--record", folder / "record"]
        words += ["--save-every", epochs // 6, "--epochs", epochs, "--size", size]
        command = [sys.executable, "-m", "neural_style", "--device", options.device]
        command += map(str, words)
        folder.mkdir()
        resumed_from = 0
        if name != "uninterrupted":
            resumed_from = kill_when_saved(command, folder)
        began = time.monotonic()
        outcome = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - began
        if outcome.returncode:
            raise RuntimeError(f"{name}: {outcome.stdout[-1000:]}\n{outcome.stderr[-2000:]}")
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


def iterations(options: Options) -> Iterator[Row]:
    """Iterations a second of one image, with each kind of graph."""
    import torch
    from machine import peak_megabytes
    from race import wait

    count = options.of(200, 4)
    graphs = ("whole", "objective", "none")
    for loss, size in options.of(
        [("gram", 512), ("wasserstein", 512), ("gram", 256), ("gram", 1024), ("wasserstein", 1024)],
        [("gram", 32)],
    ):
        for graph in graphs if loss == "gram" and size <= 512 else ("whole", "none"):
            if options.device == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            with only_graph(graph):
                optimization = make_optimization(options, loss, size, count)
                stream = iter(optimization)
                for _ in range(count // 4):
                    next(stream)
                wait(torch.device(options.device))
                began = time.perf_counter()
                deque(stream, maxlen=0)
                wait(torch.device(options.device))
                seconds = (time.perf_counter() - began) / (count - count // 4 + 1)
            yield {
                "style loss": loss,
                "size": size,
                "graph asked for": graph,
                "graph": optimization.graph,
                "ms an iteration": 1000 * seconds,
                "iterations a second": 1 / seconds,
                "peak memory, MB": peak_megabytes(torch.device(options.device)),
            }


@contextmanager
def only_graph(kind: str) -> Iterator[None]:
    """Within the block, no more than this is recorded: `whole`, `objective` or `none`."""
    from neural_style.optim import cuda_graph, loop

    before = loop.GRAPH_DEVICES, cuda_graph.recorded_iteration

    def refuse(*_: object) -> None:
        raise RuntimeError("not asked for")

    if kind == "none":
        loop.GRAPH_DEVICES = ()  # type: ignore[assignment]
    elif kind == "objective":
        cuda_graph.recorded_iteration = refuse  # type: ignore[assignment]
    try:
        yield
    finally:
        loop.GRAPH_DEVICES, cuda_graph.recorded_iteration = before


def make_optimization(
    options: Options, loss: str, size: int, epochs: int, batch: int = 1
) -> Optimization:
    """An optimization of the sample pair at a size, in one stage, the same several times."""
    engine, problems = prepare(options, loss, size, epochs)
    return engine.optimization(list(problems) * batch)


def prepare(
    options: Options, loss: str, size: int, epochs: int
) -> tuple[Engine, Sequence[TransferProblem]]:
    """An engine, and the transfer problem of the sample pair at a size, in one stage."""
    import torch

    from neural_style.config.schema import settings_of
    from neural_style.engine.engine import Engine
    from neural_style.engine.load import make_problems

    values = {"size": size, "epochs": epochs, "fit": "stretch"}
    settings = settings_of(values, "best" if loss == "wasserstein" else None)
    device = torch.device(options.device)
    images = {"content": CONTENT, "style": STYLE}
    problems, _ = make_problems(images, replace(settings, stages=()), device)
    return Engine(device), problems


def profile(options: Options) -> Iterator[Row]:
    """The kernels that take the longest, and the share of the time in which none runs."""
    import torch
    from race import wait
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    count = options.of(10, 2)
    device = torch.device(options.device)
    activities = [ProfilerActivity.CPU]
    if options.device == "cuda":
        activities.append(ProfilerActivity.CUDA)
    size = options.of(512, 32)
    runs = [
        ("gram", "whole", 1, size),
        ("gram", "whole", 8, size // 2),
        ("wasserstein", "whole", 1, size),
        ("gram", "none", 1, size),
    ]
    for loss, graph, batch, size in options.of(runs, runs[:1]):
        with only_graph(graph):
            optimization = make_optimization(options, loss, size, 200, batch)
            stream = iter(optimization)
            for _ in range(count + 10):
                next(stream)
            wait(device)
            began = time.perf_counter()
            for _ in range(count):
                next(stream)
            wait(device)
            wall = (time.perf_counter() - began) / count
            with profiler(activities=activities) as found:
                for _ in range(count):
                    next(stream)
                wait(device)
        events = [
            (event.key, event.self_device_time_total / count, event.count / count)
            for event in found.key_averages()
            if event.self_device_time_total > 0
            and (event.device_type.name != "CPU" or options.device == "cpu")
        ]
        busy = sum(each[1] for each in events)
        yield {
            "style loss": loss,
            "images at once": batch,
            "size": size,
            "graph": optimization.graph,
            "ms an iteration": 1000 * wall,
            "kernels an iteration": sum(each[2] for each in events),
            "ms of kernels": busy / 1000,
            "share without a kernel": max(0.0, 1 - busy / 1e6 / wall),
        }
        for name, spent, calls in sorted(events, key=lambda each: -each[1])[:15]:
            yield {"kernel": name[:90], "calls": calls, "µs": spent, "share": spent / busy}


def batches(options: Options) -> Iterator[Row]:
    """Images a second at 256 px in batches."""
    import torch
    from implementations import open_comparison
    from throughput import measure

    from neural_style.runtime.device import choose_precision

    device = torch.device(options.device)
    size, epochs = options.of((256, 100), (32, 2))
    pair, precision = f"{CONTENT},{STYLE}", choose_precision("auto", device)
    comparison = open_comparison(pair, size, device, precision, None)
    for batch in options.of([1, 8, 64, 2, 4, 16, 32, 128], [1, 2]):
        speed = measure(comparison, batch, epochs)
        row = {"size": size, "images at once": batch, "iterations": epochs}
        if speed is None:
            yield row | {"iterations a second": "does not fit"}
        else:
            yield row | {
                "iterations a second": speed.evaluations,
                "images a second": speed.images,
                "ms an iteration and image": 1000 / speed.evaluations / batch,
                "peak memory, MB": speed.megabytes,
            }


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
    """Twelve outputs through Snakemake, with and without a process that the jobs share."""
    size, epochs = options.of((512, 1000), (32, 2))
    for shared in options.of([True, False], [True]):
        folder = options.folder / f"shared_{shared}"
        folder.mkdir()
        config = {
            "content": str(CONTENT),
            "style": [str(STYLE.with_name(f"{name}.jpg")) for name in STYLES],
            "settings": {"beta": [1e5, 1e6, 1e7][: options.of(3, 1)]},
            "image": {"size": size},
            "optimization": {"epochs": epochs, "save_every": epochs // 2},
            "jobs": {"share_process": shared},
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        command = [*SNAKEMAKE, "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
        command += ["--configfile", str(folder / "config.yaml"), "--resources", "gpu=1"]
        run = [*command, "--cores", str(os.cpu_count())]
        began, since = time.monotonic(), time.time()
        with busy_share(options.device) as shares:
            outcome = subprocess.run(
                run, capture_output=True, text=True, check=False, env=with_this_python()
            )
        seconds = time.monotonic() - began
        if outcome.returncode:
            raise RuntimeError(outcome.stdout[-1500:] + outcome.stderr[-3000:])
        records = list((folder / "results").rglob("run.json"))
        until_last = max(path.stat().st_mtime for path in records) - since
        optimizing = [json.loads(path.read_text(encoding="utf-8"))["seconds"] for path in records]
        yield {
            "jobs share a process": shared,
            "outputs": len(records),
            "size": size,
            "iterations": epochs,
            "s, with grids and gallery": seconds,
            "s until the last output": until_last,
            "s an output": until_last / len(records),
            "of them optimizing": statistics.mean(optimizing),
            "GPU busy, mean %": statistics.mean(shares[: int(5 * until_last)]) if shares else "",
        }


def with_this_python() -> dict[str, str]:
    """The environment with this Python as `python`, which Snakemake's jobs call."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@contextmanager
def busy_share(device: str) -> Iterator[list[float]]:
    """The GPU's own measure of how busy it is, in percent, five times a second in the block."""
    shares: list[float] = []
    if device != "cuda":
        yield shares
        return
    query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    process = subprocess.Popen([*query, "-lms", "200"], stdout=subprocess.PIPE, text=True)
    try:
        yield shares
    finally:
        process.terminate()
        lines = process.communicate()[0].split()
        shares += [float(line) for line in lines if line.isdecimal()]


def shortage(options: Options) -> Iterator[Row]:
    """Too little memory on purpose: batches become smaller, and one image gets a sentence."""
    import torch

    from neural_style import Stylizer
    from neural_style.errors import NeuralStyleError
    from neural_style.runtime.memory import in_batches

    if options.device != "cuda":
        yield {"what": "nothing", "said": "a limit on the memory of a GPU needs a GPU"}
        return
    torch.cuda.set_per_process_memory_fraction(3e9 / torch.cuda.mem_get_info()[1])
    engine, problems = prepare(options, "gram", 256, 3)
    sizes: list[int] = []

    def work(batch: Sequence[TransferProblem]) -> None:
        deque(engine.optimization(batch), maxlen=0)
        sizes.append(len(batch))

    said: list[str] = []
    in_batches(list(problems) * 64, 64, work, said.append)
    yield {"what": "64 images of 256 px in 3 GB", "said": f"{said}; batches of {sizes}"}
    try:
        Stylizer(device="cuda")(CONTENT, STYLE, size=4096, tile=None, epochs=1)
    except NeuralStyleError as error:
        yield {"what": "4096 px without tiles in 3 GB", "said": str(error)}


STEPS: Mapping[str, Step] = {
    "machine": Step("The machine", machine, 40),
    "tests": Step("Tests on the GPU", tests, 120),
    "resume": Step("A job, killed and resumed", resume, 90),
    "iterations": Step("Iterations a second", iterations, 90),
    "profile": Step("Kernels", profile, 60),
    "batches": Step("Batches", batches, 90),
    "textbook": Step("Beside a textbook loop", textbook, 90),
    "sweep": Step("A sweep through Snakemake", sweep, 120),
    "shortage": Step("Too little memory", shortage, 60),
}
"""The steps by name, most important first."""
