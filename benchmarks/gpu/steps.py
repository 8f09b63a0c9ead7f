"""The steps of the measurement on a GPU; each yields the rows of its table."""

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
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from xml.etree import ElementTree

import yaml

if TYPE_CHECKING:
    from neural_style.engine.engine import Engine
    from neural_style.losses.problem import TransferProblem
    from neural_style.optim.loop import GraphKind

Row = dict[str, Any]
T = TypeVar("T")

ROOT = Path(__file__).parents[2]
CONTENT = ROOT / "images/samples/content/chelsea.jpg"
STYLE = ROOT / "images/samples/style/swirling_night.jpg"
STYLES = ("swirling_night", "stained_glass", "woodcut_wave", "molten_harbour")


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


def iterations(options: Options) -> Iterator[Row]:
    """Iterations a second of one image, with each kind of graph."""
    import torch
    from machine import peak_megabytes
    from race import wait

    device, count = torch.device(options.device), options.of(200, 4)
    graphs: tuple[GraphKind, ...] = ("whole", "objective", "none")
    for loss, size in options.of(
        [("gram", 512), ("wasserstein", 512), ("gram", 256), ("gram", 1024), ("wasserstein", 1024)],
        [("gram", 32)],
    ):
        for graph in graphs if loss == "gram" and size <= 512 else graphs[::2]:
            if options.device == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            engine, problems = prepare(options, loss, size, count)
            optimization = engine.optimization(problems, graph=graph)
            stream = iter(optimization)
            deque(islice(stream, count // 4), maxlen=0)
            wait(device)
            began = time.perf_counter()
            deque(stream, maxlen=0)
            wait(device)
            seconds = (time.perf_counter() - began) / (count - count // 4 + 1)
            yield {
                "style loss": loss,
                "size": size,
                "graph asked for": graph,
                "graph": optimization.graph,
                "ms an iteration": 1000 * seconds,
                "iterations a second": 1 / seconds,
                "peak memory, MB": peak_megabytes(device),
            }
            del engine, optimization, stream  # the next one needs the memory


def prepare(
    options: Options, loss: str, size: int, epochs: int, batch: int = 1
) -> tuple[Engine, list[TransferProblem]]:
    """An engine, and the same transfer problem several times: the sample pair, in one stage."""
    import torch

    from neural_style.config.schema import settings_of
    from neural_style.engine.engine import Engine
    from neural_style.engine.load import make_problems

    values = {"size": size, "epochs": epochs, "fit": "stretch"}
    settings = settings_of(values, "best" if loss == "wasserstein" else None)
    device = torch.device(options.device)
    images = {"content": CONTENT, "style": STYLE}
    problems, _ = make_problems(images, replace(settings, stages=()), device)
    return Engine(device), list(problems) * batch


def profile(options: Options) -> Iterator[Row]:
    """The kernels that take the longest, and the share of the time in which none runs."""
    import torch
    from race import wait
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiler

    device, count, size = torch.device(options.device), options.of(10, 2), options.of(512, 32)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] * (options.device == "cuda"))]
    runs: list[tuple[str, GraphKind, int, int]] = [
        ("gram", "whole", 1, size),
        ("gram", "whole", 8, size // 2),
        ("wasserstein", "whole", 1, size),
        ("gram", "none", 1, size),
    ]
    for loss, graph, batch, size in options.of(runs, runs[:1]):
        engine, problems = prepare(options, loss, size, 200, batch)
        optimization = engine.optimization(problems, graph=graph)
        stream = iter(optimization)
        deque(islice(stream, count + 10), maxlen=0)
        wait(device)
        began = time.perf_counter()
        deque(islice(stream, count), maxlen=0)
        wait(device)
        wall = (time.perf_counter() - began) / count
        with profiler(activities=activities) as found:
            deque(islice(stream, count), maxlen=0)
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
    """Sweeps through Snakemake of 4 and 12 outputs, and of 4 without a process that jobs share.

    On the CPU, a sweep of 48 outputs, with one iteration of a network of one layer in place of the
    optimization.
    """
    contents, size, epochs = [CONTENT], 512, 1000
    network: Row = {}
    sweeps = [(True, 1), (True, 3), (False, 1)]
    if options.quick:
        size, epochs, sweeps = 32, 2, [(True, 1)]
    elif options.device == "cpu":
        contents, size, epochs = sorted(CONTENT.parent.glob("*.jpg")), 64, 1
        network = {"content_layers": {"conv1_1": 1}, "style_layers": {"conv1_1": 1}}
        sweeps = [(True, 3)]
    for shared, betas in sweeps:
        folder = options.folder / f"{shared}_{betas}"
        folder.mkdir()
        config = {
            "content": [str(path) for path in contents],
            "style": [str(STYLE.with_name(f"{name}.jpg")) for name in STYLES],
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
    engine, problems = prepare(options, "gram", 256, 3, batch=64)
    sizes: list[int] = []

    def work(batch: Sequence[TransferProblem]) -> None:
        deque(engine.optimization(batch), maxlen=0)
        sizes.append(len(batch))

    said: list[str] = []
    in_batches(problems, 64, work, said.append)
    yield {"what": "64 images of 256 px in 3 GB", "said": f"{said}; batches of {sizes}"}
    sentence = "nothing: it did fit"
    try:  # in tiles, it would fit
        Stylizer(device="cuda")(CONTENT, STYLE, size=2048, tile=2048, epochs=1)
    except NeuralStyleError as error:
        sentence = str(error)
    yield {"what": "2048 px without tiles in 3 GB", "said": sentence}


STEPS: Mapping[str, Step] = {
    "machine": Step("The machine", machine, 40),
    "tests": Step("Tests on the GPU", tests, 120),
    "resume": Step("A job, killed and resumed", resume, 90),
    "iterations": Step("Iterations a second", iterations, 90),
    "profile": Step("Kernels", profile, 60),
    "batches": Step("Batches", batches, 90),
    "textbook": Step("Beside a textbook loop", textbook, 90),
    "shortage": Step("Too little memory", shortage, 60),
    "sweep": Step("Sweeps through Snakemake", sweep, 200),
}
"""The steps by name, in the order in which they run: most important first, but for the longest."""
