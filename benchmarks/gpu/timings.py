"""The steps that use the library: iterations, kernels, batches, and too little memory."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from step_options import CONTENT, STYLE, Options, Row

if TYPE_CHECKING:
    from neural_style.engine.engine import Engine
    from neural_style.losses.problem import TransferProblem
    from neural_style.optim.loop import GraphKind


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
        for graph in graphs if loss == "gram" else graphs[::2]:
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
