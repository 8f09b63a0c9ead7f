"""What the optimization of a picture takes: memory, and work. Free of torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from neural_style.config.settings import BYTES_PER_HISTORY_ENTRY, Settings, history_size
from neural_style.model.tiles import largest_seen, tile_edge, tiles_of

VIEW_BYTES = {"bf16": 2500, "fp32": 3700}
"""For a pixel that the network sees at a time: features and their gradients down to conv5_1.

Measured on a CPU as the growth of the process's peak, less the rest: 1600 to 2800 in bf16, between
1024 and 256 px, and 3300 in fp32 at 256."""

PADDED = 1.2
"""Factor on that where the network pads with something: a copy of features at every convolution."""

STATE_BYTES = 120
"""For a pixel of the picture: ten copies of it, such as its gradient and its best values so far."""

PAIRS_LIKE_ADAM = 1
"""Adam keeps two moments."""

TWICE_SEEN = 4 / 3
"""Work on a pixel of a tile, in units of one that is seen once: the first pass has no gradient."""


def picture_bytes(settings: Settings, height: int, width: int, precision: str) -> int:
    """An estimate of the memory that one more picture takes while it is optimized.

    Args:
        settings: tiles, pairs, layers and padding count.
        height: of the picture, in pixels.
        width: of the picture.
        precision: of the network, a key of `VIEW_BYTES`.
    """
    edge = tile_edge(settings.tile, height, width)
    seen = height * width if edge is None else largest_seen(height, width, edge, settings.layers)
    adam = settings.optimizer == "adam"
    pairs = PAIRS_LIKE_ADAM if adam else history_size(settings.history, height, width)
    held = height * width * (STATE_BYTES + BYTES_PER_HISTORY_ENTRY * pairs)
    padded = 1 if settings.padding == "zeros" else PADDED
    return held + int(seen * VIEW_BYTES[precision] * padded)


def work_up_to(settings: Settings, epoch: int) -> float:
    """The work of a picture until it has had so many epochs, in the unit of `pixels_of_work`."""
    return sum(
        stage.epochs * pixels_of_work(settings, stage.size, stage.size)
        for stage in settings.up_to(epoch).all_stages
    )


def pixels_of_work(settings: Settings, height: int, width: int) -> float:
    """The work of an evaluation, in pixels of a picture that the network sees in one go."""
    edge = tile_edge(settings.tile, height, width)
    if edge is None:
        return height * width
    tiles = tiles_of(height, width, edge, settings.layers)
    return TWICE_SEEN * sum(tile.pixels_seen for tile in tiles)


# MERGED: What a job asks of a cluster: memory and time, from its settings. Free of torch.
#
# Both are generous on purpose: a job that asks for too much waits a little longer for its turn, one
# that asks for too little is killed. A retry asks for more.


BASE_MB = 1000
"""Held whatever the size: torch and both networks (750 MB measured at 64 pixels), and the two
processes of Snakemake that stand over a job (250 MB). Pictures come on top, as in `footprint`; in
all, 982 MB were measured in float32 at 256 pixels and 1555 at 512, where 100 more would have come
for pairs that the run was too short to fill."""

CUDA_MB = 2000
"""An allowance for what CUDA's libraries take of the machine's memory; not measured."""

MEMORY_MARGIN = 1.5

CPU_SECONDS = 4.0
"""Core-seconds of an evaluation at 512 × 512 in float32; 3.9 were measured for the textbook's loop
on two cores of a Xeon."""

GPU_SECONDS = 0.2
"""The same on a card that sustains 2 TFLOP/s, since an evaluation takes about 0.38 TFLOP; computed,
not measured."""

START_SECONDS = 300.0
"""An allowance for a slow file system, from which torch has to be read."""

RUNTIME_MARGIN = 2.0

MEASURED_SIZE = 512


@dataclass(frozen=True)
class Cluster:
    """The section `cluster` of a configuration; its defaults live in `config.schema.yaml`.

    Attributes:
        gpu_as: how a job asks for its card, `gpus`, `gres` or `none`.
        threads: processor cores of a job.
        memory_factor: on the memory that is estimated here.
        runtime_factor: on the time that is estimated here.
    """

    gpu_as: str
    threads: int
    memory_factor: float
    runtime_factor: float

    @property
    def has_gpus(self) -> bool:
        """Whether a job gets a card."""
        return self.gpu_as != "none"


def memory_mb(settings: Settings, cluster: Cluster, attempt: int, at_once: int = 1) -> int:
    """The memory to ask for, in MB: it grows with the pixels, and with every attempt.

    Args:
        settings: of the job; size, tiles, pairs and layers count.
        cluster: the user's factor, and whether there are cards.
        attempt: 1 for the first try.
        at_once: pictures that are optimized together.
    """
    base = BASE_MB + (CUDA_MB if cluster.has_gpus else 0)
    held = base + at_once * picture_bytes(settings, settings.size, settings.size, "fp32") / 1e6
    return math.ceil(held * MEMORY_MARGIN * cluster.memory_factor * attempt)


def runtime_minutes(settings: Settings, cluster: Cluster, attempt: int, pictures: int = 1) -> int:
    """The time to ask for, in minutes: it grows with pixels × epochs, and with every attempt.

    Args:
        settings: of the job; size, tiles, stages and epochs count.
        cluster: the user's factor, whether there are cards, and the cores of a job without one.
        attempt: 1 for the first try.
        pictures: pictures that the job makes.
    """
    evaluation = GPU_SECONDS if cluster.has_gpus else CPU_SECONDS / cluster.threads
    seconds = START_SECONDS + evaluation * _work(settings) * pictures
    return math.ceil(seconds / 60 * RUNTIME_MARGIN * cluster.runtime_factor * attempt)


def can_be_submitted(path: Path) -> bool:
    """Whether Snakemake can name an input file to a job of a cluster.

    Its executors (interface 9.4) write the name into a shell script as Python prints it. To a shell
    that may be another name, or even a command: "it's $(reboot).jpg".
    """
    text, printed = str(path), repr(str(path))
    if text.startswith(("'", '"')):  # is taken for quoted already
        return False
    return printed == f"'{text}'" or (printed == f'"{text}"' and not set("$`") & set(text))


def _work(settings: Settings) -> float:
    """The work of a picture in evaluations of the size that was measured."""
    return work_up_to(settings, settings.epochs) / MEASURED_SIZE**2
