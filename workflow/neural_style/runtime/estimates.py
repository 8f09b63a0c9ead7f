"""Estimates of the memory and time that a job needs, from its settings alone.

The Snakefile reads this module, so it must not import torch. The requests to a cluster are generous
on purpose: a job that asks for too much waits a little longer, one that asks for too little is
killed. A retry asks for more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from neural_style.config.presets import FIXED_COST
from neural_style.config.sections import Cluster
from neural_style.config.settings import Settings
from neural_style.config.sizes import BYTES_PER_HISTORY_ENTRY, history_size
from neural_style.losses.size_correction import pyramid_at
from neural_style.model.layers import largest_tile_pixels, split_into_tiles, tile_size

BYTES_PER_PIXEL_SEEN = {"bf16": 2900, "fp32": 4200}
"""Bytes for each pixel that the network sees at a time, by precision: features and their gradients
down to conv5_1.

Measured on a CPU as the growth of the process's peak, minus the rest, for an image of 3:4: 2500 at
2048 pixels and 2750 at 1024 pixels in bf16, 3900 at 1024 pixels and 4300 at 512 pixels in fp32. A
fifth of it is what `memory.keep_freed_memory` keeps."""

PADDING_FACTOR = 1.2
"""Factor on that for reflect and replicate, which copy the features at every convolution. So does
replicate_first in the finer levels of a pyramid, see `Vgg19.for_finer_levels`."""

BYTES_PER_PIXEL = 120
"""Bytes for each pixel of the image: ten copies of it, such as its gradient and its best values."""

ADAM_HISTORY_SIZE = 1
"""Adam keeps two moments, as much memory as one entry of the L-BFGS history."""

WORK_PER_TILE_PIXEL = 4 / 3
"""Work for a pixel of a tile, relative to one of an image without tiles: each tile goes through
the network twice, the first time without a gradient."""

BASE_MB = 1000
"""MB at any size: torch and both networks (750 MB measured at 64 pixels), and the two processes of
Snakemake that run a job (250 MB). Images come on top, see `bytes_per_image`. In all, 982 MB were
measured in float32 at 256 pixels and 1555 MB at 512 pixels, plus 100 MB that a longer run would
need for the L-BFGS history."""

CUDA_MB = 2000
"""MB for the libraries of CUDA in the memory of the machine: an allowance, not measured."""

MEMORY_MARGIN = 1.5

CPU_SECONDS = 4.0
"""Core-seconds of an evaluation at 512 × 512 pixels in float32. 3.9 were measured for the textbook
loop on two cores of a Xeon."""

GPU_SECONDS = 0.2
"""Seconds of the same on a GPU that sustains 2 TFLOP/s, because an evaluation takes about 0.38
TFLOP. An H200 took 0.0023 s."""

START_SECONDS = 300.0
"""Seconds to read torch from a slow file system: an allowance, not measured."""

RUNTIME_MARGIN = 2.0

OUTPUTS_BEFORE_ESTIMATE = 3
"""Outputs after which the time of a sweep is estimated."""

MEASURED_SIZE = 512
"""Pixels of the edge to which `CPU_SECONDS` and `GPU_SECONDS` refer."""


def bytes_per_image(settings: Settings, height: int, width: int, precision: str) -> int:
    """Estimate the bytes of memory that each image of a batch takes while it is optimized.

    Args:
        settings: tiles, L-BFGS history size, layers, padding, and what makes a pyramid matter.
        height: of the image, in pixels.
        width: of the image, in pixels.
        precision: of the network, a key of `BYTES_PER_PIXEL_SEEN`.
    """
    edge = tile_size(settings.tile, height, width, settings.layers)
    seen = (
        height * width
        if edge is None
        else largest_tile_pixels(height, width, edge, settings.layers)
    )
    adam = settings.optimizer == "adam"
    history = ADAM_HISTORY_SIZE if adam else history_size(settings.history, height, width)
    pixels = height * width * (BYTES_PER_PIXEL + BYTES_PER_HISTORY_ENTRY * history)
    has_finer_levels = len(pyramid_at(settings, height, width)) > 1
    copied = settings.padding in ("reflect", "replicate") or (
        settings.padding == "replicate_first" and has_finer_levels
    )
    padding = PADDING_FACTOR if copied else 1
    return pixels + int(seen * BYTES_PER_PIXEL_SEEN[precision] * padding)


def work_until(settings: Settings, epoch: int) -> float:
    """Return the work of one image up to an iteration, in the unit of `work_per_evaluation`."""
    work, left = 0.0, epoch
    for stage in settings.all_stages:
        done = min(stage.epochs, left)
        work += done * work_per_evaluation(settings, stage.size, stage.size)
        left -= done
    return work


def work_per_evaluation(settings: Settings, height: int, width: int) -> float:
    """Return the work of one evaluation of the objective.

    The unit is the work for one pixel of an image that goes through the network without tiles; what
    an evaluation takes at any size counts as `FIXED_COST` pixels.
    """
    return sum(_work_at(settings, *size) for size in pyramid_at(settings, height, width))


def _work_at(settings: Settings, height: int, width: int) -> float:
    """The work at one of the sizes of an evaluation."""
    edge = tile_size(settings.tile, height, width, settings.layers)
    if edge is None:
        return height * width + FIXED_COST
    tiles = split_into_tiles(height, width, edge, settings.layers)
    return WORK_PER_TILE_PIXEL * sum(tile.input_pixels for tile in tiles) + FIXED_COST


def memory_mb(settings: Settings, cluster: Cluster, attempt: int, batch: int = 1) -> int:
    """Return the memory to request for a job, in MB.

    Args:
        settings: of the job; size, tiles, L-BFGS history size and layers matter.
        cluster: the user's factor, and whether jobs get GPUs.
        attempt: 1 for the first try; the request grows in proportion.
        batch: images that are optimized together.
    """
    base = BASE_MB + (CUDA_MB if cluster.has_gpus else 0)
    needed = base + batch * bytes_per_image(settings, settings.size, settings.size, "fp32") / 1e6
    return math.ceil(needed * MEMORY_MARGIN * cluster.memory_factor * attempt)


def runtime_minutes(settings: Settings, cluster: Cluster, attempt: int, outputs: int = 1) -> int:
    """Return the time to request for a job, in minutes.

    Args:
        settings: of the job; size, tiles, stages and number of iterations matter.
        cluster: the user's factor, whether jobs get GPUs, and the cores of a job without one.
        attempt: 1 for the first try; the request grows in proportion.
        outputs: output images that the job makes.
    """
    per_evaluation = GPU_SECONDS if cluster.has_gpus else CPU_SECONDS / cluster.threads
    evaluations = work_until(settings, settings.epochs) / (MEASURED_SIZE**2 + FIXED_COST)
    seconds = START_SECONDS + per_evaluation * evaluations * outputs
    return math.ceil(seconds / 60 * RUNTIME_MARGIN * cluster.runtime_factor * attempt)


def time_left(done: Sequence[float], left: float, elapsed: float) -> float | None:
    """Estimate how long the other outputs of a sweep take, from those that are made.

    Args:
        done: work of each output that this run has made, as `work_until` returns it.
        left: work of the others, those that are being made included.
        elapsed: seconds since the run began the first output.

    Returns:
        Seconds; None before `OUTPUTS_BEFORE_ESTIMATE` outputs are made, and if none is left.
    """
    if len(done) < OUTPUTS_BEFORE_ESTIMATE or left <= 0:
        return None
    return elapsed * left / sum(done)
