"""CUDA graphs: an iteration, or the objective, is recorded once and replayed with one launch.

An iteration launches about 300 kernels, and the GPU finishes most of them before Python has
launched the next: on an H200 at 512 pixels, 2.3 ms of kernels took 8.3 ms. A CUDA graph launches
all of them at once. It reads and writes the same memory each time, so results are copied to where
they were read from. Where an iteration cannot be recorded, the objective alone may be: images are
copied in and results are copied out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from neural_style.losses.objective import Evaluation, Evaluator
from neural_style.optim.state import State, clone, tensors_of

FEWEST_EPOCHS = 16
"""Fewer iterations do not repay a recording. On an H200 it took about 0.2 s, and an iteration at
512 pixels without it 6 ms longer, or 23 ms with the Wasserstein loss, which had twice as many
kernels then."""

MOST_PIXELS = 1024 * 1024
"""Of all images of a batch. With more, kernels take longer than their launch, and the memory that a
recording keeps is better left to the images. On an H200, an iteration at 1024 × 1024 pixels took
7.1 ms recorded and 9.3 ms otherwise."""

AGREEMENT = 1e-2
"""Largest difference of a replay from an evaluation, relative to its norm. The kernels are the
same; only the order of their sums may differ."""

WARM_UPS = 2
"""Evaluations before the recording, in which libraries choose algorithms and allocate memory."""

Work = Callable[[], None]


class Iteration(Protocol):
    """Something that does iterations on its own memory."""

    memory: State

    def iterate(self) -> None:
        """Do an iteration: read the memory, and replace or change its tensors."""


def reason_against(shape: torch.Size, epochs: int) -> str:
    """Why a recording does not pay for so many iterations of a batch of images [B, C, H, W].

    Returns:
        What the log says after "because"; empty if it does pay.
    """
    batch, _, height, width = shape
    if epochs < FEWEST_EPOCHS:
        return f"{FEWEST_EPOCHS} iterations are needed to repay a recording"
    if batch * height * width > MOST_PIXELS:
        return f"a batch has more than {MOST_PIXELS} pixels"
    return ""


def record_on_cuda(work: Work) -> Work:
    """Capture a function in a CUDA graph on the current GPU, after trial runs.

    Returns:
        A function that has the GPU do the same work again, on the same memory.

    Raises:
        RuntimeError: the work synchronizes with the GPU, or memory is short.
    """
    torch.cuda.empty_cache()  # of another stream than that of the trial runs
    stream = _side_stream(torch.cuda.current_device())
    stream.wait_stream(torch.cuda.current_stream())
    graph = torch.cuda.CUDAGraph()
    # The trial runs are on the stream of the capture, so that cuBLAS's working memory for it does
    # not end up in the memory of this graph. The outer block gives the stream back after a capture
    # that failed, which the inner one does not; and other threads may use CUDA meanwhile.
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            work()
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            work()
    torch.cuda.current_stream().wait_stream(stream)
    return graph.replay


def recorded_iteration(
    run: Iteration, record: Callable[[Work], Work] = record_on_cuda
) -> Callable[[], None]:
    """Record an iteration.

    Args:
        run: does the iterations; its memory is as before afterwards.
        record: see `record_on_cuda`.

    Returns:
        A function that does an iteration. It changes the tensors that `run.memory` then holds.

    Raises:
        RuntimeError: it cannot be recorded, or a replay gives something else.
    """
    before = run.memory
    memory: State = clone(before)

    def work() -> None:
        run.iterate()
        _copy(tensors_of(run.memory), tensors_of(memory))
        run.memory = memory

    def reset() -> None:
        _copy(tensors_of(before), tensors_of(memory))
        run.memory = memory

    try:
        run.memory = memory
        run.iterate()
        expected = run.memory
        reset()
        with torch.cuda.device_of(memory.variable):
            replay = record(work)
        reset()
        replay()
        difference = (memory.variable - expected.variable).norm()
        is_same = bool(difference <= AGREEMENT * expected.variable.norm())
        if not (is_same and _agree(memory.evaluation, expected.evaluation)):
            raise RuntimeError("a replay gave something else than an iteration")
        reset()
    except BaseException:
        run.memory = before
        raise
    return replay


def recorded(
    objective: Evaluator, like: Tensor, record: Callable[[Work], Work] = record_on_cuda
) -> Evaluator:
    """Record an objective; if that fails, return the objective itself.

    Args:
        objective: does the same work for all images of one shape, on memory that it keeps, and
            does not synchronize with the GPU.
        like: images of the shape and device that it will be called with, [B, 3, H, W].
        record: see `record_on_cuda`.
    """
    try:
        # Evaluated first: two sets of features at once would double the memory.
        others = like.flip(3)
        expected = objective(others)
        recording = _Recording(objective, like, expected, record)
        if _agree(recording(others), expected):
            return recording
    except RuntimeError:  # of CUDA, including too little memory; the objective will raise it again
        pass
    return objective


@lru_cache
def _side_stream(gpu: int) -> torch.cuda.Stream:
    """The stream of all captures on a GPU: libraries keep working memory for every stream."""
    return torch.cuda.Stream(gpu)


class _Recording:
    """Copies images in, replays, and copies the results out, since the next replay overwrites them.

    Args:
        objective: the function to record.
        like: images of the shape to come.
        example: an evaluation of such images.
        record: see `recorded`.
    """

    def __init__(
        self,
        objective: Evaluator,
        like: Tensor,
        example: Evaluation,
        record: Callable[[Work], Work],
    ) -> None:
        self.term_names = objective.term_names
        self._objective = objective
        self._images = like.clone()
        self._losses = torch.empty_like(example.losses)
        self._gradient = torch.empty_like(example.gradient)
        with torch.cuda.device_of(like):
            self._replay = record(self._work)

    def __call__(self, images: Tensor) -> Evaluation:
        """Losses and gradient at images [B, 3, H, W] in [0, 1]."""
        self._images.copy_(images)
        self._replay()
        return Evaluation(self._losses.clone(), self._gradient.clone())

    def _work(self) -> None:
        evaluation = self._objective(self._images)
        self._losses.copy_(evaluation.losses)
        self._gradient.copy_(evaluation.gradient)


def _copy(sources: list[Tensor], targets: list[Tensor]) -> None:
    """Copy tensors to others, those of one dtype in one kernel; what is the same stays."""
    pairs: dict[torch.dtype, list[tuple[Tensor, Tensor]]] = defaultdict(list)
    for source, target in zip(sources, targets, strict=True):
        if source is not target:
            pairs[source.dtype].append((target, source))
    for each in pairs.values():
        there, here = zip(*each, strict=True)
        torch._foreach_copy_(there, here)


def _agree(one: Evaluation, other: Evaluation) -> bool:
    """Whether two evaluations are equal up to rounding; synchronizes with the GPU."""
    pairs = (one.losses, other.losses), (one.gradient, other.gradient)
    return all(bool((a - b).norm() <= AGREEMENT * b.norm()) for a, b in pairs)
