"""An objective recorded once and replayed as one piece of work, on CUDA.

An evaluation starts some two hundred kernels, and for pictures that are not large the GPU is done
with most of them before Python has started the next. A CUDA graph starts all of them at once. It
reads and writes the same memory each time, so pictures are copied in and results copied out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from neural_style.losses.objective import Evaluation, Evaluator

FEWEST_EPOCHS = 50
"""A recording costs about five evaluations, and has to earn them. Not measured."""

MOST_PIXELS = 1024 * 1024
"""Of all pictures of a batch. With more, kernels take longer than it takes to start them, and the
memory that a recording keeps to itself is better left to the pictures. Not measured."""

AGREEMENT = 1e-2
"""How far a replay may be from the evaluation itself, as a share of its norm. The kernels are the
same, and so nothing but another order of their sums may tell the two apart."""

WARM_UPS = 2
"""Evaluations before the recording: libraries choose algorithms and allocate at the first."""

Work = Callable[[], None]


def worth_recording(shape: torch.Size, device: torch.device, epochs: int) -> bool:
    """Whether so many epochs of a batch of pictures [B, 3, H, W] on a device gain by it."""
    batch, _, height, width = shape
    few = batch * height * width <= MOST_PIXELS
    return device.type == "cuda" and few and epochs >= FEWEST_EPOCHS


def record_on_cuda(work: Work) -> Work:
    """Capture a function in a CUDA graph, after trial runs.

    Returns:
        What has the device do the same again, on the same memory.

    Raises:
        RuntimeError: the work waits for the device, or memory is short.
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


def recorded(
    objective: Evaluator, like: Tensor, record: Callable[[Work], Work] = record_on_cuda
) -> Evaluator:
    """The same function as `objective`, recorded; the objective itself if that fails.

    Args:
        objective: does the same work for whatever pictures of the same shape, on memory that it
            keeps, and does not wait for the device.
        like: pictures of the shape and device that it will be called with, [B, 3, H, W].
        record: see `record_on_cuda`.
    """
    try:
        # Evaluated first: two sets of features at once would double the memory.
        others = like.flip(3)
        expected = objective(others)
        recording = _Recording(objective, like, expected, record)
        if _agree(recording(others), expected):
            return recording
    except RuntimeError:  # of CUDA, a shortage of memory included; the objective will say it again
        pass
    return objective


@lru_cache
def _side_stream(card: int) -> torch.cuda.Stream:
    """The stream of all captures on a card: libraries keep working memory for every stream."""
    return torch.cuda.Stream(card)


class _Recording:
    """Copies pictures in, replays, and copies the results out, since the next replay is over them.

    Args:
        objective: what is recorded.
        like: pictures of the shape to come.
        example: an evaluation of such pictures.
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
        self._pictures = like.clone()
        self._losses = torch.empty_like(example.losses)
        self._gradient = torch.empty_like(example.gradient)
        self._replay = record(self._work)

    def __call__(self, pictures: Tensor) -> Evaluation:
        """Losses and gradient at pictures [B, 3, H, W] in [0, 1]."""
        self._pictures.copy_(pictures)
        self._replay()
        return Evaluation(self._losses.clone(), self._gradient.clone())

    def _work(self) -> None:
        evaluation = self._objective(self._pictures)
        self._losses.copy_(evaluation.losses)
        self._gradient.copy_(evaluation.gradient)


def _agree(one: Evaluation, other: Evaluation) -> bool:
    """Whether two evaluations are the same, but for rounding. Waits for the device."""
    pairs = (one.losses, other.losses), (one.gradient, other.gradient)
    return all(bool((a - b).norm() <= AGREEMENT * b.norm()) for a, b in pairs)
