"""What a data set costs beside its optimization, and what a million images would take.

`dry-run`: Snakemake's plan of so many images (empty files, really made in a folder that is
lent). `overhead`: decoding, encoding, hashing and journal of an image on one core, with a
stand-in for the optimization that returns its input. `finished`: a run in which nothing is to be
done. `estimate`: time, jobs, files and storage from rates that are given. With `workflow` on
PYTHONPATH.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import yaml

if TYPE_CHECKING:
    from neural_style.losses.problem import TransferProblem
    from neural_style.optim.loop import Progress

ROOT = Path(__file__).parents[1]
FOLDER_SIZE = 1000
GPUS = (1, 8, 64)


def main() -> int:
    """Run one of the measurements and print it as Markdown."""
    options = make_parser().parse_args()
    for line in options.measure(options):
        print(line, flush=True)
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    planned = commands.add_parser("dry-run")
    planned.add_argument("--images", type=int, default=1_000_000, metavar="N")
    planned.set_defaults(measure=dry_run)
    single = commands.add_parser("overhead")
    single.add_argument("--images", type=int, default=512, metavar="N")
    single.add_argument("--size", type=int, default=256, metavar="PX")
    single.set_defaults(measure=overhead)
    finished = commands.add_parser("finished")
    finished.add_argument("--images", type=int, default=100_000, metavar="N")
    finished.set_defaults(measure=no_op)
    paper = commands.add_parser("estimate")
    paper.add_argument("--images", type=int, default=1_000_000, metavar="N")
    paper.add_argument(
        "--seconds",
        type=float,
        required=True,
        help="of one GPU for one image, assumed or measured",
    )
    paper.add_argument("--kilobytes", type=float, default=60, help="of one image (default: 60)")
    paper.add_argument("--shard-size", type=int, default=256, metavar="N")
    paper.set_defaults(measure=paper_estimate)
    for command in (planned, single, finished):
        command.add_argument("--folder", type=Path, metavar="FOLDER", help="for temporary files")
    return parser


def machine() -> str:
    """The machine in words."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


@dataclass(frozen=True)
class Cost:
    """What a program took: seconds of the clock, and bytes at its peak."""

    seconds: float
    peak: int


def measured(command: Sequence[str], folder: Path) -> Cost:
    """Run a program in a folder. Its peak is the largest of any child's so far."""
    began = time.monotonic()
    ended = subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True)
    if ended.returncode:
        raise RuntimeError(ended.stdout[-2000:] + ended.stderr[-2000:])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return Cost(time.monotonic() - began, peak)


def snakemake(*options: str) -> list[str]:
    """A command of Snakemake for the target `bulk`."""
    program = str(Path(sys.executable).with_name("snakemake"))
    return [program, "-s", str(ROOT / "Snakefile"), "--cores", "2", *options, "--", "bulk"]


def make_project(folder: Path, images: int, content: bytes) -> None:
    """A project with so many images, a thousand a folder, all the same file's bytes."""
    # Imported late: Pillow is no part of what the other measurements pay.
    from PIL import Image

    for number in range(images):
        place = folder / "photos" / f"class{number // FOLDER_SIZE:05}"
        if number % FOLDER_SIZE == 0:
            place.mkdir(parents=True)
        path = os.fspath(place / f"image_{number:08}.jpg")
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
        if content:
            os.write(descriptor, content)
        os.close(descriptor)
    (folder / "styles").mkdir()
    Image.linear_gradient("L").convert("RGB").save(folder / "styles" / "style.png")
    bulk = {"content": "photos", "style": "styles", "output": "out", "failed_fraction": 1}
    (folder / "config.yaml").write_text(yaml.safe_dump({"bulk": bulk}), encoding="utf-8")


def dry_run(options: argparse.Namespace) -> Iterator[str]:
    """Time a dry run before the listing is frozen, and after."""
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        make_project(folder, options.images, b"")
        yield f"{machine()}; {options.images} empty files, 256 a shard"
        for when in ("first", "with the listing frozen"):
            cost = measured(snakemake("-n", "--quiet", "rules"), folder)
            yield f"- dry run, {when}: {cost.seconds:.1f} s, peak {cost.peak / 1e6:.0f} MB"
            freeze(folder)


def freeze(folder: Path) -> None:
    """Freeze the data set of a project, as a run does when it begins."""
    from neural_style.bulk.plan import make_bulk_plan
    from neural_style.bulk.target import discover
    from neural_style.config.schema import complete

    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    os.chdir(folder)
    discover(make_bulk_plan(complete(config)), walk=True).write()


def no_op(options: argparse.Namespace) -> Iterator[str]:
    """Time a run of Snakemake in which nothing is to be done.

    The images are empty files, so that every image of the first run is a `failed` row and
    takes no optimization; Snakemake sees manifests either way, and looks at no image.
    """
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        make_project(folder, options.images, b"")
        first = measured(snakemake("--quiet", "rules", "--resources", "gpu=2"), folder)
        second = measured(snakemake("--quiet", "rules"), folder)
        yield f"{machine()}; {options.images} images, 256 a shard"
        yield f"- a run that looks at every image: {first.seconds:.1f} s"
        yield f"- a run in which nothing is to be done: {second.seconds:.1f} s"


def overhead(options: argparse.Namespace) -> Iterator[str]:
    """Time a shard on one core with a stand-in for the optimization."""
    import io

    import numpy as np
    import torch
    from PIL import Image

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    y, x = np.mgrid[0 : options.size, 0 : options.size]
    waves = [128 + 90 * np.sin(x / a + y / b) for a, b in ((9, 20), (30, 7), (15, 40))]
    texture = np.random.default_rng(0).normal(scale=8, size=(options.size, options.size, 3))
    levels = (np.stack(waves, axis=-1) + texture).clip(0, 255).astype(np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(levels).save(encoded, "JPEG", quality=90)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        make_project(folder, 2 * options.images, encoded.getvalue())
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        config["bulk"] |= {"shard_size": options.images, "batch": 16}
        config["image"] = {"size": options.size}
        (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        freeze(folder)
        yield f"{machine()}; {options.images} images of {options.size} px, JPEG"
        yield from time_shards(folder / "out", options.images)


def time_shards(output: Path, images: int) -> Iterator[str]:
    """Time the second of two shards, once made and once only looked at; the first warms up."""
    import torch

    from neural_style.bulk.batches import BatchRunner
    from neural_style.bulk.plan import read_plan
    from neural_style.bulk.worker import run_shard
    from neural_style.engine.engine import Engine

    engine = Engine(torch.device("cpu"))
    runner = BatchRunner(engine, 16, print)
    plan = read_plan(output)
    for shard, what in ((0, ""), (1, "made"), (1, "only looked at")):
        began, busy = time.monotonic(), time.process_time()
        with patch.object(engine, "optimization", stand_in):
            counts = run_shard(plan, shard, lambda: runner, print)
        if counts["done"] != images:
            raise RuntimeError(f"not all were made: {counts}")
        wall = 1000 * (time.monotonic() - began) / images
        cpu = 1000 * (time.process_time() - busy) / images
        if what:
            yield f"- {what}: {wall:.2f} ms an image, of which {cpu:.2f} ms on the processor"


def stand_in(problems: Sequence[TransferProblem]) -> Iterator[Progress]:
    """Return the content images as if they were the outputs, in place of `Engine.optimization`."""
    # Imported here, because the other measurements are of programs that run without torch.
    import torch

    from neural_style.optim.loop import Progress

    contents = torch.cat([problem.content for problem in problems])
    diverged = torch.zeros(len(contents), dtype=torch.bool)
    yield Progress(0, contents, ("style/none",), contents.new_zeros(1, len(contents)), diverged)


def paper_estimate(options: argparse.Namespace) -> Iterator[str]:
    """A table of what a data set would take on several numbers of GPUs."""
    shards = -(-options.images // options.shard_size)
    yield (
        f"{options.images} images at an assumed {options.seconds:g} s of one GPU each: "
        f"{shards} jobs, {options.images + 3 * shards} files, "
        f"{options.images * options.kilobytes / 1e6:.0f} GB"
    )
    yield "| GPUs | days | jobs a GPU | images an hour |"
    yield "|---:|---:|---:|---:|"
    for gpus in GPUS:
        # The last wave of jobs is as long as any other, however few there are in it.
        waves = -(-shards // gpus)
        seconds = waves * min(options.shard_size, options.images) * options.seconds
        hourly = options.images / seconds * 3600
        yield f"| {gpus} | {seconds / 86400:.2f} | {waves} | {hourly:.0f} |"


if __name__ == "__main__":
    sys.exit(main())
